from __future__ import annotations

import errno
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from autoarch.errors import ExportError, InvalidInputError
from autoarch.export import (
    FORMATS,
    ExportedFile,
    ExportWorkers,
    Samples,
    TrainedModel,
    bundle,
    export_bundle,
)
from autoarch.export.labels import as_utf8

CARD = {"metrics": {"valid": {"accuracy": 0.5, "n": 4}}}

# A format that costs milliseconds: the answers themselves, written and read by NumPy.
PLAIN_FORMAT = """
NAME = "plain"
FILE = "model.plain"
BESIDE = ()
TOLERANCE = 1e-3
DIFFERENCE = "largest"
NEEDS = ()
CONVERTS = {converts}

def write(writing, path, convert):
    import numpy as np
    source = str(writing.scratch / "plain.npy")
    answers = np.zeros({shape}, np.float32) + np.float32("{error}")
    np.save(source, answers)
    if CONVERTS:
        convert(to_plain, source=source, target=str(path))
    else:
        to_plain(source, str(path))

def to_plain(source, target):
    import shutil
    {conversion}
    shutil.copyfile(source, target)

def answers(path, questions):
    import numpy as np
    return {{"only way": np.load(open(path, "rb"))}}
"""


def plain_format(
    folder: Path,
    *,
    error: float = 0.0,
    conversion: str = "pass",
    converts: bool = False,
    shape: tuple[int, ...] = (4, 3),
) -> ModuleType:
    path = folder / "plain.py"
    path.write_text(
        PLAIN_FORMAT.format(error=error, conversion=conversion, converts=converts, shape=shape)
    )
    spec = importlib.util.spec_from_file_location("plain", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def zeros(samples: Samples) -> Samples:
    """Four samples for which a model would answer with zeros, as `plain_format` does."""
    return Samples(samples.encoded[:4], samples.inputs[:4], np.zeros((4, 3), np.float32))


class Heard:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


# --- a whole export -----------------------------------------------------------------------------


def test_all_formats_answer_as_the_trained_model_does(
    exported: tuple[Path, dict[str, ExportedFile]],
) -> None:
    directory, files = exported
    assert list(files) == ["saved_model", "keras", "litert"]
    for file in files.values():
        assert 0 <= file.max_difference < 1e-5, file
        path = directory / file.path
        expected = sum(p.stat().st_size for p in [path, *path.rglob("*")] if p.is_file())
        assert file.size_bytes == expected > 0


def test_the_directory_holds_what_is_documented_and_nothing_is_left_beside(
    exported: tuple[Path, dict[str, ExportedFile]],
) -> None:
    directory, _ = exported
    assert {path.name for path in directory.iterdir()} == {
        "README.md",
        "architecture.json",
        "labels.txt",
        "metrics.json",
        "model.keras",
        "model.tflite",
        "preprocessing.json",
        "saved_model",
        "weights.npz",
    }
    assert [path.name for path in directory.parent.iterdir()] == [directory.name]


def test_metrics_json_holds_metrics_and_differences(
    exported: tuple[Path, dict[str, ExportedFile]], samples: Samples
) -> None:
    directory, files = exported
    metrics = json.loads((directory / "metrics.json").read_text())
    assert metrics["metrics"]["test"]["accuracy"] == 0.8
    assert metrics["samples"] == len(samples)
    assert metrics["exports"]["litert"] == {
        "format": "litert",
        "path": "model.tflite",
        "size_bytes": files["litert"].size_bytes,
        "max_difference": files["litert"].max_difference,
    }


def test_the_exported_directory_loads_as_a_trained_model(
    exported: tuple[Path, dict[str, ExportedFile]], model: TrainedModel
) -> None:
    again = TrainedModel.load(exported[0])
    assert again.classes == model.classes
    assert again.architecture == model.architecture


def test_the_snippets_of_the_card_work(
    exported: tuple[Path, dict[str, ExportedFile]],
    model: TrainedModel,
    samples: Samples,
    tmp_path: Path,
) -> None:
    """All three Python snippets, one after the other, in a process without autoarch."""
    directory, _ = exported
    text = (directory / "README.md").read_text(encoding="utf-8")
    snippets = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(snippets) == 3
    shutil.copytree(directory, tmp_path / "model")
    (tmp_path / "model" / "image.png").write_bytes(samples.encoded[7])
    program = "\n".join([*snippets, "import sys\nassert 'autoarch' not in sys.modules"])
    result = subprocess.run(
        [sys.executable, "-I", "-c", program],
        cwd=tmp_path / "model",
        capture_output=True,
        check=True,
        env={"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONIOENCODING": "utf-8", "PATH": "/usr/bin"},
    )
    best = int(samples.probabilities[7].argmax())
    labels = (directory / "labels.txt").read_text(encoding="utf-8").split("\n")
    name = as_utf8(model.classes[best]).decode()
    printed = result.stdout.decode()
    numbers = [
        [float(number) for number in row.split()]
        for row in re.findall(r"\[([-+.e\d\s]+)\]\s*$", printed, flags=re.MULTILINE)
    ]
    assert printed.startswith(name)
    assert printed.count(labels[best]) >= 2
    np.testing.assert_allclose(numbers, [samples.probabilities[7]] * 3, atol=1e-4)


def test_the_tensorflow_serving_signatures(
    exported: tuple[Path, dict[str, ExportedFile]], model: TrainedModel
) -> None:
    """Loaded without Python objects, as TensorFlow Serving's C++ does."""
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(exported[0] / "saved_model"))
        signatures = meta.signature_def
        default, arrays = signatures["serving_default"], signatures["serving_arrays"]
        assert list(default.inputs) == ["image_bytes"] and list(arrays.inputs) == ["images"]
        for signature in (default, arrays):
            assert set(signature.outputs) == {"label", "probabilities", "classes"}
            for output in signature.outputs.values():
                assert output.tensor_shape.dim[0].size == -1, "the batch comes first"

        def ask(signature: Any, name: str, value: Any) -> dict[str, Any]:
            outputs = {key: output.name for key, output in signature.outputs.items()}
            return session.run(outputs, {signature.inputs[name].name: value})

        rng = np.random.default_rng(2)
        sizes = [(8, 8, 3), (30, 17, 3), (5, 40, 1)]
        images = [rng.integers(0, 256, size, dtype=np.uint8) for size in sizes]
        encoded = [session.run(tf.io.encode_png(image)) for image in images]
        answer = ask(default, "image_bytes", np.array(encoded, object))
        assert answer["probabilities"].shape == (3, 3) and answer["label"].shape == (3,)
        names = [as_utf8(name) for name in model.classes]
        assert answer["classes"].tolist() == [names] * 3
        best = answer["probabilities"].argmax(axis=-1)
        assert answer["label"].tolist() == [names[index] for index in best]

        large = ask(arrays, "images", images[1][np.newaxis])
        np.testing.assert_allclose(large["probabilities"][0], answer["probabilities"][1], atol=1e-6)
        assert ask(default, "image_bytes", np.array([], object))["probabilities"].shape == (0, 3)
        with pytest.raises(tf.errors.InvalidArgumentError):
            ask(default, "image_bytes", np.array([encoded[0], b"no image"], object))


