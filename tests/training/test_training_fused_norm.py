"""Fused batch norms against Keras's own."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from autoarch.data.dataset import ImageSet
from autoarch.spaces import MobileSpace
from autoarch.training.augment import make_augmenter
from autoarch.training.fit import Trainer
from autoarch.training.fused_norm import FusedBatchNormalization, fuse_batch_norms


def network(shape: tuple[int, ...], policy: str = "float32") -> keras.Model:
    """One batch norm, of factors and statistics that are not those it begins with."""
    entry = keras.Input(shape)
    norm = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-3, dtype=policy)
    model = keras.Model(entry, norm(entry))
    random = np.random.default_rng(0)
    norm.set_weights([random.uniform(0.5, 2, shape[-1:]) for _ in range(4)])
    return model


def step(model: keras.Model, x: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
    """Outputs in training, gradients, and the weights afterwards."""

    @tf.function(autograph=False)
    def run(x: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.cast(model(x, training=True), tf.float32)
            loss = tf.reduce_sum(y * weights)
        return y, tape.gradient(loss, [x, *model.trainable_variables])

    y, gradients = run(tf.constant(x, tf.float32))
    return [y.numpy(), *(g.numpy() for g in gradients), *model.get_weights()]


@pytest.mark.parametrize("shape", [(7,), (9, 5), (6, 4, 8)])
def test_training_is_that_of_keras(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(1)
    x = random.normal(2.0, 3.0, (16, *shape)).astype(np.float32)
    weights = random.normal(size=x.shape).astype(np.float32)
    plain, fused = network(shape), network(shape)
    fuse_batch_norms(fused)
    assert isinstance(fused.layers[1], FusedBatchNormalization)
    for a, b in zip(step(plain, x, weights), step(fused, x, weights), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)


def test_what_is_computed_is_algorithm_1() -> None:
    random = np.random.default_rng(2)
    x = random.normal(1.0, 2.0, (8, 3, 3, 4)).astype(np.float32)
    model = network((3, 3, 4))
    fuse_batch_norms(model)
    gamma, beta, moving_mean, moving_variance = model.get_weights()
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    found = model(x, training=True).numpy()
    expected = gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        model.get_weights()[2:],
        [0.9 * moving_mean + 0.1 * mean, 0.9 * moving_variance + 0.1 * variance],
        rtol=1e-5,
    )


@pytest.mark.parametrize("updates", [1, 2])
def test_what_statistics_began_with_is_soon_forgotten(updates: int) -> None:
    """Keras keeps 0.9 ** 8, 0.43 of it, after eight steps."""
    x = np.random.default_rng(5).normal(3.0, 2.0, (64, 4)).astype(np.float32)
    model, kept = network((4,)), np.float64(1.0)
    forgetting = fuse_batch_norms(model, updates=updates)
    _, _, before, _ = model.get_weights()
    for step in range(8):
        with forgetting.in_step(step):
            for _ in range(updates):
                model(x, training=True)
        kept *= (1 + step) / (10 + step)
    assert kept < 1e-4
    expected = kept * before + (1 - kept) * x.mean(0)
    np.testing.assert_allclose(model.get_weights()[2], expected, rtol=1e-5)
    before = model.get_weights()[2]
    with forgetting.in_step(1000):  # as Keras by then
        for _ in range(updates):
            model(2 * x, training=True)
    expected = 0.9 * before + 0.1 * 2 * x.mean(0)
    np.testing.assert_allclose(model.get_weights()[2], expected, rtol=1e-5)


def test_a_deep_network_answers_by_what_it_has_learned_after_a_few_steps() -> None:
    """Which half of a picture is darker; after these 12 steps Keras's statistics are at chance."""
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=256)
    images = rng.integers(0, 255, (256, 16, 16, 1)).astype(np.uint8)
    images[labels == 1, :8] //= 2
    images[labels == 0, 8:] //= 2
    data = ImageSet(images, labels.astype(np.int64), ("",) * 256)
    candidate = MobileSpace((16, 16, 1), 2, width=8).candidate({})
    augment = make_augmenter((16, 16, 1), 2)
    trainer = Trainer(candidate.architecture, candidate.recipe, data, augment, seed=0)
    trainer.train(lambda epochs: epochs / 3, lambda share: 1.0 - share, planned_epochs=3)
    answers = trainer.predict_proba(images).argmax(1)
    assert trainer.steps == 12 and (answers == labels).mean() > 0.9


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_keeps_statistics_in_full(policy: str) -> None:
    x = np.random.default_rng(3).normal(0, 1, (32, 4, 4, 8)).astype(np.float32)
    ones = np.ones_like(x)
    plain, fused = network((4, 4, 8), policy), network((4, 4, 8), policy)
    fuse_batch_norms(fused)
    (y, *_, mean, variance), (y2, *_, mean2, variance2) = step(plain, x, ones), step(fused, x, ones)
    np.testing.assert_allclose(y, y2, rtol=0.03, atol=0.03)
    np.testing.assert_allclose([mean, variance], [mean2, variance2], rtol=0.01, atol=0.01)
    assert all(weight.dtype == np.float32 for weight in fused.get_weights())


def test_inference_is_left_alone_and_so_is_what_does_not_train() -> None:
    x = np.random.default_rng(4).normal(size=(4, 2, 2, 3)).astype(np.float32)
    plain, fused = network((2, 2, 3)), network((2, 2, 3))
    fuse_batch_norms(fused)
    np.testing.assert_array_equal(plain(x, training=False), fused(x, training=False))
    fused.layers[1].trainable = False
    before = fused.get_weights()
    np.testing.assert_array_equal(plain(x, training=False), fused(x, training=True))
    np.testing.assert_array_equal(before, fused.get_weights())


def test_norms_over_other_axes_stay_as_they_are() -> None:
    entry = keras.Input((4, 3))
    model = keras.Model(entry, keras.layers.BatchNormalization(axis=1)(entry))
    fuse_batch_norms(model)
    assert type(model.layers[1]) is keras.layers.BatchNormalization
