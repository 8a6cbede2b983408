"""Any two branches go together, and each decision is there where it says something."""

from itertools import combinations

import keras
import numpy as np
import pytest
import tensorflow as tf

from autoarch.architecture.ops.dropout import Dropout
from autoarch.architecture.ops.self_attention import SelfAttention
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces.text import PLAIN, RECURRENT, TextSpace
from autoarch.tasks.oracle_choice import most_macs

KINDS = (*PLAIN, *RECURRENT)
OWN = {"bag": {"bag/size", "bag/tokens", "bag/weights", "bag/relu"}, "cnn": {"kernels"}}
OWN["attention"] = {"blocks"}
ALONG = {"embedding", "embedding/dropout", "filters", "tokens", "pooling"}


def space(**settings):
    return TextSpace((12, 23), 3, words=50, buckets=40, width=16, **settings)


def ops(architecture, kind):
    return [node.op for node in architecture.live_nodes if isinstance(node.op, kind)]


@pytest.mark.parametrize(("one", "other"), list(combinations(KINDS, 2)))
def test_any_two_branches_are_one_network_in_either_order(one, other):
    found = space().candidate({"network": one, "second": other})
    assert found.key == space().candidate({"network": other, "second": one}).key
    alone = [space().candidate({"network": kind}).architecture for kind in (one, other)]
    names = {node.name for node in found.architecture.live_nodes}
    for network in alone:
        assert names >= {node.name for node in network.live_nodes}
    assert found.architecture.macs > max(network.macs for network in alone)
    own = OWN.get(one, set()) | OWN.get(other, set())
    assert set(found.decisions) >= own | ALONG
    assert not set(found.decisions) & (set().union(*OWN.values()) - own)


def test_the_same_branch_twice_is_that_branch():
    for kind in KINDS:
        twice = space().candidate({"network": kind, "second": kind})
        assert twice.key == space().candidate({"network": kind}).key
    alone = space().candidate({"network": "bag"}).decisions
    assert not ALONG & set(alone) and alone["bag/relu"] is False


@pytest.mark.parametrize("network", ["bag", "cnn", "bag+cnn"])
def test_trial_0_is_the_network_that_it_is_told(network):
    kinds = network.split("+")
    found = space(network=network).candidate({})
    assert found.key == space().candidate(dict(zip(("network", "second"), kinds))).key
    assert [found.decisions["network"], found.decisions["second"]] == [*kinds, "none"][:2]


def test_convolutions_have_companions_that_a_search_may_propose():
    tables = {(0, 1): np.zeros((50, 3)), (1, 1): np.zeros((41, 3))}
    blended = space(network="dilated", linear=tables)
    found = [blended.candidate(decisions) for decisions in blended.companions()]
    assert [(c.decisions["network"], c.decisions["second"]) for c in found] == [
        ("cnn", "none"),
        ("dilated", "none"),
    ]
    baseline = blended.candidate({})
    assert len({baseline.key, *(c.key for c in found)}) == 3
    assert all(c.decisions["linear"] < baseline.decisions["linear"] for c in found)
    assert max(c.architecture.macs for c in found) <= most_macs(blended, baseline)
    assert space(network="bag", linear=tables).companions() == ()


def test_companions_need_no_linear_model():
    plain = space(network="dilated")
    found = [plain.candidate(decisions) for decisions in plain.companions()]
    assert [c.decisions["network"] for c in found] == ["cnn", "dilated"]
    assert not any("linear" in c.decisions for c in found)


def test_the_settings_can_be_counted_and_drawn():
    declared = DecisionSpace.from_hyperparameters(space().hyperparameters())
    assert 1e6 < declared.size() < 1e12
    rng = np.random.default_rng(0)
    for _ in range(50):
        setting = declared.sample(rng)
        assert space().candidate(setting).decisions == setting


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_blocks_of_attention(blocks):
    network = space().candidate({"network": "attention", "blocks": blocks}).architecture
    assert len(ops(network, SelfAttention)) == blocks


def test_attention_knows_the_order_of_words():
    network = space().candidate({"network": "attention", "tokens": "words"}).architecture
    model = network.build()
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.weights])
    ids = rng.integers(1, 40, (1, 12, 23)).astype(np.int32)
    assert np.abs(model(ids[:, rng.permutation(12)]) - model(ids)).max() > 1e-2


def test_dilated_convolutions_learn_wherever_they_begin():
    network = space().candidate({"network": "dilated"}).architecture
    model = network.build()
    stack = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv1D)]
    assert [layer.dilation_rate for layer in stack] == [(1,), (2,), (4,)]
    for layer in stack:  # where rectifiers would be dead
        kernel, bias = layer.get_weights()
        layer.set_weights([kernel, bias - 2])
    ids = np.random.default_rng(0).integers(1, 40, (2, 12, 23)).astype(np.int32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(ids)[:, 0])
    slope = tape.gradient(loss, stack[0].kernel)
    assert np.abs(slope).max() > 0


def test_vectors_of_tokens_are_dropped_as_decided():
    for rate in (0.0, 0.1, 0.3):
        decisions = {"network": "gru", "embedding/dropout": rate, "dropout": 0.5}
        rates = [op.rate for op in ops(space().candidate(decisions).architecture, Dropout)]
        assert rates == ([rate] if rate else []) + [0.5]


def test_drawn_networks_build_whatever_keras_calls_its_own_ops():
    # Counting begins anew with each trial, and then a first sum is named "sum".
    decisions = DecisionSpace.from_hyperparameters(space().hyperparameters())
    rng = np.random.default_rng(0)
    drawn = [decisions.sample(rng) for _ in range(8)]
    straight = {"network": "cnn", "second": "bag", "bag/size": 0, "bag/weights": "idf"}
    for decided in (straight, *drawn):
        architecture = space().candidate(decided).architecture
        keras.backend.clear_session()
        assert architecture.build().count_params() == architecture.params
