"""Further splits of what is not held out, each with a validation part of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autoarch.data.dataset import ExampleSet, Labels, TaskData
from autoarch.data.duplicates import digest, digest_array, group_equal
from autoarch.data.split import shuffled_groups
from autoarch.seeding import rng


@dataclass(frozen=True, eq=False)
class Fold:
    """One split.

    Args:
        train: What is learned from.
        valid: What is measured on.
    """

    train: ExampleSet
    valid: ExampleSet


def further_folds(data: TaskData, number: int, *, seed: int) -> list[Fold]:
    """Splits beside the data's own, with validation parts of its size that have no example in
    common with it or with each other. Copies of an example stay together.

    Args:
        data: Its own split is not among them.
        number: How many; at most `data.most_folds - 1`.
        seed: The splits depend on this and the data alone.

    Source: Stone (1974), "Cross-validatory choice and assessment of statistical predictions".
    """
    if number == 0:
        return []
    train, valid = data.train, data.valid
    wanted = np.bincount(valid.labels, minlength=len(data.classes))
    part = deal(train.labels, _copies(train), wanted, number, seed=seed)
    return [
        Fold(
            train.at(np.flatnonzero(part != fold)).joined(valid),
            train.at(np.flatnonzero(part == fold)),
        )
        for fold in range(number)
    ]


def deal(
    labels: Labels,
    groups: npt.NDArray[np.int64],
    wanted: npt.NDArray[np.int64],
    number: int,
    *,
    seed: int,
) -> npt.NDArray[np.int64]:
    """Deals examples out to parts: of each class the same number to each, as far as they go.

    Args:
        labels: Class index of each example, `(n,)`.
        groups: Examples with the same number stay together, `(n,)`.
        wanted: Examples of each class in a part, `(classes,)`.
        number: Of parts.
        seed: The parts depend on this, the labels and the groups alone.

    Returns:
        The part of each example, `(n,)`; -1 for those that are left.
    """
    part = np.full(len(labels), -1, np.int64)
    random = rng("folds", seed=seed)
    for label, most in enumerate(wanted):
        members = np.flatnonzero(labels == label)
        room = np.full(number, most)
        for group in shuffled_groups(members, groups[members], random):
            emptiest = int(room.argmax())
            if len(group) <= room[emptiest]:
                part[group] = emptiest
                room[emptiest] -= len(group)
    return part


def _copies(examples: ExampleSet) -> npt.NDArray[np.int64]:
    """Numbers such that equal inputs, and only they, have equal numbers, `(n,)`."""
    return group_equal(digest_array([digest(example.tobytes()) for example in examples.inputs]))
