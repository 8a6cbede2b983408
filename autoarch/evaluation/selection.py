"""Which trained networks answer best together, and with what weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]

ROUNDS = 10
"""Additions that are tried: the weights become multiples of one over at most so many."""


def greedy_weights(
    answers: Sequence[Array], labels: npt.NDArray[np.integer], *, most: int, rounds: int = ROUNDS
) -> list[float]:
    """Weights of networks whose weighted mean answers best.

    From the first network on the one is added, again and again, with which the mean of all added
    so far has the smallest log loss; the same may be added more than once. The best of the means
    on that way counts. Log loss, not accuracy: of a few hundred examples it tells apart what
    accuracy cannot.

    Args:
        answers: Probabilities `(n, classes)` of each network; the first one is always in.
        labels: Class index of each example, `(n,)`.
        most: Most networks with a weight above zero.
        rounds: Additions that are tried.

    Returns:
        One weight for each network; they add up to 1. The first has all where nothing helps it.

    Source: Caruana, Niculescu-Mizil, Crew and Ksikes (2004), "Ensemble selection from libraries of
    models", with replacement (section 2.1).

    Example:
        >>> sure, other = np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([[0.4, 0.6], [0.1, 0.9]])
        >>> greedy_weights([sure, other, other], np.array([0, 1]), most=2, rounds=2)
        [0.5, 0.5, 0.0]
    """
    counts = np.zeros(len(answers), int)
    counts[0] = 1
    total = np.array(answers[0], np.float64)
    best, smallest = counts.copy(), _log_loss(total, labels)
    for added in range(2, rounds + 1):
        may_be_new = np.count_nonzero(counts) < most
        losses = [
            _log_loss((total + answer) / added, labels) if may_be_new or count else np.inf
            for answer, count in zip(answers, counts)
        ]
        chosen = int(np.argmin(losses))
        counts[chosen] += 1
        total += answers[chosen]
        if losses[chosen] < smallest:
            best, smallest = counts.copy(), losses[chosen]
    return [float(weight) for weight in best / best.sum()]


def _log_loss(probabilities: Array, labels: npt.NDArray[np.integer]) -> float:
    true = probabilities[np.arange(len(labels)), labels]
    return float(-np.mean(np.log(np.clip(true, 1e-12, None))))
