"""A network run on shared weights: each op at once, nothing traced.

A trace of a network takes longer than a hundred of its steps, and in a supernet every step is
another network; see ARCHITECTURE.md for what the alternatives cost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from autoarch.architecture import INPUT, Architecture
from autoarch.supernet.bank import cannot_share, slots_of

Weights = Mapping[str, Any]
"""Tensors by their path in the Keras model, such as `stem_conv/kernel`."""

Normalise = Callable[[str, Any, Any, Any, float], Any]
"""Batch norm: from the layer's name, its input, factor, addend and epsilon to its result."""


class BatchStatistics:
    """Batch norm by the batch at hand, as in training; remembers what it saw.

    Attributes:
        seen: Mean and variance of each layer's channels, by the layer's name.
    """

    def __init__(self) -> None:
        self.seen: dict[str, tuple[Any, Any]] = {}

    def __call__(self, name: str, x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
        result = tf.raw_ops.FusedBatchNormV3(
            x=_as_image(x), scale=gamma, offset=beta, mean=(), variance=(), epsilon=epsilon
        )
        self.seen[name] = (result.batch_mean, result.batch_variance)
        return _like(x, result.y)


class GivenStatistics:
    """Batch norm by statistics that were seen before, as in inference."""

    def __init__(self, seen: Mapping[str, tuple[Any, Any]]):
        self._seen = seen

    def __call__(self, name: str, x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
        mean, variance = self._seen[name]
        result = tf.raw_ops.FusedBatchNormV3(
            x=_as_image(x),
            scale=gamma,
            offset=beta,
            mean=mean,
            variance=variance,
            epsilon=epsilon,
            is_training=False,
        )
        return _like(x, result.y)


def _as_image(x: Any) -> Any:
    return x if len(x.shape) == 4 else x[:, None, None, :]


def _like(x: Any, y: Any) -> Any:
    return y if len(x.shape) == 4 else tf.reshape(y, x.shape)


def run_path(architecture: Architecture, x: Any, weights: Weights, normalise: Normalise) -> Any:
    """The network's logits.

    Args:
        architecture: One that `require_sharing` accepts. Dropout is left out: what shares weights
            underfits.
        x: `(n, *input_shape)`, in the type to compute in.
        weights: Kernels of that type, factors and addends of batch norms float32.
        normalise: What batch norms do.

    Returns:
        float32 `(n, classes)`.
    """
    results: dict[str, Any] = {INPUT: x}
    for node in architecture.live_nodes:
        inputs = [results[name] for name in node.inputs]
        function = FUNCTIONS[node.op.kind]
        results[node.name] = function(node.op, inputs, weights, node.layer_name, normalise)
    return tf.cast(results[architecture.nodes[-1].name], tf.float32)


def require_sharing(architecture: Architecture) -> None:
    """Raises `InvalidInputError` where a network cannot be a path of a supernet."""
    slots_of(architecture)
    for node in architecture.live_nodes:
        if node.op.kind not in FUNCTIONS:
            raise cannot_share(node.op)


def _conv2d(op: Any, inputs: list[Any], weights: Weights, name: str, _: Normalise) -> Any:
    strides = [1, op.stride, op.stride, 1]
    kernel = weights[f"{name}/kernel"]
    y = tf.raw_ops.Conv2D(input=inputs[0], filter=kernel, strides=strides, padding="SAME")
    return y + weights[f"{name}/bias"] if op.use_bias else y


def _depthwise(op: Any, inputs: list[Any], weights: Weights, name: str, _: Normalise) -> Any:
    y = tf.raw_ops.DepthwiseConv2dNative(
        input=inputs[0],
        filter=weights[f"{name}/kernel"],
        strides=[1, op.stride, op.stride, 1],
        padding="SAME",
    )
    return y + weights[f"{name}/bias"] if op.use_bias else y


def _dilated_depthwise(op: Any, inputs: list[Any], weights: Weights, name: str, _: Any) -> Any:
    kernel = weights[f"{name}/kernel"]
    y = tf.nn.depthwise_conv2d(
        inputs[0], kernel, [1, 1, 1, 1], "SAME", dilations=[op.dilation, op.dilation]
    )
    return y + weights[f"{name}/bias"] if op.use_bias else y


def _batch_norm(op: Any, inputs: list[Any], weights: Weights, name: str, norm: Normalise) -> Any:
    return norm(name, inputs[0], weights[f"{name}/gamma"], weights[f"{name}/beta"], op.epsilon)


def _dense(op: Any, inputs: list[Any], weights: Weights, name: str, _: Normalise) -> Any:
    return tf.matmul(inputs[0], weights[f"{name}/kernel"]) + weights[f"{name}/bias"]


def _hard_sigmoid(x: Any) -> Any:
    return tf.nn.relu6(x + 3.0) * (1.0 / 6.0)


_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
    "silu": lambda x: x * tf.sigmoid(x),
    "hard_silu": lambda x: x * _hard_sigmoid(x),
    "gelu": tf.nn.gelu,
    "sigmoid": tf.sigmoid,
    "hard_sigmoid": _hard_sigmoid,
    "softmax": tf.nn.softmax,
}


def _squeeze_excite(op: Any, inputs: list[Any], weights: Weights, name: str, _: Normalise) -> Any:
    (x,) = inputs
    gate = tf.reduce_mean(x, [1, 2])
    gate = tf.matmul(gate, weights[f"{name}_reduce/kernel"][0, 0])
    gate = tf.nn.relu(gate + weights[f"{name}_reduce/bias"])
    gate = tf.matmul(gate, weights[f"{name}_expand/kernel"][0, 0])
    gate = _ACTIVATIONS[op.gate](gate + weights[f"{name}_expand/bias"])
    return x * gate[:, None, None, :]


def _mix(op: Any, inputs: list[Any], weights: Weights, *_: Any) -> Any:
    gates = tf.cast(weights[op.choice], inputs[0].dtype)
    return tf.add_n([x * gates[place] for place, x in enumerate(inputs)])


def _window(op: Any) -> dict[str, Any]:
    return {
        "ksize": [1, op.size, op.size, 1],
        "strides": [1, op.stride, op.stride, 1],
        "padding": "SAME",
    }


FUNCTIONS: dict[str, Callable[[Any, list[Any], Weights, str, Normalise], Any]] = {
    "conv2d": _conv2d,
    "oblong_conv2d": _conv2d,
    "depthwise_conv2d": _depthwise,
    "dilated_depthwise_conv2d": _dilated_depthwise,
    "batch_norm": _batch_norm,
    "dense": _dense,
    "squeeze_excite": _squeeze_excite,
    "activation": lambda op, inputs, *_: _ACTIVATIONS[op.function](inputs[0]),
    "add": lambda op, inputs, *_: tf.add_n(inputs),
    "mix": _mix,
    "concat": lambda op, inputs, *_: tf.concat(inputs, -1),
    "dropout": lambda op, inputs, *_: inputs[0],
    "zero": lambda op, inputs, *_: tf.zeros_like(inputs[0]),
    "rescale": lambda op, inputs, *_: inputs[0] * op.scale + op.offset,
    "max_pool2d": lambda op, inputs, *_: tf.raw_ops.MaxPool(input=inputs[0], **_window(op)),
    "average_pool2d": lambda op, inputs, *_: tf.raw_ops.AvgPool(value=inputs[0], **_window(op)),
    "global_average_pool2d": lambda op, inputs, *_: tf.reduce_mean(inputs[0], [1, 2]),
    "global_max_pool2d": lambda op, inputs, *_: tf.reduce_max(inputs[0], [1, 2]),
}
"""What an op computes, by its kind: (op, inputs, weights, layer's name, batch norm) -> result."""
