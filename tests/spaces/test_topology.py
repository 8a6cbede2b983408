"""Wirings: pruned, simplified, and one network for all ways to number them."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from autoarch.architecture.ops.merge import Add
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces import TopologySpace
from autoarch.spaces.dag import ADD, CONCAT, IDENTITY, Vertex, Wiring
from autoarch.spaces.topology import MOST_NODES, OPS

SPACE = TopologySpace((16, 16, 3), 4, width=4)


def random_wiring(rng, nodes, ops=("conv3", "max_pool3", IDENTITY)):
    """Any wiring, legal or not."""
    vertices = []
    for number in range(1, nodes + 2):
        inputs = tuple(source for source in range(number) if rng.random() < 0.4)
        merge = (ADD, CONCAT)[int(rng.integers(2))]
        is_output = number > nodes
        op = IDENTITY if is_output else ops[int(rng.integers(len(ops)))]
        vertices.append(Vertex(op, inputs, merge, bool(rng.random() < 0.3) and not is_output))
    return Wiring(tuple(vertices))


def decisions_of(wiring):
    """The decisions that stand for a wiring."""
    found = {"nodes": len(wiring.vertices) - 1}
    *vertices, output = wiring.vertices
    for number, vertex in enumerate(vertices, start=1):
        found[f"node{number}/op"] = vertex.op
        found[f"node{number}/halves"] = vertex.halves
        found[f"node{number}/merge"] = vertex.merge
        for source in range(number):
            found[f"node{number}/from{source}"] = source in vertex.inputs
    for source in range(len(vertices) + 1):
        found[f"output/from{source}"] = source in output.inputs
    return found | {"output/merge": output.merge}


def relabelled(wiring, order):
    """The wiring with inner vertex `order[i]` as number `i + 1`, or None where that is no order."""
    numbers = {0: 0} | {old: new for new, old in enumerate(order, start=1)}
    moved = [wiring.vertices[old - 1] for old in order] + [wiring.vertices[-1]]
    moved = [replace(v, inputs=tuple(sorted(numbers[i] for i in v.inputs))) for v in moved]
    legal = all(max(v.inputs, default=0) < place for place, v in enumerate(moved, start=1))
    return Wiring(tuple(moved)) if legal else None


def smallest_form(wiring):
    """The independent canonical form: the smallest of all numberings."""
    nodes = range(1, len(wiring.vertices))
    forms = (relabelled(wiring, order) for order in permutations(nodes))
    return min(str(form) for form in forms if form is not None)


def test_relabelled_wirings_are_one_network_node_for_node():
    rng = np.random.default_rng(0)
    for _ in range(25):
        wiring = random_wiring(rng, int(rng.integers(2, 7)))
        network = SPACE.candidate(decisions_of(wiring)).architecture
        orders = [rng.permutation(len(wiring.vertices) - 1) + 1 for _ in range(40)]
        others = {relabelled(wiring, order.tolist()) for order in orders} - {None}
        for other in others:
            assert SPACE.candidate(decisions_of(other)).architecture == network
    assert len(others) > 1


def test_keys_differ_exactly_where_no_numbering_makes_wirings_equal():
    rng = np.random.default_rng(1)
    by_key, by_form = {}, {}
    for number in range(200):
        # An identity may be what the alignment of sizes or channels does by itself.
        wiring = random_wiring(rng, 4, ops=("conv3", "max_pool3"))
        key = SPACE.candidate(decisions_of(wiring)).architecture.key
        by_key.setdefault(key, []).append(number)
        by_form.setdefault(smallest_form(wiring.simplified(2)), []).append(number)
    assert sorted(by_key.values()) == sorted(by_form.values())
    assert 50 < len(by_form) < 180  # some are alike, and many are not


def paths(wiring):
    """Numbers of the inner vertices on a way from the stem to the output, by walking all ways."""
    last, found = len(wiring.vertices), set()

    def walk(number, way):
        if number == last:
            found.update(way)
        for reader in range(number + 1, last + 1):
            if number in wiring.vertices[reader - 1].inputs:
                walk(reader, [*way, reader])

    walk(0, [])
    return sorted(found - {last})


def test_pruning_keeps_what_lies_on_a_way_from_stem_to_output():
    rng = np.random.default_rng(2)
    seen = 0
    for number in range(200):
        wiring = random_wiring(rng, 6)
        named = Wiring(
            tuple(replace(v, op=f"op{i}") for i, v in enumerate(wiring.vertices, start=1))
        )
        kept = paths(named)
        if kept or 0 in named.vertices[-1].inputs:
            seen += 1
            assert [v.op for v in named.pruned().vertices[:-1]] == [f"op{i}" for i in kept], number
    assert seen > 100


def test_an_output_without_inputs_reads_the_loose_ends_or_the_stem():
    conv = Vertex("conv3", (0,))
    output = Vertex(IDENTITY, ())
    three = Wiring((conv, conv, Vertex("conv1", (1,)), output)).pruned()
    assert three.vertices[-1].inputs == (2, 3)
    nothing = Wiring((Vertex("conv3", ()), output)).pruned()
    assert nothing.vertices == (Vertex(IDENTITY, (0,)),)


def test_what_changes_nothing_is_left_out():
    wiring = Wiring(
        (
            Vertex("conv3", (0,), CONCAT),
            Vertex(IDENTITY, (1,)),
            Vertex("conv5", (1, 2), CONCAT, halves=True),
            Vertex(IDENTITY, (3,), halves=True),
        )
    )
    assert wiring.simplified(0).vertices == (
        Vertex("conv3", (0,)),
        Vertex("conv5", (1,)),
        Vertex(IDENTITY, (2,)),
    )
    assert wiring.simplified(1).vertices[1].halves


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("merge", [ADD, CONCAT])
@pytest.mark.parametrize("shortcut", ["average_pool", "max_pool", "stride"])
def test_sizes_and_channels_are_aligned(op, merge, shortcut):
    wiring = Wiring(
        (
            Vertex("conv3", (0,), halves=True),
            Vertex(op, (0, 1), merge, halves=True),
            Vertex(op, (0, 1, 2), merge),
            Vertex(IDENTITY, (0, 3), merge),
        )
    )
    space = TopologySpace((18, 19, 3), 4, width=4)  # halved twice: 9 x 10, then 5 x 5
    network = space.candidate({**decisions_of(wiring), "shortcut": shortcut}).architecture
    before_head = network.shapes[network.nodes[-4].name]
    assert before_head == ((5, 5, 16) if merge == ADD else (5, 5, 20))


def test_trial_0_is_a_residual_network_of_as_many_stages_as_the_picture_has():
    for side, stages in ((8, 1), (32, 3), (224, 3)):
        network = TopologySpace((side, side, 3), 10, width=16).candidate({}).architecture
        assert sum(isinstance(node.op, Add) for node in network.nodes) == stages


def test_random_networks_halve_branch_and_merge():
    space = TopologySpace((32, 32, 3), 10, width=8)
    decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
    rng = np.random.default_rng(0)
    kinds = set()
    for _ in range(40):
        network = space.candidate(decisions.sample(rng)).architecture
        kinds |= {node.op.kind for node in network.nodes}
        assert len(network.live_nodes) == len(network.nodes)
    assert {"add", "concat", "depthwise_conv2d", "max_pool2d", "average_pool2d"} <= kinds
    assert max(space.hyperparameters()._hps["nodes"][0].values) == MOST_NODES
