"""What is measured and which way is better. NumPy only."""

from autoarch.objectives.metrics import classification_metrics, wilson_interval
from autoarch.objectives.objective import OBJECTIVES, Objective, get_objective
from autoarch.objectives.pareto import (
    crowding_distance,
    hypervolume,
    non_dominated_sort,
    pareto_front,
)

__all__ = [
    "OBJECTIVES",
    "Objective",
    "classification_metrics",
    "crowding_distance",
    "get_objective",
    "hypervolume",
    "non_dominated_sort",
    "pareto_front",
    "wilson_interval",
]
