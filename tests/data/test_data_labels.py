"""Labels in arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autoarch.data.labels import encode_known, encode_labels
from autoarch.errors import DataError


@pytest.mark.parametrize(
    ("labels", "classes", "indices", "kind"),
    [
        (["b", "a", "b"], ("a", "b"), [1, 0, 1], "str"),
        (np.array([b"b", b"a", b"b"]), ("a", "b"), [1, 0, 1], "str"),
        (np.array(["b", "a", "b"], object), ("a", "b"), [1, 0, 1], "str"),
        ([10, 2, 10], ("2", "10"), [1, 0, 1], "int"),
        (np.array([[10], [2], [10]], np.uint8), ("2", "10"), [1, 0, 1], "int"),
        (np.array([10, 2, 10], object), ("2", "10"), [1, 0, 1], "int"),
        ([-1.0, 1.0, -1.0], ("-1", "1"), [0, 1, 0], "int"),
        ([True, False, True], ("False", "True"), [1, 0, 1], "bool"),
        (np.eye(3)[[2, 0, 2]], ("0", "1", "2"), [2, 0, 2], "int"),
        (np.eye(2, dtype=bool)[[1, 0, 1]], ("0", "1"), [1, 0, 1], "int"),
    ],
)
def test_kinds(labels: Any, classes: tuple[str, ...], indices: list[int], kind: str) -> None:
    encoded = encode_labels(labels, 3)
    assert (encoded.classes, encoded.indices.tolist(), encoded.kind) == (classes, indices, kind)
    assert encoded.indices.dtype == np.int64


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1, 2], "3 examples but 2 labels"),
        (5, "one label"),
        ([0.5, 1.0, 2.0], "such as 0.5; regression is not supported yet"),
        ([0.0, np.nan, 1.0], "NaN"),
        (np.array(["a", None, "b"], object), "None or NaN"),
        (np.array(["a", 1, "b"], object), "mix the types 'int', 'str'"),
        ([[1, 1], [0, 1], [1, 0]], "not one-hot (row 0 is not)"),
        ([[0.5, 0.5], [0, 1], [1, 0]], "not one-hot"),
        (np.zeros((3, 2, 2)), "shape (3, 2, 2)"),
        ([["a", "b"]] * 3, "not understood"),
        ([["cat"], ["cat", "dog"], ["dog"]], "lists of unequal length"),
        (np.zeros(3, complex), "not understood"),
    ],
)
def test_bad_labels(labels: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        encode_labels(labels, 3)
    assert message in str(caught.value)


def test_known_classes() -> None:
    assert encode_known(["b", "b"], 2, ("a", "b"), "y").tolist() == [1, 1]
    assert encode_known([10, 2], 2, ("2", "10"), "y").tolist() == [1, 0]
    assert encode_known(np.eye(3)[[2, 1]], 2, ("a", "b", "c"), "y").tolist() == [2, 1]
    assert encode_known([True, True], 2, ("False", "True"), "y").tolist() == [1, 1]
    with pytest.raises(DataError, match="y has 'c', which train lacks"):
        encode_known(["b", "c"], 2, ("a", "b"), "y")
