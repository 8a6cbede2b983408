"""What is measured and which way is better. NumPy only."""

from autoarch.objectives.metrics import classification_metrics, wilson_interval
from autoarch.objectives.objective import OBJECTIVES, Objective, get_objective

__all__ = [
    "OBJECTIVES",
    "Objective",
    "classification_metrics",
    "get_objective",
    "wilson_interval",
]
