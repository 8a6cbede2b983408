"""The int8 file that is shipped: its figures, and another try where int8 costs too much."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autoarch.data import ExampleSet, TaskData
from autoarch.errors import ExportError, InvalidArchitectureError
from autoarch.evaluation.held_out import evaluate_held_out
from autoarch.export import TrainedModel, ask_int8, quantise
from autoarch.objectives import classification_metrics
from autoarch.tasks.predictor import Predictor
from autoarch.training.augment import Augmenter
from autoarch.training.batches import Batches, steps_per_epoch
from autoarch.training.fit import Array
from autoarch.training.recipe import Recipe
from autoarch.training.rounding import RoundedNetwork

LARGEST_DROP = 0.01
"""A drop of accuracy on the validation part that is worth a word, and fine-tuning."""

AFTER_TUNING = 2.5
"""Seconds that must be left after fine-tuning, in units of those that making and asking the first
int8 file took: another one is made and asked, and then everything is exported, checked and told."""

TUNING_EPOCHS = 3.0
"""Epochs of the fine-tuning where no clock ends it before."""


@dataclass(frozen=True, eq=False)
class Int8:
    """An int8 file beside the network that it was made of.

    Args:
        model: The network.
        file: Its int8 file.
        predictor: Asks the network.
        before: Metrics of the network on the validation part.
        valid: Those of the file.
    """

    model: TrainedModel
    file: Path
    predictor: Predictor
    before: Mapping[str, Any]
    valid: Mapping[str, Any]

    @classmethod
    def of(cls, model: TrainedModel, file: Path, data: TaskData) -> Int8:
        """Asks network and file about the validation part."""
        predictor, part = Predictor(model), data.valid
        before = classification_metrics(part.labels, predictor.predict_proba(part.inputs))
        valid = classification_metrics(
            part.labels, ask_int8(file, model.integer_inputs(part.inputs))
        )
        return cls(model, file, predictor, before, valid)

    @property
    def drop(self) -> float:
        """Accuracy on the validation part that int8 costs."""
        return float(self.before["accuracy"] - self.valid["accuracy"])


def tuned(
    int8: Int8,
    data: TaskData,
    calibration: Array,
    *,
    augment: Augmenter,
    recipe: Recipe,
    seed: int,
    limit_bytes: int | None,
    seconds: Callable[[], float],
    note: Callable[[str], None],
) -> Int8:
    """Fine-tunes the network for int8 where that costs more than `LARGEST_DROP`.

    Args:
        int8: What would be shipped.
        data: Training part, and validation part by which the better file is chosen.
        calibration: See `quantise`.
        augment: Makes batches of the training part.
        recipe: Of the network; how strongly to augment.
        seed: Of shuffling and augmentation.
        limit_bytes: Most bytes of the file, or None.
        seconds: Seconds left for training; asked before each step.
        note: Is told what came of it.

    Returns:
        The better of the two by the file's accuracy on the validation part.
    """
    if int8.drop <= LARGEST_DROP:
        return int8
    if seconds() <= 0:
        note("There is no time left to fine-tune the network for int8.")
        return int8
    try:
        network = RoundedNetwork(int8.model.architecture, int8.model.weights)
    except InvalidArchitectureError as error:
        note(f"The network cannot be fine-tuned for int8: {error}")
        return int8
    batch_size = min(recipe.batch_size, len(data.train))
    total = TUNING_EPOCHS * steps_per_epoch(len(data.train), batch_size)
    begun = seconds()

    def share_done(steps: int) -> float:
        return max(steps / total, 1 - seconds() / begun if begun < float("inf") else 0.0)

    gentle = recipe.for_epochs(TUNING_EPOCHS)
    with Batches(data.train, augment, gentle, batch_size=batch_size, seed=seed) as batches:
        steps = network.train(batches, share_done)
    model = replace(int8.model, weights=tuple(network.weights()))
    file = int8.file.with_name("model_int8_tuned.tflite")
    what = f"Fine-tuning for int8 ({steps} steps)"
    try:
        size = quantise(model, calibration, file)
        if limit_bytes is not None and size > limit_bytes:
            note(f"{what} made a file of {size:,} bytes, more than allowed; it is left out.")
            return int8
        other = Int8.of(model, file, data)
    except ExportError as error:
        note(f"{what} led to a file that does not work ({error}); it is left out.")
        return int8
    better = other.valid["accuracy"] > int8.valid["accuracy"]
    note(
        f"{what} changed the int8 accuracy on the validation part from "
        f"{int8.valid['accuracy']:.3f} to {other.valid['accuracy']:.3f}; "
        f"{'it is' if better else 'the file before is'} kept."
    )
    return other if better else int8


def measure_int8(
    int8: Int8, data: TaskData, show: Callable[[ExampleSet, int], dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any] | None, dict[str, Any]]:
    """Measures the file itself on the held-out part, and the float network beside it.

    Returns:
        What `result.json` says under "quantised"; the file's metrics on the held-out part, or
        None without one; and what the report shows beside them.
    """
    quantised: dict[str, Any] = {
        "format": "litert_int8",
        "size_bytes": int8.file.stat().st_size,
        "valid": dict(int8.valid),
        "float": {"valid": dict(int8.before), "test": None},
        "drop": {"valid": int8.drop, "test": None},
    }
    test, details = None, {"split": None, "classes": list(data.classes)}
    if len(data.held_out):
        test, details = evaluate_held_out(
            lambda inputs: ask_int8(int8.file, int8.model.integer_inputs(inputs)),
            data.held_out,
            data.classes,
            data.train.labels,
            show,
        )
        part = data.held_out.reveal()
        whole = classification_metrics(part.labels, int8.predictor.predict_proba(part.inputs))
        quantised["float"]["test"] = whole
        quantised["drop"]["test"] = whole["accuracy"] - test["accuracy"]
    return quantised, test, details


def drop_note(quantised: Mapping[str, Any], noun: str) -> str | None:
    """A sentence where int8 costs more than `LARGEST_DROP`, by the validation part; else None."""
    drop = quantised["drop"]["valid"]
    if drop <= LARGEST_DROP:
        return None
    return (
        f"In int8 the network answers {100 * drop:.1f} points less of the validation {noun}s "
        "correctly than in float32."
    )
