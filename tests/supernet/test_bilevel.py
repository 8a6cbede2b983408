"""Hypergradients against closed forms and against a tape through the step."""

import numpy as np
import tensorflow as tf

from autoarch.supernet.bilevel import first_order, second_order

RANDOM = np.random.default_rng(0)


def gradients_of(loss):
    def gradients(weights, choices, batch):
        with tf.GradientTape() as tape:
            tape.watch([weights, choices])
            value = loss(weights, choices, batch)
        return value, *tape.gradient(
            value, [weights, choices], unconnected_gradients=tf.UnconnectedGradients.ZERO
        )

    return gradients


def test_the_closed_form_of_a_quadratic():
    """train: (w - A c)^2 / 2, valid: (w - t)^2 / 2: after a step of rate r
    w' = w - r (w - A c), so that the gradient by c is r A^T (w' - t)."""
    matrix = RANDOM.normal(size=(3, 2)).astype(np.float32)
    target = RANDOM.normal(size=3).astype(np.float32)
    weights, choices = (tf.constant(RANDOM.normal(size=n), tf.float32) for n in (3, 2))

    def loss(w, c, batch):
        return (
            tf.reduce_sum((w - (tf.linalg.matvec(matrix, c) if batch == "train" else target)) ** 2)
            / 2
        )

    rate = 0.3
    value, by_choices = second_order(gradients_of(loss), weights, choices, "valid", "train", rate)
    ahead = weights - rate * (weights - matrix @ choices.numpy())
    np.testing.assert_allclose(by_choices, rate * matrix.T @ (ahead.numpy() - target), rtol=1e-3)
    np.testing.assert_allclose(value, np.sum((ahead - target) ** 2) / 2, rtol=1e-5)
    # the choices are not in this loss: without the step there is nothing to see
    assert not np.any(first_order(gradients_of(loss), weights, choices, "valid")[1])


def test_a_tape_through_the_step_agrees():
    def loss(w, c, batch):
        x, y = batch
        hidden = tf.tanh(x @ tf.reshape(w[:6], (3, 2)) * tf.nn.softmax(c))
        return tf.reduce_mean((hidden @ w[6:, None] - y) ** 2)

    def batch(seed):
        drawn = np.random.default_rng(seed).normal(size=(16, 4)).astype(np.float32)
        return tf.constant(drawn[:, :3]), tf.constant(drawn[:, 3:])

    weights, choices = (tf.constant(RANDOM.normal(size=n), tf.float32) for n in (8, 2))
    train, valid, rate = batch(1), batch(2), 0.5
    with tf.GradientTape() as outer:
        outer.watch(choices)
        with tf.GradientTape() as inner:
            inner.watch(weights)
            before = loss(weights, choices, train)
        after = loss(weights - rate * inner.gradient(before, weights), choices, valid)
    exact = outer.gradient(after, choices).numpy()
    _, found = second_order(gradients_of(loss), weights, choices, valid, train, rate)
    _, rough = first_order(gradients_of(loss), weights, choices, valid)
    np.testing.assert_allclose(found, exact, rtol=0.02, atol=1e-4)
    assert np.abs(rough - exact).max() > 5 * np.abs(found - exact).max()
