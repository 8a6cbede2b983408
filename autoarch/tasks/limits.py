"""Limits, targets and several objectives, from what a user says to what a search goes by."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from autoarch.architecture import Architecture
from autoarch.costs import cached_table, load_profile, profile_names
from autoarch.costs.budgets import Budgets
from autoarch.costs.constraints import COST_UNITS, MOBILE_LIMITS, Constraints
from autoarch.errors import InvalidInputError
from autoarch.objectives import OBJECTIVES, Objective, get_objective
from autoarch.oracles.decisions import DecisionSpace
from autoarch.oracles.domains import Finite
from autoarch.oracles.limited import LimitedSpace
from autoarch.spaces import Candidate, SearchSpace
from autoarch.tasks.scaling import SIDES, Scale

NARROWEST = 4
"""Width of the narrowest networks that are looked at under a limit."""

WIDER = 1.5
"""A network whose channels grow slowly from stage to stage may begin so many times as wide."""

SHAPE = ("growth", "stages")
"""Decisions in which trial 0 may differ from the default where that breaks a limit. Most weights
lie in the last stage: with one less, as many of them do twice the multiply-adds."""

FLOAT_COSTS = ("size", "params", "macs")
"""Costs of networks that have no int8 form, as those on texts: memory and latency are those of int8
files, and so are what a device runs and the limits of its profile."""

LIMITS_OF_FLOATS = tuple(f"max_{cost}" for cost in FLOAT_COSTS)

FRONT_ORACLES = ("auto", "nsga2", "bayesian")
"""Oracles that search for a front."""


def canonical_constraints(
    constraints: Constraints | Mapping[str, Any] | None, device: str | Path | None, *, mobile: bool
) -> dict[str, Any] | None:
    """The limits of a run as `run.json` keeps them: the user's, the device's, and the preset's.

    Args:
        constraints: The user's.
        device: Name or path of a profile, in place of the one in `constraints`.
        mobile: Whether `MOBILE_LIMITS` hold where nothing else limits the same cost.

    Raises:
        InvalidInputError: A limit, or the profile, cannot be used.
    """
    given = Constraints.of(constraints)
    if device is not None:
        given = Constraints.of({**given.to_json(), "device": device})
    if given.device is not None:
        limits = load_profile(given.device).limits.limits
        if given.device not in profile_names():  # a file; the run may be loaded from elsewhere
            given = Constraints.of({**given.to_json(), "device": str(Path(given.device).resolve())})
        given = given.within(limits)
    if mobile:
        given = Constraints.of({**MOBILE_LIMITS, **given.to_json()})
    return given.to_json() or None


def budgets_of(constraints: Mapping[str, Any] | None, *, half: bool = False) -> Budgets:
    """The budgets that canonical constraints stand for.

    Args:
        constraints: As `canonical_constraints` gives them.
        half: See `Budgets`.

    Raises:
        InvalidInputError: The device is unknown, or a latency is limited and neither the device
            has a table nor this machine was measured.
    """
    given = Constraints.of(constraints)
    profile = None if given.device is None else load_profile(given.device)
    table = None if profile is None else profile.latency
    return Budgets(given, cached_table() if table is None else table, profile, half)


def canonical_targets(
    prefer: Mapping[str, Any] | Sequence[str] | str | None,
) -> dict[str, float] | None:
    """Soft targets by cost, from a mapping or from texts like "latency=5ms".

    Raises:
        InvalidInputError: A cost is unknown, or its amount is none.
    """
    if not prefer:
        return None
    if not isinstance(prefer, Mapping):
        texts = prefer.split(",") if isinstance(prefer, str) else list(prefer)
        prefer = dict(text.partition("=")[::2] for text in texts)
    for cost in prefer:
        if cost not in COST_UNITS:
            raise InvalidInputError(
                f"`prefer` must name one of {', '.join(COST_UNITS)}, such as latency=5ms; "
                f"got {cost!r}."
            )
    return {cost: COST_UNITS[cost].parse(f"prefer {cost}", v) for cost, v in prefer.items()}


def canonical_objectives(objectives: Sequence[str] | str | None) -> str | None:
    """Several objectives, a metric and then costs, joined by commas; None for a single one.

    Raises:
        InvalidInputError: It is not one metric and one or more costs, each once.
    """
    if not objectives:
        return None
    texts = objectives.split(",") if isinstance(objectives, str) else objectives
    names = [str(text).strip() for text in texts]
    metrics = [name for name in names if name in OBJECTIVES]
    costs = [name for name in names if name in COST_UNITS]
    if len(metrics) != 1 or not costs or len(set(names)) != len(metrics) + len(costs):
        raise InvalidInputError(
            f"`objectives` must be one of {', '.join(OBJECTIVES)} and then one or more of "
            f"{', '.join(COST_UNITS)}, each once; got {', '.join(names)!r}."
        )
    return ",".join([*metrics, *costs])


def require_float_costs(noun: str, asked: Sequence[str], *, mobile: bool, ship: str) -> None:
    """Raises `InvalidInputError` where something is asked for that only int8 files have.

    Args:
        noun: What the networks are for.
        asked: Limits as in `canonical_constraints`, and other costs.
        mobile, ship: As in `Settings`.
    """
    allowed = (*FLOAT_COSTS, *LIMITS_OF_FLOATS)
    beyond = ["ship='int8'"] * (ship == "int8") + ["mobile"] * mobile
    # A device is named before the limits that it brings along.
    beyond += sorted((name for name in asked if name not in allowed), key=lambda n: n != "device")
    if beyond:
        raise InvalidInputError(
            f"{beyond[0]} is about int8 files, and {noun} models have none; what can be limited, "
            f"preferred or an objective of theirs is {', '.join(FLOAT_COSTS)}."
        )


def search_objectives(objectives: str) -> list[Objective]:
    """The objectives that a canonical text stands for: the metric, then costs to be small."""
    metric, *costs = objectives.split(",")
    return [get_objective(metric), *(Objective(cost, "min") for cost in costs)]


def fitting_scale(
    scale: Scale,
    kind: Callable[..., SearchSpace],
    channels: int,
    classes: int,
    budgets: Budgets,
    *,
    side_is_given: bool,
    width_is_given: bool = False,
) -> Scale:
    """The scale itself, or the largest smaller one at which something keeps the limits.

    Other widths come before smaller pictures, and of those the one whose network can learn most
    within the limits and the time; where no width's default network keeps the limits, the
    narrowest space has something smaller that does.

    Args:
        scale: What data and time ask for.
        kind: Makes a space from a shape, the classes and a width.
        channels: Of the pictures.
        classes: Number of classes.
        budgets: The limits.
        side_is_given: Whether the user has said how large the pictures are.
        width_is_given: Whether the user has said how wide trial 0 is.

    Raises:
        InvalidInputError: See `require_something_fits`.
    """
    if not budgets:
        return scale
    smaller = [] if side_is_given else [side for side in reversed(SIDES) if side < scale.side]
    for side in (scale.side, *smaller):
        sized = partial(kind, (side, side, channels), classes)
        width = fitting_width(scale.width, sized, budgets, is_given=width_is_given)
        if width is not None:
            return Scale(side, width)
    space = sized(width=scale.width if width_is_given else NARROWEST)
    require_something_fits(space, budgets, limited_space(space, budgets))
    raise AssertionError("the smallest network was just seen not to fit")


def fitting_width(
    width: int,
    kind: Callable[..., SearchSpace],
    budgets: Budgets,
    *,
    is_given: bool = False,
) -> int | None:
    """The width itself where its default network keeps the limits; else the one whose network can
    learn most within the limits and the time; the narrowest where only something smaller than its
    default keeps them, None where nothing does.

    Args:
        width: What data and time ask for.
        kind: Makes a space from a `width`.
        budgets: The limits.
        is_given: Whether the user has said how wide trial 0 is, so that no other is looked at.
    """
    if not budgets:
        return width
    default = kind(width=width).candidate({}).architecture
    if budgets.keep(default):
        return width
    widths = [width] if is_given else list(range(NARROWEST, int(WIDER * width) + 1))
    found = {w: _largest(kind(width=w), budgets) for w in widths}
    capacities = {
        w: _capacity(candidate.architecture)
        for w, candidate in found.items()
        if candidate is not None and candidate.architecture.macs <= default.macs
    }
    if capacities:
        return max(capacities, key=lambda w: capacities[w])
    limited = limited_space(kind(width=widths[0]), budgets)
    return widths[0] if limited.fits(limited.smallest) else None


def _capacity(network: Architecture) -> float:
    """How much a network can learn, roughly: many weights, and much done with each.

    A limit on one of the two leaves the other to be had. cifar10-mini, 170 s, at most 102 kB,
    validation: 0.697 for 92 k weights and 5.5 M multiply-adds (channels growing by half from stage
    to stage), 0.636 for 70 k and 2.8 M (doubling), 0.612 for ResNet-8 (79 k, 12.5 M, half the
    passes in the same time). With Muon, 255 s on one core: 0.735 for 76 k and 4.7 M, 0.756 for
    91 k and 9.6 M, a stage less.
    """
    return float(network.macs) * network.params


def _largest(space: SearchSpace, budgets: Budgets) -> Candidate | None:
    """Of the space's default and its variants in `SHAPE`, the one of the largest capacity that
    keeps the limits; None where none does."""
    declared = DecisionSpace.from_hyperparameters(space.hyperparameters()).decisions
    options = [
        [(d.name, value) for value in d.domain.values]
        for d in declared
        if d.name in SHAPE and isinstance(d.domain, Finite)
    ]
    variants = (dict(values) for values in itertools.product(*options))
    fitting = [
        candidate
        for candidate in map(space.candidate, variants)
        if budgets.keep(candidate.architecture)
    ]
    return max(fitting, key=lambda c: _capacity(c.architecture), default=None)


def limited_space(space: SearchSpace, budgets: Budgets) -> LimitedSpace:
    """The space's decisions under the budgets."""
    return LimitedSpace(
        DecisionSpace.from_hyperparameters(space.hyperparameters()),
        lambda decisions: budgets.shares(space.candidate(decisions).architecture),
    )


