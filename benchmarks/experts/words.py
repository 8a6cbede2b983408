"""Texts as ids, and the networks that read them."""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

WORDS = 30_000
BUCKETS = 16_384
HASHES = 8
"""Character n-grams of a word that are looked up, at most."""

MOST_TOKENS = 64
MOST_GRAMS = 400
MOST_FEATURES = 60_000
WIDTH = 96

_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W\d_\u3400-\u9fff]+|\d+|[^\w\s]|_")


def tokens_of(text: str) -> list[str]:
    """Words, numbers and punctuation apart, in lower case; Chinese one character a token.

    >>> tokens_of("It costs $5!"), tokens_of("味道好")
    (['it', 'costs', '$', '5', '!'], ['味', '道', '好'])
    """
    return _TOKEN.findall(text.lower())


class Encoder:
    """From texts to four arrays: places of words, hashes of their character n-grams, and the
    places and weights of a text's TF-IDF n-grams.

    Args:
        texts: What the vocabulary is taken from.
        vectors: Fitted TF-IDF vectors.
    """

    def __init__(self, texts: list[str], vectors: Any):
        counts = Counter(token for text in texts for token in tokens_of(text))
        known = [word for word, n in counts.most_common(WORDS) if n > 1]
        self.words = {word: place for place, word in enumerate(known, start=2)}
        lengths = [len(tokens_of(text)) for text in texts]
        self.tokens = int(min(MOST_TOKENS, max(8, np.quantile(lengths, 0.98))))
        self._vectors = vectors
        found = vectors.transform(texts)
        # n-grams of one text alone say little and are most of them.
        seen = np.bincount(found.indices, minlength=found.shape[1])
        often = np.argsort(-seen, kind="stable")[:MOST_FEATURES]
        self.features = {int(f): place for place, f in enumerate(often[seen[often] > 1], start=1)}

    def write(self, folder: Path) -> None:
        """What `__call__` needs beside the vectors."""
        kept = {"words": list(self.words), "features": list(self.features)}
        (folder / "words.json").write_text(json.dumps(kept, ensure_ascii=False), "utf-8")

    def __call__(self, texts: list[str]) -> list[np.ndarray]:
        words = np.zeros((len(texts), self.tokens), np.int32)
        hashes = np.zeros((len(texts), self.tokens, HASHES), np.int32)
        for row, text in enumerate(texts):
            tokens = tokens_of(text)
            if len(tokens) > self.tokens:  # head and tail
                half = self.tokens // 2
                tokens = tokens[: self.tokens - half] + tokens[-half:]
            for place, token in enumerate(tokens):
                words[row, place] = self.words.get(token, 1)
                grams = _grams(token, tokens[place + 1] if place + 1 < len(tokens) else "")
                hashes[row, place, : len(grams)] = grams
        return [words, hashes, *self._bag(texts)]

    def _bag(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        found = self._vectors.transform(texts).tocsr()
        places = np.zeros((len(texts), MOST_GRAMS), np.int32)
        weights = np.zeros((len(texts), MOST_GRAMS), np.float32)
        for row in range(len(texts)):
            span = slice(found.indptr[row], found.indptr[row + 1])
            pairs = [
                (weight, self.features[feature])
                for feature, weight in zip(found.indices[span].tolist(), found.data[span])
                if feature in self.features
            ]
            heaviest = sorted(pairs, reverse=True)[:MOST_GRAMS]
            for column, (weight, place) in enumerate(heaviest):
                places[row, column], weights[row, column] = place, weight
        return places, weights


def _grams(token: str, following: str) -> list[int]:
    """Hashes of a word's character 3- and 4-grams; in Chinese of the character and its bigram."""
    if "\u3400" <= token[0] <= "\u9fff":
        grams = [token, token + following]
    else:
        marked = f"<{token}>"
        grams = [marked[i : i + n] for n in (3, 4) for i in range(len(marked) - n + 1)]
    return [zlib.crc32(gram.encode()) % (BUCKETS - 1) + 1 for gram in grams[:HASHES]]


def inputs_of(kind: str) -> int:
    """How many of the encoder's arrays a network takes."""
    return 4 if kind == "mix" else 2


def network(kind: str, encoder: Encoder, classes: int) -> Any:
    """A network on the encoder's four arrays: "cnn", "gru", or "mix" of bag and "cnn".

    Source: Kim (2014) for the convolutions.
    """
    import keras

    layers, ops = keras.layers, keras.ops
    words = keras.Input((encoder.tokens,), dtype="int32")
    hashes = keras.Input((encoder.tokens, HASHES), dtype="int32")
    places = keras.Input((MOST_GRAMS,), dtype="int32")
    weights = keras.Input((MOST_GRAMS,))
    pieces = layers.Embedding(BUCKETS, WIDTH)(hashes)
    there = ops.cast(ops.expand_dims(ops.not_equal(hashes, 0), -1), "float32")
    pieces = ops.sum(pieces * there, 2) / ops.maximum(ops.sum(there, 2), 1.0)
    x = layers.Add()([layers.Embedding(len(encoder.words) + 2, WIDTH)(words), pieces])
    x = layers.Dropout(0.1, noise_shape=(None, encoder.tokens, 1))(x)  # whole words
    x = layers.SpatialDropout1D(0.2)(x)
    if kind == "gru":
        x = layers.Bidirectional(layers.GRU(64, return_sequences=True))(x)
        shares = layers.Softmax(axis=1)(layers.Dense(1)(x))
        found = [ops.sum(x * shares, 1), layers.GlobalMaxPooling1D()(x)]
    else:
        convolved = [
            layers.Conv1D(WIDTH, n, padding="same", activation="relu")(x) for n in (2, 3, 4, 5)
        ]
        found = [layers.GlobalMaxPooling1D()(each) for each in convolved]
    if kind == "mix":
        # A sparse vector times a matrix: rows of the matrix, weighted and added.
        rows = layers.Embedding(len(encoder.features) + 1, 64)(places)
        share = layers.Dropout(0.4)(weights)
        found.append(layers.Activation("relu")(layers.Dot(1)([share, rows])))
    x = layers.Dropout(0.5)(layers.Concatenate()(found))
    outputs = layers.Dense(classes, "softmax")(x)
    return keras.Model([words, hashes, places, weights][: inputs_of(kind)], outputs)
