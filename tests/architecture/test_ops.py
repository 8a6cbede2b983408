"""One gate for all ops: each builds, keeps its declared shape and counts, survives a config round
trip and one training step."""

from dataclasses import asdict

import keras
import numpy as np
import pytest
import tensorflow as tf

from autoarch.architecture.ops import OPS, op_from_config
from autoarch.architecture.ops.keras_model import describe
from autoarch.errors import InvalidArchitectureError

IMAGE = (6, 5, 8)
SEQUENCE = (7, 8)
IDS = (4, 5)
SOUND = (100,)
KERAS_MODEL = keras.Sequential(
    [
        keras.Input(IMAGE),
        keras.layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False),
        keras.layers.BatchNormalization(),
        keras.layers.DepthwiseConv2D(3, use_bias=False),
        keras.layers.Flatten(),
        keras.layers.Dense(3, activation="softmax"),
    ]
)
CASES = {
    "activation": [({"function": name}, [IMAGE]) for name in ("relu", "hard_silu", "softmax")],
    "add": [({}, [IMAGE, IMAGE]), ({}, [(4,), (4,), (4,)])],
    "add_channel": [({}, [(5, 4)])],
    "average_pool2d": [({}, [IMAGE]), ({"size": 3, "stride": 1}, [IMAGE])],
    "batch_norm": [({}, [IMAGE]), ({}, [(7,)])],
    "blend": [({"share": 0.3}, [(4,), (4,)])],
    "cepstrum": [({"coefficients": 3}, [(5, 4)])],
    "columns": [({"start": 1, "count": 3}, [IDS])],
    "concat": [({}, [IMAGE, (6, 5, 3)])],
    "conv2d": [
        ({"filters": 4}, [IMAGE]),
        ({"filters": 4, "kernel": 5, "stride": 2, "use_bias": True}, [IMAGE]),
        ({"filters": 8, "kernel": 1, "groups": 4}, [IMAGE]),
    ],
    "conv1d": [
        ({"filters": 4}, [SEQUENCE]),
        ({"filters": 4, "dilation": 2}, [SEQUENCE]),
        ({"filters": 4, "kernel": 9, "stride": 2, "use_bias": False}, [SEQUENCE]),
    ],
    "dense": [({"units": 3}, [(7,)])],
    "depthwise_conv2d": [({}, [IMAGE]), ({"kernel": 5, "stride": 2}, [IMAGE])],
    "dilated_depthwise_conv2d": [({}, [IMAGE]), ({"kernel": 5, "dilation": 3}, [IMAGE])],
    "dropout": [({"rate": 0.5}, [IMAGE])],
    "embedding_bag": [
        ({"ids": 9, "size": 4}, [IDS]),
        ({"ids": 9, "size": 4, "per_row": True, "scaled": True}, [IDS]),
        ({"ids": 9, "size": 4, "scaled": True, "from_zero": True}, [IDS]),
        ({"ids": 9, "size": 4, "per_row": True, "frozen": True}, [IDS]),
    ],
    "frozen_batch_norm": [({}, [IMAGE])],
    "global_average_pool1d": [({}, [SEQUENCE])],
    "global_average_pool2d": [({}, [IMAGE])],
    "global_max_pool1d": [({}, [SEQUENCE])],
    "global_max_pool2d": [({}, [IMAGE])],
    "keras_model": [(asdict(describe(KERAS_MODEL)), [IMAGE])],
    "layer_norm": [({}, [SEQUENCE]), ({}, [(7,)])],
    "log_mel": [
        ({"rate": 1000, "window": 30, "hop": 10, "bands": 4}, [SOUND]),
        ({"rate": 1000, "window": 25, "hop": 10, "bands": 4, "low_hz": 0.0}, [(103,)]),
    ],
    "loudness": [({}, [SOUND])],
    "max_pool2d": [({}, [IMAGE]), ({"size": 3, "stride": 1}, [IMAGE])],
    "oblong_conv2d": [
        ({"filters": 4}, [IMAGE]),
        ({"filters": 4, "height": 1, "width": 9, "stride": 2, "use_bias": True}, [(1, 9, 4)]),
        ({"filters": 3, "height": 7, "width": 1, "stride": 2}, [IMAGE]),
    ],
    "probability_mean": [({"weights": [0.75, 0.25]}, [(4,), (4,)]), ({"weights": [1.0]}, [(4,)])],
    "recurrent": [({"units": 3, "cell": cell}, [SEQUENCE]) for cell in ("gru", "lstm")],
    "rescale": [({}, [IMAGE])],
    "self_attention": [({"heads": 2, "size": 3}, [SEQUENCE])],
    "separable_conv1d": [({"filters": 4, "kernel": 5}, [SEQUENCE])],
    "squeeze_excite": [({}, [IMAGE]), ({"ratio": 3, "gate": "sigmoid"}, [IMAGE])],
    "zero": [({}, [IMAGE])],
}