def test_the_tflite_file_has_builtin_ops_only_and_takes_any_batch(
    exported: tuple[Path, dict[str, ExportedFile]], samples: Samples
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(exported[0] / "model.tflite"))
    ops = {op["op_name"] for op in interpreter._get_ops_details()}
    assert ops and not any("Flex" in op or "CUSTOM" in op for op in ops)
    (details,) = interpreter.get_input_details()
    assert details["dtype"] == np.float32 and details["shape"].tolist() == [1, 8, 8, 3]
    interpreter.resize_tensor_input(details["index"], [5, 8, 8, 3])
    interpreter.allocate_tensors()
    interpreter.set_tensor(details["index"], samples.inputs[:5].astype(np.float32))
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, samples.probabilities[:5], atol=1e-5)


def test_wrong_weights_in_a_real_export_are_caught(
    model: TrainedModel,
    samples: Samples,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = TrainedModel.serving_model

    def wrong(self: TrainedModel) -> Any:
        network = right(self)
        weights = network.get_weights()
        network.set_weights([*weights[:-1], weights[-1] + [0.05, 0, 0]])
        return network

    monkeypatch.setattr(TrainedModel, "serving_model", wrong)
    with pytest.raises(ExportError, match=r"model\.keras .* differ by up to 0\.0\d+, allowed is"):
        export_bundle(model, tmp_path / "model", formats=["keras"], samples=samples, card=CARD)
    assert list(tmp_path.iterdir()) == []


# --- how it goes about it, with a format that costs nothing -------------------------------------


def test_formats_are_importable_without_autoarch() -> None:
    for format_ in FORMATS.values():
        file = str(getattr(format_, "__file__"))  # noqa: B009
        program = f"import runpy, sys; runpy.run_path({file!r}); print('autoarch' in sys.modules)"
        command = [sys.executable, "-P", "-c", program]
        assert subprocess.run(command, capture_output=True, check=True).stdout == b"False\n"


def test_the_first_difference_beyond_the_tolerance_is_an_error(
    model: TrainedModel, zeros: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, message in [
        (0.002, "differ by up to 0.002, allowed is 0.001"),
        (np.nan, "differ by up to nan"),
    ]:
        monkeypatch.setitem(FORMATS, "plain", plain_format(tmp_path, error=error))
        with pytest.raises(ExportError, match=message) as caught:
            export_bundle(model, tmp_path / "m", formats=["plain"], samples=zeros, card=CARD)
        assert "model.plain (only way)" in str(caught.value)
        assert not (tmp_path / "m").exists() and not (tmp_path / "m.part").exists()


def test_answers_of_another_shape_are_an_error(
    model: TrainedModel, zeros: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FORMATS, "plain", plain_format(tmp_path, shape=(4, 2)))
    with pytest.raises(ExportError, match=r"shape \(4, 2\) where .* \(4, 3\)"):
        export_bundle(model, tmp_path / "m", formats=["plain"], samples=zeros, card=CARD)


def test_a_converter_that_crashes_is_reported_and_leaves_nothing(
    model: TrainedModel, zeros: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashing = plain_format(
        tmp_path, converts=True, conversion="import ctypes; ctypes.string_at(0)"
    )
    monkeypatch.setitem(FORMATS, "plain", crashing)
    with pytest.raises(ExportError) as caught:
        export_bundle(model, tmp_path / "m", formats=["plain"], samples=zeros, card=CARD)
    assert str(caught.value) == (
        "Export failed: converting to model.plain: its process crashed with SIGSEGV."
    )
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("m")] == []


def test_a_subset_of_formats_and_workers_started_earlier(
    model: TrainedModel, zeros: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FORMATS, "plain", plain_format(tmp_path, error=1e-4))
    heard = Heard()
    with ExportWorkers(["plain"]) as workers:
        assert workers.converter is None
        files = export_bundle(
            model,
            tmp_path / "m",
            formats=["plain"],
            samples=zeros,
            card=CARD,
            progress=heard,
            workers=workers,
        )
    assert list(files) == ["plain"]
    assert files["plain"].max_difference == pytest.approx(1e-4, rel=1e-3)
    assert heard.lines == [
        "model.plain answers as the trained model does (largest difference 1.0e-04)."
    ]
    assert not (tmp_path / "m" / "saved_model").exists()
    assert "model.plain" in (tmp_path / "m" / "README.md").read_text().replace("\\", "")


@pytest.mark.parametrize("formats", [["onyx"], [], "keras", ["keras", "tflite"]])
def test_unknown_formats_are_refused_by_name(
    model: TrainedModel, samples: Samples, tmp_path: Path, formats: Any
) -> None:
    known = "c_array, keras, litert, litert_float16, litert_int8, saved_model"
    with pytest.raises(InvalidInputError, match=f"list of {known}; got"):
        export_bundle(model, tmp_path / "m", formats=formats, samples=samples, card=CARD)
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_export_is_replaced_only_by_a_complete_one(
    model: TrainedModel, zeros: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "m"

    def export(**settings: Any) -> None:
        monkeypatch.setitem(FORMATS, "plain", plain_format(tmp_path, **settings))
        export_bundle(model, target, formats=["plain"], samples=zeros, card=CARD)

    export()
    (target / "model.tflite").write_text("from an earlier export in more formats")
    before = sorted(target.iterdir())
    with pytest.raises(ExportError):
        export(error=1.0)
    assert sorted(target.iterdir()) == before
    export()
    assert not (target / "model.tflite").exists()
    assert not target.with_name("m.part").exists()


def test_a_directory_with_something_else_is_not_replaced(
    model: TrainedModel, zeros: Samples, tmp_path: Path
) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    file = tmp_path / "thesis.tex"
    for target in (tmp_path, file):
        with pytest.raises(InvalidInputError, match="holds something else"):
            export_bundle(model, target, samples=zeros, card=CARD)
    assert file.read_text() == "years of work"


@pytest.mark.parametrize("where", ["save", "rename"])
def test_a_full_disk_is_one_line_and_leaves_the_earlier_export(
    model: TrainedModel,
    zeros: Samples,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    target = tmp_path / "m"
    monkeypatch.setitem(FORMATS, "plain", plain_format(tmp_path))
    export_bundle(model, target, formats=["plain"], samples=zeros, card=CARD)
    before = {path.name: path.read_bytes() for path in target.iterdir()}

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if where == "save":
        monkeypatch.setattr(TrainedModel, "save", full)
    else:
        right = Path.rename
        monkeypatch.setattr(
            Path, "rename", lambda self, to: full() if self.name == "model" else right(self, to)
        )
    with pytest.raises(ExportError) as caught:
        export_bundle(model, target, formats=["plain"], samples=zeros, card=CARD)
    assert str(caught.value) == (
        f"The model cannot be written to {target}: no space is left on the disk."
    )
    assert {path.name: path.read_bytes() for path in target.iterdir()} == before
    assert not target.with_name("m.part").exists()


def test_tensorflow_errors_of_the_disk_are_one_line(
    model: TrainedModel, zeros: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow as tf

    def full(*_: Any) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "file; No space left on device")

    monkeypatch.setattr(bundle, "_write_and_answer", full)
    with pytest.raises(ExportError, match="no space is left on the disk"):
        export_bundle(model, tmp_path / "m", formats=["keras"], samples=zeros, card=CARD)
    assert list(tmp_path.iterdir()) == []
