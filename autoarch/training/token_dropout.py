"""Augmentation of a batch of token ids: ids and whole tokens left out at random."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from autoarch.training.augment import Augmenter, compile_augmenter, random_numbers, smoothed
from autoarch.training.recipe import Recipe

TOKENS = 0.1
IDS = 0.3
"""Shares left out at strength 1: of the tokens, and of the ids of those that stay."""


def strengths(recipe: Recipe) -> tuple[float, float, float]:
    """Share of tokens, share of ids, label smoothing."""
    return TOKENS * recipe.augmentation, IDS * recipe.augmentation, recipe.label_smoothing


def make_token_dropout(shape: tuple[int, ...], classes: int) -> Augmenter:
    """Compiles the augmentation for ids of one shape.

    Args:
        shape: `(rows, columns)`.
        classes: Number of classes.

    Returns:
        It takes uint16 ids `(n, rows, columns)` and gives int32 ones.
    """

    def augment(ids: Any, targets: Any, seed: Any, numbers: Any) -> Any:
        tokens, single, smoothing = tf.unstack(numbers)
        n = tf.shape(ids)[0]
        stays = random_numbers(seed, 0, (n, shape[0], 1)) >= tokens
        kept = random_numbers(seed, 1, (n, *shape)) >= single
        x = tf.where(stays & kept, tf.cast(ids, tf.int32), 0)
        return x, smoothed(targets, smoothing)

    return compile_augmenter(augment, strengths, shape, tf.uint16, classes)
