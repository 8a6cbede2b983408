"""The int8 file of a network on waveforms, its front-end beside it, and the C array."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile

from autoarch.architecture import Architecture
from autoarch.architecture.front_end import integer_part
from autoarch.costs import model_costs
from autoarch.data.clip import ClipPreprocessing
from autoarch.errors import InvalidInputError
from autoarch.export import ExportedFile, Samples, TrainedModel, export_bundle
from autoarch.spaces import SpeechSpace

RATE, SAMPLES = 8000, 1600
CARD = {"metrics": {"valid": {"accuracy": 0.5, "n": 4}}}


def tones(n: int) -> np.ndarray:
    """Tones of many pitches in noise, float32 `(n, SAMPLES)`."""
    rng = np.random.default_rng(0)
    pitches = np.linspace(200, 3500, n)[:, None]
    waves = 0.3 * np.sin(2 * np.pi * pitches * np.arange(SAMPLES) / RATE)
    return (waves + 0.01 * rng.normal(size=waves.shape)).astype(np.float32)


def trained(architecture: Architecture) -> TrainedModel:
    """Fresh kernels, the rest drawn (equal vectors would be stored once); the norm of the bands
    as training would have it."""
    keras.utils.set_random_seed(1)
    model = architecture.build()
    rng = np.random.default_rng(1)
    for variable in model.trainable_weights:
        if not variable.path.endswith("kernel"):
            variable.assign(variable + rng.normal(0, 0.1, variable.shape).astype(np.float32))
    model.get_layer("front_norm").set_weights(
        [np.full(40, value, np.float32) for value in (1.0, 0.1, -9.0, 9.0)]
    )
    logits = model.get_layer("head_logits")
    logits.set_weights([4 * weight for weight in logits.get_weights()])
    weights = tuple(np.asarray(weight) for weight in model.get_weights())
    return TrainedModel(
        architecture, weights, ("low", "middle", "high"), ClipPreprocessing(RATE, SAMPLES)
    )


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    """Along the frames; `tests/tasks/test_speech_search.py` has one that sees a picture."""
    space = SpeechSpace((SAMPLES,), 3, rate=RATE, width=4)
    return trained(space.candidate({"body": "temporal", "stages": 2}).architecture)


@pytest.fixture(scope="module")
def exported(
    model: TrainedModel, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, ExportedFile]]:
    directory = tmp_path_factory.mktemp("run") / "model"
    return directory, export_bundle(
        model,
        directory,
        formats=["litert_int8", "c_array"],
        samples=Samples.answered_by(model, tones(20)),
        card=CARD,
        calibration=tones(60),
    )


def test_it_takes_features_in_int8_and_its_front_end_lies_beside(
    exported: tuple[Path, dict[str, ExportedFile]], model: TrainedModel
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    directory, files = exported
    interpreter = Interpreter(model_path=str(directory / "model_int8.tflite"))
    (entry,), (exit_,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert entry["name"] == "features" and entry["dtype"] == exit_["dtype"] == np.int8
    assert tuple(entry["shape"][1:]) == integer_part(model.architecture).input_shape
    kinds = {str(np.dtype(t["dtype"])) for t in interpreter.get_tensor_details()}
    assert kinds <= {"int8", "int32"}
    about = json.loads((directory / "model_int8.json").read_text())
    assert about["input"]["scale"] == pytest.approx(entry["quantization"][0])
    assert [step["kind"] for step in about["front_end"]["steps"]][-1] == "normalise"
    size = files["litert_int8"].size_bytes
    estimate = model_costs(model.architecture).int8_file_bytes
    assert size <= estimate <= 1.03 * size


def test_the_snippet_of_the_card_runs_with_the_files_alone(
    exported: tuple[Path, dict[str, ExportedFile]], model: TrainedModel, tmp_path: Path
) -> None:
    """The answer by `front_end.py` and the file against the Keras model's."""
    for name in ("model_int8.tflite", "model_int8.json", "front_end.py", "README.md"):
        shutil.copy(exported[0] / name, tmp_path)
    (wave,) = tones(5)[2:3]
    soundfile.write(tmp_path / "word.wav", wave, RATE, subtype="FLOAT")
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    block = "import sys; sys.modules.update(keras=None, tensorflow=None, autoarch=None)\n"
    done = subprocess.run(
        [sys.executable, "-c", block + snippet], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    numbers = re.findall(r"\[([-+.e\d\s]+)\]", done.stdout.decode())[-1].split()
    expected = model.serving_model()(wave[None]).numpy()[0]
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose([float(number) for number in numbers], expected, atol=0.06)


def test_the_c_header_tells_how_features_become_int8(
    exported: tuple[Path, dict[str, ExportedFile]],
) -> None:
    header = (exported[0] / "model.h").read_text()
    about = json.loads((exported[0] / "model_int8.json").read_text())["input"]
    assert "A sound classifier" in header and "MODEL_PIXEL_OFFSET" not in header
    assert f"MODEL_INPUT_SCALE {about['scale']!r}f" in header
    assert f"MODEL_INPUT_ZERO_POINT ({about['zero_point']})" in header


def test_a_network_without_an_int8_form_is_refused(tmp_path: Path) -> None:
    space = SpeechSpace((SAMPLES,), 3, rate=RATE, width=4)
    model = trained(space.candidate({"body": "recurrent"}).architecture)
    samples = Samples(tuple(b"" for _ in range(2)), tones(2), np.full((2, 3), 1 / 3, np.float32))
    with pytest.raises(InvalidInputError, match="litert_int8 cannot hold this network: Op 'recu"):
        export_bundle(
            model,
            tmp_path / "m",
            formats=["litert_int8"],
            samples=samples,
            card=CARD,
            calibration=tones(4),
        )
