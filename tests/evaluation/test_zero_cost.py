"""Each proxy against a second computation that shares no code with it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from autoarch.architecture import INPUT, GraphBuilder
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.dropout import Dropout
from autoarch.architecture.ops.pooling import GlobalAveragePool2D
from autoarch.architecture.ops.rescale import Rescale
from autoarch.architecture.ops.zero import Zero
from autoarch.data.dataset import ImageSet
from autoarch.errors import InvalidInputError, TrialFailedError
from autoarch.evaluation.evaluator import StoppedError
from autoarch.evaluation.zero_cost import (
    PROXIES,
    Batch,
    ZeroCostEvaluator,
    different_examples,
    grad_norm,
    jacob_cov,
    naswot,
    require_scorable,
    synflow,
    zero_cost_scores,
)
from autoarch.objectives import get_objective
from autoarch.spaces import Candidate
from autoarch.training.recipe import Recipe
from autoarch.trials import Fidelity

RANDOM = np.random.default_rng(0)


def network(*, dead=False, width=6, dropout=0.0):
    graph = GraphBuilder((5, 5, 3))
    x = graph.add(Rescale(), INPUT, name="rescale")
    x = graph.add(Conv2D(width, 3), x, name="conv1")
    x = graph.add(BatchNorm(), x, name="norm1")
    x = graph.add(Activation("relu"), x, name="relu1")
    x = graph.add(Zero(), x, name="zero") if dead else x
    x = graph.add(Dropout(dropout), x, name="dropout") if dropout else x
    x = graph.add(Conv2D(width, 3), x, name="conv2")
    x = graph.add(Activation("relu"), x, name="relu2")
    x = graph.add(GlobalAveragePool2D(), x, name="pool")
    graph.add(Dense(4), x, name="logits")
    return graph.finish()


def batch(n=6):
    return Batch.of(RANDOM.integers(0, 256, (n, 5, 5, 3)), np.arange(n) % 4)


def test_synflow_is_the_weights_times_their_slopes_written_out():
    """By finite differences in float64: w dR/dw is R's slope when one weight is scaled."""
    model = network().build()
    weights = {v.path: np.abs(v.numpy().astype(np.float64)) for v in model.weights}

    def conv(x, kernel):
        out = np.zeros((*x.shape[:2], kernel.shape[3]))
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        for i in range(3):
            for j in range(3):
                out += padded[i : i + 5, j : j + 5] @ kernel[i, j]
        return out

    def total(scales):
        x = conv(np.ones((5, 5, 3)), scales[0] * weights["conv1/kernel"])
        x = x / np.sqrt(1 + 1e-3)  # the fresh batch norm
        x = conv(x, scales[1] * weights["conv2/kernel"]).mean((0, 1))
        return (x @ (scales[2] * weights["logits/kernel"])).sum()

    step = 1e-6
    slopes = [
        (total([1 + step * (i == k) for k in range(3)]) - total([1, 1, 1])) / step for i in range(3)
    ]
    assert synflow(model, batch()) == pytest.approx(np.log(sum(slopes)), abs=1e-3)


def test_synflow_of_a_deep_network_does_not_overflow_and_leaves_the_weights():
    graph = GraphBuilder((4, 4, 64))
    x = INPUT
    for number in range(45):  # R is about 1e60
        x = graph.add(Conv2D(64, 3), x, name=f"conv{number}")
    x = graph.add(GlobalAveragePool2D(), x, name="pool")
    graph.add(Dense(2), x, name="logits")
    model = graph.finish().build()
    before = model.get_weights()
    assert 100 < synflow(model, Batch.of(np.zeros((1, 4, 4, 64)), np.zeros(1))) < 200
    for ours, theirs in zip(before, model.get_weights()):
        np.testing.assert_array_equal(ours, theirs)


def test_naswot_counts_the_units_that_agree():
    model = network().build()
    given = batch()
    outputs = keras.Model(
        model.input, [model.get_layer(name).output for name in ("relu1", "relu2")]
    )(given.inputs, training=True)
    codes = np.concatenate([np.reshape(o, (6, -1)) > 0 for o in outputs], axis=1)
    kernel = [[(a == b).sum() for b in codes] for a in codes]
    expected = np.log(np.linalg.det(np.array(kernel, float)))
    assert naswot(model, given) == pytest.approx(expected, rel=1e-6)
    twins = Batch.of(np.zeros((3, 5, 5, 3)), np.zeros(3))
    assert naswot(model, twins) < -20 or naswot(model, twins) == -np.inf


def test_grad_norm_is_the_sum_of_the_layers_norms():
    model = network().build()
    given = batch()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        value = loss(given.labels, model(given.inputs, training=True))
    kernels = [model.get_layer(name).kernel for name in ("conv1", "conv2", "logits")]
    expected = sum(np.sqrt((g.numpy() ** 2).sum()) for g in tape.gradient(value, kernels))
    assert grad_norm(model, given) == pytest.approx(expected, rel=1e-5)


