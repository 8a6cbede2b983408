"""Pretrained word vectors out of a user's text file, as GloVe, fastText and word2vec write them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from autoarch.errors import DataError


def read_word_vectors(
    path: Path, known: set[str], limit: int
) -> dict[str, npt.NDArray[np.float32]]:
    """Vectors by word: of the words in `known`, and of the file's first others up to a limit.

    A line is a word and its numbers, with spaces between; a first line of two whole numbers, which
    some files have, is passed over. The file is read line by line, so it may be larger than memory.

    Args:
        path: The file, in UTF-8.
        known: Words of the training texts, in lower case.
        limit: Most words altogether.

    Raises:
        DataError: It cannot be read, a line is no word with numbers, or it has no known word.
    """
    found: dict[str, npt.NDArray[np.float32]] = {}
    others: dict[str, npt.NDArray[np.float32]] = {}
    size = None
    for number, line in _lines(path):
        word, *values = line.rstrip("\n").split(" ")
        values = [value for value in values if value]
        if number == 1 and len(values) == 1 and word.isdigit() and values[0].isdigit():
            continue
        if not word and not values:
            continue
        size = size or len(values)
        if word.lower() not in known and len(others) >= limit:
            continue
        try:
            vector = np.array(values, np.float32)
        except ValueError:
            vector = np.empty(0, np.float32)
        if not len(vector) or len(vector) != size or not np.isfinite(vector).all():
            raise DataError(
                f"{path}, line {number}: not a word and {size or 'its'} numbers; give vectors in "
                "text format, such as those of GloVe or fastText (.vec)."
            )
        (found if word.lower() in known else others).setdefault(word.lower(), vector)
    if not found:
        raise DataError(
            f"{path} has no word of the training texts; give vectors of their language."
        )
    room = max(0, limit - len(found))
    return found | dict(list(others.items())[:room])


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            yield from enumerate(file, 1)
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; check the path of the vectors.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8; give vectors in text format.") from error


def vector_table(
    vectors: dict[str, npt.NDArray[np.float32]], vocabulary: tuple[str, ...]
) -> npt.NDArray[np.float32]:
    """Rows in the order of the ids: zero for padding, unknown tokens and words without a vector.

    Scaled so that a number in it is about 0.1, as in embeddings that begin at random.

    >>> vector_table({"b": np.array([3.0, -3.0], np.float32)}, ("a", "b"))[2:].round(3)
    array([[ 0. ,  0. ],
           [ 0.1, -0.1]], dtype=float32)
    """
    size = len(next(iter(vectors.values())))
    table = np.zeros((len(vocabulary) + 2, size), np.float32)
    for row, word in enumerate(vocabulary, 2):
        if word in vectors:
            table[row] = vectors[word]
    there = table[np.abs(table).sum(1) > 0]
    return table * np.float32(0.1 / max(float(there.std()), 1e-6))
