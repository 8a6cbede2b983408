"""What is shipped: formats, and the best trained network whose file keeps the limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from autoarch.data import TaskData
from autoarch.errors import ExportError
from autoarch.evaluation.final import FinalModel
from autoarch.evaluation.train import TrainEvaluator
from autoarch.export import CALIBRATION, TrainedModel, quantise, weigh_float
from autoarch.objectives import Objective
from autoarch.seeding import rng
from autoarch.spaces import Candidate, SearchSpace
from autoarch.training.fit import Array
from autoarch.trials import RunDirectory, TrialRecord, TrialStatus

SHIPPED_FORMATS = {
    "float": ("saved_model", "keras", "litert"),
    "float16": ("saved_model", "keras", "litert_float16"),
    "int8": ("saved_model", "keras", "litert_int8"),
}
"""Formats of the export by `Settings.ship`."""

WEIGHED_CLOSING = 1.5
"""Times as many start-ups are kept for an export before which a file is weighed."""

MEMBER_CLOSING = 0.3
"""The same for each further network of an average, which every file holds."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A network that could be shipped.

    Args:
        record: Its trial.
        candidate: What the record stands for.
        final: Its weights and where they come from.
    """

    record: TrialRecord
    candidate: Candidate
    final: FinalModel


def first_that_fits(
    options: Iterable[Trained],
    weigh: Callable[[Trained], int],
    limit_bytes: int | None,
    note: Callable[[str], None],
) -> Trained:
    """The first network whose file works and keeps the limit; the file itself decides.

    Args:
        options: Best first; taken one by one, so that later ones cost nothing.
        weigh: Writes a network's file and returns its size in bytes; raises `ExportError` where
            the file cannot be made, loaded or trusted.
        limit_bytes: Most bytes, or None for no limit.
        note: Is told of each file that is too large or does not work.

    Raises:
        ExportError: No file works and keeps the limit.
    """
    sizes: list[int] = []
    failure: ExportError | None = None
    for option in options:
        try:
            sizes.append(weigh(option))
        except ExportError as error:
            failure = error
            note(
                f"The file of trial {option.record.trial} does not work ({error}): the next "
                "best trained network is taken."
            )
            continue
        if limit_bytes is None or sizes[-1] <= limit_bytes:
            return option
        note(
            f"The file of trial {option.record.trial} has {sizes[-1]:,} bytes, more than the "
            f"{limit_bytes:,} allowed: the next best trained network is taken."
        )
    if not sizes:
        raise ExportError(
            f"No trained network has a file that works; the last one: {failure}"
        ) from failure
    raise ExportError(
        f"No trained network's file keeps the limit of {limit_bytes:,} bytes; the smallest "
        f"has {min(sizes):,}. Allow more, or search smaller networks."
    )


def options_of(
    chosen: Trained,
    trials: Sequence[TrialRecord],
    space: SearchSpace,
    evaluator: TrainEvaluator,
    objective: Objective,
    run: RunDirectory,
) -> Iterator[Trained]:
    """The chosen network after its final training, then the other trials as they were measured."""
    yield chosen
    others = [
        trial
        for trial in trials
        if trial.status is TrialStatus.COMPLETED
        and trial.trial != chosen.record.trial
        and trial.score is not None
        and run.checkpoint_file(trial.trial).is_file()
    ]
    for record in sorted(others, key=lambda t: -objective.utility(t.score or 0.0)):
        candidate = space.candidate(record.decisions)
        assert record.last is not None
        final = replace(
            chosen.final,
            trainer=evaluator.trainer(candidate, record.trial, done=record.epochs),
            metrics=record.last.metrics,
            kept=False,
            refitted=False,
        )
        yield Trained(record, candidate, final)


def calibration_of(data: TaskData, seed: int) -> Array:
    """Some examples of the training part as the network takes them."""
    count = min(CALIBRATION, len(data.train))
    chosen = np.sort(rng("calibration", seed=seed).choice(len(data.train), count, False))
    return np.asarray(data.train.inputs[chosen])


def weigher(ship: str, calibration: Array | None, file: Path) -> Callable[[TrainedModel], int]:
    """What makes a model's LiteRT file and returns its bytes; see `quantise` and `weigh_float`.

    Args:
        ship: As in `Settings`.
        calibration: See `calibration_of`; needed for int8.
        file: Where an int8 file is kept.
    """
    if ship != "int8":
        return partial(weigh_float, half=ship == "float16")
    assert calibration is not None  # `ship` is refused where there is no int8
    return partial(quantise, calibration=calibration, target=file)


def choose_shipped(
    options: Iterable[Trained],
    finished: Callable[[Trained], TrainedModel],
    weigh: Callable[[TrainedModel], int],
    *,
    limit_bytes: int | None,
    note: Callable[[str], None],
) -> tuple[Trained, TrainedModel]:
    """The best trained network whose file works and keeps the limit.

    Args:
        options: See `options_of`.
        finished: Makes the model that would be exported.
        weigh: See `weigher`.
        limit_bytes: Most bytes, or None.
        note: Is told of each file that is too large or does not work.

    Returns:
        What is shipped, and its model.

    Raises:
        ExportError: No file works and keeps the limit.
    """
    shipped = first_that_fits(options, lambda o: weigh(finished(o)), limit_bytes, note)
    return shipped, finished(shipped)
