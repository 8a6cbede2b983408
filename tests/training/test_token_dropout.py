"""Tokens and ids that are left out, counted."""

import numpy as np
import pytest
import tensorflow as tf

from autoarch.training.recipe import Recipe
from autoarch.training.token_dropout import IDS, TOKENS, make_token_dropout, strengths

SHAPE, CLASSES = (40, 5), 3


def augmented(augmentation, seed=1):
    augment = make_token_dropout(SHAPE, CLASSES)
    recipe = Recipe(augmentation=augmentation, label_smoothing=0.1)
    ids = np.arange(1, 1 + 64 * 200, dtype=np.uint16).reshape(64, *SHAPE)
    labels = np.zeros(64, np.int64)
    x, y = augment(ids, labels, tf.constant([seed, 0]), tf.constant(strengths(recipe)))
    return ids, np.asarray(x), np.asarray(y)


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_so_many_tokens_and_ids_are_left_out(strength):
    ids, x, _ = augmented(strength)
    assert ((x == ids) | (x == 0)).all()
    whole = (x == 0).all(axis=2)
    by_chance = (IDS * strength) ** SHAPE[1]  # all ids of a token one by one
    assert whole.mean() == pytest.approx(TOKENS * strength + by_chance, abs=0.02)
    assert (x[~whole] == 0).mean() == pytest.approx(IDS * strength, abs=0.02)


def test_labels_are_smoothed_and_a_seed_repeats_it():
    _, x, y = augmented(1.0)
    assert y[0] == pytest.approx([0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3])
    assert (augmented(1.0)[1] == x).all() and (augmented(1.0, seed=2)[1] != x).any()
