"""The final training: the winner goes on, the learning rate reaching zero at the deadline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autoarch.evaluation.train import TrainEvaluator
from autoarch.spaces import Candidate
from autoarch.training.fit import Trainer
from autoarch.training.schedule import warm_up_cosine
from autoarch.trials import RunDirectory, TrialRecord, load_arrays, save_arrays

CHECKPOINT_EVERY_S = 20.0


@dataclass(frozen=True, eq=False)
class FinalModel:
    """The network after the final training.

    Args:
        trainer: Holds the network and its weights.
        metrics: On the validation part.
        train_s: Seconds in training steps of the final training.
        curve: One entry an epoch.
        from_trial: Whether the trial's own checkpoint was better and is what this is.
    """

    trainer: Trainer
    metrics: dict[str, Any]
    train_s: float
    curve: tuple[dict[str, float], ...]
    from_trial: bool


def train_final(
    evaluator: TrainEvaluator,
    candidate: Candidate,
    record: TrialRecord,
    run: RunDirectory,
    *,
    share_done: Callable[[float], float],
    planned_epochs: float,
    should_stop: Callable[[], bool],
    on_epoch: Callable[[float, float], None],
    elapsed: Callable[[], float],
    better: Callable[[dict[str, Any], float], bool],
) -> FinalModel:
    """Carries the winning trial on until `share_done` reaches 1.

    The state is checkpointed every `CHECKPOINT_EVERY_S` seconds, and an interrupted final
    training goes on from there.

    Args:
        evaluator: Holds the data, and the trial's network if it is still alive.
        candidate: What the record stands for.
        record: The winning trial.
        run: Where checkpoints lie.
        share_done: Share of the final training done (by seconds where there is a time limit),
            given the epochs done in it.
        planned_epochs: Epochs the network will have seen at the end, roughly.
        should_stop: Asked between two steps.
        on_epoch: Told (epochs, loss).
        elapsed: Seconds of the time budget spent, for checkpointing.
        better: Whether the validation metrics after the training are at least as good as the
            trial's score; if not, the trial's own weights are the result.
    """
    trainer = evaluator.trainer(candidate, record.trial, done=record.epochs)
    checkpoint = run.checkpoints / "final.npz"
    if checkpoint.exists():
        trainer.restore(load_arrays(checkpoint))
    saved_at = elapsed()

    def stop_after_saving() -> bool:
        nonlocal saved_at
        if elapsed() - saved_at >= CHECKPOINT_EVERY_S:
            save_arrays(checkpoint, **trainer.state())
            saved_at = elapsed()
        return should_stop()

    trained = trainer.train(
        share_done,
        warm_up_cosine,
        planned_epochs=planned_epochs,
        should_stop=stop_after_saving,
        on_epoch=on_epoch,
    )
    metrics = evaluator.measure(trainer)
    from_trial = not better(metrics, record.score if record.score is not None else float("nan"))
    if from_trial:
        trainer.restore(load_arrays(run.checkpoint_file(record.trial)))
        metrics = evaluator.measure(trainer)
    save_arrays(checkpoint, **trainer.state())
    return FinalModel(trainer, metrics, trained.train_s, trained.curve, from_trial)
