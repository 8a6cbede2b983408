import numpy as np

from autoarch.data.text import TextPreprocessing, TextSet
from autoarch.tasks.token_effects import length_histogram, token_effects


def test_the_token_that_decides_is_found():
    texts = ("the film is good", "a good one", "the film is dull", "a dull one")
    preprocessing = TextPreprocessing.learned(texts * 2, 8)
    good = preprocessing.vocabulary.index("good") + 2
    examples = TextSet(preprocessing.ids(texts), np.array([1, 1, 0, 0]), ("",) * 4, texts)

    def predict(ids):
        share = np.where((ids[:, :, 0] == good).any(axis=1), 0.9, 0.2)
        return np.stack([1 - share, share], axis=1)

    bad_row, good_row = token_effects(predict, examples, ("bad", "good"))
    assert good_row["tokens"] == [["good", 0.7, 2]] and bad_row["tokens"] == []


def test_lengths_are_counted_in_bins():
    assert length_histogram([0, 1, 5, 23, 23], bins=12) == [
        [low, low + 1, {0: 2, 4: 1, 22: 2}.get(low, 0)] for low in range(0, 24, 2)
    ]
    assert length_histogram([]) == []


def test_one_text_that_is_far_longer_has_a_bin_of_its_own():
    found = length_histogram([*range(1, 24), *range(1, 24), *range(1, 24), 200_000], bins=12)
    assert [low for low, _, _ in found[:3]] == [0, 2, 4] and len(found) == 13
    assert found[-1] == [24, 200_000, 1] and sum(count for _, _, count in found) == 70
