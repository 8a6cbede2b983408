"""What the chain space covers."""

import numpy as np
import pytest

from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces import ChainSpace, ResidualSpace
from autoarch.spaces.chain import MOST_LAYERS, OPS

ENDING = ("batch_norm", "activation")
SPACE = ChainSpace((32, 32, 3), 10, width=8)


def network(**decisions):
    return SPACE.candidate({"dropout": 0.0, **decisions}).architecture


def kinds(**decisions):
    return [node.op.kind for node in network(**decisions).nodes[1:-2]]


@pytest.mark.parametrize("side", [8, 16, 32])
def test_trial_0_is_a_residual_network(side):
    shape = (side, side, 3)
    chain = ChainSpace(shape, 10, width=16).candidate({}).architecture
    residual = ResidualSpace(shape, 10, width=16).candidate({}).architecture
    assert chain.key == residual.key


def test_each_layer_chooses_its_op():
    found = {op: kinds(layers=2, op2=op)[3:] for op in OPS}
    assert found == {
        "conv": ["conv2d", *ENDING],
        "separable": ["depthwise_conv2d", *ENDING, "conv2d", *ENDING],
        "depthwise": ["depthwise_conv2d", *ENDING],
        "dilated": ["dilated_depthwise_conv2d", *ENDING],
        "max_pool": ["max_pool2d"],
        "average_pool": ["average_pool2d"],
        "squeeze_excite": ["squeeze_excite"],
        "dropout": ["dropout"],
    }


def test_each_layer_chooses_kernel_channels_and_stride():
    ops = {n.name: n.op for n in network(layers=2, kernel2=7, filters2=4, stride2=2).nodes}
    conv = ops["layer2/conv"]
    assert (conv.kernel, conv.filters, conv.stride) == (7, 32, 2)


def test_a_window_of_one_pixel_is_not_dilated():
    dilated = network(layers=2, op2="dilated", kernel2=1)
    assert dilated.key == network(layers=2, op2="depthwise", kernel2=1, stride2=1).key


def test_only_what_an_op_has_is_decided():
    decisions = SPACE.candidate({"layers": 3, "op2": "max_pool", "op3": "dilated"}).decisions
    assert "kernel2" not in decisions and "filters2" not in decisions and "skip2" not in decisions
    assert "skip3" in decisions
    assert "kernel3" in decisions and "stride3" not in decisions and "op4" not in decisions


def test_a_shortcut_is_brought_to_the_shape_of_what_it_joins():
    plain = {"layers": 3, "stride2": 2, "filters2": 4, "filters3": 4, "stride3": 2}
    assert "layer3/add" not in {n.name for n in network(**plain, skip3=0).nodes}
    shapes = network(**plain, skip3=1).shapes  # around layers 2 and 3
    assert (8, 8, 8) in shapes.values()  # pooled by four
    assert shapes["layer3/shortcut"] == shapes["layer3/add"] == (8, 8, 32)
    same = network(layers=3, stride2=1, filters2=1, filters3=1, stride3=1, skip3=1)
    names = {node.name for node in same.nodes}
    assert "layer3/add" in names and "layer3/shortcut" not in names


def test_shortcuts_of_odd_sides_fit():
    rng = np.random.default_rng(0)
    for shape in [(33, 29, 1), (4, 63, 3), (7, 5, 3), (49, 200, 3)]:
        space = ChainSpace(shape, 3, width=4)
        decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
        for _ in range(8):
            drawn = {**decisions.sample(rng), "layers": MOST_LAYERS}
            assert space.candidate(decisions.activate(drawn)).architecture.output_shape == (3,)


def test_no_picture_is_halved_below_four_pixels():
    halvings = {f"op{i}": "max_pool" for i in range(2, 13)} | {"layers": 12}
    halvings |= {f"skip{i}": 0 for i in range(3, 13)}
    small = network(**halvings)
    assert min(shape[0] for shape in small.shapes.values() if len(shape) == 3) == 4
