"""Parts that networks along a sequence of frames are written with."""

from __future__ import annotations

from autoarch.architecture import GraphBuilder
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.conv1d import Conv1D
from autoarch.architecture.ops.merge import Add
from autoarch.architecture.ops.self_attention import SelfAttention
from autoarch.architecture.ops.separable_conv1d import SeparableConv1D
from autoarch.spaces.blocks import normalised

HEADS = 4
EXPANSION = 2
"""Of feed-forwards: they hold most weights of a conformer, and recordings are few here."""


def conv1d(
    graph: GraphBuilder,
    node: str,
    filters: int,
    *,
    kernel: int,
    stride: int = 1,
    name: str,
    activation: str | None,
) -> str:
    """Dense convolution along the frames, batch norm, activation."""
    op = Conv1D(filters, kernel, stride=stride, use_bias=False)
    return normalised(graph, op, node, name=name, activation=activation)


def residual_block1d(
    graph: GraphBuilder, node: str, *, kernel: int, activation: str, name: str
) -> str:
    """Two convolutions along the frames whose result is added to what they read."""
    filters = graph.shape(node)[-1]
    x = conv1d(graph, node, filters, kernel=kernel, name=f"{name}/conv1", activation=activation)
    x = conv1d(graph, x, filters, kernel=kernel, name=f"{name}/conv2", activation=None)
    x = graph.add(Add(), node, x, name=f"{name}/add")
    return graph.add(Activation(activation), x, name=f"{name}/{activation}")


def feed_forward(graph: GraphBuilder, node: str, *, activation: str, name: str) -> str:
    """`EXPANSION` times as many features and back, frame by frame, added to what is read."""
    features = graph.shape(node)[-1]
    x = conv1d(
        graph,
        node,
        EXPANSION * features,
        kernel=1,
        name=f"{name}/expand",
        activation=activation,
    )
    x = conv1d(graph, x, features, kernel=1, name=f"{name}/project", activation=None)
    return graph.add(Add(), node, x, name=f"{name}/add")


def conformer_block(
    graph: GraphBuilder, node: str, *, kernel: int, activation: str, name: str
) -> str:
    """Feed-forward, attention among all frames, convolutions among near ones, feed-forward; what
    each of the four makes is added to what it reads.

    Smaller than the original: feed-forwards are half as wide, a plain activation stands for the
    gate of the convolutions, and batch norm for layer norm outside of the attention. The factor
    of a half of the feed-forwards is left to their batch norm. The convolutions tell the frames'
    order, so that no positions are needed.

    Source: Gulati et al. (2020), "Conformer", section 2.
    """
    features = graph.shape(node)[-1]
    node = feed_forward(graph, node, activation=activation, name=f"{name}/first")
    node = graph.add(SelfAttention(HEADS, features // HEADS), node, name=f"{name}/attention")
    x = conv1d(graph, node, features, kernel=1, name=f"{name}/pointwise", activation=activation)
    x = graph.add(SeparableConv1D(features, kernel), x, name=f"{name}/conv")
    x = graph.add(BatchNorm(), x, name=f"{name}/conv_norm")
    x = graph.add(Activation(activation), x, name=f"{name}/conv_{activation}")
    node = graph.add(Add(), node, x, name=f"{name}/add")
    return feed_forward(graph, node, activation=activation, name=f"{name}/second")
