"""Confusion matrices prepared for the page, from two classes to a thousand."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from autoarch.report.confusion import MOST_IN_A_TABLE, confusion_of

CLASSES = ("a", "b", "c")
MATRIX = [[8, 2, 0], [0, 5, 5], [0, 0, 0]]


def picture(encoded: str | None) -> np.ndarray:
    assert encoded is not None
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))


def test_few_classes_become_a_table_with_counts() -> None:
    confusion = confusion_of(MATRIX, CLASSES)
    assert confusion is not None
    assert confusion.picture is None
    assert confusion.table is not None
    assert [[cell.count for cell in row] for row in confusion.table] == MATRIX
    assert confusion.table[0][0].strength == 0.8
    assert [row[i].correct for i, row in enumerate(confusion.table)] == [True] * 3


def test_pairs_are_the_wrong_answers_most_frequent_first() -> None:
    confusion = confusion_of(MATRIX, CLASSES, pairs=5)
    assert confusion is not None
    assert [(p.true, p.predicted, p.count, p.share) for p in confusion.pairs] == [
        ("b", "c", 5, 0.5),
        ("a", "b", 2, 0.2),
    ]


def test_classes_come_least_recognised_first_and_those_without_images_last() -> None:
    confusion = confusion_of(MATRIX, CLASSES)
    assert confusion is not None
    assert [(f.name, f.recall) for f in confusion.figures] == [("b", 0.5), ("a", 0.8), ("c", None)]
    assert [f.precision for f in confusion.figures] == [5 / 7, 1.0, 0.0]


@pytest.mark.parametrize(("classes", "side"), [(MOST_IN_A_TABLE + 1, 31), (1000, 334)])
def test_many_classes_become_a_picture(classes: int, side: int) -> None:
    confusion = confusion_of(
        (np.eye(classes, dtype=int) * 4).tolist(), [str(i) for i in range(classes)]
    )
    assert confusion is not None
    assert confusion.table is None
    pixels = picture(confusion.picture)
    assert pixels.shape == (side, side, 4)
    assert (pixels[np.arange(side - 1), np.arange(side - 1), 3] > 140).all()
    assert pixels[0, -1, 3] == 0
    assert confusion.pairs == ()


def test_nothing_to_show() -> None:
    assert confusion_of([[0, 0], [0, 0]], ["a", "b"]) is None
    assert confusion_of([[1, 2], [3, 4]], ["a", "b", "c"]) is None
