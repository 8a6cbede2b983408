"""A linear model on TF-IDF vectors of ids: on few texts it is hard to beat, and it errs elsewhere
than a network does. No TensorFlow."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from autoarch.data.dataset import Labels

Array = npt.NDArray[Any]
Group = tuple[int, int]
"""Columns of ids that share a table: the first one, and how many."""

STRENGTHS = (10.0, 3.0, 30.0)
"""Inverse strengths of the penalty to choose from; the first where there is too little to choose
by. Few mistakes in the labels and many classes want the larger ones."""

FOLDS = 5
"""Every so-many-th text of a class is held back to choose by."""

PRIOR = 1.0
"""Texts of a class, and of all others, that are taken to hold each id beforehand."""

MOST_PASSES = 100
ROUGH, EXACT = 1e-2, 1e-3
LARGEST = 400_000_000
"""Ids in all texts times classes beyond which no model is fitted. Ten million take 1 to 3 s."""


def tf_idf(ids: npt.NDArray[np.uint16], scales: Array) -> Any:
    """Texts as sparse vectors of length 1: what `EmbeddingBag` multiplies its table with.

    Args:
        ids: Of one group, `(n, rows, columns)`; 0 stands for nothing.
        scales: Of each id, such as inverse document frequencies, `(ids,)`.

    Returns:
        `scipy.sparse.csr_matrix` of shape `(n, ids)`; a text without known ids is all zeros.
    """
    from scipy import sparse

    flat = ids.reshape(len(ids), -1)
    text, place = np.nonzero(flat)
    chosen = flat[text, place]
    values = scales[chosen].astype(np.float32)
    squares = np.bincount(text, values**2, minlength=len(ids))
    values /= np.sqrt(np.maximum(squares, 1e-3))[text]
    return sparse.csr_matrix((values, (text, chosen)), (len(ids), len(scales)))


def fit_linear(
    ids: npt.NDArray[np.uint16],
    labels: Labels,
    classes: int,
    scales: Mapping[Group, Array],
    most: float = LARGEST,
) -> dict[Group, Array] | None:
    """Logistic regression on the TF-IDF vectors of all groups side by side, without a bias; ids
    that tell classes apart count for more (`discrimination`).

    Where there are too many ids, the last groups are left out.

    Args:
        ids: Of training texts, `(n, rows, columns)`.
        labels: `(n,)`; every class occurs.
        classes: Number of classes.
        scales: Of the ids of each group, `(ids,)`.
        most: Ids in all texts times classes that may be fitted.

    Returns:
        For each group that is read the table `(ids, classes)` that, in an `EmbeddingBag` with these
        scales, adds its part of the logits; None where even one group has too many ids.

    Source: Salton and Buckley (1988) for the vectors; Wang and Manning (2012), "Baselines and
    bigrams", for how far linear models go, and for weights by log-count ratios.
    """
    from scipy import sparse

    work = np.cumsum([classes * np.count_nonzero(ids[:, :, at : at + n]) for at, n in scales])
    scales = dict(itertools.islice(scales.items(), int(np.sum(work <= most))))
    if not scales:
        return None
    vectors = sparse.hstack(
        [tf_idf(ids[:, :, start : start + n], s) for (start, n), s in scales.items()], format="csc"
    )
    used = np.flatnonzero(np.diff(vectors.indptr))
    rows = vectors[:, used].tocsr()
    told = discrimination(rows, labels, classes)
    strength = _best_strength(rows, labels, classes)
    model = _regression(rows.multiply(told).tocsr(), labels, strength, EXACT)
    # Of two classes there is one row: the second's lead over the first.
    found = model.coef_ if classes > 2 else np.concatenate([-model.coef_, model.coef_]) / 2
    table = np.zeros((vectors.shape[1], classes), np.float32)
    table[used] = (found * told).T
    ends = np.cumsum([len(s) for s in scales.values()])
    return dict(zip(scales, np.split(table, ends[:-1])))


def discrimination(vectors: Any, labels: Labels, classes: int) -> Array:
    """How well each id tells the classes apart: the square root of its log-count ratios' root mean
    square over the classes.

    The ratio of a class is of the share that the id has among the ids of its texts, to the one
    among those of all others. A root of them, since higher powers had a higher log loss on texts
    held out (`ARCHITECTURE.md`).

    Args:
        vectors: Texts as sparse rows, `(n, ids)`; what is not 0 counts once.
        labels: `(n,)`.
        classes: Number of classes.

    Returns:
        Shape `(ids,)`.

    Source: Wang and Manning (2012), "Baselines and bigrams", of two classes.

    >>> discrimination(np.array([[1, 1, 0], [1, 0, 1]]), np.array([0, 1]), 2).round(3)
    array([0.   , 0.833, 0.833])
    """
    from scipy import sparse

    members = sparse.csr_matrix(labels == np.arange(classes)[:, np.newaxis], dtype=np.float64)
    holds = members @ sparse.csr_matrix(vectors != 0, dtype=np.float64)  # texts, (classes, ids)
    counts = holds.toarray()
    inside, outside = counts + PRIOR, counts.sum(0) - counts + PRIOR
    inside /= inside.sum(1, keepdims=True)
    outside /= outside.sum(1, keepdims=True)
    ratios = np.log(inside / outside)
    return np.asarray(np.mean(ratios**2, axis=0) ** 0.25)


def _best_strength(vectors: Any, labels: Labels, classes: int) -> float:
    """That of `STRENGTHS` which gives texts held back the highest likelihood."""
    counts = np.bincount(labels)
    rank = np.empty(len(labels), np.int64)  # of each text in its class
    rank[np.argsort(labels, kind="stable")] = np.concatenate([np.arange(n) for n in counts])
    held = rank % FOLDS == FOLDS - 1
    if not held.any():
        return STRENGTHS[0]
    # Seen with the texts held back, the ratios would know their labels.
    vectors = vectors.multiply(discrimination(vectors[~held], labels[~held], classes)).tocsr()
    likelihoods = {}
    for strength in STRENGTHS:
        model = _regression(vectors[~held], labels[~held], strength, ROUGH)
        found = model.predict_proba(vectors[held])[np.arange(held.sum()), labels[held]]
        likelihoods[strength] = float(np.log(np.maximum(found, 1e-7)).mean())
    return max(likelihoods, key=lambda strength: likelihoods[strength])


def _regression(vectors: Any, labels: Labels, strength: float, tolerance: float) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    # Stochastic average gradients need a third of the seconds that L-BFGS does on such vectors.
    model = LogisticRegression(
        C=strength,
        fit_intercept=False,
        solver="sag",
        tol=tolerance,
        max_iter=MOST_PASSES,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough is enough
        return model.fit(vectors, labels)
