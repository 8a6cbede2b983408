"""Fine-tuning with rounding: what is rounded, that it is what int8 files do, and that it helps."""

from __future__ import annotations

from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops import OPS
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
