from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from autoarch.data.dataset import ImagePreprocessing
from autoarch.errors import InvalidInputError
from autoarch.export import Samples, TrainedModel, export_bundle
from autoarch.export.model import MODEL_FILES


def test_a_model_is_the_same_after_saving_and_loading(model: TrainedModel, tmp_path: Path) -> None:
    model.save(tmp_path / "new" / "model")
    again = TrainedModel.load(tmp_path / "new" / "model")
    assert again.architecture == model.architecture
    assert again.classes == model.classes
    assert again.preprocessing == model.preprocessing
    assert all(np.array_equal(a, b) for a, b in zip(again.weights, model.weights, strict=True))
    assert {path.name for path in (tmp_path / "new" / "model").iterdir()} == set(MODEL_FILES)


def test_serving_model_gives_the_softmax_of_the_logits(
    model: TrainedModel, samples: Samples
) -> None:
    logits = np.asarray(model.network()(samples.inputs.astype(np.float32)))
    exponents = np.exp(logits - logits.max(axis=-1, keepdims=True))
    expected = exponents / exponents.sum(axis=-1, keepdims=True)
    found = np.asarray(model.serving_model()(samples.inputs))  # uint8
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(samples.probabilities, expected, atol=1e-6)
    assert len(set(expected.argmax(axis=-1))) > 1, "a test model that always says the same"


def test_serving_model_is_float32_whatever_the_global_policy(model: TrainedModel) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        serving = model.serving_model()
    finally:
        keras.config.set_dtype_policy(before)
    assert {layer.compute_dtype for layer in serving.layers[1:]} == {"float32"}
    assert serving.input.dtype == serving.output.dtype == "float32"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ("a", "b")}, "must name the"),
        ({"classes": ("a", "b", "a")}, "must differ"),
        ({"preprocessing": ImagePreprocessing(8, 9, 3)}, "makes images of shape"),
        ({"weights": ()}, "numbers"),
        ({"weights": (np.zeros(3, np.float16),)}, "must be float32"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    model: TrainedModel, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(model, **changes)


@pytest.mark.parametrize("name", MODEL_FILES)
def test_a_missing_file_is_named(model: TrainedModel, tmp_path: Path, name: str) -> None:
    model.save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InvalidInputError, match=f"has no {name}"):
        TrainedModel.load(tmp_path)


@pytest.mark.parametrize("name", MODEL_FILES)
def test_a_damaged_file_is_named(model: TrainedModel, tmp_path: Path, name: str) -> None:
    model.save(tmp_path)
    (tmp_path / name).write_bytes(b'"\xff')
    with pytest.raises(InvalidInputError, match=name) as caught:
        TrainedModel.load(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.txt", ""),
        ("preprocessing.json", json.dumps({"height": 16, "width": 16, "channels": 3})),
    ],
)
def test_files_of_another_model_are_refused(
    model: TrainedModel, tmp_path: Path, name: str, text: str
) -> None:
    model.save(tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidInputError, match="do not belong together"):
        TrainedModel.load(tmp_path)


def test_samples_must_describe_the_same_images(model: TrainedModel, samples: Samples) -> None:
    with pytest.raises(ValueError, match="as many"):
        replace(samples, encoded=samples.encoded[:-1])
    with pytest.raises(ValueError, match="at least one"):
        Samples((), samples.inputs[:0], samples.probabilities[:0])
    with pytest.raises(ValueError, match="must be uint8"):
        Samples.answered_by(model, samples.inputs.astype(np.float32))


def test_a_mirrored_model_averages_the_logits_of_both_views(
    model: TrainedModel, samples: Samples
) -> None:
    pixels = samples.inputs.astype(np.float32)
    network = model.network()
    logits = (np.asarray(network(pixels)) + np.asarray(network(pixels[:, :, ::-1]))) / 2
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    both = replace(model, mirrored=True)
    np.testing.assert_allclose(
        np.asarray(both.serving_model()(samples.inputs)), expected, atol=1e-6
    )
    assert both.macs == 2 * model.macs


def test_a_mirrored_model_is_exported_in_every_format(
    model: TrainedModel, samples: Samples, tmp_path: Path
) -> None:
    both = replace(model, mirrored=True)
    asked = Samples.answered_by(both, samples.inputs[:5])
    card = {"metrics": {"valid": {"accuracy": 0.8, "n": 50}}}
    files = export_bundle(both, tmp_path / "model", samples=asked, card=card)
    assert all(file.max_difference < 1e-4 for file in files.values())
    assert TrainedModel.load(tmp_path / "model").mirrored
    assert "the picture and its mirror image" in (tmp_path / "model" / "README.md").read_text()
    model.serving_model().save(tmp_path / "plain.keras")
    plain = (tmp_path / "plain.keras").stat().st_size
    assert files["keras"].size_bytes < 1.2 * plain  # the weights are there once
