"""The final training as a phase of a run: from when, until when, and on what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from autoarch.data import ExampleSet, TaskData
from autoarch.evaluation.final import FinalModel, train_final
from autoarch.evaluation.train import TrainEvaluator
from autoarch.objectives import Objective
from autoarch.search.budget import Clock, Plan
from autoarch.search.heartbeat import Heartbeat
from autoarch.search.progress import Progress
from autoarch.spaces import Candidate, SearchSpace
from autoarch.trials import RunDirectory, TrialLog, TrialRecord

SMALLER_FROM_S = 40.0
"""A final training of this length pays for the second trace that smaller pictures need."""


@dataclass(frozen=True, kw_only=True)
class FinalPhase:
    """Trains networks to the end of the training time, from where an earlier sitting stopped.

    Args:
        evaluator: Holds the networks of the search.
        data: All parts.
        space_of: The space that such data makes: it gives networks their constants.
        objective: Which way is better.
        run: The run's directory.
        log: Its log.
        clock: Its clock.
        plan: Its plan.
        progress: Who watches.
        interrupted: Whether the user wants to stop.
    """

    evaluator: TrainEvaluator
    data: TaskData
    space_of: Callable[[TaskData], SearchSpace]
    objective: Objective
    run: RunDirectory
    log: TrialLog
    clock: Clock
    plan: Plan
    progress: Progress
    interrupted: Callable[[], bool]

    def train(self, candidate: Candidate, record: TrialRecord) -> FinalModel:
        """The final training of the winner."""
        begin_s = self._begun(record)
        heartbeat, plan = Heartbeat(self.log, self.clock), self.plan

        def share_done(epochs: float) -> float:
            if plan.final_until_s is None:
                return (epochs - record.epochs) / max(plan.final_epochs - record.epochs, 1e-9)
            return (self.clock.elapsed_s - begin_s) / max(plan.final_until_s - begin_s, 1e-9)

        def should_stop() -> bool:
            heartbeat()
            return self.interrupted()

        refit, constants = self._refit(candidate)
        until_s = plan.final_until_s or begin_s + SMALLER_FROM_S
        return train_final(
            self.evaluator,
            candidate,
            record,
            self.run,
            share_done=share_done,
            planned_epochs=plan.final_epochs,
            should_stop=should_stop,
            on_epoch=lambda epochs, loss: self.progress.epoch(
                record, epoch=epochs, epochs=None, loss=loss
            ),
            elapsed=lambda: self.clock.elapsed_s,
            objective=self.objective,
            refit=refit,
            constants=constants,
            smaller_first=self.data.fits_memory and until_s - begin_s >= SMALLER_FROM_S,
        )

    def _begun(self, record: TrialRecord) -> float:
        """When the final training began, in this sitting or an earlier one."""
        started = [e["t"] for e in self.log.events if e["event"] == "final"]
        if not started:
            started = [self.clock.elapsed_s]
            self.log.append("final", t=started[0], trial=record.trial)
        return float(started[0])

    def _refit(self, candidate: Candidate) -> tuple[ExampleSet | None, Mapping[str, Any]]:
        """What is trained on in place of the training part, and the constants that it gives."""
        if not self.data.can_be_joined:
            return None, {}
        everything = self.data.train_and_valid()
        space = self.space_of(replace(self.data, train=everything))
        return everything, space.constants(candidate.architecture)
