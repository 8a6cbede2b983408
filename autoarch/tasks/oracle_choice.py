"""Which oracle a run searches with, how it is set, and what it may propose."""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from autoarch.costs import model_costs
from autoarch.objectives import Objective
from autoarch.oracles import SearchOracle, make_oracle
from autoarch.spaces import Candidate, SearchSpace
from autoarch.tasks.limits import search_objectives
from autoarch.tasks.settings import Settings

COSTLIEST = 1.1
"""Candidates of more than so many times trial 0's multiply-adds do not fit the time budget: trial 0
is sized so that its final training sees the data often enough, and a larger network would not."""

REMEMBERED = 1024
"""Candidates kept: whether one is feasible, near a limit and new is asked one after the other."""

MEMORY_SHARE = 0.6
"""Share of the machine's memory that one training step may take by the estimate."""

BAYESIAN_FROM = 12
"""From so many trials on "auto" is Bayesian, before that evolution.

Measured from a strong trial 0 on NAS-Bench-201, 30 seeds (`benchmarks/auto.md`): after 8 trials
evolution is 0.86 / 1.74 points below the best cell of cifar10 / cifar100 and the Bayesian oracle
0.94 / 1.81, after 16 it is 0.74 / 1.33 against 0.59 / 0.90, after 50 0.37 / 0.34 against
0.02 / 0.17; random search 1.02 / 1.96. With the limit of `COSTLIEST` the two meet at 8 trials,
too. Spaces of 15,625 networks; larger ones were not measured.
"""

STANDS_FOR = {"halving": "random"}  # the loop promotes by halving whatever the oracle

ORACLE_SETTINGS: dict[str, dict[str, Any]] = {
    # Trial 0 is strong, so children of it are worth more than random networks from the start.
    # A change of the recipe alone is no new network; it comes along with another decision.
    "evolution": {"warm_up": 1, "second_mutation": 0.5},
    "bayesian": {"warm_up": 4},
}


def choose_oracle(
    settings: Settings,
    space: SearchSpace,
    objective: Objective,
    baseline: Candidate,
    *,
    first_looks: float | None,
    first: Sequence[Mapping[str, Any]] = (),
    followers: Sequence[Mapping[str, Any]] = (),
    cheap: Mapping[str, float] | None = None,
    auto: str | None = None,
    tuned: Mapping[str, Mapping[str, Any]] = ORACLE_SETTINGS,
) -> SearchOracle:
    """The oracle of a run, without trials yet; trial 0 is what it proposes first.

    Args:
        settings: What the user asked for.
        space: What is searched.
        objective: Which way is better.
        baseline: Trial 0; it keeps the limits.
        first_looks: About how many trials there is time for; None for no limit.
        first: Decisions of what is proposed next to trial 0.
        followers: Decisions of networks that something cheap would have next, the best first. The
            Bayesian oracle chooses among them with the cheap scores as a feature of its process;
            the others take them in turn.
        cheap: Cheap scores by key, of `first`, `followers` and trial 0.
        auto: What "auto" stands for; None decides by the number of trials.
        tuned: Settings of oracles by name.
    """
    budgets = settings.budgets
    most = most_macs(space, baseline)
    memory = MEMORY_SHARE * _memory_bytes()

    @lru_cache(maxsize=REMEMBERED)
    def remembered(*decisions: tuple[str, Any]) -> Candidate:
        return space.candidate(dict(decisions))

    def candidate_of(decisions: Mapping[str, Any]) -> Candidate:
        return remembered(*decisions.items())

    def feasible(decisions: Mapping[str, Any]) -> bool:
        candidate = candidate_of(decisions)
        costs = model_costs(candidate.architecture)
        return costs.macs <= most and costs.training_bytes(candidate.recipe.batch_size) <= memory

    def shares(decisions: Mapping[str, Any]) -> Sequence[float]:
        return budgets.shares(candidate_of(decisions).architecture)

    name = STANDS_FOR.get(settings.oracle, settings.oracle)
    if name == "auto":
        most_trials = [most for most in (first_looks, settings.trials) if most is not None]
        trials = min(most_trials, default=math.inf)
        name = auto or ("bayesian" if trials >= BAYESIAN_FROM else "evolution")
        name = "nsga2" if settings.objectives else name
    own = dict(tuned.get(name, {}))
    if followers and cheap and name == "bayesian":
        known = standardised(cheap)
        own |= {
            # what scored them knows no recipe: the space's default stands for it
            "pool": [space.candidate(decisions).decisions for decisions in followers],
            "features": lambda decisions: [known.get(candidate_of(decisions).key, 0.0)],
        }
    else:
        first = [*first, *followers]
    return make_oracle(
        name,
        **own,
        objective=search_objectives(settings.objectives) if settings.objectives else objective,
        max_trials=None,
        seed=settings.seed,
        hyperparameters=space.hyperparameters(),
        initial=[baseline.decisions, *first],
        feasible=feasible,
        shares=shares if budgets else None,
        key=lambda decisions: candidate_of(decisions).key,
    )


def standardised(scores: Mapping[str, float]) -> dict[str, float]:
    """Scores with mean 0 and standard deviation 1, so that a network without one is a middling one.

    >>> standardised({"a": 1.0, "b": 3.0})
    {'a': -1.0, 'b': 1.0}
    """
    values = list(scores.values())
    mean, spread = statistics.fmean(values), statistics.pstdev(values) or 1.0
    return {key: (value - mean) / spread for key, value in scores.items()}


def most_macs(space: SearchSpace, baseline: Candidate) -> float:
    """Multiply-adds of the costliest network that a run may propose."""
    known = (baseline, space.yardstick(), *map(space.candidate, space.companions()))
    return COSTLIEST * max(candidate.architecture.macs for candidate in known)


def _memory_bytes() -> float:
    """Physical memory of this machine."""
    if hasattr(os, "sysconf") and platform.system() != "Windows":
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return 8e9
