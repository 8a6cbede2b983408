"""Parts that networks on pictures and spectrograms are written with."""

from __future__ import annotations

from autoarch.architecture import GraphBuilder
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.depthwise_conv2d import DepthwiseConv2D
from autoarch.architecture.ops.dropout import Dropout
from autoarch.architecture.ops.merge import Add
from autoarch.architecture.ops.op import Op
from autoarch.architecture.ops.pooling import GlobalAveragePool2D
from autoarch.architecture.ops.squeeze_excite import SqueezeExcite

SMALLEST_SIDE = 4
MOST_HALVINGS = 5


def most_halvings(side: int) -> int:
    """How often a picture can be halved before its side would fall below `SMALLEST_SIDE`; at most
    `MOST_HALVINGS` times.

    >>> most_halvings(32), most_halvings(7), most_halvings(1024)
    (3, 0, 5)
    """
    found = 0
    while side // 2 >= SMALLEST_SIDE and found < MOST_HALVINGS:
        side, found = side // 2, found + 1
    return found


def channels(width: float, multiple: int = 4) -> int:
    """A number of channels near `width` that divides by `multiple`: vector units like that."""
    return max(multiple, int(width + multiple / 2) // multiple * multiple)


def normalised(graph: GraphBuilder, op: Op, node: str, *, name: str, activation: str | None) -> str:
    """A linear op, batch norm and, unless None, an activation."""
    node = graph.add(op, node, name=name)
    node = graph.add(BatchNorm(), node, name=f"{name}_norm")
    if activation is not None:
        node = graph.add(Activation(activation), node, name=f"{name}_{activation}")
    return node


def conv(
    graph: GraphBuilder,
    node: str,
    filters: int,
    *,
    kernel: int = 3,
    stride: int = 1,
    name: str,
    activation: str | None,
) -> str:
    """Dense convolution, batch norm, activation."""
    op = Conv2D(filters, kernel, stride)
    return normalised(graph, op, node, name=name, activation=activation)


def depthwise(
    graph: GraphBuilder,
    node: str,
    *,
    kernel: int,
    stride: int = 1,
    name: str,
    activation: str | None,
) -> str:
    """Depthwise convolution, batch norm, activation."""
    op = DepthwiseConv2D(kernel, stride)
    return normalised(graph, op, node, name=name, activation=activation)


def residual_block(
    graph: GraphBuilder,
    node: str,
    *,
    kind: str = "basic",
    kernel: int = 3,
    activation: str,
    squeeze_excite: bool = False,
    name: str,
) -> str:
    """Convolutions whose result is added to what they read.

    Args:
        graph: Is added to.
        node: What is read.
        kind: "basic": two convolutions; "bottleneck": one of half as many channels between
            two of kernel 1.
        kernel: Side of the windows.
        activation: Between the convolutions, and behind the sum.
        squeeze_excite: Whether the result's channels are gated before it is added.
        name: Prefix of the nodes.

    Source: He et al. (2016), "Deep Residual Learning for Image Recognition", figures 2 and 5.
    """
    filters = graph.shape(node)[-1]
    if kind == "basic":
        x = conv(graph, node, filters, kernel=kernel, name=f"{name}/conv1", activation=activation)
        x = conv(graph, x, filters, kernel=kernel, name=f"{name}/conv2", activation=None)
    else:
        inner = channels(filters / 2)
        x = conv(graph, node, inner, kernel=1, name=f"{name}/reduce", activation=activation)
        x = conv(graph, x, inner, kernel=kernel, name=f"{name}/conv", activation=activation)
        x = conv(graph, x, filters, kernel=1, name=f"{name}/expand", activation=None)
    if squeeze_excite:
        x = graph.add(SqueezeExcite(), x, name=f"{name}/squeeze_excite")
    x = graph.add(Add(), node, x, name=f"{name}/add")
    return graph.add(Activation(activation), x, name=f"{name}/{activation}")


def classifier(graph: GraphBuilder, node: str, classes: int, *, dropout: float) -> None:
    """Global average pooling, dropout and the logits."""
    node = graph.add(GlobalAveragePool2D(), node, name="head/pool")
    if dropout > 0:
        node = graph.add(Dropout(dropout), node, name="head/dropout")
    graph.add(Dense(classes), node, name="head/logits")


def separable(
    graph: GraphBuilder,
    node: str,
    filters: int,
    *,
    kernel: int,
    stride: int,
    gated: bool,
    activation: str,
    name: str,
) -> str:
    """A depthwise and a 1x1 convolution.

    Source: Howard et al. (2017), "MobileNets", section 3.1.
    """
    x = depthwise(
        graph, node, kernel=kernel, stride=stride, name=f"{name}/depthwise", activation=activation
    )
    if gated:
        x = graph.add(SqueezeExcite(), x, name=f"{name}/squeeze_excite")
    return conv(graph, x, filters, kernel=1, name=f"{name}/pointwise", activation=activation)


def inverted_residual(
    graph: GraphBuilder,
    node: str,
    filters: int,
    *,
    expansion: int,
    kernel: int,
    stride: int,
    gated: bool,
    activation: str,
    name: str,
) -> str:
    """Wider by a 1x1 convolution, depthwise, narrow again, with a shortcut where shapes allow.

    Source: Sandler et al. (2018), section 3.3; Howard et al. (2019), section 5.3 for the gates.
    """
    inputs = graph.shape(node)[-1]
    x = node
    if expansion > 1:
        wide = channels(inputs * expansion)
        x = conv(graph, x, wide, kernel=1, name=f"{name}/expand", activation=activation)
    x = depthwise(
        graph, x, kernel=kernel, stride=stride, name=f"{name}/depthwise", activation=activation
    )
    if gated:
        x = graph.add(SqueezeExcite(), x, name=f"{name}/squeeze_excite")
    x = conv(graph, x, filters, kernel=1, name=f"{name}/project", activation=None)
    if stride == 1 and inputs == filters:
        x = graph.add(Add(), node, x, name=f"{name}/add")
    return x
