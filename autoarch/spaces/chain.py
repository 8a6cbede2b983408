"""Networks layer by layer, each layer any op: the space of MetaQNN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.depthwise_conv2d import DepthwiseConv2D
from autoarch.architecture.ops.dilated_depthwise_conv2d import DilatedDepthwiseConv2D
from autoarch.architecture.ops.dropout import Dropout
from autoarch.architecture.ops.op import strided
from autoarch.architecture.ops.pooling import AveragePool2D, MaxPool2D
from autoarch.architecture.ops.rescale import Rescale
from autoarch.architecture.ops.squeeze_excite import SqueezeExcite
from autoarch.spaces.blocks import (
    SMALLEST_SIDE,
    channels,
    classifier,
    conv,
    depthwise,
    normalised,
)
from autoarch.spaces.cell_ops import CellWriter
from autoarch.spaces.space import SearchSpace

WIDTHS = (4, 8, 12, 16, 24, 32, 48, 64)
MOST_LAYERS = 12
MOST_SKIP = 3

KERNEL_OPS = ("conv", "separable", "depthwise", "dilated")
WIDE_OPS = ("conv", "separable")
STRIDED_OPS = ("conv", "separable", "depthwise")
OPS = (*KERNEL_OPS, "max_pool", "average_pool", "squeeze_excite", "dropout")


@dataclass(frozen=True)
class _Layer:
    """The decisions of one layer; unread where its op has no use for them.

    Args:
        op: One of `OPS`.
        kernel: Side of its window.
        filters: Channels, in multiples of the width.
        stride: 1 or 2.
        skip: The sum is taken of its result and of what the layer so many before it read; 0 for
            no sum.
    """

    op: str
    kernel: int = 3
    filters: int = 1
    stride: int = 1
    skip: int = 0


class ChainSpace(SearchSpace):
    """Up to twelve layers in a row, each with an op of its own, some with a shortcut around them.

    The first is a convolution. Convolutions, plain or depthwise-separable, have a kernel, channels
    and a stride; depthwise ones a kernel and a stride, dilated ones a kernel; pooling halves the
    picture. Gates and dropout may stand anywhere behind the first. All convolutions have batch norm
    and the network's activation behind them. A shortcut adds what a layer up to three back has
    read, ahead of the activation; where shapes differ it is pooled and brought to the channels by
    a 1x1 convolution, so every setting is a legal network. What would halve a picture of less than
    eight pixels leaves it as it is.

    Trial 0 is a plain residual network, written as a chain.

    Args:
        input_shape: `(height, width, channels)`, sides of at least 4.
        classes: Number of classes.
        width: Width of trial 0's first layer; others have up to twice as much.
        recipe: Recipe of trial 0.

    Source: Baker et al. (2017), "Designing neural network architectures using reinforcement
    learning", section 4; Zoph and Le (2017), "Neural architecture search with reinforcement
    learning", section 3.3 for the shortcuts.

    Example:
        >>> space = ChainSpace((32, 32, 3), 10, width=16)
        >>> chain = {"layers": 2, "op1": "conv", "op2": "max_pool", "dropout": 0.0}
        >>> [node.op.kind for node in space.candidate(chain).architecture.nodes][4:]
        ['max_pool2d', 'global_average_pool2d', 'dense']
    """

    name: ClassVar[str] = "chain"

    def _default_layers(self) -> list[_Layer]:
        """A convolution, then for each halving one of stride 2 and a pair with a shortcut."""
        side, layers, filters = min(self.input_shape[:2]), [_Layer("conv")], 2
        if side >= 64:
            layers, side = [_Layer("conv", stride=2)], -(-side // 2)
        while side // 2 >= SMALLEST_SIDE and len(layers) + 3 <= MOST_LAYERS - 2:
            pair = [_Layer("conv", filters=filters), _Layer("conv", filters=filters, skip=1)]
            layers += [_Layer("conv", filters=filters, stride=2), *pair]
            side, filters = side // 2, min(2 * filters, 8)
        return layers

    def architecture(self, hp: Any) -> Architecture:
        widths = sorted({w for w in WIDTHS if w <= self.width * 2} | {self.width})
        width = hp.Choice("width", widths, default=self.width)
        known = self._default_layers()
        number = hp.Choice("layers", list(range(1, MOST_LAYERS + 1)), default=len(known))
        activation = hp.Choice("activation", ["silu", "relu", "hard_silu"], default="silu")
        dropout = hp.Choice("dropout", [0.0, 0.2, 0.4], default=0.2)
        layers = []
        for place in range(1, MOST_LAYERS + 1):
            default = known[place - 1] if place <= len(known) else _Layer("conv", filters=8)
            with hp.conditional_scope("layers", list(range(place, MOST_LAYERS + 1))):
                layers.append(_decide_layer(hp, place, default))

        graph = GraphBuilder(self.input_shape)
        writer = CellWriter(graph)
        states = [graph.add(Rescale(), INPUT, name="rescale")]
        for place, layer in enumerate(layers[:number], start=1):
            source = states[place - 1 - layer.skip] if layer.skip else None
            states.append(
                _add_layer(writer, states[-1], source, layer, width, activation, f"layer{place}")
            )
        classifier(graph, states[-1], self.classes, dropout=dropout)
        return graph.finish()


def _decide_layer(hp: Any, place: int, default: _Layer) -> _Layer:
    # The pixels have too few channels for anything but a convolution that makes more of them.
    op = hp.Choice(f"op{place}", list(OPS if place > 1 else WIDE_OPS), default=default.op)
    with hp.conditional_scope(f"op{place}", list(KERNEL_OPS)):
        kernel = hp.Choice(f"kernel{place}", [1, 3, 5, 7], default=default.kernel)
    with hp.conditional_scope(f"op{place}", list(WIDE_OPS)):
        filters = hp.Choice(f"filters{place}", [1, 2, 4, 8], default=default.filters)
    with hp.conditional_scope(f"op{place}", list(STRIDED_OPS)):
        stride = hp.Choice(f"stride{place}", [1, 2], default=default.stride)
    skip, farthest = 0, min(MOST_SKIP, place - 2)  # not as far as the pixels
    if farthest > 0:
        skip = hp.Choice(f"skip{place}", list(range(farthest + 1)), default=default.skip)
    return _Layer(op, kernel, filters, stride, skip)


def _add_layer(
    writer: CellWriter,
    node: str,
    source: str | None,
    layer: _Layer,
    width: int,
    activation: str,
    name: str,
) -> str:
    """One layer and, if there is a source, the sum of both."""
    if source is None:
        return _add_op(writer, node, layer, width, activation, activation, name)
    end = _add_op(writer, node, layer, width, activation, None, name)
    node = _add_shortcut(writer, source, end, name)
    if layer.op not in KERNEL_OPS:
        return node
    return writer.graph.add(Activation(activation), node, name=f"{name}/{activation}")


def _add_op(
    writer: CellWriter,
    node: str,
    layer: _Layer,
    width: int,
    inner: str,
    last: str | None,
    name: str,
) -> str:
    """The op of a layer; a pooling layer that has nothing left to halve is none.

    Args:
        writer: Writes into the graph.
        node: What it reads.
        layer: Its decisions.
        width: Channels of a layer of one filter.
        inner: The activation between two convolutions of the layer.
        last: The activation behind it, or None.
        name: Prefix of its nodes.
    """
    graph = writer.graph
    halves = min(graph.shape(node)[:2]) // 2 >= SMALLEST_SIDE
    stride, kernel = layer.stride if halves else 1, layer.kernel
    if layer.op == "conv":
        return conv(
            graph,
            node,
            channels(width * layer.filters),
            kernel=kernel,
            stride=stride,
            name=f"{name}/conv",
            activation=last,
        )
    if layer.op in ("depthwise", "separable"):
        single = layer.op == "depthwise"
        node = depthwise(
            graph,
            node,
            kernel=kernel,
            stride=stride,
            name=f"{name}/depthwise",
            activation=last if single else inner,
        )
        if single:
            return node
        filters = channels(width * layer.filters)
        return conv(graph, node, filters, kernel=1, name=f"{name}/pointwise", activation=last)
    if layer.op == "dilated":
        # with a window of one pixel nothing is apart
        op = DepthwiseConv2D(1) if kernel == 1 else DilatedDepthwiseConv2D(kernel, 2)
        return normalised(graph, op, node, name=f"{name}/dilated", activation=last)
    if layer.op == "squeeze_excite":
        return graph.add(SqueezeExcite(), node, name=f"{name}/squeeze_excite")
    if layer.op == "dropout":
        return graph.add(Dropout(0.1), node, name=f"{name}/dropout")
    if not halves:
        return node
    if layer.op == "max_pool":
        return writer.once(MaxPool2D(), node, "max_pool")
    return writer.once(AveragePool2D(), node, "average_pool2")


def _add_shortcut(writer: CellWriter, source: str, node: str, name: str) -> str:
    """The sum of a layer's result and of what lies before it, brought to its shape."""
    graph = writer.graph
    height, width, filters = graph.shape(node)
    if graph.shape(source)[:2] != (height, width):
        factor = 2
        while strided(graph.shape(source)[0], factor) > height:
            factor *= 2
        source = writer.once(AveragePool2D(factor, factor), source, f"average_pool{factor}")
    if graph.shape(source)[-1] != filters:
        source = graph.add(Conv2D(filters, 1), source, name=f"{name}/shortcut")
    return writer.total([source, node], f"{name}/add")
