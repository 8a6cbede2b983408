"""The cell of NAS-Bench-201: six edges, five ops, 15,625 genotypes, each with published results."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.pooling import AveragePool2D
from autoarch.architecture.ops.rescale import Rescale
from autoarch.architecture.ops.zero import Zero
from autoarch.errors import InvalidArchitectureError
from autoarch.spaces.blocks import classifier
from autoarch.spaces.cell_ops import CellWriter
from autoarch.spaces.space import SearchSpace
from autoarch.training.recipe import Recipe

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""In the order in which tables number them."""

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""From node to node; node 0 is the cell's input, node 3 its output."""

STACKS = 3
WIDTH, CELLS = 16, 5
"""Channels of the first stack, and cells a stack, of the networks in the benchmark."""


@dataclass(frozen=True)
class NasBench201Cell:
    """The op on each edge.

    Args:
        ops: One of `OPERATIONS` for each of `EDGES`.

    Raises:
        InvalidArchitectureError: There are not six, or one is unknown.

    Example:
        >>> cell = NasBench201Cell.parse(
        ...     "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|")
        >>> cell.ops[0], cell.digits
        ('nor_conv_3x3', '303101')
        >>> NasBench201Cell.parse(str(cell)) == cell
        True
    """

    ops: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.ops) != len(EDGES):
            raise InvalidArchitectureError(
                f"A cell of NAS-Bench-201 has {len(EDGES)} edges; got {len(self.ops)} ops."
            )
        for op in self.ops:
            if op not in OPERATIONS:
                raise InvalidArchitectureError(
                    f"An op of NAS-Bench-201 must be one of {', '.join(OPERATIONS)}; got {op!r}."
                )

    @classmethod
    def parse(cls, text: str) -> NasBench201Cell:
        """Reads the benchmark's own notation, `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`.

        Raises:
            InvalidArchitectureError: It is written otherwise.
        """
        found = re.findall(r"([^|+~]+)~(\d)", text)
        cell = cls(tuple(op for op, _ in found))
        if str(cell) != text:
            raise InvalidArchitectureError(
                "A cell of NAS-Bench-201 must be written |op~0|+|op~0|op~1|+|op~0|op~1|op~2|; "
                f"got {text!r}."
            )
        return cell

    def __str__(self) -> str:
        parts = []
        for target in (1, 2, 3):
            into = [f"{op}~{a}" for (a, b), op in zip(EDGES, self.ops) if b == target]
            parts.append("|" + "|".join(into) + "|")
        return "+".join(parts)

    @classmethod
    def from_digits(cls, digits: str) -> NasBench201Cell:
        """Reads six places in `OPERATIONS`, such as "303101"."""
        if not re.fullmatch(r"[0-4]{6}", digits):
            raise InvalidArchitectureError(f"Six digits from 0 to 4 are needed; got {digits!r}.")
        return cls(tuple(OPERATIONS[int(digit)] for digit in digits))

    @property
    def digits(self) -> str:
        """The place of each op in `OPERATIONS`."""
        return "".join(str(OPERATIONS.index(op)) for op in self.ops)

    def live_edges(self) -> frozenset[tuple[int, int]]:
        """The edges on a way from the input to the output; none where every way is cut."""
        there = {edge for edge, op in zip(EDGES, self.ops) if op != "none"}
        reached, needed = {0}, {3}
        for a, b in EDGES:  # in topological order
            if (a, b) in there and a in reached:
                reached.add(b)
        for a, b in sorted(EDGES, key=lambda edge: -edge[1]):
            if (a, b) in there and b in needed:
                needed.add(a)
        return frozenset((a, b) for a, b in there if a in reached and b in needed)


RESIDUAL = NasBench201Cell.from_digits("303101")
"""Two 3x3 convolutions and a shortcut: the residual block among the cells."""


