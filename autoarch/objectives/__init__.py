"""What is measured and which way is better. NumPy only."""

from autoarch.objectives.knee import knee_point
from autoarch.objectives.metrics import classification_metrics, wilson_interval
from autoarch.objectives.objective import OBJECTIVES, Objective, get_objective
from autoarch.objectives.pareto import (
    crowding_distance,
    hypervolume,
    non_dominated_sort,
    pareto_front,
)
from autoarch.objectives.preference import WEIGHED, Preference, preferring

__all__ = [
    "OBJECTIVES",
    "WEIGHED",
    "Objective",
    "Preference",
    "classification_metrics",
    "crowding_distance",
    "get_objective",
    "hypervolume",
    "knee_point",
    "non_dominated_sort",
    "pareto_front",
    "preferring",
    "wilson_interval",
]
