"""Exact duplicates: pictures whose pixels are equal, found from one digest a picture."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autoarch.data.dataset import Labels
from autoarch.data.split import TEST, TRAIN, VALID, Splits

DIGEST_BYTES = 16
Digests = npt.NDArray[np.void]  # (n,) of V16


def digest(content: bytes | memoryview) -> bytes:
    """16 bytes that stand for the content."""
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()


def digest_array(digests: Sequence[bytes]) -> Digests:
    """`(n,)` of `V16` from digests, 16 bytes an entry."""
    return np.frombuffer(b"".join(digests), dtype=f"V{DIGEST_BYTES}")


def group_equal(digests: Digests) -> npt.NDArray[np.int64]:
    """Numbers such that equal digests, and only they, have equal numbers, `(n,)`."""
    words = digests.view(np.uint64).reshape(-1, DIGEST_BYTES // 8)
    _, groups = np.unique(words, axis=0, return_inverse=True)
    return groups.reshape(-1).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Duplicates:
    """What was found.

    Args:
        dropped: `(kept, dropped)` positions across splits; the copy in the less held-out split
            goes: train before valid before test.
        within_train: Repeated pictures inside train.
        valid_in_test: Copies of test pictures in a valid split that was given, so left alone.
        conflicting: Groups of equal pictures that carry different labels.
    """

    dropped: tuple[tuple[int, int], ...]
    within_train: int
    valid_in_test: int
    conflicting: int


def notes_on_copies(valid_in_test: int, conflicting: int, noun: str) -> list[str]:
    """What `Duplicates` has that the user may not know of, in sentences."""
    notes = []
    if valid_in_test:
        notes.append(f"{valid_in_test} {noun}s of valid are also in test.")
    if conflicting:
        notes.append(f"{conflicting} {noun}s occur with different labels.")
    return notes


def find_duplicates(
    groups: npt.NDArray[np.int64], splits: Splits, labels: Labels, *, valid_given: bool
) -> Duplicates:
    """Looks for equal pictures across and inside splits.

    Args:
        groups: From `group_equal`, `(n,)`.
        splits: Split of each picture, `(n,)`.
        labels: Class index of each picture, `(n,)`.
        valid_given: The user chose the valid split, so nothing is taken out of it.
    """
    dropped: list[tuple[int, int]] = []
    within_train = valid_in_test = conflicting = 0
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    ends = np.append(starts[1:], len(ordered))
    repeated = np.flatnonzero(ends - starts > 1)
    for start, end in zip(starts[repeated], ends[repeated]):
        members = order[start:end]
        of_split = [members[splits[members] == split] for split in (TRAIN, VALID, TEST)]
        train, valid, test = of_split
        conflicting += len(np.unique(labels[members])) > 1
        held_out = test if len(test) else valid
        if len(held_out):
            dropped += [(int(held_out[0]), int(copy)) for copy in train]
        else:
            within_train += len(train) - 1
        if len(test) and len(valid):
            if valid_given:
                valid_in_test += len(valid)
            else:
                dropped += [(int(test[0]), int(copy)) for copy in valid]
    return Duplicates(tuple(sorted(dropped)), within_train, valid_in_test, conflicting)
