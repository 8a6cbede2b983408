"""Which tokens a text model goes by, found by leaving them out (occlusion)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from autoarch.data.text import TextSet
from autoarch.data.tokenizer import shortened, tokens_of
from autoarch.training.fit import Array

TEXTS = 200
"""Texts that are looked at."""
SHOWN = 8
"""Tokens shown of each class."""
USUAL = 0.98
"""Share of the texts that the histogram's bins are made for."""
FEWEST = 2
"""Texts that a token must occur in."""


def without(ids: Array, row: int) -> Array:
    """The ids of one text, `(rows, columns)`, without the token of a row and its n-grams."""
    left = ids.copy()
    left[row] = 0
    left[max(0, row - 1) : row, 1:3] = 0
    left[max(0, row - 2) : row, 2] = 0
    return left


def token_effects(
    predict_proba: Callable[[Array], Array], examples: TextSet, classes: tuple[str, ...]
) -> list[dict[str, Any]]:
    """The tokens of each class whose absence lowers its probability most.

    Args:
        predict_proba: Ids to probabilities `(n, classes)`.
        examples: Texts to look at; the first `TEXTS` of them.
        classes: Class names.

    Returns:
        For each class `{"class", "tokens": [[token, mean drop of the probability, texts]]}`, over
        the texts that are answered with it.

    Source: Zeiler and Fergus (2014), section 4.2; Li et al. (2016) for words.
    """
    count = min(TEXTS, len(examples))
    rows = examples.inputs.shape[1]
    before = predict_proba(examples.inputs[:count])
    answers = before.argmax(axis=1)
    drops: dict[tuple[int, str], list[float]] = defaultdict(list)
    for i in range(count):
        tokens = shortened(tokens_of(examples.texts[i]), rows)
        if not tokens:
            continue
        occluded = np.stack([without(examples.inputs[i], row) for row in range(len(tokens))])
        after = predict_proba(occluded)[:, answers[i]]
        largest: dict[str, float] = {}
        for token, probability in zip(tokens, after):
            drop = float(before[i, answers[i]] - probability)
            largest[token] = max(drop, largest.get(token, -1.0))
        for token, drop in largest.items():
            drops[int(answers[i]), token].append(drop)
    found = []
    for index, name in enumerate(classes):
        means = [
            (token, float(np.mean(values)), len(values))
            for (answer, token), values in drops.items()
            if answer == index and len(values) >= FEWEST and np.mean(values) > 0
        ]
        ranked = sorted(means, key=lambda mean: (-mean[1], mean[0]))[:SHOWN]
        found.append({"class": name, "tokens": [list(mean) for mean in ranked]})
    return found


def length_histogram(lengths: list[int], bins: int = 12) -> list[list[int]]:
    """`[from, to, texts]` of bins of equal width over the numbers of tokens.

    Where a few texts are far longer than the others, a last bin more holds them all: otherwise one
    book among reviews would put all reviews into one bin.
    """
    if not lengths:
        return []
    numbers = np.asarray(lengths, np.int64)
    longest, usual = int(numbers.max()), int(np.quantile(numbers, USUAL))
    width = -(-((longest if longest < 2 * usual else usual) + 1) // bins)
    counts = np.bincount(np.minimum(numbers // width, bins))
    found = [[i * width, (i + 1) * width - 1, int(n)] for i, n in enumerate(counts)]
    if len(found) > bins:
        found[-1][1] = longest
    return found
