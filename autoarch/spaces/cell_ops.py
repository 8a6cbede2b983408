"""The ops that stand on the edges of cells, and what cells are written with."""

from __future__ import annotations

from collections.abc import Callable

from autoarch.architecture import GraphBuilder
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.depthwise_conv2d import DepthwiseConv2D
from autoarch.architecture.ops.dilated_depthwise_conv2d import DilatedDepthwiseConv2D
from autoarch.architecture.ops.merge import Add
from autoarch.architecture.ops.oblong_conv2d import OblongConv2D
from autoarch.architecture.ops.op import Op
from autoarch.architecture.ops.pooling import AveragePool2D, MaxPool2D
from autoarch.errors import InvalidArchitectureError

EPSILON = 1e-5
"""Of batch norm, as in the papers' code."""


class CellWriter:
    """Writes cells into a graph; what many edges do to one tensor is done once.

    An op without weights gives every reader the same, so each is added once for a tensor: its
    relu before convolutions, its pooled pictures, its sums with others. A converter would join
    them anyway.

    Args:
        graph: Is added to.
    """

    def __init__(self, graph: GraphBuilder):
        self.graph = graph
        self._done: dict[tuple[Op, str], str] = {}
        self._sums: dict[tuple[str, ...], str] = {}

    def once(self, op: Op, node: str, ending: str) -> str:
        """The result of an op without weights; its node is named after the tensor it reads."""
        if (op, node) not in self._done:
            self._done[op, node] = self.graph.add(op, node, name=f"{node}/{ending}")
        return self._done[op, node]

    def relu(self, node: str) -> str:
        """The rectified tensor."""
        return self.once(Activation("relu"), node, "relu")

    def linear(self, op: Op, node: str, name: str) -> str:
        """A convolution without norm."""
        return self.graph.add(op, node, name=name)

    def norm(self, node: str, name: str | None = None) -> str:
        """Batch norm; named after what it reads unless it has a name of its own."""
        return self.graph.add(BatchNorm(epsilon=EPSILON), node, name=name or f"{node}_norm")

    def conv(self, node: str, filters: int, kernel: int, stride: int, name: str) -> str:
        """Relu, dense convolution, batch norm."""
        op = Conv2D(filters, kernel, stride)
        return self.norm(self.linear(op, self.relu(node), name))

    def halved(self, node: str, filters: int, name: str) -> str:
        """Relu, average pooling, 1x1 convolution, batch norm: half the sides.

        As many weights and multiply-adds as two 1x1 convolutions of stride 2 on shifted pixels
        (DARTS's "factorized reduction"), and every pixel is read.
        """
        node = self.once(AveragePool2D(), self.relu(node), "half")
        return self.norm(self.linear(Conv2D(filters, 1), node, name))

    def total(self, nodes: list[str], name: str) -> str:
        """The sum; a single term is itself."""
        if len(nodes) == 1:
            return nodes[0]
        terms = tuple(sorted(nodes))
        if terms not in self._sums:
            self._sums[terms] = self.graph.add(Add(), *nodes, name=name)
        return self._sums[terms]

    def edge(self, kind: str, node: str, stride: int, name: str) -> str:
        """What an edge of a cell makes of a tensor, keeping its channels.

        Args:
            kind: One of `EDGE_OPS`.
            node: What it reads.
            stride: 1, or 2 to halve the sides.
            name: Prefix of its nodes.

        Raises:
            InvalidArchitectureError: There is no such op.
        """
        if kind not in EDGE_OPS:
            raise InvalidArchitectureError(
                f"The op of a cell must be one of {', '.join(EDGE_OPS)}; got {kind!r}."
            )
        return EDGE_OPS[kind](self, node, stride, name)

    def _skip(self, node: str, stride: int, name: str) -> str:
        if stride == 1:
            return node
        return self.halved(node, self.graph.shape(node)[-1], f"{name}/conv")

    def _max_pool(self, node: str, stride: int, name: str) -> str:
        return self.once(MaxPool2D(3, stride), node, f"max_pool{stride}")

    def _average_pool(self, node: str, stride: int, name: str) -> str:
        return self.once(AveragePool2D(3, stride), node, f"average_pool{stride}")

    def _separable(self, kernel: int, node: str, stride: int, name: str) -> str:
        filters = self.graph.shape(node)[-1]
        for number, step in enumerate((stride, 1), start=1):
            op = DepthwiseConv2D(kernel, step)
            node = self.linear(op, self.relu(node), f"{name}/depthwise{number}")
            node = self.norm(self.linear(Conv2D(filters, 1), node, f"{name}/pointwise{number}"))
        return node

    def _dilated(self, kernel: int, node: str, stride: int, name: str) -> str:
        filters = self.graph.shape(node)[-1]
        node = self.relu(node)
        op: Op = DilatedDepthwiseConv2D(kernel, 2)
        if stride == 2:
            # At every second place, taps two apart only ever meet every second pixel.
            node, op = self.once(MaxPool2D(1, 2), node, "every_second"), DepthwiseConv2D(kernel)
        node = self.linear(op, node, f"{name}/depthwise")
        return self.norm(self.linear(Conv2D(filters, 1), node, f"{name}/pointwise"))

    def _row_and_column(self, node: str, stride: int, name: str) -> str:
        filters = self.graph.shape(node)[-1]
        node = self.linear(OblongConv2D(filters, 1, 7), self.relu(node), f"{name}/row")
        return self.norm(self.linear(OblongConv2D(filters, 7, 1, stride), node, f"{name}/column"))


def _of_kernel(
    write: Callable[[CellWriter, int, str, int, str], str], kernel: int
) -> Callable[[CellWriter, str, int, str], str]:
    return lambda writer, node, stride, name: write(writer, kernel, node, stride, name)


EDGE_OPS: dict[str, Callable[[CellWriter, str, int, str], str]] = {
    "skip_connect": CellWriter._skip,
    "max_pool_3x3": CellWriter._max_pool,
    "avg_pool_3x3": CellWriter._average_pool,
    "sep_conv_3x3": _of_kernel(CellWriter._separable, 3),
    "sep_conv_5x5": _of_kernel(CellWriter._separable, 5),
    "sep_conv_7x7": _of_kernel(CellWriter._separable, 7),
    "dil_conv_3x3": _of_kernel(CellWriter._dilated, 3),
    "dil_conv_5x5": _of_kernel(CellWriter._dilated, 5),
    "conv_7x1_1x7": CellWriter._row_and_column,
}
"""Ops by the names they have in DARTS's genotypes. Convolutions are relu, convolution, batch norm;
separable ones do it twice.

Source: Liu et al. (2019), "DARTS", section 3.1; Zoph et al. (2018), "Learning transferable
architectures for scalable image recognition", section 3.
"""
