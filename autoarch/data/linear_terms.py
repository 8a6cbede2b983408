"""A linear model on TF-IDF vectors of ids: on few texts it is hard to beat, and it errs elsewhere
than a network does. No TensorFlow."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from autoarch.data.dataset import Labels

Array = npt.NDArray[Any]
Group = tuple[int, int]
"""Columns of ids that share a table: the first one, and how many."""

C = 10.0
"""Inverse strength of the penalty."""

MOST_PASSES = 100
TOLERANCE = 1e-3
LARGEST = 20_000_000
"""Ids times classes beyond which no model is fitted. Twenty million take about 6 s; with so many
texts networks do better."""


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
    ids: npt.NDArray[np.uint16], labels: Labels, classes: int, scales: Mapping[Group, Array]
) -> dict[Group, Array] | None:
    """Logistic regression on the TF-IDF vectors of all groups side by side, without a bias.

    Args:
        ids: Of training texts, `(n, rows, columns)`.
        labels: `(n,)`; every class occurs.
        classes: Number of classes.
        scales: Of the ids of each group, `(ids,)`.

    Returns:
        For each group the table `(ids, classes)` that, in an `EmbeddingBag` with these scales,
        adds its part of the logits; None where there are too many ids (`LARGEST`).

    Source: Salton and Buckley (1988) for the vectors; Wang and Manning (2012), "Baselines and
    bigrams", for how far linear models go.
    """
    from scipy import sparse
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    filled = sum(np.count_nonzero(ids[:, :, start : start + n]) for start, n in scales)
    if filled * classes > LARGEST:
        return None
    vectors = sparse.hstack(
        [tf_idf(ids[:, :, start : start + n], s) for (start, n), s in scales.items()], format="csc"
    )
    used = np.flatnonzero(np.diff(vectors.indptr))
    # Stochastic average gradients need a third of the seconds that L-BFGS does on such vectors.
    model = LogisticRegression(
        C=C, fit_intercept=False, solver="sag", tol=TOLERANCE, max_iter=MOST_PASSES, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough is enough
        model.fit(vectors[:, used].tocsr(), labels)
    # Of two classes there is one row: the second's lead over the first.
    rows = model.coef_ if classes > 2 else np.concatenate([-model.coef_, model.coef_]) / 2
    table = np.zeros((vectors.shape[1], classes), np.float32)
    table[used] = rows.T
    ends = np.cumsum([len(s) for s in scales.values()])
    return dict(zip(scales, np.split(table, ends[:-1])))
