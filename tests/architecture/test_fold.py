"""Folding, checked against the built Keras models: the same answers from centred pixels."""

import numpy as np
import pytest

from autoarch.architecture import INPUT, GraphBuilder
from autoarch.architecture.fold import CENTRE, fold, fold_weights, unfold_weights
from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.depthwise_conv2d import DepthwiseConv2D
from autoarch.architecture.ops.dilated_depthwise_conv2d import DilatedDepthwiseConv2D
from autoarch.architecture.ops.dropout import Dropout
from autoarch.architecture.ops.merge import Add
from autoarch.architecture.ops.oblong_conv2d import OblongConv2D
from autoarch.architecture.ops.pooling import GlobalAveragePool2D
from autoarch.architecture.ops.rescale import Rescale
from autoarch.errors import InvalidArchitectureError
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces import SPACES
from autoarch.spaces.references import resnet8

SHAPE = (16, 16, 3)
PICTURES = np.random.default_rng(0).uniform(0, 255, (4, *SHAPE)).astype(np.float32)


def both_answers(architecture, pictures=PICTURES):
    """Answers of the original and of the folded network, with random weights."""
    rng = np.random.default_rng(1)
    model = architecture.build()
    weights = {}
    for variable in model.weights:
        kind = variable.path.rsplit("/", 1)[-1]
        low, high = {"gamma": (0.5, 1.5), "moving_variance": (0.5, 2.0)}.get(kind, (-0.5, 0.5))
        weights[variable.path] = rng.uniform(low, high, variable.shape).astype(np.float32)
        variable.assign(weights[variable.path])
    folded = fold(architecture).build()
    found = fold_weights(architecture, weights)
    assert {v.path for v in folded.weights} == set(found)
    folded.set_weights([found[v.path] for v in folded.weights])
    return np.asarray(model(pictures)), np.asarray(folded(pictures - CENTRE)), folded


def small(*ops):
    graph = GraphBuilder(SHAPE)
    node = INPUT
    for number, op in enumerate(ops):
        node = graph.add(op, node, name=f"op{number}")
    node = graph.add(GlobalAveragePool2D(), node, name="pool")
    graph.add(Dense(5), node, name="logits")
    return graph.finish()


def assert_close(expected, got, tolerance=1e-4):
    assert np.ptp(expected) > 1e-3, "the answers depend on the picture"
    np.testing.assert_allclose(got, expected, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize(
    ("name", "seed"),
    [*((name, seed) for name in ("residual", "mobile", "chain") for seed in range(3)),
     ("cell", 0), ("nasbench201", 0)],
)  # fmt: skip
def test_random_networks_answer_alike(name, seed):
    space = SPACES[name](SHAPE, 5, width=8)
    decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
    drawn = decisions.activate(decisions.sample(np.random.default_rng(seed)))
    architecture = space.candidate(drawn).architecture
    expected, got, _ = both_answers(architecture)
    assert_close(expected, got, 0.01)  # the padding's half a grey level
    kinds = [node.op.kind for node in fold(architecture).nodes]
    assert not {"dropout", "rescale"} & set(kinds)
    if name in ("residual", "mobile", "cell"):
        assert "batch_norm" not in kinds


def test_resnet8_answers_alike():
    architecture = resnet8((16, 16, 3), 5)
    expected, got, _ = both_answers(architecture)
    assert_close(expected, got, 0.01)


@pytest.mark.parametrize(
    "ops",
    [
        (Conv2D(4, use_bias=True), BatchNorm(), DepthwiseConv2D(), BatchNorm(), Dropout(0.5)),
        (DepthwiseConv2D(use_bias=True), Conv2D(4, 1), BatchNorm()),
        (Conv2D(4), BatchNorm(), BatchNorm(epsilon=1e-5)),
        (OblongConv2D(4, 1, 7), OblongConv2D(3, 7, 1, 2), BatchNorm()),
        (DilatedDepthwiseConv2D(5), BatchNorm(), Conv2D(4, 1)),
        (Rescale(1 / 64, -2.0), DepthwiseConv2D(5, 2), BatchNorm()),
        (Rescale(), BatchNorm(), Conv2D(4)),
        (Rescale(),),
    ],
)
def test_every_order_of_ops_answers_alike(ops):
    architecture = small(*ops)
    expected, got, _ = both_answers(architecture)
    assert_close(expected, got)


def test_a_norm_that_is_not_alone_behind_its_convolution_stays():
    graph = GraphBuilder(SHAPE)
    x = graph.add(Conv2D(4), graph.add(Rescale(), INPUT, name="rescale"), name="conv")
    y = graph.add(BatchNorm(), x, name="norm")
    x = graph.add(Add(), x, y, name="add")
    x = graph.add(GlobalAveragePool2D(), x, name="pool")
    graph.add(Dense(5), x, name="logits")
    architecture = graph.finish()
    expected, got, _ = both_answers(architecture)
    assert_close(expected, got, 0.01)
    assert [node.name for node in fold(architecture).nodes][:3] == ["conv", "norm", "add"]


def test_only_the_border_feels_the_middle_of_the_range():
    """Away from the padding the folded convolution is exact."""
    graph = GraphBuilder(SHAPE)
    x = graph.add(Rescale(), INPUT, name="rescale")
    graph.add(Conv2D(2), x, name="conv")
    architecture = graph.finish()
    expected, got, _ = both_answers(architecture)
    np.testing.assert_allclose(got[:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1], atol=1e-5)
    assert 1e-4 < np.abs(got - expected).max() < 0.5 / 127.5 * 27 * 0.5


@pytest.mark.parametrize("name", ["mobile", "residual"])
def test_unfolded_weights_fold_to_what_they_were_made_of(name):
    """Whatever a folded network has learned, the original has weights that answer alike."""
    architecture = SPACES[name](SHAPE, 5, width=8).candidate({}).architecture
    _, _, folded = both_answers(architecture)
    rng = np.random.default_rng(2)
    learned = {}
    for weight in folded.weights:
        learned[weight.path] = rng.normal(0, 0.2, weight.shape).astype(np.float32)
        weight.assign(learned[weight.path])
    found = unfold_weights(architecture, learned)
    original = architecture.build()
    assert {weight.path for weight in original.weights} == set(found)
    original.set_weights([found[weight.path] for weight in original.weights])
    assert_close(np.asarray(folded(PICTURES - CENTRE)), np.asarray(original(PICTURES)), 0.01)
    again = fold_weights(architecture, found)
    for path, weight in learned.items():
        np.testing.assert_allclose(again[path], weight, atol=1e-4)


def test_what_the_original_cannot_hold_is_refused():
    """Without batch norm and bias there is no place for the bias that a folded rescaling needs."""
    architecture = small(Rescale(), Conv2D(4))
    weights = {weight.path: np.asarray(weight) for weight in fold(architecture).build().weights}
    with pytest.raises(InvalidArchitectureError, match="'op1' has no bias and no batch norm"):
        unfold_weights(architecture, weights)
