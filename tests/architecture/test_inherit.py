"""Weight inheritance, checked against the built Keras models: what they compute, not how."""

import numpy as np
import pytest

from autoarch.architecture import INPUT, GraphBuilder
from autoarch.architecture.inherit import inherit_weights
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.log_mel import LogMel
from autoarch.architecture.ops.merge import Add, Concat
from autoarch.architecture.ops.pooling import GlobalAveragePool2D
from autoarch.data.tokenizer import COLUMNS
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces import SPACES, SpeechSpace
from autoarch.spaces.text import TextSpace

SHAPE = (16, 16, 3)
DECIDED = ("residual", "mobile", "chain")
"""Spaces that decide on widths and kernels. Networks of cells have many more nodes: see below."""
PICTURES = np.random.default_rng(0).uniform(0, 255, (6, *SHAPE)).astype(np.float32)


def weights_of(model):
    return {v.path: np.asarray(v.numpy()) for v in model.weights}


def randomised(model, rng):
    """Sets random weights, batch norm statistics included; returns them by path."""
    for variable in model.weights:
        kind = variable.path.rsplit("/", 1)[-1]
        low, high = {"gamma": (0.5, 1.5), "moving_variance": (0.5, 2.0)}.get(kind, (-0.3, 0.3))
        fan_in = np.prod(variable.shape[:-1]) if kind == "kernel" else 1
        variable.assign(rng.uniform(low, high, variable.shape) * 3 / np.sqrt(9 * fan_in) ** 0.5)
    return weights_of(model)


def born(parent, child, rng, trained=None):
    """A parent with random weights, its child, and what the child inherited."""
    parent_model, child_model = parent.build(), child.build()
    trained = randomised(parent_model, rng) if trained is None else trained
    parent_model.set_weights([trained[v.path] for v in parent_model.weights])
    found = inherit_weights(parent, trained, child, weights_of(child_model), rng)
    child_model.set_weights([found.weights[v.path] for v in child_model.weights])
    return parent_model, child_model, found


def answers(model, pictures=PICTURES, training=False):
    return np.asarray(model(pictures, training=training))


def assert_same_function(parent, child, **options):
    expected, got = answers(parent, **options), answers(child, **options)
    assert np.ptp(expected) > 1e-2  # the answers depend on the picture, so equality says something
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def draw(space, seed, **fixed):
    """Random decisions with some of them fixed."""
    decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
    return decisions.activate({**decisions.sample(np.random.default_rng(seed)), **fixed})


def deepened(decisions):
    return {
        name: min(value + 1, 3) if name.startswith("depth") else value
        for name, value in decisions.items()
    }


SOUND = SpeechSpace((2000,), 4, rate=8000, width=8)


@pytest.mark.parametrize("body", ["residual", "separable", "temporal"])
def test_networks_on_sounds_hand_on_all_that_they_have_learned(body):
    """The child is the parent made wider, so it answers as the parent does."""
    rng = np.random.default_rng(0)
    fixed = {"body": body, "activation": "relu", "width": 8}
    parent = SOUND.candidate({**fixed, "stages": 2, "depth1": 1}).architecture
    child = SOUND.candidate({**fixed, "stages": 2, "depth1": 1, "width": 16}).architecture
    waves = rng.normal(0, 0.1, (4, 2000)).astype(np.float32)
    built = parent.build()
    trained = weights_of(built)
    for variable in built.trainable_weights:
        values = np.asarray(variable)
        trained[variable.path] = values + rng.normal(0, 0.1, values.shape).astype(np.float32)
    one, other, found = born(parent, child, rng, trained)
    expected = answers(one, waves)
    assert np.ptp(expected) > 1e-2
    np.testing.assert_allclose(answers(other, waves), expected, rtol=1e-3, atol=1e-3)
    fresh = LogMel(8000, 300, 100, 40).state_params((2000,)) / child.params
    assert found.share == pytest.approx(1 - fresh)


def test_of_another_spectrogram_what_sees_it_as_a_picture_stays():
    rng = np.random.default_rng(0)
    parent = SOUND.candidate({}).architecture
    child = SOUND.candidate({"bands": 64, "hop_ms": 8.0}).architecture
    _, model, found = born(parent, child, rng, weights_of(parent.build()))
    assert found.share > 0.5
    assert np.isfinite(answers(model, rng.normal(0, 0.1, (2, 2000)).astype(np.float32))).all()


