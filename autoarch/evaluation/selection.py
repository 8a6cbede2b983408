"""Which trained networks answer best together, and with what weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from autoarch.objectives import Objective, classification_metrics

Array = npt.NDArray[np.floating]

ROUNDS = 10
"""Additions that are tried: the weights become multiples of one over at most so many."""


def greedy_weights(
    answers: Sequence[Array],
    labels: npt.NDArray[np.integer],
    objective: Objective,
    *,
    most: int,
    rounds: int = ROUNDS,
) -> list[float]:
    """Weights of networks whose weighted mean answers best.

    From the first network on the one is added, again and again, with which the mean of all added
    so far is best; the same may be added more than once. The best of the means on that way counts.
    Equally good ones, of which there are many where some hundred examples are counted, are told
    apart by their log loss. That alone would favour networks that know how sure they may be over
    those that are right.

    Args:
        answers: Probabilities `(n, classes)` of each network; the first one is always in.
        labels: Class index of each example, `(n,)`.
        objective: Which way is better.
        most: Most networks with a weight above zero.
        rounds: Additions that are tried.

    Returns:
        One weight for each network; they add up to 1. The first has all where nothing helps it.

    Source: Caruana, Niculescu-Mizil, Crew and Ksikes (2004), "Ensemble selection from libraries of
    models", with replacement (section 2.1).

    Example:
        >>> from autoarch.objectives import get_objective
        >>> sure, other = np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([[0.4, 0.6], [0.1, 0.9]])
        >>> accuracy = get_objective("accuracy")
        >>> greedy_weights([sure, other, other], np.array([0, 1]), accuracy, most=2, rounds=2)
        [0.5, 0.5, 0.0]
    """

    def demerit(mean: Array) -> tuple[float, float]:
        metrics = classification_metrics(labels, mean)
        return -objective.utility(objective.score(metrics)), metrics["log_loss"]

    counts = np.zeros(len(answers), int)
    counts[0] = 1
    total = np.array(answers[0], np.float64)
    best, least = counts.copy(), demerit(total)
    for added in range(2, rounds + 1):
        may_be_new = np.count_nonzero(counts) < most
        demerits = {
            place: demerit((total + answer) / added)
            for place, answer in enumerate(answers)
            if may_be_new or counts[place]
        }
        chosen = min(demerits, key=lambda place: demerits[place])
        counts[chosen] += 1
        total += answers[chosen]
        if demerits[chosen] < least:
            best, least = counts.copy(), demerits[chosen]
    return [float(weight) for weight in best / best.sum()]
