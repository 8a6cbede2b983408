"""Inverse document frequencies against scikit-learn's."""

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

from autoarch.data.term_weights import inverse_document_frequencies


def test_they_equal_those_of_scikit_learn():
    ids = np.random.default_rng(0).integers(0, 30, (50, 4, 3)).astype(np.uint16)
    counts = np.zeros((50, 40))
    for text, row in zip(ids, counts):
        np.add.at(row, text.reshape(-1), 1)
    counts = counts[:, 1:]
    expected = TfidfTransformer().fit(sparse.csr_matrix(counts)).idf_
    found = inverse_document_frequencies(ids, 40)
    seen = counts.sum(0) > 0
    assert 25 < seen.sum() < 39
    assert np.allclose(found[1:][seen], expected[seen], atol=1e-6)
    assert not found[0] and not found[1:][~seen].any()