def baseline_of(space: SearchSpace, budgets: Budgets) -> Candidate:
    """Trial 0: the space's default, or the network closest to it that keeps the limits, with
    another growth from stage to stage if that is enough.

    Raises:
        InvalidInputError: Nothing in the space keeps them; the message names the smallest network
            and its cost.
    """
    default = space.candidate({})
    if budgets.keep(default.architecture):
        return default
    if (variant := _largest(space, budgets)) is not None:
        return variant
    limited = limited_space(space, budgets)
    require_something_fits(space, budgets, limited)
    return space.candidate(limited.closest(default.decisions, np.random.default_rng(0)))


def require_something_fits(space: SearchSpace, budgets: Budgets, limited: LimitedSpace) -> None:
    """Raises `InvalidInputError` where nothing in a space keeps the limits."""
    if limited.fits(limited.smallest):
        return
    smallest = space.candidate(limited.smallest)
    chosen = ", ".join(
        f"{name} {value}"
        for name, value in limited.smallest.items()
        if not name.startswith("recipe/")
    )
    raise InvalidInputError(
        f"Nothing in the {space.name} space keeps the limits. Its smallest network for "
        f"inputs of {'x'.join(map(str, space.input_shape))} and {space.classes} classes has "
        f"{budgets.describe(smallest.architecture)} ({chosen}). Allow more, or take another space."
    )
