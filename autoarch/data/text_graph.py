"""Text to token ids as a TensorFlow graph of integer ops: the tokeniser of `tokenizer.py` again.

What a SavedModel carries. Pure: no tables or assets outside the graph.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from autoarch.data.preprocessing import Signature
from autoarch.data.text import TextPreprocessing
from autoarch.data.tokenizer import (
    BASE,
    COLUMNS,
    MIXER,
    POSITIONS,
    PRIME,
    SINGLE,
    TABLE_SIZE,
    TOKEN_LENGTH,
    WINDOWS,
    WORD,
    Tokenizer,
    kind_of,
    lower_of,
)


def text_signatures(preprocessing: TextPreprocessing) -> dict[str, Signature]:
    """Texts as UTF-8, or ids as from `Tokenizer.ids`."""
    texts = tf.TensorSpec((None,), tf.string, name="texts")
    tokens = tf.TensorSpec((None, *preprocessing.shape), tf.int32, name="tokens")
    return {
        "serving_default": Signature(texts, lambda text: ids_of(text, preprocessing)),
        "serving_tokens": Signature(tokens, lambda ids: ids),
    }


def ids_of(texts: Any, preprocessing: TextPreprocessing) -> Any:
    """The ids of texts `(n,)`, int32 `(n, rows, COLUMNS)`; equal to `Tokenizer.ids`."""
    rows = preprocessing.rows
    characters, row_of_token = _tokens(texts)
    count = tf.shape(texts, tf.int64)[0]
    hashes = _hash(characters)
    # The tokens of a text, in order, then the beginning and the end of long ones.
    starts = tf.searchsorted(row_of_token, tf.range(count), out_type=tf.int64)
    ends = tf.searchsorted(row_of_token, tf.range(count), side="right", out_type=tf.int64)
    lengths = (ends - starts)[:, None]
    place = tf.range(rows, dtype=tf.int64)[None]
    tail = rows // 3
    late = (lengths > rows) & (place >= rows - tail)
    position = tf.where(late, lengths - rows + place, place)
    here = place < lengths
    token = tf.where(here, starts[:, None] + position, tf.shape(hashes, tf.int64)[0])

    padded = tf.concat([hashes, tf.zeros([1], tf.int64)], 0)
    own = tf.gather(padded, token)
    after = tf.pad(own, [[0, 0], [0, 2]])
    two = (own * MIXER + after[:, 1:-1]) % PRIME
    three = (two * MIXER + after[:, 2:]) % PRIME
    runs = tf.gather(tf.pad(_runs(characters), [[0, 1], [0, 0]], constant_values=-1), token)
    hashed = tf.concat([two[..., None], three[..., None], runs], -1)
    hashed = tf.where(hashed < 0, tf.zeros_like(hashed), hashed % preprocessing.buckets + 1)
    found = tf.concat([_places(own, preprocessing)[..., None], hashed], -1)
    ids = tf.where(here[..., None], found, tf.zeros_like(found))
    return tf.ensure_shape(tf.cast(ids, tf.int32), (None, rows, COLUMNS))


def _tokens(texts: Any) -> tuple[Any, Any]:
    """Characters + 3 of each token, int64 `(tokens, TOKEN_LENGTH)`, 0 after its end; its text."""
    kinds = tf.constant([kind_of(code) for code in range(TABLE_SIZE)], tf.int8)
    lowers = tf.constant([lower_of(code) for code in range(TABLE_SIZE)], tf.int32)
    decoded = tf.strings.unicode_decode(texts, "UTF-8")
    codes, rows = decoded.values, decoded.value_rowids()
    common = tf.minimum(codes, TABLE_SIZE - 1)
    rare = codes >= TABLE_SIZE
    kind = tf.where(rare, tf.constant(SINGLE, tf.int8), tf.gather(kinds, common))
    codes = tf.where(rare, codes, tf.gather(lowers, common))
    goes_on = (kind[1:] == WORD) & (kind[:-1] == WORD) & (rows[1:] == rows[:-1])
    begins = (kind > 0) & ~tf.concat([tf.zeros_like(kind[:1], tf.bool), goes_on], 0)
    number = tf.cumsum(tf.cast(begins, tf.int64)) - 1
    start = tf.reshape(tf.where(begins), [-1])
    # Spaces belong to no token; what lies beyond its length does not count.
    indices = tf.reshape(tf.where(kind > 0), [-1])
    token = tf.gather(number, indices)
    place = indices - tf.gather(start, token)
    kept = place < TOKEN_LENGTH
    values = tf.cast(tf.gather(codes, tf.boolean_mask(indices, kept)), tf.int64) + 3
    where = tf.stack([tf.boolean_mask(token, kept), tf.boolean_mask(place, kept)], -1)
    shape = tf.stack([tf.shape(start, tf.int64)[0], TOKEN_LENGTH])
    return tf.scatter_nd(where, values, shape), tf.gather(rows, start)


def _hash(codes: Any) -> Any:
    powers = [pow(BASE, exponent, PRIME) for exponent in range(codes.shape[-1])]
    return tf.reduce_sum(codes * tf.constant(powers, tf.int64), -1) % PRIME


def _runs(characters: Any) -> Any:
    """Hashes of runs of characters, `(tokens, POSITIONS * len(WINDOWS))`, -1 where none."""
    length = tf.reduce_sum(tf.cast(characters > 0, tf.int64), -1, keepdims=True)
    ends = tf.one_hot(length[:, 0], TOKEN_LENGTH + 1, on_value=2, off_value=0, dtype=tf.int64)
    marked = tf.pad(characters, [[0, 0], [0, 1]]) + ends
    marked = tf.pad(marked, [[0, 0], [1, 0]], constant_values=1)
    found = []
    for window in WINDOWS:
        for start in range(POSITIONS):
            value = (_hash(marked[:, start : start + window]) * MIXER + window) % PRIME
            whole = start + window <= length[:, 0] + 2
            found.append(tf.where(whole, value, -tf.ones_like(value)))
    return tf.stack(found, -1)


def _places(hashes: Any, preprocessing: TextPreprocessing) -> Any:
    """Ids of tokens by their hashes; 1 where the vocabulary lacks them."""
    places = Tokenizer(preprocessing.vocabulary, 1, 1).places or {-1: 1}
    keys = np.array(sorted(places), np.int64)
    values = np.array([places[key] for key in keys], np.int64)
    index = tf.searchsorted(tf.constant(keys), tf.reshape(hashes, [-1]))
    index = tf.minimum(tf.reshape(index, tf.shape(hashes)), len(keys) - 1)
    known = tf.gather(tf.constant(keys), index) == hashes
    return tf.where(known, tf.gather(tf.constant(values), index), tf.ones_like(hashes))
