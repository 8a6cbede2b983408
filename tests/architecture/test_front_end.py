"""The two halves of networks on waveforms against the whole, built in Keras."""

import dataclasses

import numpy as np
import pytest

from autoarch.architecture import INPUT, Architecture, Node
from autoarch.architecture.fold import fold, fold_weights
from autoarch.architecture.front_end import (
    float_part,
    front_end,
    integer_part,
    integer_weights,
)
from autoarch.architecture.ops.conv1d import Conv1D
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.log_mel import LogMel
from autoarch.architecture.ops.pooling1d import GlobalMaxPool1D
from autoarch.architecture.spectrogram import FrontEnd
from autoarch.errors import InvalidArchitectureError
from autoarch.spaces import ResidualSpace, SpeechSpace

RATE = 8000
DECISIONS = [
    {},
    {"body": "separable", "activation": "relu", "features": "cepstrum", "window_hops": 2},
    {"body": "temporal", "equal_loudness": False, "hop_ms": 16.0},
    {"body": "temporal", "max_pooling": False, "stages": 2, "hop_ms": 8.0, "time_kernel": 3},
]


def with_weights(architecture):
    """The built model with drawn weights (but for the front-end's own), and these by path."""
    rng = np.random.default_rng(0)
    model = architecture.build()
    for variable in model.trainable_weights:
        if variable.path.rsplit("/", 1)[-1] not in ("kernel",):
            variable.assign(variable + rng.normal(0, 0.2, variable.shape).astype(np.float32))
    for variable in model.non_trainable_weights:
        if "moving_" in variable.path:
            variable.assign(variable + rng.uniform(0.1, 2, variable.shape).astype(np.float32))
    return model, {variable.path: np.asarray(variable) for variable in model.weights}


def waves(samples):
    """Noise of several loudnesses, a tone, and silence."""
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(3, samples)) * np.array([[0.001], [0.05], [0.5]])
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(samples) / RATE)
    return np.concatenate([noise, [tone, 0 * tone]]).astype(np.float32)


@pytest.mark.parametrize("decisions", DECISIONS)
@pytest.mark.parametrize("samples", [4001, 2000])
def test_both_halves_answer_as_the_whole(decisions, samples):
    space = SpeechSpace((samples,), 5, rate=RATE, width=4)
    architecture = space.candidate(decisions).architecture
    model, weights = with_weights(architecture)
    front = front_end(architecture, weights)
    part = integer_part(architecture)
    folded = fold(part, pixels=False).build()
    kept = fold_weights(part, integer_weights(architecture, weights), pixels=False)
    folded.set_weights([kept[variable.path] for variable in folded.weights])
    x = waves(samples)
    features = front.features(x)
    assert features.shape[1:] == part.input_shape and features.dtype == np.float32
    expected = np.asarray(model(x))
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(np.asarray(folded(features)), expected, rtol=2e-3, atol=2e-3)


def test_features_are_those_of_the_graph_on_a_thousand_waveforms():
    import keras

    architecture = SpeechSpace((1600,), 3, rate=RATE, width=4).candidate({}).architecture
    model, weights = with_weights(architecture)
    graph = keras.Model(model.input, model.get_layer("front_norm").output)
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1000, 1600)) * 10.0 ** rng.uniform(-4, 0, (1000, 1))
    x = np.clip(x, -1, 1).astype(np.float32)
    expected = np.asarray(graph(x))[..., None]
    # float32 sums of 300 products against float64; int8 steps are about 0.05
    np.testing.assert_allclose(front_end(architecture, weights).features(x), expected, atol=2e-3)


def test_int8_values_are_rounded_features_and_the_file_is_read_back(tmp_path):
    import json

    mel = LogMel(RATE, 200, 100, 10).config()
    front = FrontEnd([mel], samples=800, shape=(8, 10, 1))
    x = waves(800)
    with pytest.raises(ValueError, match=r"read it from model_int8\.json"):
        front.int8(x)
    entry = {"shape": [1, 8, 10, 1], "scale": 0.1, "zero_point": 30}
    about = {"input": entry, "front_end": front.to_json()}
    (tmp_path / "model_int8.json").write_text(json.dumps(about))
    values = FrontEnd.load(tmp_path / "model_int8.json").int8(x)
    assert values.dtype == np.int8
    exact = front.features(x) / 0.1 + 30
    assert (exact < -130).any(), "some are out of range and cut"
    np.testing.assert_allclose(values, np.clip(exact, -128, 127), atol=0.501)


def test_networks_on_pictures_have_one_half():
    architecture = ResidualSpace((8, 8, 3), 3, width=4).candidate({}).architecture
    assert integer_part(architecture) is architecture
    assert front_end(architecture, {}) is None
    with pytest.raises(ValueError, match="must be a network on waveforms"):
        float_part(architecture)


@pytest.mark.parametrize("decisions", DECISIONS[:3])
def test_the_float_part_makes_what_the_integer_part_takes(decisions):
    architecture = SpeechSpace((2000,), 5, rate=RATE, width=4).candidate(decisions).architecture
    _, weights = with_weights(architecture)
    part = float_part(architecture)
    network = part.build()
    network.set_weights([weights[variable.path] for variable in network.weights])
    x = waves(2000)
    expected = front_end(architecture, weights).features(x)
    found = np.asarray(network(x)).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("body", ["attention", "recurrent"])
def test_bodies_without_an_int8_form_are_refused(body):
    architecture = SpeechSpace((1600,), 3, rate=RATE, width=4).candidate({"body": body})
    with pytest.raises(InvalidArchitectureError, match="has no int8 form"):
        integer_part(architecture.architecture)


def test_dilated_convolutions_have_no_int8_form():
    nodes = (
        Node("mel", LogMel(RATE, 200, 100, 10), (INPUT,)),
        Node("conv", Conv1D(4), ("mel",)),
        Node("pool", GlobalMaxPool1D(), ("conv",)),
        Node("logits", Dense(2), ("pool",)),
    )
    assert integer_part(Architecture((800,), nodes)).input_shape == (1, 8, 10)
    dilated = dataclasses.replace(nodes[1], op=Conv1D(4, dilation=2))
    with pytest.raises(InvalidArchitectureError, match="'conv1d' has no int8 form"):
        integer_part(Architecture((800,), (nodes[0], dilated, *nodes[2:])))
