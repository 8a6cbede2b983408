"""The final training as a phase of a run: from when, until when, and on what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
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

Network = tuple[Candidate, TrialRecord]


@dataclass(frozen=True, kw_only=True, eq=False)
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

    def train(self, networks: Sequence[Network]) -> list[FinalModel]:
        """The final training of the winner, or of several networks in equal shares of the time.

        Args:
            networks: The winner first.

        Returns:
            One for each network; fewer where the user wants to stop.
        """
        found: list[FinalModel] = []
        for place, network in enumerate(networks):
            if place and self.interrupted():
                break
            found.append(self._train(network, place, len(networks)))
        return found

    def _train(self, network: Network, place: int, count: int) -> FinalModel:
        candidate, record = network
        begin_s, until_s = self._share_of_time(record, place, count)
        heartbeat, plan = Heartbeat(self.log, self.clock), self.plan
        planned_epochs = plan.final_epochs
        if until_s is not None:
            first_s = next(e["t"] for e in self.log.events if e["event"] == "final")
            all_epochs = plan.epochs_from(first_s)
            planned_epochs = record.epochs + (all_epochs - record.epochs) / count

        def share_done(epochs: float) -> float:
            if until_s is None:
                return (epochs - record.epochs) / max(planned_epochs - record.epochs, 1e-9)
            return (self.clock.elapsed_s - begin_s) / max(until_s - begin_s, 1e-9)

        def should_stop() -> bool:
            heartbeat()
            return self.interrupted()

        refit, constants = self._refit(candidate)
        long_enough = until_s is None or until_s - begin_s >= SMALLER_FROM_S
        return train_final(
            self.evaluator,
            candidate,
            record,
            self.run,
            share_done=share_done,
            planned_epochs=planned_epochs,
            should_stop=should_stop,
            on_epoch=lambda epochs, loss: self.progress.epoch(
                record, epoch=epochs, epochs=None, loss=loss
            ),
            elapsed=lambda: self.clock.elapsed_s,
            objective=self.objective,
            refit=refit,
            constants=constants,
            smaller_first=self.data.fits_memory and long_enough,
            checkpoint="final.npz" if place == 0 else f"final-{record.trial:05d}.npz",
        )

    def _share_of_time(
        self, record: TrialRecord, place: int, count: int
    ) -> tuple[float, float | None]:
        """When a network's training began, in this sitting or an earlier one, and when it ends."""
        begun = [event["t"] for event in self.log.events if event["event"] == "final"]
        if len(begun) <= place:
            begun.append(self.clock.elapsed_s)
            self.log.append("final", t=begun[-1], trial=record.trial)
        if self.plan.final_until_s is None:
            return begun[place], None
        whole = self.plan.final_until_s - begun[0]
        return begun[place], begun[0] + whole * (place + 1) / count

    def _refit(self, candidate: Candidate) -> tuple[ExampleSet | None, Mapping[str, Any]]:
        """What is trained on in place of the training part, and the constants that it gives."""
        if self._everything is None:
            return None, {}
        data, space = self._everything
        return data, space.constants(candidate.architecture)

    @cached_property
    def _everything(self) -> tuple[ExampleSet, SearchSpace] | None:
        """Training and validation part, and the space that both make; None where the validation
        part stays apart."""
        if not self.data.can_be_joined:
            return None
        everything = self.data.train_and_valid()
        return everything, self.space_of(replace(self.data, train=everything))
