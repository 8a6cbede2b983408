"""MobileNets as their papers give them, their strides fitted to smaller pictures."""

from __future__ import annotations

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.dropout import Dropout
from autoarch.architecture.ops.merge import Add
from autoarch.architecture.ops.pooling import GlobalAveragePool2D
from autoarch.architecture.ops.rescale import Rescale
from autoarch.architecture.ops.squeeze_excite import SqueezeExcite
from autoarch.spaces.blocks import (
    channels,
    classifier,
    conv,
    depthwise,
    inverted_residual,
    separable,
)

_SMALLEST_SIDE = 4


class _Strides:
    """Lets only as many layers halve the picture as it has sides for; the last ones do.

    Args:
        input_shape: Of the pictures.
        halvings: How often the published network halves them.
    """

    def __init__(self, input_shape: tuple[int, ...], halvings: int):
        side, possible = min(input_shape[:2]), 0
        while side // 2 >= _SMALLEST_SIDE:
            side, possible = side // 2, possible + 1
        self._left_out = max(halvings - possible, 0)

    def __call__(self, stride: int) -> int:
        """The stride to take where the paper has `stride`; called once a layer, in order."""
        if stride == 2 and self._left_out:
            self._left_out -= 1
            return 1
        return stride


def mobilenet_v1(
    input_shape: tuple[int, ...] = (224, 224, 3), classes: int = 1000, width: int = 32
) -> Architecture:
    """MobileNet: a stem and thirteen depthwise-separable convolutions.

    Args:
        input_shape: `(height, width, channels)`.
        classes: Number of classes.
        width: Channels of the stem: 32 in the paper, 8 in its smallest network ("0.25").

    Source: Howard et al. (2017), "MobileNets", table 1.

    Example:
        >>> mobilenet_v1(width=8).params
        475544
    """
    graph = GraphBuilder(tuple(input_shape))
    strides = _Strides(input_shape, 5)
    node = graph.add(Rescale(), INPUT, name="rescale")
    node = conv(graph, node, width, stride=strides(2), name="stem/conv", activation="relu6")
    layers = [(2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2), *[(16, 1)] * 5, (32, 2), (32, 1)]
    for number, (factor, stride) in enumerate(layers, start=1):
        node = separable(
            graph,
            node,
            width * factor,
            kernel=3,
            stride=strides(stride),
            gated=False,
            activation="relu6",
            name=f"block{number}",
        )
    classifier(graph, node, classes, dropout=0.0)
    return graph.finish()


def mobilenet_v2(
    input_shape: tuple[int, ...] = (224, 224, 3), classes: int = 1000, width: int = 32
) -> Architecture:
    """MobileNetV2: inverted residual blocks with linear ends.

    Args:
        input_shape: `(height, width, channels)`.
        classes: Number of classes.
        width: Channels of the stem, 32 in the paper; the others grow and shrink with it, but for
            the last convolution, which only grows.

    Source: Sandler et al. (2018), "MobileNetV2", table 2.

    Example:
        >>> mobilenet_v2().trainable_params
        3504872
    """
    graph = GraphBuilder(tuple(input_shape))
    strides = _Strides(input_shape, 5)
    node = graph.add(Rescale(), INPUT, name="rescale")
    node = conv(
        graph, node, channels(width, 8), stride=strides(2), name="stem/conv", activation="relu6"
    )
    stages = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
              (6, 160, 3, 2), (6, 320, 1, 1)]  # fmt: skip
    for stage, (expansion, filters, depth, stride) in enumerate(stages, start=1):
        for place in range(1, depth + 1):
            node = inverted_residual(
                graph,
                node,
                channels(filters * width / 32, 8),
                expansion=expansion,
                kernel=3,
                stride=strides(stride) if place == 1 else 1,
                gated=False,
                activation="relu6",
                name=f"stage{stage}/block{place}",
            )
    last = max(1280, channels(1280 * width / 32, 8))
    node = conv(graph, node, last, kernel=1, name="head/conv", activation="relu6")
    classifier(graph, node, classes, dropout=0.2)
    return graph.finish()


def mobilenet_v3_small(
    input_shape: tuple[int, ...] = (224, 224, 3), classes: int = 1000, width: int = 16
) -> Architecture:
    """MobileNetV3-Small: found by search, with gates and h-swish.

    The gates have a quarter of their channels inside, not rounded to multiples of 8.

    Args:
        input_shape: `(height, width, channels)`.
        classes: Number of classes.
        width: Channels of the stem, 16 in the paper; the others grow and shrink with it.

    Source: Howard et al. (2019), "Searching for MobileNetV3", table 2.

    Example:
        >>> mobilenet_v3_small().trainable_params
        2537238
    """
    graph = GraphBuilder(tuple(input_shape))
    strides = _Strides(input_shape, 5)

    def wide(size: int) -> int:
        return channels(size * width / 16, 8)

    node = graph.add(Rescale(), INPUT, name="rescale")
    node = conv(graph, node, wide(16), stride=strides(2), name="stem/conv", activation="hard_silu")
    blocks = [(3, 16, 16, True, "relu", 2), (3, 72, 24, False, "relu", 2),
              (3, 88, 24, False, "relu", 1), (5, 96, 40, True, "hard_silu", 2),
              (5, 240, 40, True, "hard_silu", 1), (5, 240, 40, True, "hard_silu", 1),
              (5, 120, 48, True, "hard_silu", 1), (5, 144, 48, True, "hard_silu", 1),
              (5, 288, 96, True, "hard_silu", 2), (5, 576, 96, True, "hard_silu", 1),
              (5, 576, 96, True, "hard_silu", 1)]  # fmt: skip
    for number, (kernel, inner, filters, gated, activation, stride) in enumerate(blocks, start=1):
        name, x = f"block{number}", node
        if number > 1:
            x = conv(graph, x, wide(inner), kernel=1, name=f"{name}/expand", activation=activation)
        stride = strides(stride)
        x = depthwise(
            graph,
            x,
            kernel=kernel,
            stride=stride,
            name=f"{name}/depthwise",
            activation=activation,
        )
        if gated:
            x = graph.add(SqueezeExcite(), x, name=f"{name}/squeeze_excite")
        x = conv(graph, x, wide(filters), kernel=1, name=f"{name}/project", activation=None)
        shortcut = stride == 1 and graph.shape(x) == graph.shape(node)
        node = graph.add(Add(), node, x, name=f"{name}/add") if shortcut else x
    node = conv(graph, node, wide(576), kernel=1, name="head/conv", activation="hard_silu")
    node = graph.add(GlobalAveragePool2D(), node, name="head/pool")
    node = graph.add(Dense(wide(1024)), node, name="head/hidden")
    node = graph.add(Activation("hard_silu"), node, name="head/hidden_hard_silu")
    node = graph.add(Dropout(0.2), node, name="head/dropout")
    graph.add(Dense(classes), node, name="head/logits")
    return graph.finish()
