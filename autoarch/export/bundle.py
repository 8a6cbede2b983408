"""Writes the model directory: every file checked, complete or not at all.

Everything is written beside the directory and renamed into place at the end. While this process
writes, two others convert and check what is already there.
"""

from __future__ import annotations

import errno
import functools
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from autoarch.architecture.front_end import integer_part
from autoarch.data.preprocessing import PREPROCESSINGS
from autoarch.errors import ExportError, InvalidArchitectureError, InvalidInputError
from autoarch.export.card import model_card
from autoarch.export.formats import FORMATS, Format, Writing
from autoarch.export.labels import as_utf8
from autoarch.export.model import MODEL_FILES, TrainedModel
from autoarch.export.samples import Samples, share_moved
from autoarch.export.workers import ExportWorkers, Job, Worker
from autoarch.trials.run_directory import write_atomically, write_json

CARD_FILE = "README.md"
METRICS_FILE = "metrics.json"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExportedFile:
    """An exported file that was found to answer as the trained model does.

    Args:
        format: Its format's name.
        path: File or directory, relative to the model directory.
        size_bytes: Of the file, or of all files in the directory.
        max_difference: Largest absolute difference of a probability from the trained model's.
    """

    format: str
    path: str
    size_bytes: int
    max_difference: float


class Notes(Protocol):
    """Whoever wants to know how the export goes."""

    def note(self, text: str) -> None:
        """One line worth knowing."""


def export_bundle(
    model: TrainedModel,
    directory: Path,
    *,
    formats: Sequence[str] = ("saved_model", "keras", "litert"),
    samples: Samples,
    card: Mapping[str, Any],
    calibration: npt.NDArray[Any] | None = None,
    int8_file: Path | None = None,
    progress: Notes | None = None,
    workers: ExportWorkers | None = None,
    timeout_s: float = 600,
) -> dict[str, ExportedFile]:
    """Exports a model and checks each file in a fresh process that has no autoarch.

    Args:
        model: What is exported.
        directory: Made, or replaced as a whole where it holds an earlier export.
        formats: Names from `FORMATS`.
        samples: Real examples with the trained model's answers.
        card: What the model card tells; see `model_card`. `card["metrics"]` goes into
            `metrics.json` too.
        calibration: Training examples as the network takes them (pictures: uint8), for the
            formats that calculate in integers; some hundred are enough.
        int8_file: What `quantise` made of this model, to be shipped as it is.
        progress: Is told of each file that was checked.
        workers: Processes started earlier; they are used up. Started here where None.
        timeout_s: Longest time for converting, and for checking.

    Returns:
        The exported files by format, in the order of `formats`.

    Raises:
        InvalidInputError: An unknown format, one that needs `calibration` without it, or
            `directory` holds something else.
        ExportError: A file could not be written, loaded, or does not answer as the model does;
            nothing is left behind and an earlier export stays as it was.
    """
    calibrated = calibration is not None or int8_file is not None
    chosen = _chosen(formats, model, calibrated=calibrated)
    _require_replaceable(directory)
    beside = directory.with_name(directory.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)
    with _all_or_nothing(directory, beside), ExitStack() as stack:
        workers = stack.enter_context(workers or ExportWorkers(formats))
        part, scratch = beside / "model", beside / "scratch"
        for folder in (part, scratch):
            folder.mkdir(parents=True)
        writing = Writing(model, scratch, calibration, int8_file)
        _write_and_answer(writing, chosen, samples, part, workers, timeout_s)
        noun = model.preprocessing.noun
        found = {name: _compare(part, chosen[name], samples, scratch, noun) for name in formats}
        for file in found.values():
            if progress:
                progress.note(
                    f"{file.path} answers as the trained model does "
                    f"(largest difference {file.max_difference:.1e})."
                )
        described = [asdict(file) for file in found.values()]
        metrics = {
            "metrics": card["metrics"],
            "card": {name: value for name, value in card.items() if name != "metrics"},
            "exports": {file["format"]: file for file in described},
            "samples": len(samples),
        }
        write_json(part / METRICS_FILE, metrics)
        text = model_card(model, described, {"samples": len(samples), **card})
        write_atomically(part / CARD_FILE, text)
        _replace(directory, part, beside)
    return found


def _chosen(formats: Sequence[str], model: TrainedModel, *, calibrated: bool) -> dict[str, Format]:
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats or isinstance(formats, str):
        raise InvalidInputError(
            f"`formats` must be a list of {', '.join(sorted(FORMATS))}; got {formats!r}."
        )
    chosen = {name: FORMATS[name] for name in formats}
    integers = [name for name, format_ in chosen.items() if format_.DIFFERENCE == "moved"]
    for name in integers:
        if not model.preprocessing.has_int8:
            raise InvalidInputError(
                f"{name} calculates in integers, which models of {model.preprocessing.noun}s "
                "do not yet; leave it out."
            )
        try:
            integer_part(model.architecture)
        except InvalidArchitectureError as error:
            raise InvalidInputError(f"{name} cannot hold this network: {error}") from error
        if not calibrated:
            raise InvalidInputError(
                f"{name} needs training {model.preprocessing.noun}s to see the ranges of the "
                "activations; give `calibration`."
            )
    return chosen


