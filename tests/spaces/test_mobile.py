"""What the mobile space covers, and the smallest network of every space."""

import numpy as np
import pytest
import tensorflow as tf

from autoarch.costs import model_costs
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces import SPACES, MobileSpace

SPACE = MobileSpace((32, 32, 3), 10, width=16)
ONE_STAGE = {"stages": 1, "depth1": 2, "squeeze_excite1": False, "head": 0, "dropout": 0.0}


def kinds(**decisions):
    architecture = SPACE.candidate({**ONE_STAGE, **decisions}).architecture
    return [node.op.kind for node in architecture.nodes]


def test_each_layer_chooses_its_block():
    separable = kinds(block1_1="separable", block1_2="separable")
    assert separable.count("depthwise_conv2d") == 2 and "add" not in separable
    residual = kinds(block1_1="residual", block1_2="residual")
    assert "depthwise_conv2d" not in residual and residual.count("add") == 1
    inverted = kinds(block1_1="inverted", block1_2="inverted", expansion1_1=1)
    assert inverted.count("depthwise_conv2d") == 2 and inverted.count("add") == 1
    mixed = kinds(block1_1="separable", block1_2="residual")
    assert mixed.count("depthwise_conv2d") == 1 and mixed.count("add") == 1


def test_each_layer_chooses_kernel_and_expansion():
    decisions = {"kernel1_1": 5, "kernel1_2": 7, "expansion1_1": 6, "expansion1_2": 1}
    nodes = SPACE.candidate({**ONE_STAGE, **decisions}).architecture.nodes
    by_name = {node.name: node.op for node in nodes}
    assert by_name["stage1/block1/depthwise"].kernel == 5
    assert by_name["stage1/block2/depthwise"].kernel == 7
    assert by_name["stage1/block1/expand"].filters == 6 * 16
    assert "stage1/block2/expand" not in by_name


def test_only_inverted_blocks_have_an_expansion():
    decisions = SPACE.candidate({**ONE_STAGE, "block1_1": "residual"}).decisions
    assert "expansion1_1" not in decisions and "expansion1_2" in decisions
    assert "kernel1_1" in decisions and "kernel1_3" not in decisions


@pytest.mark.parametrize(
    ("name", "cost"),
    [
        *((name, cost) for name in ("residual", "mobile")
          for cost in ("params", "macs", "int8_file_bytes", "peak_ram_bytes")),
        ("chain", "int8_file_bytes"),
    ],
)  # fmt: skip
def test_the_cheapest_network_is_cheaper_than_any_draw(name, cost):
    space = SPACES[name]((32, 32, 3), 10, width=8)

    def price(architecture):
        return getattr(model_costs(architecture), cost)

    cheapest = space.cheapest(price)
    assert space.candidate(cheapest.decisions) == cheapest
    decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
    rng = np.random.default_rng(0)
    drawn = [price(space.candidate(decisions.sample(rng)).architecture) for _ in range(200)]
    assert price(cheapest.architecture) <= min(drawn)


@pytest.mark.parametrize("name", ["residual", "mobile", "cell", "chain"])
def test_spaces_reach_down_to_microcontrollers(name):
    """But for that of NAS-Bench-201, whose width and depth are the benchmark's."""
    space = SPACES[name]((32, 32, 3), 10, width=8)
    assert space.cheapest(lambda network: network.params).architecture.params < 10_000


@pytest.mark.parametrize("name", SPACES)
def test_random_networks_build_as_they_are_priced_and_train(name):
    space = SPACES[name]((16, 16, 3), 4, width=4)
    decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
    rng = np.random.default_rng(2)
    for _ in range(1 if name in ("cell", "nasbench201") else 3):  # they have many nodes
        architecture = space.candidate(decisions.sample(rng)).architecture
        check_training_step(architecture)


def check_training_step(architecture):
    """A built network has the priced weights, and each of them a finite gradient."""
    rng = np.random.default_rng(0)
    pixels = tf.constant(rng.integers(0, 256, (8, *architecture.input_shape)), tf.float32)
    labels = tf.one_hot(np.arange(8) % 4, architecture.output_shape[0])
    model = architecture.build()
    assert model.count_params() == architecture.params
    with tf.GradientTape() as tape:
        logits = model(pixels, training=True)
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels, logits))
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(g is not None and np.isfinite(g).all() for g in gradients)
    assert any(np.abs(g).max() > 0 for g in gradients)
