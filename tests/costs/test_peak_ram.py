"""Peak memory against a computation of its own: which tensors does each moment need?"""

import math

import numpy as np
import pytest

from autoarch.architecture.lite import LiteBuilder
from autoarch.costs import model_costs
from autoarch.costs.peak_ram import peak_ram_bytes
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces import SPACES


def brute_force(graph):
    """For each op, the bytes of all tensors that exist by then and are still read, or made now."""
    sizes = {graph.input: math.prod(graph.input_shape)}
    sizes |= {op.output: math.prod(op.shape) for op in graph.ops}
    moments = []
    for now, op in enumerate(graph.ops):
        made = {graph.input} | {earlier.output for earlier in graph.ops[:now]}
        needed = {tensor for later in graph.ops[now:] for tensor in later.inputs}
        moments.append(sum(sizes[tensor] for tensor in made & needed) + sizes[op.output])
    return max(moments)


@pytest.mark.parametrize("name", SPACES)
def test_peak_ram_is_the_largest_moment(name):
    space = SPACES[name]((32, 32, 3), 10, width=8)
    decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
    rng = np.random.default_rng(0)
    for _ in range(40):
        graph = model_costs(space.candidate(decisions.sample(rng)).architecture).lite_graph
        assert peak_ram_bytes(graph) == brute_force(graph)


def test_random_graphs_with_long_shortcuts():
    rng = np.random.default_rng(1)
    for _ in range(100):
        lite = LiteBuilder("input", (int(rng.integers(1, 30)),))
        names = ["input"]
        for number in range(int(rng.integers(1, 12))):
            reads = [str(name) for name in rng.choice(names, rng.integers(1, 3))]
            lite.add("concatenation", reads, f"t{number}", (int(rng.integers(1, 30)),))
            names.append(f"t{number}")
        graph = lite.finish()
        # What nothing reads is never freed by the fast way either: keep such graphs out.
        read = {tensor for op in graph.ops for tensor in op.inputs}
        if all(name in read for name in names[:-1]):
            assert peak_ram_bytes(graph) == brute_force(graph)


def test_a_shortcut_holds_its_tensor():
    lite = LiteBuilder("x", (10,))
    first = lite.elementwise("logistic", "x", "a")
    second = lite.elementwise("logistic", first, "b")
    lite.add("mul", (first, second), "c", (10,))
    assert peak_ram_bytes(lite.finish()) == 30
