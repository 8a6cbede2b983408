"""Which classes are taken for which: a heat map, the confused pairs, and each class's figures."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]

MOST_IN_A_TABLE = 30
"""Up to this many classes the heat map is a table with counts, beyond a picture."""

_LARGEST_PICTURE = 400
"""Pixels a side; neighbouring classes are added up beyond."""


@dataclass(frozen=True)
class Cell:
    """One count of the table: `strength` in [0, 1] is its share of the true class's images."""

    count: int
    strength: float
    correct: bool


@dataclass(frozen=True)
class Pair:
    """So many images of `true`, which is `share` of that class, were taken for `predicted`."""

    true: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True)
class ClassFigures:
    """How one class fares.

    Args:
        name: The class.
        images: Images of it in the split.
        recall: Share of them recognised; None without images.
        precision: Share of the answers with this class that are right; None if it never answers it.
    """

    name: str
    images: int
    recall: float | None
    precision: float | None


@dataclass(frozen=True)
class Confusion:
    """What the page shows of a confusion matrix; rows are true classes.

    Args:
        classes: Names in order.
        table: The cells, or None for more than `MOST_IN_A_TABLE` classes.
        picture: Base64 PNG of the matrix where there is no table, its alpha the strength.
        pairs: The most frequent confusions.
        figures: Each class, the least recognised first.
    """

    classes: tuple[str, ...]
    table: tuple[tuple[Cell, ...], ...] | None
    picture: str | None
    pairs: tuple[Pair, ...]
    figures: tuple[ClassFigures, ...]


def confusion_of(
    matrix: Sequence[Sequence[int]], classes: Sequence[str], *, pairs: int = 10
) -> Confusion | None:
    """Prepares a matrix for the page.

    Args:
        matrix: Counts, shape `(classes, classes)`; rows are true classes.
        classes: As many names.
        pairs: At most so many confused pairs.

    Returns:
        None where there is nothing to show: no matrix, another shape, or no image.
    """
    counts = np.asarray(matrix, dtype=np.int64)
    if counts.shape != (len(classes), len(classes)) or not counts.sum():
        return None
    support = counts.sum(axis=1)
    strength = counts / np.maximum(support, 1)[:, None]
    small = len(classes) <= MOST_IN_A_TABLE
    return Confusion(
        classes=tuple(classes),
        table=_table(counts, strength) if small else None,
        picture=None if small else _picture(strength),
        pairs=_pairs(counts, strength, classes, pairs),
        figures=_figures(counts, support, classes),
    )


def _table(counts: Counts, strength: npt.NDArray[np.float64]) -> tuple[tuple[Cell, ...], ...]:
    return tuple(
        tuple(
            Cell(int(count), float(share), row == column)
            for column, (count, share) in enumerate(zip(counts[row], strength[row]))
        )
        for row in range(len(counts))
    )


def _pairs(
    counts: Counts, strength: npt.NDArray[np.float64], classes: Sequence[str], most: int
) -> tuple[Pair, ...]:
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    return tuple(
        Pair(classes[row], classes[column], int(wrong[row, column]), float(strength[row, column]))
        for row, column in zip(*np.unravel_index(order, wrong.shape))
        if wrong[row, column]
    )


def _figures(counts: Counts, support: Counts, classes: Sequence[str]) -> tuple[ClassFigures, ...]:
    hits, answers = np.diag(counts), counts.sum(axis=0)
    figures = [
        ClassFigures(
            name,
            int(support[i]),
            float(hits[i] / support[i]) if support[i] else None,
            float(hits[i] / answers[i]) if answers[i] else None,
        )
        for i, name in enumerate(classes)
    ]
    return tuple(sorted(figures, key=lambda f: 2.0 if f.recall is None else f.recall))


def _picture(strength: npt.NDArray[np.float64]) -> str:
    """The matrix as base64 PNG: blue on the diagonal, orange off it, clear where nothing is."""
    from PIL import Image

    group = -(-len(strength) // _LARGEST_PICTURE)
    if group > 1:
        edges = np.arange(0, len(strength), group)
        strength = np.add.reduceat(np.add.reduceat(strength, edges, axis=0), edges, axis=1) / group
    pixels = np.zeros((*strength.shape, 4), np.uint8)
    pixels[..., :3] = (204, 92, 30)
    diagonal = np.arange(len(strength))
    pixels[diagonal, diagonal, :3] = (47, 111, 184)
    # The square root keeps rare confusions visible beside the diagonal.
    pixels[..., 3] = np.round(255 * np.sqrt(np.clip(strength, 0, 1)))
    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(buffer, format="PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