def test_jacob_cov_is_large_where_examples_pull_in_different_directions():
    model = network().build()
    given = batch()
    rows = []
    with tf.GradientTape() as tape:
        tape.watch(given.inputs)
        total = tf.reduce_sum(model(given.inputs, training=True))
    for row in tape.gradient(total, given.inputs).numpy().reshape(6, -1).astype(float):
        rows.append((row - row.mean()) / np.linalg.norm(row - row.mean()))
    eigenvalues = np.linalg.svd(np.array(rows), compute_uv=False) ** 2 + 1e-5
    expected = -np.sum(np.log(eigenvalues) + 1 / eigenvalues)
    assert jacob_cov(model, given) == pytest.approx(expected, rel=1e-3)


def test_a_network_that_lets_nothing_through_is_the_worst():
    scores = zero_cost_scores(network(dead=True), batch())
    assert scores["synflow"] == scores["jacob_cov"] == -np.inf
    assert not np.isnan(list(scores.values())).any()


def test_scores_are_repeated_by_their_seed_and_in_any_order():
    given = batch()
    all_of_them = zero_cost_scores(network(), given)
    assert set(all_of_them) == set(PROXIES)
    turned = zero_cost_scores(network(), given, names=tuple(reversed(PROXIES)))
    assert turned == pytest.approx(all_of_them, rel=1e-5)
    assert zero_cost_scores(network(), given, seed=1) != all_of_them


def test_what_dropout_drops_changes_no_score():
    given = batch()
    expected = zero_cost_scores(network(), given)
    assert zero_cost_scores(network(dropout=0.5), given) == pytest.approx(expected, rel=1e-5)


def test_wider_networks_flow_more():
    narrow, wide = (
        zero_cost_scores(network(width=width), batch(), names=["synflow"]) for width in (4, 16)
    )
    assert narrow["synflow"] < wide["synflow"]


def shallow(*, function=None, dead=False):
    graph = GraphBuilder((5, 5, 3))
    x = graph.add(Conv2D(6, 3), INPUT, name="conv")
    x = graph.add(Zero(), x, name="zero") if dead else x
    x = graph.add(Activation(function), x, name="act") if function else x
    x = graph.add(GlobalAveragePool2D(), x, name="pool")
    graph.add(Dense(4), x, name="logits")
    return graph.finish()


def test_any_activation_splits_examples_where_its_input_changes_its_sign():
    given = batch(7)
    relu, silu, hard = (
        zero_cost_scores(shallow(function=name), given, names=["naswot"])["naswot"]
        for name in ("relu", "silu", "hard_silu")
    )
    assert np.isfinite(relu) and relu == silu == hard


def pictures(n=40):
    labels = (np.arange(n) % 4).astype(np.int64)
    inputs = np.random.default_rng(1).integers(0, 256, (n, 5, 5, 3)).astype(np.uint8)
    return ImageSet(inputs, labels, ("",) * n)


def evaluated(network, objective="accuracy", **given):
    evaluator = ZeroCostEvaluator(pictures(), get_objective(objective), seed=3)
    return evaluator.evaluate(Candidate({}, network, Recipe()), 0, Fidelity(1.0), **given)


def test_the_evaluator_gives_the_score_in_place_of_the_objective():
    expected = zero_cost_scores(network(), different_examples(pictures(), 3), seed=3)["naswot"]
    measurement = evaluated(network())
    assert measurement.score == measurement.metrics["accuracy"] == pytest.approx(expected)
    assert evaluated(network(), "log_loss").score == pytest.approx(-expected)
    assert (measurement.epochs, measurement.train_s) == (1.0, 0.0)


def test_the_evaluator_says_what_cannot_be_scored_and_stops_when_told():
    with pytest.raises(TrialFailedError, match="answers different examples alike"):
        evaluated(shallow(function="relu", dead=True))
    with pytest.raises(StoppedError):
        evaluated(network(), should_stop=lambda: True)
    require_scorable(network())
    with pytest.raises(InvalidInputError, match="zero-cost scores networks by their activations"):
        require_scorable(shallow())


def test_equal_examples_are_taken_once_with_their_labels():
    once = pictures()
    several = ImageSet(np.repeat(once.inputs, 3, axis=0), np.repeat(once.labels, 3), ("",) * 120)
    given = different_examples(several, 0)
    rows = given.inputs.numpy().reshape(len(given.inputs), -1)
    assert 20 < len(rows) <= 32 and len(np.unique(rows, axis=0)) == len(rows)
    for row, label in zip(rows, given.labels.numpy()):
        (place,) = np.flatnonzero((once.inputs.reshape(40, -1) == row).all(axis=1))
        assert once.labels[place] == label
