"""The LiteRT file of a model before it is shipped: made, weighed and asked in other processes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autoarch.architecture.fold import CENTRE
from autoarch.errors import ExportError
from autoarch.export.formats import Convert, Writing, litert, litert_int8
from autoarch.export.model import TrainedModel
from autoarch.export.samples import share_moved
from autoarch.export.workers import Job, Worker

PART = 16
"""Examples that a network is asked at once."""

CALIBRATION = 200
"""Training pictures that show the ranges of the activations. Between 100 and 500 the validation
accuracy of three networks on cifar10-mini moved by at most 0.7 points, up and down: noise."""


def quantise(
    model: TrainedModel,
    calibration: npt.NDArray[Any],
    target: Path,
    *,
    timeout_s: float = 600,
) -> int:
    """Writes a model's int8 file, asks it, and returns its size in bytes.

    Args:
        model: The trained model.
        calibration: Training examples in the form of the network's input; of pictures uint8
            `(n, height, width, channels)`.
        target: The file to write.
        timeout_s: Longest time allowed.

    Raises:
        ExportError: The converter failed, LiteRT cannot load the file, or the file answers
            otherwise than the network does.
    """
    with tempfile.TemporaryDirectory() as folder, Worker("tensorflow") as worker:
        convert = _submitting(worker, litert_int8.FILE)
        writing = Writing(model, Path(folder), calibration)
        made = litert_int8.convert_once(writing, convert)
        inputs = model.integer_inputs(calibration)
        answers = _submit_questions(worker, made, inputs, Path(folder))
        centre = CENTRE if model.front_end is None else 0
        # In parts: what every layer gives is alive at once, for each example.
        expected = np.concatenate(
            [
                np.asarray(writing.folded_model(inputs[i : i + PART].astype(np.float32) - centre))
                for i in range(0, len(inputs), PART)
            ]
        )
        worker.finish(timeout_s)
        moved = share_moved(np.load(answers), expected)
        if not moved <= litert_int8.TOLERANCE:  # NaN is not
            raise ExportError(
                f"Export failed: of the probabilities of {len(calibration)} calibration examples "
                f"a share of {moved:.2g} has moved to other classes in {litert_int8.FILE}, allowed "
                f"is {litert_int8.TOLERANCE:g}."
            )
        shutil.copyfile(made, target)
    return target.stat().st_size


def weigh_float(model: TrainedModel, *, half: bool = False, timeout_s: float = 600) -> int:
    """Bytes of a model's float file, which is made for that alone.

    Args:
        model: The trained model.
        half: Whether its weights are in half precision.
        timeout_s: Longest time allowed.

    Raises:
        ExportError: The converter failed.
    """
    with tempfile.TemporaryDirectory() as folder, Worker("tensorflow") as worker:
        file = Path(folder) / litert.FILE
        convert = _submitting(worker, litert.FILE)
        litert.write_floats(Writing(model, Path(folder)), file, convert, half=half)
        worker.finish(timeout_s)
        return file.stat().st_size


def ask_int8(
    file: Path, inputs: npt.NDArray[Any], *, timeout_s: float = 600
) -> npt.NDArray[np.float32]:
    """Probabilities `(n, classes)` of an int8 file, by LiteRT alone in a process of its own.

    Args:
        file: The `.tflite` file.
        inputs: As `TrainedModel.integer_inputs` makes them: pixels, uint8
            `(n, height, width, channels)`, or features of sounds, float32 `(n, *shape)`.
        timeout_s: Longest time allowed.

    Raises:
        ExportError: The file cannot be loaded or asked.
    """
    with tempfile.TemporaryDirectory() as folder, Worker() as worker:
        answered = _submit_questions(worker, file, inputs, Path(folder))
        worker.finish(timeout_s)
        answers: npt.NDArray[np.float32] = np.load(answered)
    return answers


def _submitting(worker: Worker, target: str) -> Convert:
    """What has a worker run the functions that convert."""

    def convert(function: Callable[..., None], **arguments: Any) -> None:
        file = function.__code__.co_filename
        worker.submit(Job(f"converting to {target}", file, function.__name__, arguments))

    return convert


def _submit_questions(worker: Worker, file: Path, inputs: npt.NDArray[Any], folder: Path) -> Path:
    """Has a worker ask an int8 file; returns where the answers will lie."""
    asked, answered = folder / "questions.npy", folder / "answers.npy"
    np.save(asked, inputs)
    arguments = {"path": str(file), "inputs": str(asked), "target": str(answered)}
    source = litert_int8.ask_file.__code__.co_filename
    worker.submit(Job(f"asking {file.name}", source, "ask_file", arguments))
    return answered
