"""How much the classes weigh in the loss where they are unequally frequent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autoarch.objectives import Objective

BALANCED = 1.5
"""Classes whose counts differ by less than this factor are about equally frequent."""


def class_weights_for(
    labels: npt.NDArray[np.integer], classes: int, objective: Objective, wish: str
) -> npt.NDArray[np.float64] | None:
    """Weights that undo an imbalance: wholly where the objective counts classes equally, by the
    square root elsewhere.

    Args:
        labels: Class index of each training example, `(n,)`.
        classes: Number of classes.
        objective: What the search goes by.
        wish: "auto" or "none".

    Returns:
        One weight for each class, 1 on average over the examples; None for equal weights.

    Example:
        >>> from autoarch.objectives import get_objective
        >>> labels = np.repeat([0, 1], [80, 20])
        >>> class_weights_for(labels, 2, get_objective("balanced_accuracy"), "auto").tolist()
        [0.625, 2.5]
    """
    counts = np.bincount(labels, minlength=classes).clip(1)
    if wish == "none" or counts.max() < BALANCED * counts.min():
        return None
    weights = (counts.mean() / counts) ** (1.0 if objective.counts_classes_equally else 0.5)
    return np.asarray(weights / np.average(weights, weights=counts), np.float64)
