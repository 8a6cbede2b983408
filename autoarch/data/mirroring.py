"""Whether pictures mean the same mirrored: measured, since photos do and letters do not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from autoarch.data.dataset import ImageData, Labels
from autoarch.objectives import OBJECTIVES

Array = npt.NDArray[np.float32]

MOST_PICTURES = 1000
CELLS, BINS = 8, 8
NEIGHBOURS = 5
FOLDS = 5
ALIKE = 0.75
"""Mirrored pictures are alike unless they are recognised clearly less often than so many times as
pictures as they are, both above guessing. Photos had 0.8 to 1.0, grey clothes all photographed from
the same side 0.73, letters of unseen fonts 0.4, handwritten digits 0.2 to 0.4 (`ARCHITECTURE.md`,
with what training on them brought)."""
CLEAR = 4.0
"""Standard errors above guessing at which pictures count as recognised at all."""
FINEST = 64
"""Rows and columns of pixels are left out down to between so many and twice as many."""
_CHUNK = 64


@dataclass(frozen=True)
class MirrorTest:
    """How well nearest neighbours recognise pictures, and how well the same ones mirrored.

    Args:
        upright, mirrored: Shares that are recognised.
        guess: Share of the most frequent class.
        n: Pictures.
    """

    upright: float
    mirrored: float
    guess: float
    n: int

    @property
    def alike(self) -> bool | None:
        """Whether training may mirror them; None where too few are recognised to tell.

        >>> MirrorTest(0.53, 0.48, 0.15, 1000).alike, MirrorTest(0.87, 0.36, 0.04, 1000).alike
        (True, False)
        >>> MirrorTest(0.30, 0.15, 0.25, 60).alike is None
        True
        """
        known = self.upright - self.guess
        if known < CLEAR * self._error(self.guess):
            return None
        return self.mirrored - self.guess + 2 * self._error(self.mirrored) >= ALIKE * known

    def _error(self, share: float) -> float:
        return OBJECTIVES["accuracy"].standard_error(share, {"n": self.n})

    def __str__(self) -> str:
        """A line for the report."""
        told = f"Nearest neighbours recognise {100 * self.upright:.0f} % of the pictures"
        told += f" and {100 * self.mirrored:.0f} % of their mirror images"
        if self.alike is None:
            return f"{told}: too few to tell whether their sides mean anything."
        return f"{told}: training {'mirrors' if self.alike else 'does not mirror'} pictures."


def with_mirroring(data: ImageData, *, usual: bool) -> ImageData:
    """The data with what its training pictures tell of mirroring, and a note, where that is not
    what is usual.

    Args:
        data: Pictures.
        usual: Whether such pictures are mirrored.
    """
    test = mirror_test(data.train.images, data.train.labels, seed=0)
    if test.alike in (None, usual):
        return data
    findings = replace(data.findings, notes=(*data.findings.notes, str(test)))
    return replace(data, mirrored=test.alike, findings=findings)


def mirror_test(pictures: npt.NDArray[np.uint8], labels: Labels, seed: int) -> MirrorTest:
    """Recognises pictures, and the same ones mirrored, by others that are not.

    Where classes know left from right (letters, arrows), a mirrored picture is nearest to another
    class or to none.

    Args:
        pictures: Of the training part, `(n, height, width, channels)`; of many some are drawn.
        labels: `(n,)`.
        seed: Of the drawing and of the folds.
    """
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(seed)
    drawn = rng.permutation(len(labels))[:MOST_PICTURES]
    labels = labels[drawn]
    upright, mirrored = gradient_histograms(pictures, drawn)
    right = np.zeros((2, len(drawn)), bool)
    for fold in np.array_split(np.arange(len(drawn)), min(FOLDS, len(drawn))):
        known = np.setdiff1d(np.arange(len(drawn)), fold)
        nearest = KNeighborsClassifier(
            min(NEIGHBOURS, len(known)), weights="distance", metric="cosine", algorithm="brute"
        ).fit(upright[known], labels[known])
        for row, features in enumerate((upright, mirrored)):
            right[row, fold] = nearest.predict(features[fold]) == labels[fold]
    found = right.mean(1)
    guess = np.bincount(labels).max() / len(labels)
    return MirrorTest(float(found[0]), float(found[1]), float(guess), len(labels))


def gradient_histograms(
    pictures: npt.NDArray[np.uint8], chosen: npt.NDArray[np.int64]
) -> tuple[Array, Array]:
    """Histograms of the directions of edges, cell by cell, of pictures and of their mirror images.

    Args:
        pictures: `(n, height, width, channels)`.
        chosen: Which of them.

    Returns:
        Two arrays `(len(chosen), CELLS * CELLS * BINS)`, rows of length 1.

    Source: Dalal and Triggs (2005), "Histograms of oriented gradients for human detection", with
    square roots for the contrast in place of blocks.
    """
    steps = [max(1, side // FINEST) for side in pictures.shape[1:3]]
    rows, columns = (_cells(-(-side // n)) for side, n in zip(pictures.shape[1:3], steps))
    both: tuple[list[Array], list[Array]] = ([], [])
    for begin in range(0, len(chosen), _CHUNK):
        some = pictures[chosen[begin : begin + _CHUNK], :: steps[0], :: steps[1]]
        grey = some.astype(np.float32).mean(-1)
        for found, view in zip(both, (grey, grey[:, :, ::-1])):
            across, down = np.zeros_like(view), np.zeros_like(view)
            across[:, :, 1:-1] = view[:, :, 2:] - view[:, :, :-2]
            down[:, 1:-1] = view[:, 2:] - view[:, :-2]
            # Light on dark is like dark on light: half a turn is none. Slopes of 1 are no accident.
            direction = np.floor(np.arctan2(down, across) / np.pi * BINS + 1e-3).astype(int) % BINS
            strength = np.hypot(across, down)
            cells = [
                rows @ np.where(direction == number, strength, 0) @ columns.T
                for number in range(BINS)
            ]
            edges = np.sqrt(np.stack(cells, -1)).reshape(len(view), -1)
            length = np.linalg.norm(edges, axis=1, keepdims=True)
            found.append(edges / np.maximum(length, 1e-6))
    upright, mirrored = map(np.concatenate, both)
    return upright, mirrored


def _cells(side: int) -> Array:
    """`(CELLS, side)`: 1 where a row or column of pixels lies in the cell."""
    cell = np.arange(side) * CELLS // side
    return np.asarray(cell == np.arange(CELLS)[:, np.newaxis], np.float32)
