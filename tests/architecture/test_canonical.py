"""Canonical keys against trying every numbering."""

from itertools import permutations

import numpy as np
import pytest

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.canonical import LabelledGraph
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.merge import Add, Concat


def random_graph(rng, nodes, labels):
    """Labels and inputs; node 0 reads nothing, the last one everything that nothing else reads."""
    names = ["in", *(labels[int(rng.integers(len(labels)))] for _ in range(nodes - 2)), "out"]
    inputs = [()]
    for node in range(1, nodes - 1):
        count = int(rng.integers(1, min(node, 3) + 1))
        inputs.append(tuple(sorted(rng.choice(node, count, replace=False).tolist())))
    read = {source for sources in inputs for source in sources}
    inputs.append(tuple(node for node in range(nodes - 1) if node not in read))
    return names, inputs


def renumbered(names, inputs, order):
    """The same graph with its nodes in another order, which must keep inputs first."""
    places = {old: new for new, old in enumerate(order)}
    return [names[old] for old in order], [
        tuple(sorted(places[source] for source in inputs[old])) for old in order
    ]


def orders(inputs):
    """All orders of the inner nodes in which inputs come first."""
    last = len(inputs) - 1
    for inner in permutations(range(1, last)):
        order = (0, *inner, last)
        if all(order.index(s) < order.index(n) for n in order for s in inputs[n]):
            yield order


def smallest_form(names, inputs):
    """The independent canonical form: the smallest of all."""
    return min(tuple(zip(*renumbered(names, inputs, order))) for order in orders(inputs))


def test_certificates_are_equal_exactly_where_some_numbering_makes_graphs_equal():
    rng = np.random.default_rng(0)
    graphs = [random_graph(rng, 6, "ab") for _ in range(300)]
    by_certificate, by_form = {}, {}
    for number, (names, inputs) in enumerate(graphs):
        by_certificate.setdefault(LabelledGraph(names, inputs).certificate(), []).append(number)
        by_form.setdefault(smallest_form(names, inputs), []).append(number)
    assert sorted(by_certificate.values()) == sorted(by_form.values())
    assert 100 < len(by_form) < 290  # some are alike, and most are not


def test_every_numbering_leads_to_the_same_graph_in_canonical_order():
    rng = np.random.default_rng(1)
    for _ in range(30):
        names, inputs = random_graph(rng, 7, "a")
        written = set()
        for order in list(orders(inputs))[:20]:
            other = renumbered(names, inputs, order)
            found = LabelledGraph(*other).order()
            assert all(found.index(s) < found.index(n) for n in found for s in other[1][n])
            written.add(str(renumbered(*other, found)))
        assert len(written) == 1


def ring(lengths):
    """Nodes `a` and `b`, each `b` reading two `a`: in rings of so many of each."""
    n = sum(lengths)
    inputs, first = [(), *([(0,)] * n)], 1
    for length in lengths:
        for step in range(length):
            inputs.append((first + step, first + (step + 1) % length))
        first += length
    return ["in", *"a" * n, *"b" * n, "out"], [*inputs, tuple(range(n + 1, 2 * n + 1))]


def test_one_ring_is_not_two_although_all_surroundings_are_alike():
    one, two = ring([4]), ring([2, 2])
    assert LabelledGraph(*one).certificate() != LabelledGraph(*two).certificate()


def test_many_symmetries_take_no_longer_than_a_few():
    branches = 12  # 12! numberings
    inputs = [(), *([(0,)] * branches), *((i,) for i in range(1, branches + 1))]
    inputs.append(tuple(range(branches + 1, 2 * branches + 1)))
    names = ["in", *"a" * branches, *"b" * branches, "out"]
    assert LabelledGraph(names, inputs).order()[0] == 0


@pytest.mark.parametrize("merge", [Add(), Concat()])
def test_key_tells_which_of_two_equal_nodes_has_two_readers(merge):
    def network(relu, tanh, sigmoid):
        graph = GraphBuilder((8, 8, 3))
        for name in ("first", "second"):
            graph.add(Conv2D(4), INPUT, name=name)
        ends = [
            graph.add(Activation("relu"), relu, name="relu"),
            graph.add(Activation("silu"), tanh, name="silu"),
            graph.add(Activation("gelu"), sigmoid, name="gelu"),
        ]
        graph.add(merge, *ends, name="sum")
        return graph.finish().key

    key = network("first", "first", "second")
    assert network("second", "second", "first") == key
    assert network("first", "second", "first") != key
    assert network("second", "first", "first") != key


def as_architecture(names, inputs):
    """The graph as a network: convolutions of the same shape, sums, and a last sum."""
    ops = {"a": Conv2D(3, 1), "b": Activation("relu")}
    graph, made = GraphBuilder((4, 4, 3)), [INPUT]
    for number, (name, sources) in enumerate(zip(names[1:], inputs[1:]), start=1):
        read = [made[source] for source in sources]
        if len(read) > 1:
            read = [graph.add(Add(), *read, name=f"sum{number}")]
        op = ops.get(name, Activation("silu"))
        made.append(graph.add(op, *read, name=f"node{number}"))
    return graph.finish()


def test_keys_of_networks_are_equal_exactly_where_some_numbering_makes_them_equal():
    rng = np.random.default_rng(2)
    by_key, by_form = {}, {}
    for number in range(200):
        names, inputs = random_graph(rng, 6, "ab")
        by_key.setdefault(as_architecture(names, inputs).key, []).append(number)
        by_form.setdefault(smallest_form(names, inputs), []).append(number)
    assert sorted(by_key.values()) == sorted(by_form.values())


def test_key_is_that_of_the_architecture_read_back():
    architecture = as_architecture(*ring([2, 2]))
    assert Architecture.from_json(architecture.to_json()).key == architecture.key
    assert architecture.key != as_architecture(*ring([4])).key