def _require_replaceable(directory: Path) -> None:
    if not directory.exists():
        return
    known = {*MODEL_FILES, CARD_FILE, METRICS_FILE}
    for format_ in FORMATS.values():
        known.update((format_.FILE, *format_.BESIDE))
    known.update(*(kind.file_names for kind in PREPROCESSINGS.values()))
    if not directory.is_dir() or {path.name for path in directory.iterdir()} - known:
        raise InvalidInputError(
            f"{directory} holds something else than an exported model; give another directory."
        )


@contextmanager
def _all_or_nothing(directory: Path, beside: Path) -> Iterator[None]:
    """Removes what was written beside, and turns errors of the disk into one line."""
    import tensorflow as tf

    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        full = isinstance(error, tf.errors.ResourceExhaustedError) or (
            getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
        )
        reason = "no space is left on the disk" if full else " ".join(str(error).split())
        raise ExportError(f"The model cannot be written to {directory}: {reason}.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write_and_answer(
    writing: Writing,
    chosen: Mapping[str, Format],
    samples: Samples,
    part: Path,
    workers: ExportWorkers,
    timeout_s: float,
) -> None:
    """Writes all files and has each answer the samples' questions into `scratch`."""
    model, scratch = writing.model, writing.scratch
    questions = scratch / "questions.npz"
    samples.save(questions, classes=[as_utf8(name) for name in model.classes])
    model.save(part)

    def ask(worker: Worker, format_: Format) -> None:
        job = Job(
            f"checking {format_.FILE}",
            _source(format_),
            "answers",
            {"path": str(part / format_.FILE)},
            questions=str(questions),
            answers=str(_answers(scratch, format_)),
        )
        worker.submit(job)

    def convert(format_: Format, function: Callable[..., None], **arguments: Any) -> None:
        file = function.__code__.co_filename
        job = Job(f"converting to {format_.FILE}", file, function.__name__, arguments)
        assert workers.converter, f"{format_.NAME} converts but was not announced"
        workers.converter.submit(job)

    # `saved_model` takes longest to write; the processes work on the others meanwhile.
    for format_ in sorted(chosen.values(), key=lambda format_: format_.NAME):
        format_.write(writing, part / format_.FILE, functools.partial(convert, format_))
        if workers.checker and not format_.CONVERTS:
            ask(workers.checker, format_)
    if workers.converter:
        workers.converter.finish(timeout_s)
        converted = [format_ for format_ in chosen.values() if format_.CONVERTS]
        with Worker(*sorted({name for format_ in converted for name in format_.NEEDS})) as late:
            for format_ in converted:
                ask(late, format_)
            late.finish(timeout_s)
    if workers.checker:
        workers.checker.finish(timeout_s)


def _source(format_: Format) -> str:
    return str(getattr(format_, "__file__"))  # noqa: B009


def _answers(scratch: Path, format_: Format) -> Path:
    return scratch / f"{format_.NAME}.npz"


def _compare(
    part: Path, format_: Format, samples: Samples, scratch: Path, noun: str
) -> ExportedFile:
    """Holds a file's answers against the trained model's."""
    worst = 0.0
    with np.load(_answers(scratch, format_), allow_pickle=False) as answers:
        for way in answers.files:
            found, expected = answers[way], samples.probabilities
            if found.shape != expected.shape:
                raise ExportError(
                    f"Export failed: {format_.FILE} ({way}) answers with shape {found.shape} "
                    f"where the trained model answers with {expected.shape}."
                )
            differences = np.abs(found.astype(np.float64) - expected)
            difference = largest = float(differences.max())
            if format_.DIFFERENCE == "moved":
                difference = share_moved(found, expected)
            if not difference <= format_.TOLERANCE:  # NaN is not
                how = (
                    f"of the probabilities of {len(samples)} {noun}s a share of {difference:.2g} "
                    "has moved to other classes"
                    if format_.DIFFERENCE == "moved"
                    else f"probabilities of {len(samples)} {noun}s differ by up to {difference:.2g}"
                )
                raise ExportError(
                    f"Export failed: {format_.FILE} ({way}) does not answer as the trained model "
                    f"does: {how}, allowed is {format_.TOLERANCE:g}."
                )
            worst = max(worst, largest)
    return ExportedFile(format_.NAME, format_.FILE, _size(part / format_.FILE), worst)


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _replace(directory: Path, part: Path, beside: Path) -> None:
    """Puts `part` in the directory's place; an earlier export moves aside into `beside`."""
    earlier = beside / "earlier"
    if directory.exists():
        directory.rename(earlier)
    try:
        part.rename(directory)
    except OSError:
        if earlier.exists():
            earlier.rename(directory)
        raise
