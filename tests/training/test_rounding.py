"""Fine-tuning with rounding: what is rounded, that it is what int8 files do, and that it helps."""

from __future__ import annotations

from dataclasses import replace
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops import OPS
from autoarch.data.clip import ClipPreprocessing
from autoarch.data.dataset import ImagePreprocessing
from autoarch.export import TrainedModel, ask_int8, quantise
from autoarch.training.rounding import RoundedNetwork

LARGER = 100.0


def architecture() -> Architecture:
    builder = GraphBuilder((8, 8, 3))

    def add(kind: str, *inputs: str, name: str, **fields: object) -> str:
        return builder.add(OPS[kind](**fields), *inputs, name=name)

    x = add("rescale", INPUT, name="rescale")
    x = add("conv2d", x, name="stem", filters=8, stride=2)
    x = add("batch_norm", x, name="stem/norm")
    x = add("activation", x, name="stem/relu", function="relu")
    y = add("depthwise_conv2d", x, name="depthwise")
    y = add("batch_norm", y, name="depthwise/norm")
    y = add("activation", y, name="depthwise/act", function="hard_silu")
    y = add("squeeze_excite", y, name="gate")
    x = add("add", x, y, name="add")
    x = add("global_average_pool2d", x, name="pool")
    add("dense", x, name="logits", units=3)
    return builder.finish()


