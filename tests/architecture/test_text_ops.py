"""The ops of texts keep what they declare; `test_ops.py` looks at those of pictures."""

import keras
import numpy as np
import pytest

from autoarch.architecture import Architecture
from autoarch.spaces.text import NETWORKS, TextSpace


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("pooling", ["max", "both"])
def test_every_network_builds_as_declared(network, pooling):
    space = TextSpace((12, 23), 3, words=50, buckets=40, width=16)
    decisions = {"network": network, "pooling": pooling, "bag/hidden": 64, "bag/grams": "trigrams"}
    architecture = space.candidate(decisions).architecture
    model = architecture.build()
    assert model.count_params() == architecture.params
    assert model.output_shape == (None, *architecture.output_shape)
    assert Architecture.from_json(architecture.to_json()) == architecture
    ids = np.random.default_rng(0).integers(0, 40, (5, 12, 23)).astype(np.int32)
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    assert np.allclose(model(ids), again(ids), atol=1e-6)


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
