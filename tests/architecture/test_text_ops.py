"""The ops of texts keep what they declare; `test_ops.py` looks at those of pictures."""

import keras
import numpy as np
import pytest

from autoarch.architecture import Architecture
from autoarch.spaces.text import BRANCHES, PLAIN, RECURRENT, TOKENS, TextSpace
from autoarch.training.constants import set_constants

NETWORKS = (*PLAIN, *RECURRENT, "bag+cnn", "bag+gru", "cnn+attention", "gru+lstm")
LINEAR = {
    group: np.random.default_rng(2).normal(size=(ids, 3)).astype(np.float32)
    for group, ids in [((0, 1), 50), ((1, 1), 41), ((3, 20), 41)]
}
VECTORS = np.random.default_rng(1).normal(size=(50, 5)).astype(np.float32)


@pytest.mark.parametrize("half", range(2))
@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_builds_as_declared(network, half):
    odd = NETWORKS.index(network) % 2
    number = 3 - odd if half else odd
    vectors = VECTORS if number % 2 else None
    linear = LINEAR if number < 2 else None
    space = TextSpace((12, 23), 3, words=50, buckets=40, width=16, vectors=vectors, linear=linear)
    decisions = dict(zip(BRANCHES, network.split("+")))
    decisions |= {"pooling": "both" if number % 2 else "max", "blocks": 1 + half}
    decisions |= {"bag/size": 16 * (number > 0), "bag/tokens": TOKENS[-1]}
    decisions |= {"tokens": TOKENS[NETWORKS.index(network) % len(TOKENS)]}
    candidate = space.candidate(decisions | {"bag/relu": number > 1})
    architecture = candidate.architecture
    model = architecture.build()
    set_constants(model, candidate.constants)
    assert model.count_params() == architecture.params
    assert model.output_shape == (None, *architecture.output_shape)
    assert Architecture.from_json(architecture.to_json()) == architecture
    ids = np.random.default_rng(0).integers(0, 40, (5, 12, 23)).astype(np.int32)
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    assert np.allclose(model(ids), again(ids), atol=1e-6)


@pytest.mark.parametrize("network, size", [("cnn", 16), ("bag", 0)])
def test_a_blend_answers_with_the_linear_model_and_learns_without_it(network, size):
    scales = {group: np.linspace(1, 3, len(table)) for group, table in LINEAR.items()}
    space = TextSpace((12, 23), 3, words=50, buckets=40, scales=scales, linear=LINEAR)
    decisions = {"network": network, "linear": 0.3, "bag/size": size, "bag/tokens": "words"}
    candidate = space.candidate(decisions)
    architecture = candidate.architecture
    half = architecture.build(policy="mixed_bfloat16")
    assert {m.output.dtype for m in (half, architecture.learner(half))} == {"float32"}
    model = architecture.build()
    set_constants(model, candidate.constants)
    learner = architecture.learner(model)
    ids = np.random.default_rng(0).integers(0, 40, (4, 12, 23)).astype(np.int32)
    given = np.zeros((4, 3))
    for (start, count), table in LINEAR.items():
        for text, row in zip(ids[:, :, start : start + count].reshape(4, -1), given):
            weights = scales[start, count][text] * (text > 0)
            row += weights @ table[text] / np.sqrt(weights @ weights)
    assert np.allclose(model(ids), 0.7 * learner(ids) + 0.3 * given, atol=1e-5)
    known = {variable.path for variable in learner.weights}
    assert known and not any(path.startswith("linear") for path in known)
    assert {v.path for v in model.trainable_variables} == {
        v.path for v in learner.trainable_variables
    }


def test_a_bag_is_the_sum_over_the_root_of_the_count():
    from autoarch.architecture import INPUT, GraphBuilder
    from autoarch.architecture.ops.embedding_bag import EmbeddingBag

    graph = GraphBuilder((2, 3), "int32")
    graph.add(EmbeddingBag(5, 4), INPUT, name="bag")
    model = graph.finish().build()
    (table,) = model.get_weights()
    ids = np.array([[[1, 2, 0], [4, 0, 0]], [[0, 0, 0], [0, 0, 0]]], np.int32)
    expected = [(table[1] + table[2] + table[4]) / np.sqrt(3), np.zeros(4)]
    assert np.allclose(model(ids), expected, atol=1e-6)


def test_scales_weigh_the_ids_and_the_sum_has_their_length():
    scales = {columns: np.arange(50, dtype=np.float32) / 9 for columns in [(0, 1), (1, 1), (3, 20)]}
    space = TextSpace((12, 23), 3, words=50, buckets=49, width=16, scales=scales)
    candidate = space.candidate({"network": "bag", "bag/size": 0})
    model = candidate.architecture.build()
    set_constants(model, candidate.constants)
    rng = np.random.default_rng(0)
    tables = {v.path: rng.normal(size=v.shape) for v in model.trainable_variables}
    for variable in model.trainable_variables:
        assert not np.any(variable.numpy())  # a linear model begins at zero
        variable.assign(tables[variable.path])
    ids = rng.integers(0, 50, (4, 12, 23))
    expected = np.zeros((4, 3))
    for name, columns in [("word", [0]), ("gram", [1]), ("subword", range(3, 23))]:
        vectors = np.zeros((4, 50))
        for text, row in zip(ids[:, :, list(columns)].reshape(4, -1), vectors):
            np.add.at(row, text, 1)
        # as a TF-IDF vector in which each occurrence counts on its own
        lengths = np.sqrt((vectors * (np.arange(50) / 9) ** 2).sum(1, keepdims=True))
        expected += (
            vectors * (np.arange(50) / 9) / lengths @ tables[f"bag_{name}_vectors/embeddings"]
        )
    assert np.allclose(model(ids.astype(np.int32)), expected, atol=1e-4)


def test_networks_for_phones_are_not_recurrent():
    space = TextSpace((12, 23), 3, words=50, buckets=40, recurrent=False)
    decisions = [d for d in space.hyperparameters().space if d.name in BRANCHES]
    assert len(decisions) == 2
    for decision in decisions:
        assert "attention" in decision.values and not {"gru", "lstm"} & set(decision.values)


@pytest.mark.parametrize("tokens", TOKENS)
@pytest.mark.parametrize("network, decision", [("bag", "bag/tokens"), ("cnn", "tokens")])
def test_a_network_reads_the_ids_that_its_tokens_say_and_no_others(network, decision, tokens):
    space = TextSpace((12, 23), 3, words=50, buckets=40)
    model = space.candidate({"network": network, decision: tokens}).architecture.build()
    model.set_weights([np.random.default_rng(0).normal(size=w.shape) for w in model.weights])
    ids = np.random.default_rng(1).integers(1, 40, (1, 12, 23)).astype(np.int32)
    columns = {"words": [0], "bigrams": [1], "trigrams": [2], "subwords": range(3, 23)}
    for name, places in columns.items():
        others = ids.copy()
        others[:, :, list(places)] = 40 - others[:, :, list(places)]
        moved = np.abs(model(others) - model(ids)).max()
        assert (moved > 1e-3) == (name in tokens.split("+")), name
