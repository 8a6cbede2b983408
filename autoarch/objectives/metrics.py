"""Classification metrics from class probabilities, in NumPy.

Each agrees with its namesake in `sklearn.metrics`; they are written out here so that the rooms
which only read finished runs start at once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


def confusion_matrix(labels: IntArray, predictions: IntArray, classes: int) -> IntArray:
    """Counts of (true class, predicted class).

    Args:
        labels: True class indices, shape `(n,)`.
        predictions: Predicted class indices, shape `(n,)`.
        classes: Number of classes.

    Returns:
        Integer array of shape `(classes, classes)`; rows are true classes.
    """
    flat = labels.astype(np.int64) * classes + predictions.astype(np.int64)
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def balanced_accuracy(confusion: IntArray) -> float:
    """Mean recall over the classes that occur; NaN where there is no example."""
    support = confusion.sum(axis=1)
    present = support > 0
    if not present.any():
        return math.nan
    return float(np.mean(np.diag(confusion)[present] / support[present]))


def macro_f1(confusion: IntArray) -> float:
    """Mean F1 over the classes that occur or are predicted; a class never hit counts as 0."""
    hits = np.diag(confusion)
    total = confusion.sum(axis=0) + confusion.sum(axis=1)
    present = total > 0
    if not present.any():
        return math.nan
    return float(np.mean(2 * hits[present] / total[present]))


def log_loss(labels: IntArray, probabilities: FloatArray) -> float:
    """Mean negative log-likelihood in nats; lower is better; NaN where there is no example."""
    if len(labels) == 0:
        return math.nan
    probabilities = np.asarray(probabilities, np.float64)
    smallest = np.finfo(np.float32).eps
    clipped = np.clip(probabilities, smallest, 1.0)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return float(-np.mean(np.log(clipped[np.arange(len(labels)), labels])))


def binary_auc(positive: npt.NDArray[np.bool_], scores: FloatArray) -> float:
    """Area under the ROC curve: P(score of a positive > score of a negative), ties counting half.

    NaN where one of the two kinds is missing.
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if positives == 0 or negatives == 0:
        return math.nan
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last_rank = np.cumsum(counts)
    mean_rank = last_rank - (counts - 1) / 2
    rank_sum = float(mean_rank[inverse][positive].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def auc(labels: IntArray, probabilities: FloatArray) -> float:
    """AUC of the second class for two classes, else the mean one-against-rest AUC.

    Classes that do not occur are left out; NaN where fewer than two occur.
    """
    classes = probabilities.shape[1]
    if classes == 2:
        return binary_auc(labels == 1, probabilities[:, 1])
    areas = [binary_auc(labels == c, probabilities[:, c]) for c in range(classes)]
    known = [area for area in areas if not math.isnan(area)]
    return float(np.mean(known)) if known else math.nan


def wilson_interval(hits: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson score interval of a proportion; `(0, 1)` where `n` is 0.

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference".

    >>> [round(x, 3) for x in wilson_interval(72, 100)]
    [0.625, 0.799]
    """
    if n == 0:
        return 0.0, 1.0
    p = hits / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def classification_metrics(labels: IntArray, probabilities: FloatArray) -> dict[str, Any]:
    """All metrics of a set of predictions.

    Args:
        labels: True class indices, shape `(n,)`.
        probabilities: Class probabilities, shape `(n, classes)`, rows summing to 1.

    Returns:
        `accuracy`, `balanced_accuracy`, `macro_f1`, `auc`, `log_loss`, `n`, and
        `accuracy_ci95` as `[low, high]`. Without examples the metrics are NaN.
    """
    labels = np.asarray(labels)
    probabilities = np.asarray(probabilities)
    n, classes = probabilities.shape
    predictions = probabilities.argmax(axis=1)
    confusion = confusion_matrix(labels, predictions, classes)
    hits = int(np.trace(confusion))
    return {
        "accuracy": hits / n if n else math.nan,
        "balanced_accuracy": balanced_accuracy(confusion),
        "macro_f1": macro_f1(confusion),
        "auc": auc(labels, probabilities),
        "log_loss": log_loss(labels, probabilities),
        "n": n,
        "accuracy_ci95": list(wilson_interval(hits, n)),
    }
