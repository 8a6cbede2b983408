"""Networks of cells against what their papers say, and genotypes as values."""

import json

import pytest

from autoarch.errors import InvalidArchitectureError
from autoarch.spaces.cell import CellSpace
from autoarch.spaces.genotype import Cell, Genotype, cell_network
from autoarch.spaces.genotypes import AMOEBANET_A, DARTS_V2, NASNET_A

TINY = Cell(((("skip_connect", 0), ("sep_conv_3x3", 1)),), (2,))


def test_darts_has_the_parameters_that_its_authors_code_prints():
    """`param size = 3.349342MB`, from `quark0/darts: cnn/train.py` with 36 channels, 20 cells."""
    network = cell_network(DARTS_V2, (32, 32, 3), 10, width=36, cells=20)
    assert network.trainable_params == 3_349_342


def test_the_others_have_about_as_many_as_darts_tells_of_them():
    """Liu et al. (2019), table 1: 3.3 M for NASNet-A and 3.2 M for AmoebaNet-A, whose cells there
    were stacked a little differently."""
    for genotype, told in ((NASNET_A, 3.3e6), (AMOEBANET_A, 3.2e6)):
        network = cell_network(genotype, (32, 32, 3), 10, width=36, cells=20)
        assert 0.9 * told < network.trainable_params < 1.2 * told


@pytest.mark.parametrize("genotype", [DARTS_V2, NASNET_A, AMOEBANET_A])
def test_json_keeps_a_genotype(genotype):
    assert Genotype.from_json(json.loads(json.dumps(genotype.to_json()))) == genotype


@pytest.mark.parametrize(
    "data", [{}, {"normal": 3}, {"normal": {"nodes": [[1]], "concat": [2]}, "reduction": {}}]
)
def test_what_is_no_genotype_is_refused(data):
    with pytest.raises(InvalidArchitectureError, match="Not a genotype"):
        Genotype.from_json(data)


@pytest.mark.parametrize(
    ("nodes", "concat", "message"),
    [
        (((("warp", 0), ("skip_connect", 1)),), (2,), "op of a cell must be one of.*'warp'"),
        (((("skip_connect", 2), ("skip_connect", 1)),), (2,), "can read states 0 to 1; got 2"),
        (
            ((("skip_connect", 0), ("skip_connect", 1)),),
            (),
            r"must be of its states 2 to 2; got \[\]",
        ),
        (
            ((("skip_connect", 0), ("skip_connect", 1)),),
            (1,),
            r"must be of its states .* got \[1\]",
        ),
    ],
)
def test_illegal_cells_are_refused(nodes, concat, message):
    with pytest.raises(InvalidArchitectureError, match=message):
        Cell(nodes, concat)


def test_too_few_cells_are_refused():
    with pytest.raises(InvalidArchitectureError, match="needs 3 or more; got 2"):
        cell_network(Genotype(TINY, TINY), (8, 8, 3), 2, width=4, cells=2)


def test_sides_halve_at_one_and_two_thirds():
    network = cell_network(Genotype(TINY, TINY), (32, 32, 3), 10, width=4, cells=6)
    shapes = [network.shapes[f"cell{number}/node1/add"] for number in range(1, 7)]
    assert shapes == [(32, 32, 4)] * 2 + [(16, 16, 8)] * 2 + [(8, 8, 16)] * 2


def test_decisions_stand_for_genotypes_both_ways():
    space = CellSpace((16, 16, 3), 4, width=8)
    default = space.candidate({})
    assert space.genotype(dict(default.decisions)) == DARTS_V2
    decided = CellSpace.decisions_of(DARTS_V2)
    assert len(decided) == 32 and decided.items() <= default.decisions.items()
    other = Genotype(DARTS_V2.reduction, DARTS_V2.normal)
    assert space.genotype(CellSpace.decisions_of(other)) == other
