"""The relaxed cells against the discrete networks of the space."""

from functools import cache

import numpy as np
import pytest
import tensorflow as tf

from autoarch.data.dataset import ImageSet
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces import CellSpace
from autoarch.spaces.cell import NODES, OPS
from autoarch.spaces.genotype import Genotype, cell_network
from autoarch.spaces.genotypes import DARTS_V2
from autoarch.spaces.steering import Steering
from autoarch.supernet.bank import Bank, slots_of
from autoarch.supernet.differentiable import METHODS, Relaxation
from autoarch.supernet.path import BatchStatistics, run_path
from autoarch.supernet.relaxed_cells import EDGES, NONE, RelaxedCells, genotype_of, readers
from autoarch.training.augment import make_augmenter
from autoarch.training.recipe import Recipe

WIDTH, CELLS, CLASSES = 4, 3, 3
SPACE = CellSpace((8, 8, 1), CLASSES)


@cache
def relaxed(space=SPACE, side=8):
    decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
    return RelaxedCells(decisions, (side, side, 1), CLASSES, width=WIDTH, cells=CELLS)


def gates_of(genotype):
    gates = np.eye(NONE + 1, dtype=np.float32)[[NONE] * len(EDGES)]
    for kind in ("normal", "reduction"):
        for node, ends in enumerate(getattr(genotype, kind).nodes, start=1):
            for op, source in ends:
                gates[EDGES.index((kind, node, source))] = np.eye(NONE + 1)[OPS.index(op)]
    return gates


def random_genotype(seed):
    random = np.random.default_rng(seed)
    shares = random.dirichlet(np.ones(NONE + 1), len(EDGES))
    return genotype_of(relaxed().discretise(shares))


def discrete_weights(architecture, weights):
    """The relaxed network's weights by the names that the discrete network has for them."""
    found = {}
    for slot in slots_of(architecture):
        path = slot.path
        if path in weights:
            found[path] = weights[path]
        elif path.endswith(("/gamma", "/beta")):
            found[path] = np.full(slot.shape, float(path.endswith("/gamma")), np.float32)
        else:
            cell, node, rest = path.split(
                "_", 2
            )  # cell1_node2_sep_conv_3x3_from0_depthwise1/kernel
            op, rest = rest.split("_from")
            source, step = rest.split("_", 1)
            kind = {"sep": "separable", "dil": "dilated"}.get(op[:3], op)
            stacked = weights[f"{cell}/from{source}/{kind}/{step}"]
            nodes = readers(int(source))
            second = op.endswith("5x5") * len(nodes)
            own = stacked[second + nodes.index(int(node.removeprefix("node")))]
            found[path] = own[1:-1, 1:-1] if len(own) == 5 and op.endswith("3x3") else own
    return {path: tf.constant(weight, tf.float32) for path, weight in found.items()}


@pytest.mark.parametrize(("genotype", "side"), [(DARTS_V2, 8), (1, 8), (2, 8), (3, 7)])
def test_with_one_gate_open_it_is_the_network_of_the_space(genotype, side):
    genotype = genotype if isinstance(genotype, Genotype) else random_genotype(genotype)
    whole, bank = relaxed(side=side), Bank(seed=3)
    weights = {slot.path: bank.take(slot) for slot in whole.slots}
    pictures = np.random.default_rng(0).uniform(0, 255, (5, side, side, 1)).astype(np.float32)
    network = cell_network(genotype, (side, side, 1), CLASSES, width=WIDTH, cells=CELLS)
    own = discrete_weights(network, weights)
    expected = run_path(network, pictures, own, BatchStatistics()).numpy()
    found = whole.run(
        {path: tf.constant(w) for path, w in weights.items()}, gates_of(genotype), pictures
    )
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_gates_say_which_genotype_it_is():
    for seed in range(5):
        genotype = random_genotype(seed)
        assert genotype_of(gates_of(genotype)) == genotype
        assert SPACE.genotype(relaxed().decisions(gates_of(genotype))) == genotype


def test_the_strongest_edges_are_kept_whatever_none_has():
    shares = np.full((len(EDGES), NONE + 1), 0.05)
    shares[:, NONE] = 0.6
    for node in range(1, NODES + 1):
        shares[EDGES.index(("normal", node, 1)), 3] = 0.2
        shares[EDGES.index(("normal", node, node)), 5] = 0.3
    genotype = genotype_of(relaxed().discretise(shares))
    first, *others = genotype.normal.nodes
    assert {first[0][1], first[1][1]} == {0, 1}
    for node, ends in enumerate(others, start=2):
        assert ends == (("sep_conv_3x3", 1), ("dil_conv_3x3", node))


def test_what_is_forbidden_is_not_found():
    space = CellSpace((8, 8, 1), CLASSES)
    space.steer(Steering({}, {}, {"op": ["skip_connect", "dil_conv_5x5"]}))
    whole = relaxed(space)
    shares = np.random.default_rng(0).dirichlet(np.ones(NONE + 1), len(EDGES))
    shares[:, 0] = 1.0
    chosen = {v for k, v in whole.decisions(whole.discretise(shares)).items() if "/op" in k}
    assert chosen and not chosen & {"skip_connect", "dil_conv_5x5"}


def test_two_skips_in_the_normal_cell_are_a_collapse():
    whole = relaxed()
    assert whole.collapsed(gates_of(DARTS_V2))  # the published cell has two
    shares = np.full((len(EDGES), NONE + 1), 0.1)
    shares[:, 3] = 0.2
    assert not whole.collapsed(whole.discretise(shares))
    shares[[EDGES.index(("normal", 1, 0)), EDGES.index(("reduction", 1, 0))], 0] = 0.9
    shares[EDGES.index(("reduction", 2, 0)), 0] = 0.9
    assert not whole.collapsed(whole.discretise(shares))
    shares[EDGES.index(("normal", 2, 0)), 0] = 0.9
    assert whole.collapsed(whole.discretise(shares))


def test_a_relaxation_takes_its_gradients_by_gates():
    random = np.random.default_rng(0)
    pictures = random.integers(0, 255, (64, 8, 8, 1)).astype(np.uint8)
    data = ImageSet(pictures, random.integers(CLASSES, size=64), ("",) * 64)
    augment = make_augmenter((8, 8, 1), CLASSES)
    relaxation = Relaxation(relaxed(), data, augment, Recipe(), METHODS["darts"], seed=1)
    x, y = tf.cast(pictures[:16], tf.float32), tf.one_hot(data.labels[:16], CLASSES)
    gates = tf.constant(random.dirichlet(np.ones(NONE + 1), len(EDGES)), tf.float32)

    def loss_and_gradient(gates):
        found = relaxation._under_gates(relaxation.weights.value, gates, x, y)
        return float(found[0]), found[2]

    _, by_gates = loss_and_gradient(gates)
    assert by_gates.shape == gates.shape and not np.any(by_gates[:, NONE])
    way = tf.constant(random.normal(size=gates.shape), tf.float32)
    step = 2e-3
    above, below = (loss_and_gradient(gates + s * way)[0] for s in (step, -step))
    expected = (above - below) / (2 * step)
    assert float(tf.reduce_sum(by_gates * way)) == pytest.approx(expected, rel=0.05)
