"""Pointwise convolutions with a stride: the same answers, and gradients that end no process."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from autoarch.architecture import INPUT, GraphBuilder
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.pooling import GlobalAveragePool2D
from autoarch.training.sliced_conv import SlicedConv2D, slice_convolutions


@pytest.mark.parametrize("side", [7, 8])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_gradients_are_those_of_the_formula(side, channels):
    inputs = keras.Input((side, side, channels))
    model = keras.Model(inputs, keras.layers.Conv2D(5, 1, strides=2, padding="same")(inputs))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, side, side, channels)).astype(np.float32)
    model.set_weights([rng.normal(size=w.shape) for w in model.weights])
    before = model(x).numpy()
    slice_convolutions(model)
    (layer,) = (found for found in model.layers if isinstance(found, SlicedConv2D))
    with tf.GradientTape() as tape:
        answers = model(x, training=True)
        loss = tf.reduce_sum(answers**2) / 2
    kernel, bias = tape.gradient(loss, model.trainable_variables)
    np.testing.assert_allclose(answers, before, atol=1e-5)
    read = x[:, ::2, ::2]
    np.testing.assert_allclose(
        kernel[0, 0], np.einsum("bhwc,bhwf->cf", read, before), rtol=1e-4, atol=1e-3
    )
    np.testing.assert_allclose(bias, before.sum((0, 1, 2)), rtol=1e-4, atol=1e-3)
    assert layer.count_params() == (channels + 1) * 5


def test_only_those_at_risk_are_changed():
    graph = GraphBuilder((8, 8, 3))
    x = graph.add(Conv2D(4, 1, stride=2), INPUT, name="few")
    x = graph.add(Conv2D(8, 3, stride=2), x, name="wide")
    x = graph.add(Conv2D(8, 1), x, name="still")
    x = graph.add(Conv2D(4, 1, stride=2), x, name="many")
    x = graph.add(GlobalAveragePool2D(), x, name="pool")
    graph.add(Dense(2), x, name="logits")
    model = graph.finish().build()
    slice_convolutions(model)
    assert [layer.name for layer in model.layers if isinstance(layer, SlicedConv2D)] == ["few"]