def nasbench201_network(
    cell: NasBench201Cell,
    input_shape: tuple[int, ...] = (32, 32, 3),
    classes: int = 10,
    *,
    width: int = WIDTH,
    cells: int = CELLS,
    pruned: bool = True,
) -> Architecture:
    """The benchmark's network of a cell: stem, three stacks of cells, pooling, logits.

    A residual block halves the picture and doubles the channels between two stacks.

    Args:
        cell: What all cells are.
        input_shape: `(height, width, channels)`.
        classes: Number of classes.
        width: Channels of the first stack.
        cells: Cells of a stack.
        pruned: Whether ops are left out that no way from the cell's input to its output goes
            through, so that cells that compute the same are one network. What that changes are
            convolutions of zeros: behind their batch norm they give a constant for each channel.
            Otherwise all six ops are there, as in the benchmark's own code and in its numbers of
            parameters.

    Source: Dong and Yang (2020), "NAS-Bench-201", section 2.1 and figure 1.

    Example:
        >>> nasbench201_network(RESIDUAL).trainable_params
        559386
    """
    graph = GraphBuilder(tuple(input_shape))
    writer = CellWriter(graph)
    node = graph.add(Rescale(), INPUT, name="rescale")
    node = writer.norm(graph.add(Conv2D(width), node, name="stem/conv"))
    for stack in range(1, STACKS + 1):
        if stack > 1:
            node = _halve(writer, node, f"reduction{stack - 1}")
        for number in range(1, cells + 1):
            node = _add_cell(writer, node, cell, pruned, f"stack{stack}/cell{number}")
    node = graph.add(Activation("relu"), writer.norm(node, "head/norm"), name="head/relu")
    classifier(graph, node, classes, dropout=0.0)
    return graph.finish()


def _halve(writer: CellWriter, node: str, name: str) -> str:
    graph = writer.graph
    filters = 2 * graph.shape(node)[-1]
    x = writer.conv(node, filters, 3, 2, f"{name}/conv1")
    x = writer.conv(x, filters, 3, 1, f"{name}/conv2")
    shortcut = writer.once(AveragePool2D(), node, "half")
    shortcut = writer.linear(Conv2D(filters, 1), shortcut, f"{name}/shortcut")
    return writer.total([shortcut, x], f"{name}/add")


def _add_cell(writer: CellWriter, node: str, cell: NasBench201Cell, pruned: bool, name: str) -> str:
    filters = writer.graph.shape(node)[-1]
    edges = cell.live_edges() if pruned else frozenset(EDGES)
    states = {0: node}
    for target in (1, 2, 3):
        ends = []
        for (source, end), op in zip(EDGES, cell.ops):
            if end != target or (source, end) not in edges:
                continue
            state, edge = states[source], f"{name}/edge{source}{end}"
            if op == "none":
                ends.append(writer.once(Zero(), state, "zero"))
            elif op == "skip_connect":
                ends.append(state)
            elif op == "avg_pool_3x3":
                ends.append(writer.edge(op, state, 1, edge))
            else:
                kernel = 3 if op == "nor_conv_3x3" else 1
                ends.append(writer.conv(state, filters, kernel, 1, f"{edge}/{op}"))
        if ends:
            states[target] = writer.total(ends, f"{name}/node{target}")
    return states[3] if 3 in states else writer.once(Zero(), node, "zero")


class NasBench201Space(SearchSpace):
    """The six decisions of NAS-Bench-201, named as in its tables; the rest is the benchmark's.

    Trial 0 is the residual block. With the defaults each network is one of the benchmark, whose
    results can be looked up.

    Args:
        input_shape: `(height, width, channels)`.
        classes: Number of classes.
        width: Channels of the first stack; 16 in the benchmark.
        recipe: Recipe of trial 0.
        cells: Cells of each of the three stacks; 5 in the benchmark.

    Source: Dong and Yang (2020), "NAS-Bench-201: extending the scope of reproducible neural
    architecture search".

    Example:
        >>> space = NasBench201Space((32, 32, 3), 10)
        >>> space.candidate({"op_0_1": "skip_connect", "op_1_2": "none"}).architecture.params < 1e6
        True
    """

    name: ClassVar[str] = "nasbench201"

    def __init__(
        self,
        input_shape: tuple[int, ...],
        classes: int,
        *,
        width: int = WIDTH,
        recipe: Recipe | None = None,
        cells: int = CELLS,
    ):
        super().__init__(input_shape, classes, width=width, recipe=recipe)
        self.cells = cells

    def architecture(self, hp: Any) -> Architecture:
        cell = NasBench201Cell(
            tuple(
                hp.Choice(f"op_{a}_{b}", list(OPERATIONS), default=default)
                for (a, b), default in zip(EDGES, RESIDUAL.ops)
            )
        )
        return nasbench201_network(
            cell, self.input_shape, self.classes, width=self.width, cells=self.cells
        )
