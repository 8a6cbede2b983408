"""Further splits: what their parts have in common, and what they must not."""

import numpy as np
import pytest

from autoarch.data.dataset import ExampleSet, Findings, HeldOut, TaskData
from autoarch.data.folds import deal, further_folds
from autoarch.data.text import TextSet

LABELS = np.random.default_rng(0).integers(3, size=200)


def test_parts_have_of_each_class_what_is_wanted_and_nothing_in_common():
    wanted = np.array([9, 5, 7])
    part = deal(LABELS, np.arange(200), wanted, 4, seed=1)
    for number in range(4):
        np.testing.assert_array_equal(np.bincount(LABELS[part == number]), wanted)
    assert np.count_nonzero(part == -1) == 200 - 4 * 21
    np.testing.assert_array_equal(part, deal(LABELS, np.arange(200), wanted, 4, seed=1))
    assert (part != deal(LABELS, np.arange(200), wanted, 4, seed=2)).any()


def test_copies_stay_together():
    groups = np.arange(200) // 4  # four copies of each
    labels = LABELS[groups]
    part = deal(labels, groups, np.array([8, 8, 8]), 3, seed=0)
    assert all(len(set(part[groups == group])) == 1 for group in range(50))
    assert {np.count_nonzero(part == number) for number in range(3)} == {24}


def test_a_rare_class_goes_as_far_as_it_does():
    labels = np.array([0] * 40 + [1] * 2)
    part = deal(labels, np.arange(42), np.array([5, 1]), 4, seed=0)
    held = [np.bincount(labels[part == number], minlength=2).tolist() for number in range(4)]
    assert sorted(held) == [[5, 0], [5, 0], [5, 1], [5, 1]]


def data(train, valid, **given):
    return TaskData(
        train, valid, HeldOut(train), ("a", "b", "c"), None, Findings({}), "fingerprint", **given
    )


@pytest.fixture
def texts():
    def some(labels, first):
        ids = np.arange(first, first + len(labels), dtype=np.uint16)[:, None, None]
        names = tuple(f"row {first + i}" for i in range(len(labels)))
        return TextSet(np.tile(ids, (1, 2, 3)), labels, names, tuple(f"text of {n}" for n in names))

    return data(some(LABELS[:160], 0), some(LABELS[160:], 160))


def test_each_split_is_of_the_same_examples(texts):
    folds = further_folds(texts, 2, seed=5)
    assert len(folds) == 2 and further_folds(texts, 0, seed=5) == []
    seen = set(texts.valid.names)
    for fold in folds:
        np.testing.assert_array_equal(
            np.bincount(fold.valid.labels), np.bincount(texts.valid.labels)
        )
        assert not seen & set(fold.valid.names)
        seen |= set(fold.valid.names)
        assert {*fold.train.names, *fold.valid.names} == {*texts.train.names, *texts.valid.names}
        assert len(fold.train) + len(fold.valid) == 200
        for part in (fold.train, fold.valid):
            assert part.texts == tuple(f"text of {name}" for name in part.names)
            assert [f"row {ids[0, 0]}" for ids in part.inputs] == list(part.names)


def test_how_many_there_can_be(texts):
    assert texts.most_folds == 5
    assert data(texts.train, texts.valid, valid_given=True).most_folds == 1
    assert data(texts.train, texts.valid, independent=False).most_folds == 1


def test_targets_go_with_their_examples():
    targets = np.eye(3, dtype=np.float32)[LABELS]
    examples = ExampleSet(LABELS[:, None], LABELS, ("",) * 200, targets=targets)
    some = examples.at(np.array([3, 1]))
    np.testing.assert_array_equal(some.targets, targets[[3, 1]])
    np.testing.assert_array_equal(some.labels, LABELS[[3, 1]])