def test_networks_on_texts_hand_on_their_vectors():
    rng = np.random.default_rng(0)
    space = TextSpace((12, COLUMNS), 3, words=50, buckets=100)
    parent, child = (
        space.candidate({"network": "bag", "second": "cnn", "filters": filters}).architecture
        for filters in (48, 96)
    )
    one, other, found = born(parent, child, rng, weights_of(parent.build()))
    assert found.share == 1
    ids = rng.integers(0, 40, (4, 12, COLUMNS)).astype(np.int32)
    expected = answers(one, ids)
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(answers(other, ids), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", DECIDED)
@pytest.mark.parametrize("seed", range(2))
def test_every_weight_of_the_spaces_says_what_its_axes_are(name, seed):
    space = SPACES[name](SHAPE, 4, width=8)
    architecture = space.candidate(draw(space, seed)).architecture
    declared = {
        node.layer_name + suffix: len(axes)
        for node in architecture.live_nodes
        for suffix, axes in node.op.weight_axes().items()
    }
    assert declared == {v.path: len(v.shape) for v in architecture.build().weights}


@pytest.mark.parametrize("name", DECIDED)
@pytest.mark.parametrize("seed", range(2))
def test_a_wider_child_computes_what_its_parent_does(name, seed):
    space = SPACES[name](SHAPE, 4, width=8)
    decisions = draw(space, seed, width=8, dropout=0.0)
    for key in decisions:
        if key.startswith("expansion"):
            decisions[key] = 3
    wider = {k: 6 if k.startswith("expansion") else v for k, v in decisions.items()}
    parent, child = (
        space.candidate(d).architecture for d in (decisions, {**wider, "width": (12, 16)[seed % 2]})
    )
    old, new, found = born(parent, child, np.random.default_rng(seed))
    assert child.params > parent.params and found.share == 1.0
    assert_same_function(old, new)
    assert_same_function(old, new, training=True)  # copies have the batch statistics of originals


def test_a_wider_network_of_cells_computes_what_its_parent_does():
    """The channels are traced through concatenations, and sums of edges of all kinds."""
    ops = {f"normal/op1_{place}": op for place, op in ((1, "dil_conv_3x3"), (2, "avg_pool_3x3"))}
    space = SPACES["cell"](SHAPE, 4, width=4)
    narrow = {"width": 4, "cells": 3, "dropout": 0.0, **ops}
    parent, child = (space.candidate({**narrow, "width": w}).architecture for w in (4, 8))
    old, new, found = born(parent, child, np.random.default_rng(0))
    assert child.params > parent.params and found.share == 1.0
    assert_same_function(old, new)
    declared = {
        node.layer_name + suffix: len(axes)
        for node in child.live_nodes
        for suffix, axes in node.op.weight_axes().items()
    }
    assert declared == {v.path: len(v.shape) for v in new.weights}


INVERTED = {f"block{stage}_{place}": "inverted" for stage in range(1, 6) for place in range(1, 4)}


@pytest.mark.parametrize(
    ("name", "fixed"), [("residual", {"activation": "relu"}), ("mobile", INVERTED)]
)
@pytest.mark.parametrize(("seed", "width"), [(0, 8), (1, 16)])
def test_a_deeper_child_computes_what_its_parent_does(name, fixed, width, seed):
    space = SPACES[name](SHAPE, 4, width=8)
    decisions = draw(space, seed, width=8, **fixed)
    decisions |= {key: min(v, 2) for key, v in decisions.items() if key.startswith("depth")}
    parent, child = (
        space.candidate(d).architecture
        for d in (decisions, {**deepened(decisions), "width": width})
    )
    old, new, found = born(parent, child, np.random.default_rng(seed))
    assert len(child.nodes) > len(parent.nodes) and 0 < found.share < 1
    assert_same_function(old, new)


def test_a_block_behind_silu_comes_close():
    space = SPACES["residual"](SHAPE, 4, width=8)
    parent = space.candidate({"activation": "silu"}).architecture
    child = space.candidate(deepened(space.candidate({"activation": "silu"}).decisions))
    old, new, _ = born(parent, child.architecture, np.random.default_rng(0))
    expected, got = answers(old), answers(new)
    assert (
        np.corrcoef((expected - expected.mean(0)).ravel(), (got - got.mean(0)).ravel())[0, 1] > 0.8
    )


@pytest.mark.parametrize("name", DECIDED)
def test_larger_kernels_have_a_border_of_zeros(name):
    space = SPACES[name](SHAPE, 4, width=8)
    small, large = (
        {k: size for k in space.hyperparameters().values if "kernel" in k} for size in (3, 5)
    )
    parent, child = (space.candidate(d).architecture for d in (small, large))
    old, new, found = born(parent, child, np.random.default_rng(0))
    assert child.params > parent.params and found.share == 1.0
    assert_same_function(old, new)
    back = inherit_weights(child, found.weights, parent, weights_of(old), np.random.default_rng(0))
    for path, value in weights_of(old).items():
        np.testing.assert_array_equal(back.weights[path], value)


@pytest.mark.parametrize("name", DECIDED)
def test_mutations_give_finite_weights_of_the_right_shapes(name):
    space = SPACES[name](SHAPE, 4, width=8)
    decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
    rng = np.random.default_rng(1)
    setting = decisions.sample(rng)
    parent = space.candidate(setting).architecture
    trained = randomised(parent.build(), rng)
    shares = []
    for _ in range(6):
        setting = decisions.mutate(setting, rng, n=int(rng.integers(1, 4)))
        child = space.candidate(setting).architecture
        fresh = weights_of(child.build())
        found = inherit_weights(parent, trained, child, fresh, rng)
        assert {p: w.shape for p, w in found.weights.items()} == {
            p: w.shape for p, w in fresh.items()
        }
        assert all(np.isfinite(w).all() for w in found.weights.values())
        if child.key == parent.key:
            assert found.share == 1.0
            assert all((found.weights[p] == trained[p]).all() for p in trained)
        shares.append(found.share)
        parent, trained = child, found.weights
    assert 0.5 < np.mean(shares) <= 1.0


def stream(width, inner=8):
    """A small network with a residual stream of `width` channels."""
    graph = GraphBuilder(SHAPE)
    stem = graph.add(Conv2D(width), INPUT, name="stem")
    stem = graph.add(BatchNorm(), stem, name="stem/norm")
    node = graph.add(Activation("relu"), stem, name="stem/relu")
    node = graph.add(Conv2D(inner), node, name="one")
    node = graph.add(Conv2D(width), node, name="two")
    node = graph.add(BatchNorm(), node, name="two/norm")
    node = graph.add(Add(), stem, node, name="sum")
    node = graph.add(GlobalAveragePool2D(), node, name="pool")
    graph.add(Dense(4), node, name="logits")
    return graph.finish()


def test_a_narrower_child_keeps_the_channels_that_matter():
    parent, child = stream(8), stream(5)
    rng = np.random.default_rng(0)
    trained = randomised(parent.build(), rng)
    for norm in ("stem_norm", "two_norm"):  # three channels that say nothing at all
        trained[f"{norm}/gamma"][[0, 3, 6]] = 0
        trained[f"{norm}/beta"][[0, 3, 6]] = 0
    old, new, found = born(parent, child, rng, trained)
    assert found.share == 1.0
    assert_same_function(old, new)


def test_copies_do_not_stay_equal():
    _, _, found = born(stream(8), stream(16), np.random.default_rng(0))
    read = found.weights["logits/kernel"]
    assert not np.allclose(read[:8], read[8:], rtol=1e-3)
    assert not np.allclose(read[:, 0] / read[:, 1], np.tile(read[:8, 0] / read[:8, 1], 2))


def concatenated(left, right, *, groups=1):
    graph = GraphBuilder(SHAPE)
    a = graph.add(Conv2D(left, use_bias=True), INPUT, name="a")
    b = graph.add(Conv2D(right), INPUT, name="b")
    node = graph.add(Concat(), a, b, name="both")
    node = graph.add(BatchNorm(), node, name="norm")
    node = graph.add(Conv2D(4, groups=groups), node, name="mix")
    graph.add(GlobalAveragePool2D(), node, name="pool")
    return graph.finish()


def test_concatenated_branches_are_widened_one_by_one():
    old, new, found = born(concatenated(3, 5), concatenated(8, 7), np.random.default_rng(0))
    assert found.share == 1.0
    assert_same_function(old, new)


def test_what_cannot_be_inherited_begins_afresh():
    parent, child = concatenated(4, 4), concatenated(4, 4, groups=2)
    _, new, found = born(parent, child, np.random.default_rng(0))
    assert 0 < found.share < 1
    _, _, strange = born(stream(8), concatenated(4, 4), np.random.default_rng(0))
    assert strange.share == 0.0
    fresh = weights_of(new)
    kept = inherit_weights(stream(8), {}, child, fresh, np.random.default_rng(0)).weights
    assert all((kept[path] == value).all() for path, value in fresh.items())
