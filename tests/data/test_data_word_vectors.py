"""Pretrained word vectors in text format."""

import numpy as np
import pytest

from autoarch.data.word_vectors import read_word_vectors, vector_table
from autoarch.errors import DataError


def test_known_words_come_first_and_others_fill_up(tmp_path):
    file = tmp_path / "words.vec"
    file.write_text("4 2\nthe 1 2\nZebra 3 4 \ncat 5 6\n\u5f88 -1 1e-2\n", "utf-8")
    found = read_word_vectors(file, {"cat", "\u5f88", "zebra"}, 20)
    assert list(found) == ["zebra", "cat", "\u5f88", "the"]
    assert found["zebra"].tolist() == [3, 4] and found["the"].dtype == np.float32
    assert list(read_word_vectors(file, {"cat"}, 2)) == ["cat", "the"]
    table = vector_table(found, ("cat", "dog", "the"))
    assert table.shape == (5, 2)
    assert not table[[0, 1, 3]].any()
    assert np.isclose(table[[2, 4]].std(), 0.1)
    assert np.allclose(table[2] / table[4], [5 / 1, 6 / 2])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"cat 1 2\ncat 1\n", "line 2: not a word and 2 numbers"),
        (b"cat one two\n", "line 1: not a word and 2 numbers"),
        (b"cat nan 1\n", "line 1"),
        (b"cat\n", "line 1"),
        (b"dog 1 2\n", "no word of the training texts"),
        (b"", "no word of the training texts"),
        (b"cat\xff\xfe 1", "not UTF-8"),
    ],
)
def test_what_are_no_vectors_is_refused(tmp_path, content, message):
    file = tmp_path / "words.vec"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_word_vectors(file, {"cat"}, 10)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_word_vectors(tmp_path / "none.vec", {"cat"}, 10)
