"""The final training: the winner goes on, the learning rate reaching zero at the deadline."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autoarch.data.dataset import ExampleSet
from autoarch.errors import TrialFailedError
from autoarch.evaluation.smaller import SHARE, shrunk, smaller_network
from autoarch.evaluation.train import TrainEvaluator
from autoarch.objectives import Objective
from autoarch.spaces import Candidate
from autoarch.training.constants import set_constants
from autoarch.training.fit import Array, Trained, Trainer
from autoarch.training.schedule import warm_up_cosine
from autoarch.trials import RunDirectory, TrialRecord, load_arrays, save_arrays

logger = logging.getLogger(__name__)

CHECKPOINT_EVERY_S = 20.0

CLEARLY = 2.0
"""Standard errors by which the weights before the final training must be better to be kept: more
training is expected to help, and validation examples are few. On 872 texts the look of a network of
a strong linear model led by luck, and half of a run's time was thrown away."""


@dataclass(frozen=True, eq=False)
class FinalModel:
    """The network after the final training.

    Args:
        trainer: Holds the network and its weights.
        metrics: On the validation part: after the final training, or, where that used the
            validation part as well, the winning trial's before it.
        train_s: Seconds in training steps of the final training.
        curve: One entry an epoch.
        kept: False where the final training made things worse, and the weights before it are the
            result.
        refitted: Whether the final training used the validation part, too.
        file: Its state; where the user stopped it early, that of the training all the same.
    """

    trainer: Trainer
    metrics: Mapping[str, Any]
    train_s: float
    curve: tuple[dict[str, float], ...]
    kept: bool
    refitted: bool
    file: Path


def train_final(
    evaluator: TrainEvaluator,
    candidate: Candidate,
    record: TrialRecord,
    run: RunDirectory,
    *,
    objective: Objective,
    share_done: Callable[[float], float],
    planned_epochs: float,
    should_stop: Callable[[], bool],
    on_epoch: Callable[[float, float], None],
    elapsed: Callable[[], float],
    refit: ExampleSet | None = None,
    constants: Mapping[str, Array] | None = None,
    smaller_first: bool = False,
    checkpoint: str = "final.npz",
    before: FinalModel | None = None,
    targets: Callable[[ExampleSet], Array] | None = None,
) -> FinalModel:
    """Carries a trial on until `share_done` reaches 1.

    The state is checkpointed every `CHECKPOINT_EVERY_S` seconds, and an interrupted final
    training goes on from there.

    Args:
        evaluator: Holds the data, and the trial's network if it is still alive.
        candidate: What the record stands for.
        record: The trial, measured at least once.
        run: Where checkpoints lie.
        objective: Which way is better.
        share_done: Share of the final training done (by seconds where there is a time limit),
            given the epochs that the network has seen.
        planned_epochs: Epochs the network will have seen at the end, roughly.
        should_stop: Asked between two steps.
        on_epoch: Told (epochs, loss).
        elapsed: Seconds of the time budget spent, for checkpointing.
        refit: What to train on in place of the training part: everything that is not held out.
            Nothing is decided any more, so nothing needs to be validated; small sets gain most.
        constants: Weights that this data gives in place of the candidate's, by path.
        smaller_first: Whether to begin on smaller pictures, where the network and the data allow
            it (see `autoarch.evaluation.smaller`); costs one more trace.
        checkpoint: Name of the file in the run's checkpoints.
        before: A final training of the same network, to be carried on, in place of the trial.
        targets: Gives what is learned of the training examples in place of their labels.
    """
    assert record.last is not None
    metrics: Mapping[str, Any] = record.last.metrics
    if before is None:
        trainer = evaluator.trainer(candidate, record.trial, done=record.epochs)
        first = run.checkpoint_file(record.trial)
    else:
        trainer, metrics, first = before.trainer, before.metrics, before.file
    file = run.checkpoints / checkpoint
    if refit is not None:
        trainer.data = refit
        set_constants(trainer.model, constants or {})
    if targets is not None:  # what gives them may be this network, as it was
        trainer.data = replace(trainer.data, targets=targets(trainer.data))
    if file.exists():
        trainer.restore(load_arrays(file))
    saved_at = elapsed()

    def run_part(part: Trainer, begin: float, end: float) -> Trained:
        """Trains from one share of the whole schedule to another."""

        def stop_after_saving() -> bool:
            nonlocal saved_at
            if elapsed() - saved_at >= CHECKPOINT_EVERY_S:
                save_arrays(file, **part.state())
                saved_at = elapsed()
            return should_stop()

        return part.train(
            lambda epochs: (share_done(epochs) - begin) / (end - begin),
            lambda share: warm_up_cosine(begin + share * (end - begin)),
            planned_epochs=planned_epochs,
            should_stop=stop_after_saving,
            on_epoch=on_epoch,
        )

    kept, early, train_s = True, False, 0.0
    curve: tuple[dict[str, float], ...] = ()
    begin = 0.0
    try:
        small = smaller_network(candidate.architecture) if smaller_first else None
        if small is not None and share_done(trainer.epochs) < SHARE:
            pictures = shrunk(trainer.data, *small.input_shape[:2])
            reduced = replace(candidate, architecture=small)
            part = evaluator.new_trainer(reduced, record.trial, pictures)
            part.restore(trainer.state())
            trained = run_part(part, 0.0, SHARE)
            trainer.restore(part.state())
            train_s, curve = trained.train_s, trained.curve
        if small is not None:
            begin = SHARE
        trained = run_part(trainer, begin, 1.0)
        train_s, curve = train_s + trained.train_s, curve + trained.curve
        # Stopped by the user while the learning rate was high, the network is worse than before.
        early = trained.stopped and share_done(trainer.epochs) < 0.5
        kept = not early
    except TrialFailedError as error:
        logger.warning("The final training failed (%s); the weights before it are used.", error)
        kept = False
    if kept and refit is None:
        final_metrics = evaluator.measure(trainer)
        kept = not clearly_better(metrics, final_metrics, objective)
        metrics = final_metrics if kept else metrics
    if not (kept or early):
        trainer.restore(load_arrays(first))
    save_arrays(file, **trainer.state())
    if early:  # after it was saved: should the export be killed, a later sitting goes on from there
        trainer.restore(load_arrays(first))
    return FinalModel(trainer, metrics, train_s, curve, kept, refit is not None, file)


def clearly_better(
    before: Mapping[str, Any], after: Mapping[str, Any], objective: Objective
) -> bool:
    """Whether metrics are better than others by more than chance, `CLEARLY`.

    Scores that are no shares of the examples, such as a loss, are better where they are better.

    >>> from autoarch.objectives import get_objective
    >>> before = {"accuracy": 0.82, "n": 900}
    >>> accuracy = get_objective("accuracy")
    >>> [clearly_better(before, {"accuracy": after}, accuracy) for after in (0.83, 0.8, 0.78)]
    [False, False, True]
    """
    score = objective.score(before)
    lead = objective.utility(score) - objective.utility(objective.score(after))
    return lead > CLEARLY * objective.standard_error(score, before)
