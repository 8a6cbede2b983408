"""The stratified split and the search for duplicates."""

from __future__ import annotations

import numpy as np
import pytest

from autoarch.data.duplicates import digest, digest_array, find_duplicates, group_equal
from autoarch.data.split import TEST, TRAIN, VALID, assign_splits
from autoarch.errors import DataError


def split(
    labels: list[int],
    *,
    groups: list[int] | None = None,
    valid: float | None = 0.15,
    test: float | None = 0.15,
    seed: int = 0,
) -> np.ndarray:
    array = np.array(labels)
    names = tuple("abcdefgh"[: array.max() + 1])
    numbers = np.arange(len(array)) if groups is None else np.array(groups)
    return assign_splits(array, numbers, names, valid_share=valid, test_share=test, seed=seed)


def counts(splits: np.ndarray) -> list[int]:
    return np.bincount(splits, minlength=3).tolist()


def test_shares_hold_in_every_class() -> None:
    labels = [0] * 200 + [1] * 100
    splits = split(labels, valid=0.2, test=0.1)
    assert counts(splits[:200]) == [144, 36, 20]
    assert counts(splits[200:]) == [72, 18, 10]


def test_the_seed_decides() -> None:
    labels = [0] * 50 + [1] * 50
    assert np.array_equal(split(labels, seed=3), split(labels, seed=3))
    assert not np.array_equal(split(labels, seed=3), split(labels, seed=4))


@pytest.mark.parametrize(
    ("n", "expected"), [(2, [1, 1, 0]), (3, [1, 1, 1]), (4, [2, 1, 1]), (7, [5, 1, 1])]
)
def test_small_classes_are_in_every_part_if_they_can(n: int, expected: list[int]) -> None:
    assert counts(split([0] * n)) == expected


def test_parts_that_are_given_elsewhere() -> None:
    labels = [0] * 10 + [1] * 10
    assert counts(split(labels, valid=None)) == [16, 0, 4]
    assert counts(split(labels, test=None)) == [16, 4, 0]
    assert counts(split(labels, test=0.0)) == [16, 4, 0]
    assert counts(split([0], valid=None, test=None)) == [1, 0, 0]


def test_copies_stay_together() -> None:
    random = np.random.default_rng(0)
    groups = random.integers(0, 60, 400)
    splits = split([0] * 400, groups=groups.tolist(), valid=0.2, test=0.2)
    for group in np.unique(groups):
        assert len(set(splits[groups == group])) == 1
    assert 50 <= (splits == TEST).sum() <= 80
    assert 40 <= (splits == VALID).sum() <= 64


def test_a_class_of_large_groups_still_has_every_part() -> None:
    splits = split([0] * 9, groups=[1, 1, 1, 2, 2, 2, 3, 3, 3])
    assert counts(splits) == [3, 3, 3]


@pytest.mark.parametrize(
    ("labels", "groups", "message"),
    [
        ([0, 0, 1], None, "Class 'b' has one image"),
        ([0, 0, 1, 1, 1], [0, 1, 2, 2, 2], "Class 'b' has 3 copies of one image"),
        ([0, 0, 2, 2], None, "Class 'b' has no image"),
    ],
)
def test_classes_that_cannot_be_split(
    labels: list[int], groups: list[int] | None, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        split(labels, groups=groups)


def test_groups_of_equal_digests() -> None:
    groups = group_equal(digest_array([digest(x) for x in (b"a", b"b", b"a", b"c", b"b")]))
    assert (groups[0], groups[1]) == (groups[2], groups[4])
    assert len(set(groups.tolist())) == 3


def test_duplicates_leave_train() -> None:
    #         a      a     b      b      c      c      d     d     e
    groups = [0, 0, 1, 1, 2, 2, 3, 3, 4]
    splits = [TRAIN, TEST, TRAIN, VALID, TRAIN, TRAIN, VALID, TEST, TRAIN]
    labels = [0, 0, 0, 1, 0, 0, 0, 0, 0]
    found = find_duplicates(
        np.array(groups), np.array(splits, np.int8), np.array(labels), valid_given=False
    )
    assert found.dropped == ((1, 0), (3, 2), (7, 6))
    assert (found.within_train, found.valid_in_test, found.conflicting) == (1, 0, 1)
    given = find_duplicates(
        np.array(groups), np.array(splits, np.int8), np.array(labels), valid_given=True
    )
    assert given.dropped == ((1, 0), (3, 2))
    assert given.valid_in_test == 1


def test_no_duplicates() -> None:
    found = find_duplicates(
        np.arange(3), np.zeros(3, np.int8), np.zeros(3, np.int64), valid_given=False
    )
    assert (found.dropped, found.within_train) == ((), 0)
