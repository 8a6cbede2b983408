import subprocess
import sys

import numpy as np
import pytest

from autoarch.architecture import INPUT, Architecture, GraphBuilder, Node
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.depthwise_conv2d import DepthwiseConv2D
from autoarch.architecture.ops.merge import Add, Concat
from autoarch.architecture.ops.pooling import GlobalAveragePool2D
from autoarch.errors import InvalidArchitectureError


def branches(first="a", second="b", *, swapped=False, merge=None, dead=False):
    """Two convolutions side by side, joined."""
    graph = GraphBuilder((8, 8, 3))
    graph.add(Conv2D(4, 3), INPUT, name=first)
    graph.add(Conv2D(4, 1), INPUT, name=second)
    if dead:
        graph.add(Conv2D(99, 7), first, name="dead")
    graph.add(merge or Add(), *((second, first) if swapped else (first, second)), name="join")
    graph.add(GlobalAveragePool2D(), "join", name="pool")
    graph.add(Dense(5), "pool", name="logits")
    return graph.finish()


def test_key_ignores_names_order_of_a_sum_and_dead_nodes():
    key = branches().key
    assert branches("x", "y").key == key
    assert branches(swapped=True).key == key
    assert branches(dead=True).key == key
    assert branches(dead=True).params == branches().params


def test_key_tells_what_differs():
    assert branches(merge=Concat()).key != branches(merge=Concat(), swapped=True).key
    other = Architecture((8, 8, 1), branches().nodes)
    assert other.key != branches().key


def test_key_tells_a_shared_node_from_two_equal_ones():
    def doubled(shared):
        graph = GraphBuilder((8, 8, 3))
        graph.add(Conv2D(4), INPUT, name="a")
        other = "a" if shared else graph.add(Conv2D(4), INPUT, name="b")
        graph.add(Add(), "a", other, name="sum")
        return graph.finish()

    assert doubled(True).key != doubled(False).key
    assert doubled(True).params * 2 == doubled(False).params


def test_all_but_products_of_matrices_can_stay_in_float32():
    graph = GraphBuilder((8, 8, 3))
    node = graph.add(Conv2D(4), INPUT, name="stem")
    node = graph.add(DepthwiseConv2D(3), node, name="depthwise")
    node = graph.add(BatchNorm(), node, name="norm")
    node = graph.add(GlobalAveragePool2D(), node, name="pool")
    node = graph.add(Dense(6), node, name="hidden")
    graph.add(Dense(5), node, name="logits")
    model = graph.finish().build(policy="mixed_bfloat16", products_only=True)
    narrow = {layer.name for layer in model.layers if layer.compute_dtype == "bfloat16"}
    assert narrow == {"stem", "hidden"}
    logits = model(np.zeros((2, 8, 8, 3), np.float32))
    assert logits.dtype == "float32" and logits.shape == (2, 5)


def test_json_round_trip():
    architecture = branches()
    assert Architecture.from_json(architecture.to_json()) == architecture


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_built_model_has_the_declared_parameters_and_float32_logits(policy):
    graph = GraphBuilder((8, 8, 3))
    node = graph.add(Conv2D(4), INPUT, name="stem/conv")
    node = graph.add(BatchNorm(), node, name="stem/norm")
    node = graph.add(Activation("relu"), node, name="stem/relu")
    node = graph.add(GlobalAveragePool2D(), node, name="pool")
    graph.add(Dense(5), node, name="logits")
    architecture = graph.finish()
    model = architecture.build(policy=policy)
    assert model.count_params() == architecture.params == 4 * 27 + 16 + 25
    assert architecture.trainable_params == architecture.params - 8
    assert architecture.macs == 64 * 27 * 4 + 20
    logits = model(np.zeros((2, 8, 8, 3), np.float32))
    assert logits.dtype == "float32" and logits.shape == (2, 5)
    assert model.get_layer("stem_conv").compute_dtype == policy.removeprefix("mixed_")


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ((), "at least one node"),
        ((Node("a", Dense(2), ("b",)),), "no earlier node makes"),
        ((Node("a", Dense(2), (INPUT,)), Node("a", Dense(2), ("a",))), "Two nodes"),
    ],
)
def test_illegal_graphs_are_refused(nodes, message):
    with pytest.raises(InvalidArchitectureError, match=message):
        Architecture((3,), nodes)


@pytest.mark.parametrize(
    "data", [{}, {"format": 1}, {"format": 1, "nodes": [{"name": "a"}], "input_shape": [1]}]
)
def test_what_is_no_architecture_is_refused(data):
    with pytest.raises(InvalidArchitectureError):
        Architecture.from_json(data)


def test_the_room_starts_neither_keras_nor_tensorflow():
    code = (
        "import sys, autoarch.architecture, autoarch.costs;"
        "sys.exit(any(m in sys.modules for m in ('keras', 'tensorflow')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