@pytest.fixture(scope="module")
def model(pictures: np.ndarray) -> TrainedModel:
    """Random weights; two channels of the stem are much larger than the others, so that one scale
    for all leaves these few steps. Logits differ from picture to picture by about 2."""
    rng = np.random.default_rng(0)
    weights = []
    for weight in architecture().build().weights:
        value = np.asarray(rng.normal(0, 0.5, weight.shape), np.float32)
        if weight.path.endswith(("gamma", "moving_variance")):
            value = np.abs(value) + 0.5
        if weight.path == "stem_norm/gamma":
            value[:2] *= LARGER
        if weight.path == "logits/kernel":
            value[:2] /= LARGER
        weights.append(value)
    network = architecture().build()
    network.set_weights(weights)
    logits = np.asarray(network(pictures.astype(np.float32)))
    weights[-2] *= 2 / logits.std(0)
    weights[-1] = (weights[-1] - logits.mean(0)) * 2 / logits.std(0)
    preprocessing = ImagePreprocessing(8, 8, 3)
    return TrainedModel(architecture(), tuple(weights), ("a", "b", "c"), preprocessing)


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Noise with a different brightness for each picture."""
    brightness = np.linspace(40, 255, 64)[:, None, None, None]
    return (np.random.default_rng(1).random((64, 8, 8, 3)) * brightness).astype(np.uint8)


def exact(model: TrainedModel, pictures: np.ndarray) -> np.ndarray:
    return np.asarray(model.folded_model()(pictures.astype(np.float32) - 128))


def rounded(network: RoundedNetwork, pictures: np.ndarray) -> np.ndarray:
    return np.asarray(tf.nn.softmax(network.logits(pictures)))


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).sum(-1).mean() / 2)


def test_it_rounds_as_the_int8_file_does(
    model: TrainedModel, pictures: np.ndarray, tmp_path: Path
) -> None:
    quantise(model, pictures, tmp_path / "model.tflite")
    file = ask_int8(tmp_path / "model.tflite", pictures)
    found = rounded(RoundedNetwork(model.architecture, model.weights), pictures)
    assert distance(file, exact(model, pictures)) > 0.01
    assert distance(file, found) < 0.5 * distance(file, exact(model, pictures))


def test_training_brings_the_rounded_answers_nearer_and_gives_weights_of_the_original(
    model: TrainedModel, pictures: np.ndarray
) -> None:
    network = RoundedNetwork(model.architecture, model.weights)
    wanted, before = exact(model, pictures), rounded(network, pictures)
    batch = (tf.constant(pictures), None)
    assert network.train(repeat(batch), lambda steps: steps / 80) == 80
    after = rounded(network, pictures)
    assert distance(after, wanted) < 0.7 * distance(before, wanted)
    tuned = TrainedModel(
        model.architecture, tuple(network.weights()), model.classes, model.preprocessing
    )
    again = RoundedNetwork(tuned.architecture, tuned.weights)
    np.testing.assert_allclose(rounded(again, pictures), after, atol=0.02)


def test_a_training_without_time_does_nothing(model: TrainedModel, pictures: np.ndarray) -> None:
    network = RoundedNetwork(model.architecture, model.weights)
    before = rounded(network, pictures)
    assert network.train(repeat((tf.constant(pictures), None)), lambda steps: 1.0) == 0
    np.testing.assert_array_equal(rounded(network, pictures), before)


def test_kernels_are_rounded_in_127_steps_to_each_side_of_every_output_channel() -> None:
    """Against the same in NumPy: one channel's largest weight does not coarsen another's."""
    builder = GraphBuilder((4, 4, 2))
    x = builder.add(OPS["conv2d"](filters=2, kernel=1, use_bias=True), INPUT, name="conv")
    x = builder.add(OPS["global_average_pool2d"](), x, name="pool")
    builder.add(OPS["dense"](units=2), x, name="logits")
    network = RoundedNetwork(
        builder.finish(),
        [
            np.array([[[[100.0, 0.5], [1.234, 0.111]]]], np.float32),
            np.zeros(2, np.float32),
            np.eye(2, dtype=np.float32),
            np.zeros(2, np.float32),
        ],
    )
    found = dict(network._learned())["conv/kernel"]
    steps = np.array([100.0, 0.5]) / 127
    expected = np.round(np.array([[100.0, 0.5], [1.234, 0.111]]) / steps) * steps
    np.testing.assert_allclose(network._rounded("conv/kernel", found)[0, 0], expected, rtol=1e-4)


RATE, SAMPLES = 8000, 1600


def sound_model(picture: bool, larger: float) -> TrainedModel:
    """As `model`, on frames and bands seen as a picture or as features of frames."""
    builder = GraphBuilder((SAMPLES,))

    def add(kind: str, *inputs: str, name: str, **fields: object) -> str:
        return builder.add(OPS[kind](**fields), *inputs, name=name)

    x = add("log_mel", INPUT, name="bands", rate=RATE, window=200, hop=100, bands=16)
    x = add("batch_norm", x, name="bands/norm")
    if picture:
        x = add("add_channel", x, name="picture")
        x = add("conv2d", x, name="stem", filters=8, stride=2)
    else:
        x = add("conv1d", x, name="stem", filters=8, kernel=3, stride=2, use_bias=False)
    x = add("batch_norm", x, name="stem/norm")
    x = add("activation", x, name="stem/relu", function="relu")
    x = add(f"global_average_pool{2 if picture else 1}d", x, name="pool")
    add("dense", x, name="logits", units=3)
    architecture = builder.finish()
    network = architecture.build()
    rng = np.random.default_rng(0)
    values = {weight.path: np.asarray(weight) for weight in network.weights}
    for path, value in values.items():
        if path.startswith(("stem", "logits")):
            values[path] = np.asarray(rng.normal(0, 0.5, value.shape), np.float32)
        if path.endswith(("gamma", "moving_variance")):
            values[path] = np.abs(values[path]) + 0.5
    values["bands_norm/moving_mean"] -= 9
    values["bands_norm/moving_variance"] *= 9
    values["stem_norm/gamma"][:2] *= larger
    values["logits/kernel"][:2] /= larger
    network.set_weights([values[weight.path] for weight in network.weights])
    logits = np.asarray(network(tones()))
    values["logits/kernel"] *= 2 / logits.std(0)
    values["logits/bias"] = (values["logits/bias"] - logits.mean(0)) * 2 / logits.std(0)
    weights = tuple(values[weight.path] for weight in network.weights)
    return TrainedModel(architecture, weights, ("a", "b", "c"), ClipPreprocessing(RATE, SAMPLES))


def tones() -> np.ndarray:
    pitches = np.linspace(200, 3500, 64)[:, None]
    waves = 0.3 * np.sin(2 * np.pi * pitches * np.arange(SAMPLES) / RATE)
    return (waves + 0.01 * np.random.default_rng(3).normal(size=waves.shape)).astype(np.float32)


def exact_on_sounds(model: TrainedModel) -> np.ndarray:
    return np.asarray(model.serving_model()(tones()))


def test_on_sounds_it_rounds_as_the_int8_file_does(tmp_path: Path) -> None:
    model = sound_model(picture=False, larger=30)
    quantise(model, tones(), tmp_path / "model.tflite")
    file = ask_int8(tmp_path / "model.tflite", model.integer_inputs(tones()))
    found = rounded(RoundedNetwork(model.architecture, model.weights), tones())
    assert distance(file, exact_on_sounds(model)) > 0.01
    assert distance(file, found) < 0.5 * distance(file, exact_on_sounds(model))


@pytest.mark.parametrize("picture", [True, False])
def test_on_sounds_training_brings_the_answers_nearer_and_leaves_the_front_end(
    picture: bool,
) -> None:
    model = sound_model(picture, larger=10)
    network = RoundedNetwork(model.architecture, model.weights)
    wanted, before = exact_on_sounds(model), rounded(network, tones())
    assert network.train(repeat((tf.constant(tones()), None)), lambda steps: steps / 80) == 80
    after = rounded(network, tones())
    assert distance(after, wanted) < 0.9 * distance(before, wanted)
    tuned = replace(model, weights=tuple(network.weights()))
    again = RoundedNetwork(tuned.architecture, tuned.weights)
    np.testing.assert_allclose(rounded(again, tones()), after, atol=0.02)
    np.testing.assert_array_equal(tuned.integer_inputs(tones()), model.integer_inputs(tones()))
