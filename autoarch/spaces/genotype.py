"""Genotypes of normal and reduction cells, and the networks that are stacked from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.merge import Concat
from autoarch.architecture.ops.rescale import Rescale
from autoarch.errors import InvalidArchitectureError
from autoarch.spaces.blocks import classifier
from autoarch.spaces.cell_ops import EDGE_OPS, CellWriter

STEM = 3
"""The stem has so many times the channels of an edge."""

Edge = tuple[str, int]
"""An op of `EDGE_OPS` and the state that it reads: 0 and 1 are the two cells before, the older one
first; 2 is the cell's first node, and so on."""


@dataclass(frozen=True)
class Cell:
    """One cell: each node is the sum of two edges, the output a concatenation of states.

    Args:
        nodes: The two edges of each node.
        concat: The states whose channels are the output, in this order.

    Raises:
        InvalidArchitectureError: An op is unknown, or a state is read that is not there yet.
    """

    nodes: tuple[tuple[Edge, Edge], ...]
    concat: tuple[int, ...]

    def __post_init__(self) -> None:
        for state, edges in enumerate(self.nodes, start=2):
            for op, source in edges:
                if op not in EDGE_OPS:
                    raise InvalidArchitectureError(
                        f"The op of a cell must be one of {', '.join(EDGE_OPS)}; got {op!r}."
                    )
                if not 0 <= source < state:
                    raise InvalidArchitectureError(
                        f"State {state} of a cell can read states 0 to {state - 1}; got {source}."
                    )
        states = range(2, len(self.nodes) + 2)
        if not self.concat or any(state not in states for state in self.concat):
            raise InvalidArchitectureError(
                f"The output of a cell must be of its states 2 to {len(self.nodes) + 1}; "
                f"got {list(self.concat)}."
            )


@dataclass(frozen=True)
class Genotype:
    """The two cells that a network is stacked from.

    Args:
        normal: Keeps the sides of the picture.
        reduction: Halves them: its edges from states 0 and 1 have stride 2.

    Example:
        >>> cell = Cell(((("skip_connect", 0), ("max_pool_3x3", 1)),), (2,))
        >>> genotype = Genotype(cell, cell)
        >>> Genotype.from_json(genotype.to_json()) == genotype
        True
    """

    normal: Cell
    reduction: Cell

    def to_json(self) -> dict[str, Any]:
        """The genotype as JSON; `from_json` is the inverse."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Genotype:
        """Reads what `to_json` wrote.

        Raises:
            InvalidArchitectureError: It is no genotype.
        """
        try:
            return cls(_cell_from_json(data["normal"]), _cell_from_json(data["reduction"]))
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InvalidArchitectureError):
                raise
            raise InvalidArchitectureError(f"Not a genotype: {error!r}.") from error


def _cell_from_json(data: Mapping[str, Any]) -> Cell:
    nodes = []
    for (op1, source1), (op2, source2) in data["nodes"]:
        nodes.append(((str(op1), int(source1)), (str(op2), int(source2))))
    return Cell(tuple(nodes), tuple(int(state) for state in data["concat"]))


def cell_network(
    genotype: Genotype,
    input_shape: tuple[int, ...],
    classes: int,
    *,
    width: int,
    cells: int,
    dropout: float = 0.0,
) -> Architecture:
    """Stem, `cells` cells of which those at one and two thirds are reductions, pooling, logits.

    Args:
        genotype: The cells.
        input_shape: `(height, width, channels)`.
        classes: Number of classes.
        width: Channels of an edge in the first cells; doubled by each reduction.
        cells: Number of cells, at least 3.
        dropout: Before the logits.

    Raises:
        InvalidArchitectureError: There are too few cells.

    Source: Liu et al. (2019), "DARTS", section 3.1 and appendix A.2.1; the cells before it are
    brought to the cell's size and channels by 1x1 convolutions, as in Zoph et al. (2018), A.1.

    Example:
        >>> from autoarch.spaces.genotypes import DARTS_V2
        >>> cell_network(DARTS_V2, (32, 32, 3), 10, width=36, cells=20).trainable_params
        3349342
    """
    if cells < 3:
        raise InvalidArchitectureError(f"A network of cells needs 3 or more; got {cells}.")
    graph = GraphBuilder(tuple(input_shape))
    writer = CellWriter(graph)
    node = graph.add(Rescale(), INPUT, name="rescale")
    halvings = stem_strides(input_shape)
    for number in range(1, halvings + 1):
        op = Conv2D(STEM * width, 3, 2)
        node = writer.norm(graph.add(op, node, name=f"stem/down{number}"))
        if number < halvings:  # the cells begin with a relu of their own
            node = writer.relu(node)
    if not halvings:
        node = writer.norm(graph.add(Conv2D(STEM * width, 3), node, name="stem/conv"))
    before = node
    for number in range(cells):
        reduction = number in (cells // 3, 2 * cells // 3)
        if reduction:
            width *= 2
        cell = genotype.reduction if reduction else genotype.normal
        made = _add_cell(writer, cell, (before, node), width, reduction, f"cell{number + 1}")
        before, node = node, made
    classifier(graph, node, classes, dropout=dropout)
    return graph.finish()


def stem_strides(input_shape: tuple[int, ...]) -> int:
    """How often the stem halves the picture: photos of 64 pixels a side once, of 128 twice."""
    side = min(input_shape[:2])
    return 0 if side < 64 else 1 if side < 128 else 2


def _add_cell(
    writer: CellWriter,
    cell: Cell,
    before: tuple[str, str],
    filters: int,
    reduction: bool,
    name: str,
) -> str:
    """One cell behind the two before it; returns its output."""
    graph = writer.graph
    older, newer = before
    if graph.shape(older)[:2] != graph.shape(newer)[:2]:
        first = writer.halved(older, filters, f"{name}/input0/conv")
    else:
        first = writer.conv(older, filters, 1, 1, f"{name}/input0/conv")
    states = [first, writer.conv(newer, filters, 1, 1, f"{name}/input1/conv")]
    for number, edges in enumerate(cell.nodes, start=1):
        block = f"{name}/node{number}"
        ends = [
            writer.edge(
                op,
                states[source],
                2 if reduction and source < 2 else 1,
                # Where weights are shared, they are by name: each op on each edge has its own.
                f"{block}/{op}_from{source}" + ("_again" if (op, source) in edges[:place] else ""),
            )
            for place, (op, source) in enumerate(edges)
        ]
        states.append(writer.total(ends, f"{block}/add"))
    outputs = [states[state] for state in cell.concat]
    if len(outputs) == 1:
        return outputs[0]
    return graph.add(Concat(), *outputs, name=f"{name}/concat")
