"""Cells with learned edges and ops, stacked: the space of NASNet, AmoebaNet, ENAS and DARTS."""

from __future__ import annotations

from typing import Any, ClassVar

from autoarch.architecture import Architecture
from autoarch.spaces.genotype import Cell, Edge, Genotype, cell_network
from autoarch.spaces.genotypes import DARTS_V2
from autoarch.spaces.space import SearchSpace

OPS = (
    "skip_connect",
    "max_pool_3x3",
    "avg_pool_3x3",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
"""What may stand on an edge, as in DARTS but for "none", which every edge may be rid of."""

NODES = 4
WIDTHS = (4, 8, 12, 16, 24, 32, 48, 64)
DEPTHS = (3, 4, 5, 6, 8, 11)
FEWEST, DEFAULT_DEPTH = 3, 5
"""Cells of trial 0: the fewest where a picture is smaller than `SMALL`, which soon has no sides
left to halve; every cell takes seconds to trace."""

SMALL = 16


class CellSpace(SearchSpace):
    """Normal and reduction cells of four nodes, each the sum of two edges, all concatenated.

    Decisions: for each edge of both cells its op and the state that it reads (0 and 1: the two
    cells before; 2 to 4: earlier nodes), for the network the width of the first cells, the number
    of cells and the dropout. Trial 0 stacks the cells that DARTS found, fewer and narrower.

    Args:
        input_shape: `(height, width, channels)`, sides of at least 4.
        classes: Number of classes.
        width: Width of trial 0's first cells; others have up to twice as much.
        recipe: Recipe of trial 0.

    Source: Zoph et al. (2018), section 3; Real et al. (2019), section 3.1; Liu et al. (2019),
    section 2.1.

    Example:
        >>> space = CellSpace((32, 32, 3), 10, width=16)
        >>> space.candidate({"normal/op1_1": "skip_connect"}).architecture.params < 200_000
        True
        >>> space.genotype({}).normal == DARTS_V2.normal
        True
    """

    name: ClassVar[str] = "cell"
    slowness: float = 2.5

    def architecture(self, hp: Any) -> Architecture:
        widths = sorted({w for w in WIDTHS if w <= self.width * 2} | {self.width})
        width = hp.Choice("width", widths, default=self.width)
        known = FEWEST if min(self.input_shape[:2]) < SMALL else DEFAULT_DEPTH
        cells = hp.Choice("cells", list(DEPTHS), default=known)
        dropout = hp.Choice("dropout", [0.0, 0.2, 0.4], default=0.2)
        return cell_network(
            _decide_genotype(hp),
            self.input_shape,
            self.classes,
            width=width,
            cells=cells,
            dropout=dropout,
        )

    def genotype(self, decisions: dict[str, Any]) -> Genotype:
        """The cells that decisions stand for; one left out takes its default."""
        import keras_tuner

        hp = keras_tuner.HyperParameters()
        hp.values = dict(decisions)
        return _decide_genotype(hp)

    @staticmethod
    def decisions_of(genotype: Genotype) -> dict[str, Any]:
        """The decisions that stand for a genotype of this space: what `genotype` inverts."""
        decisions: dict[str, Any] = {}
        for name, cell in (("normal", genotype.normal), ("reduction", genotype.reduction)):
            for node, edges in enumerate(cell.nodes, start=1):
                for place, (op, source) in enumerate(edges, start=1):
                    decisions[f"{name}/op{node}_{place}"] = op
                    decisions[f"{name}/from{node}_{place}"] = source
        return decisions


def _decide_genotype(hp: Any) -> Genotype:
    return Genotype(
        _decide_cell(hp, "normal", DARTS_V2.normal),
        _decide_cell(hp, "reduction", DARTS_V2.reduction),
    )


def _decide_cell(hp: Any, name: str, default: Cell) -> Cell:
    nodes = []
    for node, known in enumerate(default.nodes, start=1):
        edges: list[Edge] = []
        for place, (op, source) in enumerate(known, start=1):
            own = f"{node}_{place}"
            edges.append(
                (
                    hp.Choice(f"{name}/op{own}", list(OPS), default=op),
                    hp.Choice(
                        f"{name}/from{own}", list(range(node + 1)), default=source, ordered=False
                    ),
                )
            )
        nodes.append((edges[0], edges[1]))
    return Cell(tuple(nodes), tuple(range(2, NODES + 2)))
