"""Asynchronous successive halving: which trial deserves more training, read off the trials alone.

Source: Li et al. (2020), "A system for massively parallel hyperparameter tuning", algorithm 2.
"""

from __future__ import annotations

from collections.abc import Sequence

from autoarch.objectives import Objective
from autoarch.trials import Fidelity, Measurement, TrialRecord, TrialStatus

FACTOR = 3
"""Of so many trials on a rung, one is promoted."""


def measured_at(record: TrialRecord, epochs: float) -> Measurement | None:
    """The trial's measurement on the rung of so many epochs, or None."""
    for measurement in record.measurements:
        if measurement.epochs >= epochs - 1e-3:
            return measurement
    return None


def next_promotion(
    trials: Sequence[TrialRecord], rungs: Sequence[float], objective: Objective
) -> tuple[TrialRecord, Fidelity] | None:
    """The trial to be promoted next, from the highest rung down.

    A trial is promoted where it is among the best third of those measured on its rung and has
    not been promoted yet; ties go to the earlier trial.

    Args:
        trials: All trials so far.
        rungs: Epochs of each rung, growing.
        objective: Which way is better.

    Returns:
        The trial and the fidelity to take it to, or None.
    """
    for level in range(len(rungs) - 2, -1, -1):
        here = [
            (objective.utility(measurement.score), -record.trial, record)
            for record in trials
            if record.status is TrialStatus.COMPLETED
            and (measurement := measured_at(record, rungs[level])) is not None
        ]
        here.sort(key=lambda entry: entry[:2], reverse=True)
        for _, _, record in here[: len(here) // FACTOR]:
            if measured_at(record, rungs[level + 1]) is None:
                return record, Fidelity(epochs=rungs[level + 1], done=record.epochs)
    return None


def best_trial(
    trials: Sequence[TrialRecord], rungs: Sequence[float], objective: Objective
) -> TrialRecord | None:
    """The best trial: highest rung first, then score, then the earlier one.

    Scores of different rungs do not compare, and only the better trials reach the upper rungs.
    """
    completed = [t for t in trials if t.status is TrialStatus.COMPLETED and t.score is not None]

    def rank(record: TrialRecord) -> tuple[int, float, int]:
        level = sum(measured_at(record, epochs) is not None for epochs in rungs)
        assert record.score is not None
        return level, objective.utility(record.score), -record.trial

    return max(completed, key=rank, default=None)
