"""The stratified, seeded split: every class in every part, copies of a picture in one part."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autoarch.data.dataset import Labels
from autoarch.errors import DataError
from autoarch.seeding import rng

TRAIN, VALID, TEST = 0, 1, 2
SPLIT_NAMES = ("train", "valid", "test")
SPLIT_OF_NAME = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
}
"""Which part folders, tables and rows of a user's data are, by their names in lower case."""

Splits = npt.NDArray[np.int8]

DEFAULT_SHARE = 0.15


def assign_splits(
    labels: Labels,
    groups: npt.NDArray[np.int64],
    classes: tuple[str, ...],
    *,
    valid_share: float | None,
    test_share: float | None,
    seed: int,
    noun: str = "image",
) -> Splits:
    """Deals examples out to train, valid and test.

    A class gives its share of each part, rounded, and at least one example where it can: a class
    with two examples has one in train and one in valid, with three it is in every part.

    Args:
        labels: Class index of each example, `(n,)`.
        groups: Examples with the same number are copies of each other and stay together, `(n,)`.
        classes: Names, for messages.
        valid_share: Part of what test leaves, in (0, 0.5]; None where valid is given elsewhere.
        test_share: In [0, 0.5]; None or 0 where test is given elsewhere or not wanted.
        seed: The split depends on this, the labels and the groups alone.
        noun: What an example is called in messages.

    Returns:
        int8 `(n,)` of TRAIN, VALID, TEST.

    Raises:
        DataError: A class has too few (different) examples to be in train and in valid.
    """
    splits = np.full(len(labels), TRAIN, np.int8)
    random = rng("split", seed=seed)
    for label, name in enumerate(classes):
        members = np.flatnonzero(labels == label)
        distinct = shuffled_groups(members, groups[members], random)
        parts_needed = 2 if valid_share or test_share else 1
        if len(distinct) < parts_needed:
            raise DataError(_too_few(name, len(members), noun))
        remaining = len(members)
        for part, share in ((TEST, test_share), (VALID, valid_share)):
            # the later part and train must get one each
            reserve = 1 + (part == TEST and bool(valid_share))
            if not share or len(distinct) <= reserve:
                continue
            quota = max(1, int(share * remaining + 0.5))
            chosen, distinct = _take(distinct, quota, keep=reserve)
            for group in chosen:
                splits[group] = part
                remaining -= len(group)
    return splits


def shuffled_groups(
    members: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], random: np.random.Generator
) -> list[npt.NDArray[np.int64]]:
    """Examples by group, groups in any order; those that are copies of each other are one group.

    Args:
        members: Examples.
        groups: The group of each of them.
        random: Orders the groups.
    """
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    gathered = np.split(members[order], starts[1:]) if len(members) else []
    return [gathered[i] for i in random.permutation(len(gathered))]


def _take(
    groups: list[npt.NDArray[np.int64]], quota: int, *, keep: int
) -> tuple[list[npt.NDArray[np.int64]], list[npt.NDArray[np.int64]]]:
    """Takes whole groups up to `quota` examples and at least one; leaves `keep` groups."""
    chosen: list[npt.NDArray[np.int64]] = []
    left: list[npt.NDArray[np.int64]] = []
    taken = 0
    for index, group in enumerate(groups):
        after = len(groups) - index - 1
        if taken + len(group) <= quota and len(left) + after >= keep:
            chosen.append(group)
            taken += len(group)
        else:
            left.append(group)
    if not chosen:  # every group is larger than the quota
        smallest = min(range(len(left)), key=lambda i: len(left[i]))
        chosen.append(left.pop(smallest))
    return chosen, left


def _too_few(name: str, count: int, noun: str) -> str:
    if count == 0:
        problem = f"has no {noun} in the training data"
    elif count == 1:
        problem = f"has one {noun}, which cannot be split into a training and a held-out part"
    else:
        problem = f"has {count} copies of one {noun}, which cannot be in train and held out too"
    return f"Class {name!r} {problem}; add {noun}s of it or leave the class out."
