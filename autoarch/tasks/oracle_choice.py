"""Which oracle a run searches with, how it is set, and what it may propose."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from typing import Any

from autoarch.costs import model_costs
from autoarch.objectives import Objective
from autoarch.oracles import SearchOracle, make_oracle
from autoarch.spaces import SearchSpace
from autoarch.tasks.settings import Settings

COSTLIEST = 1.1
"""Candidates of more than so many times trial 0's multiply-adds do not fit the time budget: trial 0
is sized so that its final training sees the data often enough, and a larger network would not."""

MEMORY_SHARE = 0.6
"""Share of the machine's memory that one training step may take by the estimate."""

STANDS_FOR = {
    "auto": "evolution",
    "halving": "random",  # the loop promotes by halving whatever the oracle
}

ORACLE_SETTINGS: dict[str, dict[str, Any]] = {
    # Trial 0 is strong, so children of it are worth more than random networks from the start.
    # A change of the recipe alone is no new network; it comes along with another decision.
    "evolution": {"warm_up": 1, "second_mutation": 0.5},
}


def choose_oracle(settings: Settings, space: SearchSpace, objective: Objective) -> SearchOracle:
    """The oracle of a run, without trials yet; trial 0 is what it proposes first.

    Args:
        settings: What the user asked for.
        space: What is searched.
        objective: Which way is better.
    """
    baseline = space.candidate({})
    most_macs = COSTLIEST * space.yardstick().architecture.macs
    memory = MEMORY_SHARE * _memory_bytes()

    def feasible(decisions: Mapping[str, Any]) -> bool:
        candidate = space.candidate(decisions)
        costs = model_costs(candidate.architecture)
        return (
            costs.macs <= most_macs and costs.training_bytes(candidate.recipe.batch_size) <= memory
        )

    name = STANDS_FOR.get(settings.oracle, settings.oracle)
    return make_oracle(
        name,
        **ORACLE_SETTINGS.get(name, {}),
        objective=objective,
        max_trials=None,
        seed=settings.seed,
        hyperparameters=space.hyperparameters(),
        initial=[baseline.decisions],
        feasible=feasible,
        key=lambda decisions: space.candidate(decisions).architecture.key,
    )


def _memory_bytes() -> float:
    """Physical memory of this machine."""
    if hasattr(os, "sysconf") and platform.system() != "Windows":
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return 8e9
