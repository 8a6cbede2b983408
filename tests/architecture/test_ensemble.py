"""Several networks as one: what it answers, what it costs, and that its weights go where they
belong."""

import keras
import numpy as np
import pytest

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ensemble import average, average_trained
from autoarch.architecture.fold import fold
from autoarch.architecture.ops.dense import Dense
from autoarch.data import ImagePreprocessing
from autoarch.errors import InvalidArchitectureError
from autoarch.export import TrainedModel
from autoarch.spaces import ResidualSpace
from autoarch.spaces.text import TextSpace
from autoarch.training.constants import set_constants

SHARES = (0.5, 0.3, 0.2)
LINEAR = {(0, 1): np.random.default_rng(2).normal(size=(50, 3)).astype(np.float32)}


def pictures():
    space = ResidualSpace((8, 8, 3), 3, width=8)
    wishes = [{}, {"activation": "relu", "stages": 1}, {"block": "bottleneck", "depth1": 2}]
    members = [space.candidate(wish).architecture for wish in wishes]
    return members, np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3)).astype(np.float32)


def texts():
    space = TextSpace((12, 23), 3, words=50, buckets=40, width=16, linear=LINEAR)
    wishes = [
        {"network": "bag", "bag/size": 16},
        {
            "network": "gru",
            "second": "bag",
            "linear": 0.0,
        },  # its layers name others after themselves
        {"network": "attention", "linear": 0.5},
    ]
    members = [space.candidate(wish).architecture for wish in wishes]
    return members, np.random.default_rng(0).integers(0, 40, (9, 12, 23)).astype(np.int32)


def drawn(network, seed):
    """Random weights, and the probabilities that go with them by NumPy's softmax."""
    rng = np.random.default_rng(seed)
    model = network.build()
    weights = [
        np.abs(rng.normal(0.3, 0.3, w.shape)).astype(np.float32)
        if "moving_variance" in variable.path
        else rng.normal(0, 0.4, w.shape).astype(np.float32)
        for variable, w in zip(model.weights, model.get_weights())
    ]
    model.set_weights(weights)
    return weights, model


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("made", [pictures, texts])
def test_it_answers_with_the_weighted_mean_of_its_members(made):
    members, inputs = made()
    weights, models = zip(*(drawn(network, seed) for seed, network in enumerate(members)))
    answers = [softmax(model(inputs).numpy().astype(np.float64)) for model in models]
    expected = sum(share * answer for share, answer in zip(SHARES, answers))

    whole, joined = average_trained(members, SHARES, weights)
    model = whole.build()
    model.set_weights(joined)
    logits = model(inputs).numpy()
    np.testing.assert_allclose(np.exp(logits), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(softmax(logits), expected, rtol=1e-4, atol=1e-6)
    assert np.abs(answers[0] - answers[1]).max() > 0.05  # they had something to average


def test_it_costs_what_its_members_cost_and_is_an_architecture_like_any_other():
    members, _ = pictures()
    whole = average(members, SHARES)
    assert whole.params == sum(m.params for m in members) == whole.build().count_params()
    assert whole.macs == sum(m.macs for m in members)
    assert Architecture.from_json(whole.to_json()) == whole
    assert whole.key != average(members, (0.2, 0.3, 0.5)).key
    with pytest.raises(InvalidArchitectureError, match="int8"):
        fold(whole)


def test_an_export_and_a_load_answer_alike(tmp_path):
    members, inputs = pictures()
    weights, _ = zip(*(drawn(network, seed) for seed, network in enumerate(members)))
    whole, joined = average_trained(members, SHARES, weights)
    trained = TrainedModel(
        whole,
        tuple(joined),
        ("a", "b", "c"),
        ImagePreprocessing(8, 8, 3),
        mirrored=True,
    )
    model = trained.serving_model()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(inputs), model(inputs), atol=1e-6)
    trained.save(tmp_path / "model")
    loaded = TrainedModel.load(tmp_path / "model")
    assert loaded.architecture == whole
    np.testing.assert_allclose(loaded.serving_model()(inputs), model(inputs), atol=1e-6)


def test_what_members_have_in_common_is_there_once():
    """The ids that they read, pretrained vectors, and the linear model; not what they learned."""
    vectors = np.random.default_rng(1).normal(size=(50, 300)).astype(np.float32)
    scales = {(0, 1): np.linspace(0, 2, 50, dtype=np.float32)}
    given = {"linear": LINEAR, "vectors": vectors, "scales": scales}
    space = TextSpace((12, 23), 3, words=50, buckets=40, width=16, **given)
    candidates = [space.candidate({"network": kind}) for kind in ("cnn", "dilated", "cnn")]
    members = [candidate.architecture for candidate in candidates]
    weights, models = [], []
    for seed, candidate in enumerate(candidates):
        _, model = drawn(candidate.architecture, seed)
        set_constants(model, candidate.constants)
        weights.append(model.get_weights())
        models.append(model)
    whole, joined = average_trained(members, SHARES, weights)
    once = sum(table.size for table in (vectors, *LINEAR.values(), *scales.values()))
    assert whole.params == sum(m.params for m in members) - 2 * once
    model = whole.build()
    model.set_weights(joined)
    inputs = texts()[1]
    answers = [softmax(m(inputs).numpy().astype(np.float64)) for m in models]
    expected = sum(share * answer for share, answer in zip(SHARES, answers))
    np.testing.assert_allclose(np.exp(model(inputs).numpy()), expected, rtol=1e-4, atol=1e-6)

    changed = [np.array(weight) for weight in weights[1]]
    place = next(i for i, weight in enumerate(changed) if weight.shape == vectors.shape)
    changed[place][7, 7] += 1  # tuned by one of them
    other, _ = average_trained(members, SHARES, [weights[0], changed, weights[2]])
    assert other.params == whole.params + vectors.size


def test_sure_answers_stay_finite():
    builder = GraphBuilder((2,))
    builder.add(Dense(2), INPUT, name="logits")
    member = builder.finish()
    weights = [np.eye(2, dtype=np.float32), np.zeros(2, np.float32)]
    whole, joined = average_trained([member, member], (0.5, 0.5), [weights, weights])
    model = whole.build()
    model.set_weights(joined)
    logits = model(np.array([[1e4, 0.0]], np.float32)).numpy()
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(softmax(logits), [[1, 0]], atol=1e-6)


def test_members_must_take_the_same_input():
    members, _ = pictures()
    with pytest.raises(InvalidArchitectureError, match="must take the same input"):
        average([members[0], texts()[0][0]], (0.5, 0.5))