def test_every_op_is_tried():
    assert set(CASES) == set(OPS)


@pytest.mark.parametrize(
    ("kind", "fields", "shapes"),
    [(kind, fields, shapes) for kind, cases in CASES.items() for fields, shapes in cases],
)
def test_op_gate(kind, fields, shapes):
    op = op_from_config({"kind": kind, **fields})
    assert op_from_config(op.config()) == op

    of_ids = kind in ("columns", "embedding_bag")
    inputs = [keras.Input(shape, dtype="int32" if of_ids else "float32") for shape in shapes]
    model = keras.Model(inputs, op.apply(inputs, name="op", dtype="float32"))
    assert model.output_shape[1:] == op.output_shape(*shapes)
    assert sum(v.numpy().size for v in model.trainable_weights) == op.trainable_params(*shapes)
    state = [v for v in model.non_trainable_weights if "seed" not in v.path]
    assert sum(v.numpy().size for v in state) == op.state_params(*shapes)
    if axes := op.weight_axes():
        variables = {v.path.removeprefix("op"): len(v.shape) for v in model.weights}
        assert {end: len(letters) for end, letters in axes.items()} == variables

    batch = [tf.random.stateless_normal((4, *shape), [i, 0]) for i, shape in enumerate(shapes)]
    if of_ids:
        batch = [tf.cast(tf.abs(x) * 3, tf.int32) for x in batch]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(batch, training=True) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(np.isfinite(tf.convert_to_tensor(g)).all() for g in gradients)


@pytest.mark.parametrize(
    "kind",
    ["conv2d", "depthwise_conv2d", "dilated_depthwise_conv2d", "dense", "oblong_conv2d",
     "squeeze_excite"],
)  # fmt: skip
def test_multiply_adds_equal_those_of_the_written_out_sum(kind):
    """Each output element of a linear layer is a sum over its window: count the products.

    The count is taken from the built layers' kernels and outputs, not from the op.
    """
    for fields, shapes in CASES[kind]:
        op = op_from_config({"kind": kind, **fields})
        inputs = [keras.Input(shape) for shape in shapes]
        model = keras.Model(inputs, op.apply(inputs, name="op", dtype="float32"))
        products = 0
        for layer in model.layers:
            if isinstance(layer, keras.layers.DepthwiseConv2D):
                size, _, _, multiplier = layer.kernel.shape
                products += int(np.prod(layer.output.shape[1:])) * size * size * multiplier
            elif isinstance(layer, keras.layers.Conv2D):
                products += int(np.prod(layer.output.shape[1:3])) * int(np.prod(layer.kernel.shape))
            elif isinstance(layer, keras.layers.Dense):
                products += int(np.prod(layer.kernel.shape))
        assert op.macs(*shapes) == products


@pytest.mark.parametrize(
    ("config", "shapes"),
    [
        ({"kind": "add"}, [IMAGE, (6, 5, 4)]),
        ({"kind": "conv2d", "filters": 4, "groups": 3}, [IMAGE]),
        ({"kind": "conv2d", "filters": 4}, [(7,)]),
        ({"kind": "dense", "units": 3}, [IMAGE]),
        ({"kind": "concat"}, [IMAGE]),
        ({"kind": "probability_mean", "weights": [1.0]}, [(4,), (4,)]),
        ({"kind": "probability_mean", "weights": [0.5, 0.5]}, [(4,), (5,)]),
    ],
)
def test_inputs_that_do_not_fit_are_refused(config, shapes):
    with pytest.raises(InvalidArchitectureError, match="cannot take inputs"):
        op_from_config(config).output_shape(*shapes)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"kind": "warp"}, "Unknown op kind 'warp'"),
        ({"kind": "conv2d", "filters": 0}, "`filters` of Conv2D must be a positive int; got 0"),
        ({"kind": "conv2d", "filters": 4, "colour": 1}, "colour"),
        ({"kind": "dropout", "rate": 1.5}, "`rate` of Dropout"),
        ({"kind": "probability_mean", "weights": [0.5, 0.6]}, "`weights` of ProbabilityMean"),
        ({"kind": "activation", "function": "exec"}, "`function` of Activation"),
    ],
)
def test_bad_settings_are_refused(config, message):
    with pytest.raises(InvalidArchitectureError, match=message):
        op_from_config(config)
