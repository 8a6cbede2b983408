"""How much an id tells: inverse document frequencies, learned on training texts alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def inverse_document_frequencies(ids: npt.NDArray[np.uint16], size: int) -> npt.NDArray[np.float32]:
    """`ln((1 + n) / (1 + texts that hold the id)) + 1`, and 0 for ids that no text holds.

    An id that training never sees would only add its random vector to a text later.

    Args:
        ids: Of training texts, `(n, rows, columns)`; 0 stands for nothing.
        size: Number of ids, 0 included.

    Returns:
        Shape `(size,)`.

    Source: Salton and Buckley (1988); smoothed as in scikit-learn's `TfidfTransformer`.

    >>> inverse_document_frequencies(np.array([[[1, 2]], [[1, 1]]], np.uint16), 4).round(3)
    array([0.   , 1.   , 1.405, 0.   ], dtype=float32)
    """
    count = len(ids)
    flat = np.sort(ids.reshape(count, -1), axis=1)
    first = np.ones(flat.shape, np.bool_)
    first[:, 1:] = flat[:, 1:] != flat[:, :-1]
    texts = np.bincount(flat[first], minlength=size)
    weights = np.where(texts > 0, np.log((1 + count) / (1 + texts)) + 1, 0.0)
    weights[0] = 0.0
    return weights.astype(np.float32)
