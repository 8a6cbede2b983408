"""The whole graph as decisions: any wiring of up to nine ops between stem and output."""

from __future__ import annotations

from typing import Any, ClassVar

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops.merge import Add, Concat
from autoarch.architecture.ops.pooling import AveragePool2D, MaxPool2D
from autoarch.architecture.ops.rescale import Rescale
from autoarch.spaces.blocks import channels, classifier, conv, depthwise, most_halvings
from autoarch.spaces.dag import ADD, CONCAT, IDENTITY, STEM, Vertex, Wiring
from autoarch.spaces.space import SearchSpace

WIDTHS = (4, 8, 12, 16, 24, 32, 48, 64)
MOST_NODES = 9

KERNELS = {"conv1": 1, "conv3": 3, "conv5": 5, "separable3": 3, "separable5": 5}
OPS = (*KERNELS, "max_pool3", "average_pool3", IDENTITY)
_STAGE = 3


class TopologySpace(SearchSpace):
    """A stem, then any directed graph without circles of up to nine ops, pooling and logits.

    Decisions: the number of nodes, for each its op, whether it halves the picture (and doubles
    the channels), which of the stem and the earlier nodes it reads, and whether what it reads is
    summed or concatenated; the same for the output, which reads any of them. A node that the stem
    does not reach, or that the output does not depend on, is left out; an output without inputs
    reads every loose end. Inputs of larger pictures are pooled, or taken by a strided convolution,
    to the smallest one's size; a sum brings its inputs to the same channels by 1x1 convolutions.

    Wirings that differ only in the numbers of their nodes are the same network, node for node.

    Trial 0 is a small residual network: per stage a convolution that halves and a shortcut around
    two more.

    Args:
        input_shape: `(height, width, channels)`, sides of at least 4.
        classes: Number of classes.
        width: Channels of trial 0's stem.
        recipe: Recipe of trial 0.

    Source: Ying et al. (2019), "NAS-Bench-101", section 2.1, for adjacency matrices as a space;
    Xie et al. (2019), "Exploring randomly wired neural networks", section 3.2 for whole networks.

    Example:
        >>> space = TopologySpace((32, 32, 3), 10, width=16)
        >>> one = {"nodes": 2, "node2/from0": True, "node2/from1": False, "output/from1": True}
        >>> two = {**one, "output/from1": False, "output/from2": True, "node2/halves": True}
        >>> space.candidate(one).architecture.key == space.candidate(two).architecture.key
        True
    """

    name: ClassVar[str] = "topology"

    def _default_wiring(self, stages: int) -> Wiring:
        """Per stage a convolution that halves, and two more with a shortcut around them."""
        vertices: list[Vertex] = []
        ends: tuple[int, ...] = (STEM,)
        for stage in range(max(1, stages)):
            first = _STAGE * stage + 1
            vertices += [
                Vertex("conv3", ends, ADD, halves=stages > 0),
                Vertex("conv3", (first,)),
                Vertex("conv3", (first + 1,)),
            ]
            ends = (first, first + 2)
        return Wiring((*vertices, Vertex(IDENTITY, ends)))

    def architecture(self, hp: Any) -> Architecture:
        side = min(self.input_shape[:2])
        stride = 2 if side >= 64 else 1
        known = self._default_wiring(min(most_halvings(side // stride), MOST_NODES // _STAGE))
        widths = sorted({w for w in WIDTHS if w <= self.width * 2} | {self.width})
        width = hp.Choice("width", widths, default=self.width)
        stem_stride = hp.Choice("stem_stride", [1, 2], default=stride)
        activation = hp.Choice("activation", ["silu", "relu", "hard_silu"], default="silu")
        shortcut = hp.Choice(
            "shortcut", ["average_pool", "max_pool", "stride"], default="average_pool"
        )
        dropout = hp.Choice("dropout", [0.0, 0.2, 0.4], default=0.2)
        most = most_halvings(side // stem_stride)
        wiring = _decide_wiring(hp, known).simplified(most).canonical()
        writer = _Writer(GraphBuilder(self.input_shape), width, activation, shortcut)
        return writer.write(wiring, stem_stride, self.classes, dropout)


def _decide_wiring(hp: Any, known: Wiring) -> Wiring:
    """The wiring that `hp` stands for, as it is decided: neither pruned nor canonical."""
    defaults = known.vertices[:-1]
    number = hp.Choice("nodes", list(range(1, MOST_NODES + 1)), default=len(defaults))
    vertices, ends = [], []
    for node in range(1, MOST_NODES + 1):
        default = defaults[node - 1] if node <= len(defaults) else Vertex("conv3", (node - 1,))
        with hp.conditional_scope("nodes", list(range(node, MOST_NODES + 1))):
            vertices.append(_decide_vertex(hp, f"node{node}", node, default))
            if hp.Boolean(f"output/from{node}", default=node in known.vertices[-1].inputs):
                ends.append(node)
    if hp.Boolean("output/from0", default=False):
        ends.append(STEM)
    merge = hp.Choice("output/merge", [ADD, CONCAT], default=ADD)
    return Wiring((*vertices[:number], Vertex(IDENTITY, tuple(sorted(ends)), merge)))


def _decide_vertex(hp: Any, name: str, number: int, default: Vertex) -> Vertex:
    op = hp.Choice(f"{name}/op", list(OPS), default=default.op)
    halves = hp.Boolean(f"{name}/halves", default=default.halves)
    merge = hp.Choice(f"{name}/merge", [ADD, CONCAT], default=default.merge)
    inputs = [
        source
        for source in range(number)
        if hp.Boolean(f"{name}/from{source}", default=source in default.inputs)
    ]
    return Vertex(op, tuple(inputs), merge, bool(halves))


class _Writer:
    """Writes a wiring node by node.

    Args:
        graph: Is added to.
        width: Channels of the stem; twice as many after each halving.
        activation: Behind every convolution but those that fit an input to a sum.
        shortcut: How an input of a larger picture is brought to a smaller one's size.
    """

    def __init__(self, graph: GraphBuilder, width: int, activation: str, shortcut: str):
        self._graph = graph
        self._width = width
        self._activation = activation
        self._shortcut = shortcut
        self._nodes: list[str] = []
        self._halvings: list[int] = []

    def write(self, wiring: Wiring, stem_stride: int, classes: int, dropout: float) -> Architecture:
        """The network: stem, every vertex in its order, head."""
        graph = self._graph
        node = graph.add(Rescale(), INPUT, name="rescale")
        self._nodes.append(
            conv(
                graph,
                node,
                channels(self._width),
                stride=stem_stride,
                name="stem/conv",
                activation=self._activation,
            )
        )
        self._halvings.append(0)
        for number, vertex in enumerate(wiring.vertices[:-1], start=1):
            merged, halvings = self._merge(vertex, f"node{number}")
            self._halvings.append(halvings + vertex.halves)
            self._nodes.append(self._op(vertex, merged, self._halvings[-1], f"node{number}"))
        end, _ = self._merge(wiring.vertices[-1], "output")
        classifier(graph, end, classes, dropout=dropout)
        return graph.finish()

    def _merge(self, vertex: Vertex, name: str) -> tuple[str, int]:
        """What a vertex reads as one node, and how often its picture was halved."""
        halvings = max(self._halvings[source] for source in vertex.inputs)
        if len(vertex.inputs) == 1:
            return self._nodes[vertex.inputs[0]], halvings
        filters = channels(self._width * 2**halvings)
        adds = vertex.merge == ADD
        parts = [
            self._aligned(source, halvings, filters if adds else None, f"{name}/from{source}")
            for source in vertex.inputs
        ]
        return self._graph.add(Add() if adds else Concat(), *parts, name=f"{name}/merge"), halvings

    def _aligned(self, source: int, halvings: int, filters: int | None, name: str) -> str:
        """An input brought to a size and, unless None, to a number of channels."""
        graph, node = self._graph, self._nodes[source]
        factor = 2 ** (halvings - self._halvings[source])
        if self._shortcut == "stride" and factor > 1:
            wanted = filters or graph.shape(node)[-1]
            return conv(
                graph, node, wanted, kernel=1, stride=factor, name=f"{name}/conv", activation=None
            )
        if factor > 1:
            pool = MaxPool2D if self._shortcut == "max_pool" else AveragePool2D
            node = graph.add(pool(factor, factor), node, name=f"{name}/pool")
        if filters is None or graph.shape(node)[-1] == filters:
            return node
        return conv(graph, node, filters, kernel=1, name=f"{name}/conv", activation=None)

    def _op(self, vertex: Vertex, node: str, halvings: int, name: str) -> str:
        graph, activation = self._graph, self._activation
        filters = channels(self._width * 2**halvings)
        stride = 2 if vertex.halves else 1
        kernel = KERNELS.get(vertex.op, 3)
        if vertex.op.startswith("conv"):
            return conv(
                graph,
                node,
                filters,
                kernel=kernel,
                stride=stride,
                name=f"{name}/conv",
                activation=activation,
            )
        if vertex.op.startswith("separable"):
            node = depthwise(
                graph,
                node,
                kernel=kernel,
                stride=stride,
                name=f"{name}/depthwise",
                activation=activation,
            )
        elif vertex.op == "max_pool3":
            node = graph.add(MaxPool2D(3, stride), node, name=f"{name}/pool")
        elif vertex.op == "average_pool3":
            node = graph.add(AveragePool2D(3, stride), node, name=f"{name}/pool")
        elif vertex.halves:
            node = graph.add(AveragePool2D(2, 2), node, name=f"{name}/pool")
        if graph.shape(node)[-1] == filters and not vertex.op.startswith("separable"):
            return node
        return conv(graph, node, filters, kernel=1, name=f"{name}/pointwise", activation=activation)
