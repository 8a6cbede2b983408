"""Oracles decide which candidate is tried next. Each one is a `keras_tuner.Oracle`.

Names are loaded when they are first used: KerasTuner takes seconds to import.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from autoarch.errors import InvalidInputError

if TYPE_CHECKING:
    from autoarch.oracles.base import Proposal, SearchOracle
    from autoarch.oracles.bayesian import BayesianOracle
    from autoarch.oracles.controller import ControllerOracle
    from autoarch.oracles.evolution import EvolutionOracle
    from autoarch.oracles.evolution_strategy import EvolutionStrategyOracle
    from autoarch.oracles.foreign import ForeignOracle
    from autoarch.oracles.genetic import GeneticOracle
    from autoarch.oracles.halving import HalvingOracle
    from autoarch.oracles.halving_tuner import HalvingTuner
    from autoarch.oracles.local_search import LocalSearchOracle
    from autoarch.oracles.nsga2 import NSGA2Oracle
    from autoarch.oracles.qlearning import QLearningOracle
    from autoarch.oracles.random import RandomOracle

# Name on the command line -> class. A new oracle is one module, one line here, one in _MODULES.
ORACLES: dict[str, str] = {
    "random": "RandomOracle",
    "local": "LocalSearchOracle",
    "evolution": "EvolutionOracle",
    "genetic": "GeneticOracle",
    "es": "EvolutionStrategyOracle",
    "bayesian": "BayesianOracle",
    "rl": "ControllerOracle",
    "qlearning": "QLearningOracle",
    "nsga2": "NSGA2Oracle",
    "halving": "HalvingOracle",
}

# KerasTuner's own, by their names here -> class there; `make_oracle` wraps them.
KERAS_TUNER_ORACLES = {
    "keras_tuner.random": "RandomSearchOracle",
    "keras_tuner.grid": "GridSearchOracle",
    "keras_tuner.bayesian": "BayesianOptimizationOracle",
    "keras_tuner.hyperband": "HyperbandOracle",
}

_MODULES = {
    "BayesianOracle": "bayesian",
    "ControllerOracle": "controller",
    "EvolutionOracle": "evolution",
    "EvolutionStrategyOracle": "evolution_strategy",
    "ForeignOracle": "foreign",
    "GeneticOracle": "genetic",
    "HalvingOracle": "halving",
    "HalvingTuner": "halving_tuner",
    "LocalSearchOracle": "local_search",
    "NSGA2Oracle": "nsga2",
    "Proposal": "base",
    "QLearningOracle": "qlearning",
    "RandomOracle": "random",
    "SearchOracle": "base",
}

__all__ = [
    "KERAS_TUNER_ORACLES",
    "MULTI_FIDELITY",
    "ORACLES",
    "BayesianOracle",
    "ControllerOracle",
    "EvolutionOracle",
    "EvolutionStrategyOracle",
    "ForeignOracle",
    "GeneticOracle",
    "HalvingOracle",
    "HalvingTuner",
    "LocalSearchOracle",
    "NSGA2Oracle",
    "Proposal",
    "QLearningOracle",
    "RandomOracle",
    "SearchOracle",
    "make_oracle",
    "oracle_class",
]

# They decide how long to train, too, so they need more than one score for each network.
MULTI_FIDELITY = frozenset({"halving"})


def oracle_class(name: str) -> type[SearchOracle]:
    """The class of the oracle with that name on the command line.

    Raises:
        InvalidInputError: The name is unknown; the message lists those that exist.
    """
    if name not in ORACLES:
        raise InvalidInputError(f"`oracle` must be one of {', '.join(ORACLES)}; got {name!r}.")
    found: type[SearchOracle] = __getattr__(ORACLES[name])
    return found


def make_oracle(name: str, *, max_trials: int | None = None, **arguments: Any) -> SearchOracle:
    """An oracle by its name on the command line.

    Args:
        name: A key of `ORACLES`; or "keras_tuner.random", "keras_tuner.grid",
            "keras_tuner.bayesian" or "keras_tuner.hyperband" for one of KerasTuner's own, in a
            `ForeignOracle`.
        max_trials: Number of trials at most; here None, no limit, is the default.
        arguments: Of `SearchOracle` and of the oracle's own.

    Raises:
        InvalidInputError: The name is unknown; the message lists those that exist.
    """
    if name.startswith("keras_tuner."):
        from autoarch.oracles.foreign import make_foreign

        return make_foreign(name, max_trials=max_trials, **arguments)
    return oracle_class(name)(max_trials=max_trials, **arguments)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"autoarch.oracles.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
