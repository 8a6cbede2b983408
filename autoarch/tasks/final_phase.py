"""The final training as a phase of a run: from when, until when, and on what."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from autoarch.data import ExampleSet, TaskData
from autoarch.evaluation.final import FinalModel, train_final
from autoarch.evaluation.train import TrainEvaluator
from autoarch.objectives import Objective
from autoarch.search.budget import Plan
from autoarch.spaces import Candidate, SearchSpace
from autoarch.tasks.sitting import Sitting
from autoarch.training.adversarial import SLOWER
from autoarch.training.batches import steps_per_epoch
from autoarch.training.fit import Array
from autoarch.trials import TrialRecord

SMALLER_FROM_S = 40.0
"""A final training of this length pays for the second trace that smaller pictures need."""

ENOUGH_STEPS = 5000
"""Steps that a final training may take of data so small that they are more than enough passes."""

TEACHING = 0.5
"""Share of a teacher's answers in what is learned; the rest is the labels."""

Network = tuple[Candidate, TrialRecord]
Answers = Callable[[Array], Array]


@dataclass(frozen=True, kw_only=True, eq=False)
class FinalPhase:
    """Trains networks to the end of the training time, from where an earlier sitting stopped.

    Args:
        evaluator: Holds the networks of the search.
        data: All parts.
        space_of: The space that such data makes: it gives networks their constants.
        objective: Which way is better.
        plan: How the run's time is split.
        sitting: What all phases work with.
        enough_epochs: See `SearchSpace`.
    """

    evaluator: TrainEvaluator
    data: TaskData
    space_of: Callable[[TaskData], SearchSpace]
    objective: Objective
    plan: Plan
    sitting: Sitting
    enough_epochs: float = math.inf

    def train(self, networks: Sequence[Network], *, share: float = 1.0) -> list[FinalModel]:
        """The final training of the winner, or of several networks in equal shares of the time.

        Args:
            networks: The winner first.
            share: Of the time that all of them have together; the rest is for `teach`.

        Returns:
            One for each network; fewer where the user wants to stop.
        """
        found: list[FinalModel] = []
        if share == 1.0 and not self.sitting.events("final"):
            self._end_when_enough(networks)
        for place, network in enumerate(networks):
            if place and self.sitting.interrupted():
                break
            end = share * (place + 1) / len(networks)
            found.append(self._train(network, place, end=end))
        return found

    def teach(
        self, student: Network, before: FinalModel, teachers: int, answers: Answers
    ) -> FinalModel:
        """Carries the final training of a network on to the end of the time, with a teacher's
        answers as targets.

        Args:
            student: The network.
            before: Its final training so far.
            teachers: Number of networks that `train` trained.
            answers: The teacher's, of inputs `(n, ...)`: probabilities `(n, classes)`.

        Source: Hinton, Vinyals and Dean (2015), "Distilling the Knowledge in a Neural Network",
        at temperature 1.
        """

        def targets(examples: ExampleSet) -> Array:
            labels = np.eye(len(self.data.classes), dtype=np.float32)[examples.labels]
            return (1 - TEACHING) * labels + TEACHING * answers(examples.inputs)

        return self._train(student, teachers, before=before, targets=targets)

    def _train(
        self,
        network: Network,
        place: int,
        *,
        end: float = 1.0,
        before: FinalModel | None = None,
        targets: Callable[[ExampleSet], Array] | None = None,
    ) -> FinalModel:
        """One of the trainings.

        Args:
            network: What is trained.
            place: Number of trainings before it.
            end: Share of the time at its end.
            before: See `train_final`.
            targets: See `train_final`.
        """
        candidate, record = network
        begin_s, until_s = self._share_of_time(record, place, end)
        heartbeat, plan = self.sitting.heartbeat(), self.plan
        first_epochs = record.epochs if before is None else before.trainer.epochs
        planned_epochs = first_epochs + plan.final_epochs - record.epochs
        if until_s is not None:
            planned_epochs = first_epochs + (until_s - begin_s) / self._epoch_s(*network)

        def share_done(epochs: float) -> float:
            if until_s is None:
                return (epochs - first_epochs) / max(planned_epochs - first_epochs, 1e-9)
            return (self.sitting.clock.elapsed_s - begin_s) / max(until_s - begin_s, 1e-9)

        def should_stop() -> bool:
            heartbeat()
            return self.sitting.interrupted()

        refit, constants = self._refit(candidate)
        long_enough = until_s is None or until_s - begin_s >= SMALLER_FROM_S
        others = "student.npz" if before else f"final-{record.trial:05d}.npz"
        return train_final(
            self.evaluator,
            candidate,
            record,
            self.sitting.run,
            share_done=share_done,
            planned_epochs=planned_epochs,
            should_stop=should_stop,
            on_epoch=lambda epochs, loss: self.sitting.progress.epoch(
                record, epoch=epochs, epochs=None, loss=loss
            ),
            elapsed=lambda: self.sitting.clock.elapsed_s,
            objective=self.objective,
            refit=refit,
            constants=constants,
            smaller_first=self.data.fits_memory and long_enough and before is None,
            checkpoint="final.npz" if place == 0 else others,
            before=before,
            targets=targets,
        )

    def _share_of_time(
        self, record: TrialRecord, place: int, end: float
    ) -> tuple[float, float | None]:
        """When a network's training began, in this sitting or an earlier one, and when it ends."""
        begun = [event["t"] for event in self.sitting.events("final")]
        if len(begun) <= place:
            begun.append(self.sitting.clock.elapsed_s)
            self.sitting.log.append("final", t=begun[-1], trial=record.trial)
        if self.plan.final_until_s is None:
            return begun[place], None
        until_s = self.plan.final_until_s - self._unused_s
        return begun[place], begun[0] + (until_s - begun[0]) * end

    @property
    def _unused_s(self) -> float:
        """Seconds that are left when each network has had enough passes."""
        until_s = self.plan.final_until_s or 0.0
        ends_s = [float(event["until"]) for event in self.sitting.events("enough")]
        return max(0.0, until_s - min(ends_s, default=until_s))

    def _epoch_s(self, candidate: Candidate, record: TrialRecord) -> float:
        """Seconds of a pass: the plan's, or of the search where that went faster. There the first
        step, traced, counts as well, which in a short look is most of the time; but no example is
        moved against the network."""
        own_epochs = record.epochs - record.inherited_epochs
        slower = SLOWER if candidate.recipe.adversarial else 1.0
        return slower * min(self.plan.epoch_s, record.wall_s / own_epochs)

    def _end_when_enough(self, networks: Sequence[Network]) -> None:
        """Lets the final training end before its time once each network has had enough passes."""
        if self.plan.final_until_s is None:
            return
        recipe = networks[0][0].recipe
        steps = steps_per_epoch(len(self.data.train), recipe.batch_size)
        passes = max(self.enough_epochs, ENOUGH_STEPS / steps)
        pass_s = sum(self._epoch_s(*network) for network in networks)
        until_s = self.sitting.clock.elapsed_s + passes * pass_s
        if until_s >= self.plan.final_until_s:
            return
        self.sitting.append("enough", until=until_s)
        each = "each network has" if len(networks) > 1 else "the network has"
        self.sitting.note(
            f"The run will end early: after {passes:.0f} passes over the data or so {each} "
            "learned what it can."
        )

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
