"""The int8 file: what it holds, how close it answers, how small it is."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autoarch.costs import model_costs
from autoarch.errors import ExportError, InvalidInputError
from autoarch.export import (
    ExportedFile,
    Samples,
    TrainedModel,
    ask_int8,
    export_bundle,
    integers,
    quantise,
)
from autoarch.export.formats import litert_int8
from autoarch.export.samples import share_moved

CARD = {"metrics": {"valid": {"accuracy": 0.5, "n": 4}}}


@pytest.fixture(scope="module")
def calibration() -> np.ndarray:
    rng = np.random.default_rng(3)
    brightness = np.linspace(40, 255, 100)[:, None, None, None]
    return (rng.random((100, 8, 8, 3)) * brightness).astype(np.uint8)


@pytest.fixture(scope="module")
def int8(
    model: TrainedModel,
    samples: Samples,
    calibration: np.ndarray,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[str, ExportedFile]]:
    directory = tmp_path_factory.mktemp("run") / "model"
    return directory, export_bundle(
        model,
        directory,
        formats=["litert_int8"],
        samples=samples,
        card=CARD,
        calibration=calibration,
    )


def test_it_is_int8_from_input_to_output_with_builtin_ops(int8: tuple[Path, object]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(int8[0] / "model_int8.tflite"))
    (entry,), (exit_,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert entry["name"] == "pixels" and exit_["name"] == "probabilities"
    assert entry["dtype"] == exit_["dtype"] == np.int8
    assert entry["shape"].tolist() == [1, 8, 8, 3] and exit_["shape"].tolist() == [1, 3]
    assert entry["quantization"] == (1.0, 0)
    assert exit_["quantization"] == (1 / 256, -128)
    ops = {op["op_name"] for op in interpreter._get_ops_details()}
    assert not {op for op in ops if "Flex" in op or "CUSTOM" in op or "QUANTIZE" in op}
    assert {str(np.dtype(t["dtype"])) for t in interpreter.get_tensor_details()} <= {
        "int8",
        "int32",
    }


def test_kernels_have_a_scale_a_channel(int8: tuple[Path, object]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(int8[0] / "model_int8.tflite"))
    scales = [
        len(t["quantization_parameters"]["scales"])
        for t in interpreter.get_tensor_details()
        if len(t["shape"]) == 4 and t["dtype"] == np.int8 and t["shape"][1] == 3 < t["shape"][0]
    ]
    assert scales == [4]  # the one dense convolution of the tiny network


def test_each_picture_is_answered_nearly_as_the_trained_model_does(
    int8: tuple[Path, dict[str, ExportedFile]], samples: Samples
) -> None:
    content = (int8[0] / "model_int8.tflite").read_bytes()
    found = litert_int8.ask(content, samples.inputs)
    assert np.abs(found - samples.probabilities).sum(-1).mean() / 2 < 0.03
    assert (found.argmax(-1) == samples.probabilities.argmax(-1)).mean() > 0.9
    assert int8[1]["litert_int8"].max_difference == pytest.approx(
        float(np.abs(found - samples.probabilities).max())
    )


@pytest.mark.parametrize("cores", [1, 3, 100])
def test_answers_are_in_order_however_many_cores_there_are(
    int8: tuple[Path, object], samples: Samples, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (int8[0] / "model_int8.tflite").read_bytes()
    alone = [litert_int8.ask(content, samples.inputs[i : i + 1]) for i in range(10)]
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    np.testing.assert_array_equal(
        litert_int8.ask(content, samples.inputs[:10]), np.concatenate(alone)
    )


def test_the_description_beside_it_says_how_to_use_it(
    int8: tuple[Path, object], model: TrainedModel
) -> None:
    described = json.loads((int8[0] / "model_int8.json").read_text())
    assert described["labels"] == list(model.classes)
    assert described["input"] == {
        "name": "pixels",
        "dtype": "int8",
        "shape": [1, 8, 8, 3],
        "scale": 1.0,
        "zero_point": 0,
        "value": "pixel - 128 of pixels 0 to 255",
    }
    assert described["output"]["scale"] == 1 / 256
    assert described["output"]["zero_point"] == -128


def test_a_mirrored_file_answers_by_the_mean_of_both_views(
    model: TrainedModel, calibration: np.ndarray, int8: tuple[Path, object], tmp_path: Path
) -> None:
    mirrored, file = replace(model, mirrored=True), tmp_path / "mirrored.tflite"
    size = quantise(mirrored, calibration, file)

    plain = int8[0] / "model_int8.tflite"
    logs = [np.log(ask_int8(plain, x) + 1e-3) for x in (calibration, calibration[:, :, ::-1])]
    mean = np.exp(np.mean(logs, axis=0))
    expected = mean / mean.sum(-1, keepdims=True)
    found = ask_int8(file, calibration)
    to_mean = np.abs(found - expected).mean()
    to_plain = np.abs(found - ask_int8(plain, calibration)).mean()
    assert to_mean < 0.02 and to_mean < 0.5 * to_plain

    added = size - plain.stat().st_size
    assert 800 < added <= model_costs(model.architecture).mirror_bytes


def test_a_mirrored_file_is_int8_with_builtin_ops(
    model: TrainedModel, calibration: np.ndarray, tmp_path: Path
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    file = tmp_path / "mirrored.tflite"
    quantise(replace(model, mirrored=True), calibration, file)
    interpreter = Interpreter(model_path=str(file))
    interpreter.allocate_tensors()
    ops = {op["op_name"] for op in interpreter._get_ops_details()}
    assert {"GATHER", "CONCATENATION", "SPLIT"} <= ops
    assert not {op for op in ops if "Flex" in op or "CUSTOM" in op or "QUANTIZE" in op}
    (exit_,) = interpreter.get_output_details()
    assert exit_["shape"].tolist() == [1, 3] and exit_["quantization"] == (1 / 256, -128)


def test_a_file_that_answers_otherwise_is_refused(
    model: TrainedModel, samples: Samples, calibration: np.ndarray, tmp_path: Path
) -> None:
    turned = Samples(samples.encoded, samples.inputs, np.roll(samples.probabilities, 1, -1))
    with pytest.raises(ExportError, match=r"model_int8\.tflite .* has moved to other classes"):
        export_bundle(
            model,
            tmp_path / "m",
            formats=["litert_int8"],
            samples=turned,
            card=CARD,
            calibration=calibration,
        )
    assert list(tmp_path.iterdir()) == []


def test_what_no_integer_can_say_is_no_move_and_a_wrong_order_is_a_large_one() -> None:
    even = np.full((5, 1000), 0.001, np.float32)
    assert share_moved(np.zeros_like(even), even) == 0
    sure = np.full((5, 10), 0.02, np.float32)
    sure[:, 3] = 0.82
    assert share_moved(np.roll(sure, 1, -1), sure) > 0.7


def test_without_training_pictures_it_is_refused(
    model: TrainedModel, samples: Samples, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInputError, match="litert_int8 needs training images"):
        export_bundle(model, tmp_path / "m", formats=["litert_int8"], samples=samples, card=CARD)


def test_compacting_saves_bytes_and_changes_no_answer(
    model: TrainedModel, samples: Samples, calibration: np.ndarray, tmp_path: Path
) -> None:
    """The converter's own file against the compacted one, in a process of its own."""
    network, pixels = tmp_path / "folded.keras", tmp_path / "pixels.npy"
    model.folded_model().save(network)
    np.save(pixels, calibration)
    program = f"""
import runpy, numpy as np
from pathlib import Path
int8 = runpy.run_path({litert_int8.__file__!r})
integers = runpy.run_path({integers.__file__!r})
flat = runpy.run_path({str(Path(litert_int8.__file__).parents[1] / "flat_file.py")!r})
int8["calibrate_network"]({str(network)!r}, {str(pixels)!r}, "a.tflite")
integers["quantise_calibrated"]("a.tflite")
before = Path("a.tflite").read_bytes()
flat["compact"]("a.tflite", ["pixels"], ["probabilities"])
after = Path("a.tflite").read_bytes()
pictures = np.load({str(pixels)!r})
assert (int8["ask"](before, pictures) == int8["ask"](after, pictures)).all()
print(len(before), len(after))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    before, after = map(int, done.stdout.split())
    assert after < 0.7 * before


def test_the_card_tells_the_float_figures_beside_and_its_snippet_works(
    int8: tuple[Path, object],
    model: TrainedModel,
    samples: Samples,
    calibration: np.ndarray,
    tmp_path: Path,
) -> None:
    """Shipped as made before, the file is the same to the last byte."""
    import re

    made = tmp_path / "made.tflite"
    assert quantise(model, calibration, made) == made.stat().st_size
    assert made.read_bytes() == (int8[0] / "model_int8.tflite").read_bytes()
    card = {
        "metrics": {"valid": {"accuracy": 0.5, "n": 4}, "test": {"accuracy": 0.7, "n": 60}},
        "quantised": {
            "size_bytes": made.stat().st_size,
            "float": {"valid": {"accuracy": 0.5}, "test": {"accuracy": 0.712}},
        },
    }
    directory = tmp_path / "m"
    export_bundle(
        model, directory, formats=["litert_int8"], samples=samples, card=card, int8_file=made
    )
    assert (directory / "model_int8.tflite").read_bytes() == made.read_bytes()
    text = (directory / "README.md").read_text(encoding="utf-8")
    assert "70.0 %" in text and "in float32, as in the other files, reaches 71.2 %" in text
    (snippet,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    (directory / "image.png").write_bytes(samples.encoded[7])
    command = [sys.executable, "-I", "-c", snippet]
    done = subprocess.run(command, cwd=directory, capture_output=True, check=True)
    expected = litert_int8.ask(made.read_bytes(), samples.inputs[7:8])[0]
    numbers = re.findall(r"\[([-+.e\d\s]+)\]", done.stdout.decode())[-1].split()
    np.testing.assert_allclose([float(number) for number in numbers], expected, atol=1e-6)
    np.testing.assert_allclose(ask_int8(made, samples.inputs[7:8])[0], expected, atol=1 / 256)


def test_the_python_example_runs_with_the_file_alone(
    int8: tuple[Path, object], model: TrainedModel, samples: Samples, tmp_path: Path
) -> None:
    (tmp_path / "picture.png").write_bytes(samples.encoded[7])
    example = Path(__file__).parents[2] / "examples" / "int8.py"
    blocked = "import sys, runpy; sys.modules.update(keras=None, tensorflow=None, autoarch=None);"
    program = f"{blocked} sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0])"
    file = int8[0] / "model_int8.tflite"
    command = [sys.executable, "-c", program, example, file, tmp_path / "picture.png"]
    said = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    answer = litert_int8.ask(file.read_bytes(), samples.inputs[7:8])[0]
    assert f"picture.png: {model.classes[answer.argmax()]} {answer.max():.3f}" in said
