"""AdamW and Muon in one optimizer, against Keras's and against plain linear algebra."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from autoarch.spaces import SpeechSpace, get_space
from autoarch.training import optimizer as module
from autoarch.training.optimizer import (
    COEFFICIENTS,
    ITERATIONS,
    RMS,
    MuonAdamW,
    nearest_orthogonal,
    orthogonal_kernels,
)

START = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
NAMES = "first", "second"
OPTIONS = {"weight_decay": 0.1, "global_clipnorm": 5.0}


def moved(optimizer, start=START, sparse=False):
    """Two equal variables after four steps."""
    weights = [keras.Variable(start, name=name) for name in NAMES]
    rng = np.random.default_rng(1)
    for step in range(4):
        gradients = [tf.constant(rng.normal(size=start.shape) * 10.0**step, tf.float32)] * 2
        if sparse:
            rows = tf.constant(rng.normal(size=(3, 4)), tf.float32)
            gradients[1] = tf.IndexedSlices(rows, tf.constant([1, 4, 1]), tf.constant(start.shape))
        optimizer.apply_gradients(zip(gradients, weights))
    return [weight.numpy() for weight in weights]


def test_what_muon_does_not_move_is_moved_as_by_keras_adamw():
    """Dense and sparse gradients, weight decay and clipping."""
    kinds = MuonAdamW, keras.optimizers.AdamW
    ours, theirs = (moved(kind(0.1, epsilon=1e-3, **OPTIONS), sparse=True) for kind in kinds)
    assert np.allclose(ours, theirs, atol=1e-5)
    assert min(np.abs(weight - START).max() for weight in ours) > 0.1


@pytest.mark.parametrize("start", [START, START.T.copy()], ids=["tall", "wide"])
def test_what_muon_moves_is_moved_as_by_keras_muon(start):
    found = moved(MuonAdamW(0.1, orthogonal=NAMES, **OPTIONS), start)
    # Its decay of the weights that AdamW moves has a setting of its own.
    assert np.allclose(found, moved(keras.optimizers.Muon(0.1, **OPTIONS), start), atol=1e-4)
    assert np.abs(found[0] - start).max() > 0.1


def test_the_rate_is_that_of_the_orthogonal_alone():
    """At twice the rate one step without decay is twice as long; its size is known."""
    lengths = []
    for rate in (1.0, 2.0):
        kernel, other = keras.Variable(START, name="kernel"), keras.Variable(START, name="other")
        optimizer = MuonAdamW(0.01, weight_decay=0.0, orthogonal=[kernel.path], rate=rate)
        gradient = tf.constant(np.random.default_rng(2).normal(size=START.shape), tf.float32)
        optimizer.apply_gradients([(gradient, kernel), (gradient, other)])
        lengths.append([np.sqrt(np.mean((w.numpy() - START) ** 2)) for w in (kernel, other)])
    (kernel, other), (twice, same) = lengths
    assert kernel == pytest.approx(0.01 * RMS, rel=0.2) and other == same
    assert twice == pytest.approx(2 * kernel, rel=1e-3)


@pytest.mark.parametrize("shape", [(40, 8), (8, 40), (12, 12), (5, 1)])
def test_singular_values_become_about_one_and_vectors_stay(shape):
    """Against the polynomial applied to the singular values, in double precision."""
    rng = np.random.default_rng(3)
    u, s, vt = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
    s = s * np.logspace(0, -1.5, len(s))
    expected = s / np.linalg.norm(s)
    for _ in range(ITERATIONS):
        expected = sum(c * expected**power for c, power in zip(COEFFICIENTS, (1, 3, 5)))
    assert expected.min() > 0.5 and expected.max() < 1.25
    found = nearest_orthogonal(tf.constant((u * s) @ vt, tf.float32)).numpy()
    assert np.allclose(found, (u * expected) @ vt, atol=1e-3)


def test_no_gradient_moves_nothing():
    assert (nearest_orthogonal(tf.zeros((6, 4))).numpy() == 0).all()


def test_muon_moves_dense_convolutions_behind_the_first():
    space = get_space("residual")((16, 16, 3), 10, width=8)
    model = space.candidate({}).architecture.build()
    names = set(orthogonal_kernels(model))
    others = {w.path for w in model.trainable_weights if len(w.shape) > 1} - names
    assert others == {"stem_conv/kernel", "head_logits/kernel"}
    assert len(names) > 3

    pixels = keras.Input((8, 8, 8))
    inner = keras.Sequential([keras.layers.Conv2D(4, 3)], name="pretrained")
    grouped = keras.layers.Conv2D(4, 3, groups=2)(inner(pixels))
    frozen = keras.layers.Conv2D(4, 1, trainable=False)(grouped)
    model = keras.Model(pixels, keras.layers.DepthwiseConv2D(3)(frozen))
    assert orthogonal_kernels(model) == []


def test_networks_with_a_norm_behind_each_kernel_are_normalised():
    image = get_space("residual")((16, 16, 3), 3, width=8)
    assert module.is_normalised(image.candidate({}).architecture.build())
    sound = SpeechSpace((4000,), 3, rate=8000, width=8).candidate({}).architecture.build()
    assert module.is_normalised(sound)  # the kernels of its front-end do not learn
    gated = image.candidate({"squeeze_excite": True}).architecture.build()
    assert not module.is_normalised(gated)  # the gates' kernels have no norms


def test_other_networks_are_not():
    layers = keras.layers
    pixels = layers.Input((8, 8, 3))
    plain = keras.Sequential([pixels, layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2)])
    assert not module.is_normalised(plain)
    ids = keras.Sequential([layers.Input((8,)), layers.Embedding(5, 4), layers.GRU(4)])
    assert not module.is_normalised(ids)
    backbone = keras.Sequential([pixels, layers.Conv2D(4, 3), layers.BatchNormalization()])
    assert not module.is_normalised(keras.Sequential([pixels, backbone, layers.Conv2D(4, 1)]))
