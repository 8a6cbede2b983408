"""A search space as pure values: which decisions there are, and what settings are legal.

A `DecisionSpace` is what oracles see of a `keras_tuner.HyperParameters`: fast (microseconds a
setting), immutable, and free of Keras. A *setting* is a dict from decision name to value that
holds exactly the active decisions, with values of the declared Python types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from autoarch.errors import InvalidInputError
from autoarch.oracles.counting import SettingCounter
from autoarch.oracles.domains import Domain, Finite, Interval, Value

if TYPE_CHECKING:
    import keras_tuner

Setting = dict[str, Value]


@dataclass(frozen=True)
class Condition:
    """Holds where the decision `parent` is active and has one of `values`."""

    parent: str
    values: frozenset[Value]

    def holds(self, setting: Mapping[str, Value]) -> bool:
        return self.parent in setting and setting[self.parent] in self.values


@dataclass(frozen=True, eq=False)
class Decision:
    """One decision of a search space.

    Args:
        name: Its name; it may be declared again under other conditions.
        domain: The legal values.
        default: The declared default, a legal value.
        conditions: All must hold for the decision to be active.
    """

    name: str
    domain: Domain
    default: Value
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        if not self.domain.contains(self.default):
            raise InvalidInputError(
                f"The default of decision `{self.name}` must be in {self.domain}; "
                f"got {self.default!r}."
            )

    @cached_property
    def is_open(self) -> bool:
        """Whether there is anything to decide."""
        return self.domain.size > 1


def setting_key(setting: Mapping[str, Value]) -> str:
    """A text that is equal for equal settings only.

    >>> setting_key({"width": 8, "kind": "conv"})
    "kind='conv';width=8"
    """
    return ";".join(f"{name}={setting[name]!r}" for name in sorted(setting))


class DecisionSpace:
    """Ordered decisions, parents before children.

    Args:
        decisions: In their natural order; moved back only where a parent would come later.

    Raises:
        InvalidInputError: Conditions go round in a circle.

    Example:
        >>> space = DecisionSpace([
        ...     Decision("kind", Finite(("dense", "conv"), ordered=False), "dense"),
        ...     Decision("kernel", Finite((3, 5, 7), ordered=True), 3,
        ...              (Condition("kind", frozenset({"conv"})),)),
        ... ])
        >>> space.size()
        4
        >>> space.activate({"kind": "dense", "kernel": 5})
        {'kind': 'dense'}
    """

    def __init__(self, decisions: Iterable[Decision]):
        self.decisions = _parents_first(list(decisions))
        self.names = frozenset(decision.name for decision in self.decisions)

    @classmethod
    def from_hyperparameters(cls, hyperparameters: keras_tuner.HyperParameters) -> DecisionSpace:
        """The decisions that KerasTuner has registered so far."""
        return cls(_decision(hp) for hp in hyperparameters.space)

    def __len__(self) -> int:
        return len(self.decisions)

    def __repr__(self) -> str:
        return f"DecisionSpace({', '.join(decision.name for decision in self.decisions)})"

    def fill(self, choose: Callable[[int, Decision], Value]) -> Setting:
        """Walks the decisions in order and lets `choose` set each active one.

        Args:
            choose: Is given the place of a decision in `decisions` and the decision; returns a
                legal value. A decision comes after its parents.
        """
        setting: Setting = {}
        for index, decision in enumerate(self.decisions):
            if decision.name in setting:
                continue
            # most have no conditions, and this is the innermost loop of every oracle
            if not decision.conditions or all(c.holds(setting) for c in decision.conditions):
                setting[decision.name] = choose(index, decision)
        return setting

    def active(self, setting: Mapping[str, Value]) -> list[Decision]:
        """The decisions that are active under a setting, in order."""
        found: list[Decision] = []

        def take(_: int, decision: Decision) -> Value:
            found.append(decision)
            return setting.get(decision.name)

        self.fill(take)
        return found

    def contains(self, setting: Mapping[str, Value]) -> bool:
        """Whether exactly the active decisions are set, each to a legal value."""
        decisions = self.active(setting)
        return len(decisions) == len(setting) and all(
            d.name in setting and d.domain.contains(setting[d.name]) for d in decisions
        )

    def sample(self, rng: np.random.Generator) -> Setting:
        """A random setting: each active decision drawn by its own sampling."""
        return self.at(rng.random(len(self.decisions)).tolist())

    def at(self, positions: Sequence[float]) -> Setting:
        """The setting at positions in [0, 1), one a decision, active or not."""
        return self.fill(lambda index, decision: decision.domain.from_unit(positions[index]))

    def activate(
        self, values: Mapping[str, Value], rng: np.random.Generator | None = None
    ) -> Setting:
        """The setting nearest to `values`: what is inactive or illegal goes, what is missing comes.

        Args:
            values: Values by decision name; may be incomplete or hold too much.
            rng: Draws what is missing; without it the declared defaults are taken.
        """

        def choose(_: int, decision: Decision) -> Value:
            if decision.name in values and decision.domain.contains(values[decision.name]):
                return values[decision.name]
            return decision.default if rng is None else decision.domain.from_unit(rng.random())

        return self.fill(choose)

    def complete(self, values: Mapping[str, Value]) -> Setting:
        """The setting that a person means by `values`.

        Inactive values are dropped, missing ones take their defaults, and each value becomes the
        declared one that equals it (`np.int64(8)` or 8.0 become 8).

        Raises:
            InvalidInputError: A name is unknown, or the value of an active decision is illegal.
        """
        unknown = sorted(set(values) - self.names)
        if unknown:
            raise InvalidInputError(
                f"There is no decision `{unknown[0]}`; there are: {', '.join(sorted(self.names))}."
            )

        def choose(_: int, decision: Decision) -> Value:
            if decision.name not in values:
                return decision.default
            value = decision.domain.declared(values[decision.name])
            if value is None:
                raise InvalidInputError(
                    f"Decision `{decision.name}` must be in {decision.domain}; "
                    f"got {values[decision.name]!r}."
                )
            return value

        return self.fill(choose)

    def mutate(
        self, values: Mapping[str, Value], rng: np.random.Generator, n: int = 1, near: float = 0.5
    ) -> Setting:
        """A setting in which up to `n` active decisions have another value.

        Args:
            values: The setting to start from.
            rng: Source of randomness.
            n: How many decisions change; what they switch on is drawn, what they switch off goes.
            near: Probability that an ordered decision takes a close value.

        Returns:
            The same setting where nothing can change.
        """
        setting = self.activate(values, rng)
        movable = [decision for decision in self.active(setting) if decision.is_open]
        for place in rng.permutation(len(movable))[:n]:
            decision = movable[place]
            setting[decision.name] = decision.domain.move(setting[decision.name], rng, near=near)
        return self.activate(setting, rng)

    def crossover(
        self, a: Mapping[str, Value], b: Mapping[str, Value], rng: np.random.Generator
    ) -> Setting:
        """Uniform crossover: each decision from one parent or the other, by a fair coin.

        A decision that only one parent has comes from that one; one that neither has is drawn.
        """

        def choose(_: int, decision: Decision) -> Value:
            name, domain = decision.name, decision.domain
            first, second = (a, b) if rng.random() < 0.5 else (b, a)
            for parent in (first, second):
                if name in parent and domain.contains(parent[name]):
                    return parent[name]
            return domain.from_unit(rng.random())

        return self.fill(choose)

    def neighbours(
        self, values: Mapping[str, Value], rng: np.random.Generator | None = None
    ) -> Iterator[Setting]:
        """All settings that differ in one decision, in order of the decisions.

        An unordered decision takes each other value, an ordered one a short and a long step up
        and down. What a step switches on takes its default, or is drawn where `rng` is given.
        """
        setting = self.activate(values, rng)
        for decision in self.active(setting):
            for value in decision.domain.neighbours(setting[decision.name]):
                yield self.activate({**setting, decision.name: value}, rng)

    @cached_property
    def _counter(self) -> SettingCounter:
        return SettingCounter(self.decisions)

    def size(self) -> float:
        """Number of distinct settings; infinite where one can be continuous.

        Also infinite where the conditions are too entangled to count.
        """
        return self._counter.size

    def setting(self, number: int) -> Setting:
        """The setting of that number in [0, size), for spaces of finite size."""
        return self._counter.setting(number)

    def enumerate(self) -> Iterator[Setting]:
        """Every setting once, for spaces of finite size."""
        return (self.setting(number) for number in range(int(self.size())))


def _parents_first(decisions: list[Decision]) -> tuple[Decision, ...]:
    """Keeps the order, but puts all declarations of a parent before its children."""
    ordered: list[Decision] = []
    waiting = decisions
    while waiting:
        undeclared = {decision.name for decision in waiting}
        for place, decision in enumerate(waiting):
            if not any(condition.parent in undeclared for condition in decision.conditions):
                ordered.append(decision)
                waiting = waiting[:place] + waiting[place + 1 :]
                break
        else:
            names = ", ".join(sorted(undeclared))
            raise InvalidInputError(f"The conditions of these decisions go in a circle: {names}.")
    return tuple(ordered)


def _decision(hp: Any) -> Decision:
    """Turns one of KerasTuner's hyperparameters into a decision."""
    from keras_tuner.engine import hyperparameters as kinds

    domain: Domain
    if isinstance(hp, kinds.Int) and hp.step is not None and hp.sampling == "linear":
        domain = Finite(range(hp.min_value, hp.max_value + 1, hp.step), ordered=True)
    elif isinstance(hp, kinds.Int) and hp.step is None:
        every = range(hp.min_value, hp.max_value + 1)
        domain = Finite(every, ordered=True, sampling=hp.sampling)
    elif isinstance(hp, kinds.Float) and hp.step is None and hp.min_value < hp.max_value:
        domain = Interval(hp.min_value, hp.max_value, sampling=hp.sampling)
    elif isinstance(hp, kinds.Int):
        domain = Finite([int(value) for value in hp.values], ordered=True)
    elif isinstance(hp, kinds.Float):
        values = [hp.min_value] if hp.step is None else [float(value) for value in hp.values]
        domain = Finite(values, ordered=True)
    elif isinstance(hp, kinds.Choice):
        # "Ordered" means by size; the list may be in any order.
        domain = Finite(sorted(hp.values) if hp.ordered else hp.values, ordered=hp.ordered)
    else:  # Boolean, Fixed
        domain = Finite(tuple(hp.values), ordered=False)
    # A default may lie between the steps (KerasTuner does not check it); then the first value.
    default = domain.declared(hp.default)
    return Decision(
        name=hp.name,
        domain=domain,
        default=domain.from_unit(0.0) if default is None else default,
        conditions=tuple(Condition(c.name, frozenset(c.values)) for c in hp.conditions),
    )
