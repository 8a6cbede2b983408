"""One run from its data to its report: the phases in their order, each picking up where an
interrupted sitting ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any

from autoarch.data import TaskData
from autoarch.data.folds import further_folds
from autoarch.errors import TrialFailedError
from autoarch.evaluation.train import TrainEvaluator
from autoarch.objectives import get_objective
from autoarch.search.budget import Clock, Plan
from autoarch.search.halving import ALIKE
from autoarch.search.heartbeat import Heartbeat
from autoarch.search.loop import Search
from autoarch.search.progress import Progress
from autoarch.spaces import Candidate, SearchSpace
from autoarch.tasks.conclusion import Conclusion
from autoarch.tasks.ensemble import (
    TEACHERS_SHARE,
    Member,
    Shipped,
    answering_best,
    choose_members,
    known_to_go_together,
    train_members,
)
from autoarch.tasks.evaluators import check_evaluator, stages_of
from autoarch.tasks.final_phase import FinalPhase
from autoarch.tasks.interrupts import Interrupts, gentle_interrupts
from autoarch.tasks.limits import baseline_of, search_objectives
from autoarch.tasks.oracle_choice import choose_oracle
from autoarch.tasks.planning import folds_of, plan_time
from autoarch.tasks.settings import Settings
from autoarch.tasks.sitting import Sitting
from autoarch.tasks.task import Setup, Task
from autoarch.tasks.warm_start import first_candidates
from autoarch.training.class_weights import class_weights_for
from autoarch.training.precision import let_gpu_memory_grow, probe_speed
from autoarch.trials import RunDirectory, TrialLog, TrialRecord


class Session:
    """One sitting of a run.

    Args:
        task: The kind of data.
        settings: What the user asked for.
        run: Its directory, made already.
        log: Its log.
        clock: Its clock.
        progress: Who watches.
    """

    def __init__(
        self,
        task: Task,
        settings: Settings,
        run: RunDirectory,
        log: TrialLog,
        clock: Clock,
        progress: Progress,
    ):
        self.task = task
        self.settings = settings
        self.objective = get_objective(settings.objective)
        self.budgets = settings.budgets
        self._interrupts = Interrupts()
        self.sitting = Sitting(run, log, clock, progress, self._interrupts.requested)
        self._search: Search | None = None

    def run(self) -> dict[str, Any]:
        """Goes through all phases; returns the result (see `result.json`)."""
        with self._gently():
            setup = self._setup()
            data = self._load(setup)
            space = self.task.space(self.settings, setup, data)
            space.steer(self.settings.steering)
            baseline = baseline_of(space, self.budgets)
            check_evaluator(self.settings.evaluator, baseline.architecture)
            companions = space.companions()
            evaluator = self._evaluator(data, setup, keep_answers=bool(companions))
            if not self.settings.may_average:
                companions = ()
            # where a limit changed trial 0, weights decide, and nobody knows which network's
            known = baseline.key == space.candidate({}).key
            whole = self.settings.asks_for_search or not known
            self.sitting.phase("probe")
            plan = plan_time(
                self.sitting,
                self.settings,
                measure_epoch_s=partial(evaluator.seconds_per_epoch, baseline),
                folds=folds_of(self.settings, data, self.task.noun),
                search_whole=whole,
                companions=len(companions),
                member_epochs=space.member_epochs,
            )
            if not self._searched:
                self._measure_on(plan.folds, evaluator, setup, data)
            first = first_candidates(
                self.sitting.run, space, baseline, self.budgets, self.sitting.note
            )
            first += map(space.candidate, companions[: plan.members - 1])
            search = self._run_search(space, evaluator, plan, baseline, first)
            best = self._begun(search) or search.best
            if best is None:
                reasons = [t.reason for t in search.trials if t.reason]
                raise TrialFailedError(f"No trial could be trained: {reasons[-1]}.")
            candidate = space.candidate(best.decisions)
            phase = self._final_phase(evaluator, setup, data, plan, space.enough_epochs)
            # an earlier version, or a sitting that could not average, has kept no answers
            known_answers = self.sitting.run.answers_file(best.trial).is_file()
            if not self.settings.averages and (plan.members == 1 or not known_answers):
                (final,) = phase.train([(candidate, best)])
                shipped = Shipped(candidate, final, tuple(final.trainer.weights()))
            else:
                shipped = train_members(
                    self._members(best, search, space, data, plan, first),
                    phase,
                    data.valid,
                    teach=self.settings.teaches,
                )
        return Conclusion(
            task=self.task,
            settings=self.settings,
            budgets=self.budgets,
            objective=self.objective,
            sitting=self.sitting,
            setup=setup,
            data=data,
            space=space,
            evaluator=evaluator,
            search=search,
            first=first,
            best=best,
            folds=plan.folds,
            shipped=shipped,
        ).conclude()

    # -- Phases -------------------------------------------------------------------------------

    def _setup(self) -> Setup:
        self.sitting.phase("probe")
        for event in self.sitting.events("setup"):
            return Setup.from_json(event["setup"])
        let_gpu_memory_grow()
        timed = self.sitting.clock.limit_s is not None
        speed = probe_speed(self.settings.precision, timed=timed)
        setup = self.task.setup(self.settings, speed)
        self.sitting.append("setup", setup=setup.to_json())
        return setup

    def _load(self, setup: Setup) -> TaskData:
        self.sitting.phase("data")
        reader = _Reader(self.sitting.progress, self.sitting.heartbeat())
        data = self.task.load(setup, self.sitting.run, reader)
        findings = data.findings
        for note in findings.notes:
            self.sitting.note(note)
        if findings.unreadable:
            name, reason = findings.unreadable[0]
            self.sitting.note(
                f"{len(findings.unreadable)} {self.task.unit}s could not be read and are left out; "
                f"the first: {name} ({reason})."
            )
        if findings.duplicates:
            self.sitting.note(
                f"{len(findings.duplicates)} training {self.task.noun}s also occur in a held-out "
                "part and are left out of training."
            )
        return data

    def _evaluator(self, data: TaskData, setup: Setup, *, keep_answers: bool) -> TrainEvaluator:
        return TrainEvaluator(
            data.train,
            data.valid,
            self.objective,
            self.sitting.run,
            classes=len(data.classes),
            policy=setup.speed.policy,
            seed=self.settings.seed,
            class_weights=class_weights_for(
                data.train.labels, len(data.classes), self.objective, self.settings.class_weight
            ),
            augmenter=self.task.augmenter,
            inherit=self.settings.inherit,
            keep_answers=keep_answers or self.settings.averages,
        )

    def _measure_on(
        self, folds: int, evaluator: TrainEvaluator, setup: Setup, data: TaskData
    ) -> None:
        """Lets the evaluator measure on so many splits, ours among them."""
        others = further_folds(data, folds - 1, seed=self.settings.seed)
        evaluator.folds = [
            (fold, self.task.space(self.settings, setup, replace(data, train=fold.train)).constants)
            for fold in others
        ]
        if others:
            total = len(data.valid) + sum(len(fold.valid) for fold in others)
            self.sitting.note(
                f"Networks are compared on {folds} splits, {total} {self.task.noun}s in all: the "
                f"validation part of {len(data.valid)} is small."
            )

    def _run_search(
        self,
        space: SearchSpace,
        evaluator: TrainEvaluator,
        plan: Plan,
        baseline: Candidate,
        first: Sequence[Candidate],
    ) -> Search:
        self.sitting.phase("search")
        objective = self.settings.searched
        objectives, priced = self.settings.objectives, self.settings.priced
        make_search = partial(
            Search,
            objective=objective,
            clock=self.sitting.clock,
            interrupted=self.sitting.interrupted,
            price=(lambda c: self.budgets.prices(c.architecture, priced)) if priced else None,
            objectives=search_objectives(objectives) if objectives else (),
            alike=0.0 if self.budgets else ALIKE,
        )
        make_oracle = partial(
            choose_oracle, self.settings, objective=objective, first_looks=plan.first_looks
        )
        oracle = make_oracle(space, baseline=baseline, first=[c.decisions for c in first])
        oracle.replay(self.sitting.log.events)
        search = self._search = make_search(
            space,
            oracle,
            evaluator,
            log=self.sitting.log,
            plan=plan,
            progress=self.sitting.progress,
            max_trials=self.settings.trials,
            inherit=evaluator.inherit if self.settings.inherit else None,
        )
        if self._searched:
            return search
        method = self.settings.evaluator
        if method == "train":
            search.run()
        else:
            stages_of(method)(
                space=space,
                baseline=baseline,
                objective=objective,
                budgets=self.budgets,
                evaluator=evaluator,
                plan=plan,
                sitting=self.sitting,
                make_oracle=make_oracle,
                make_search=make_search,
            ).search(search)
        return search

    def _members(
        self,
        best: TrialRecord,
        search: Search,
        space: SearchSpace,
        data: TaskData,
        plan: Plan,
        first: Sequence[Candidate],
    ) -> list[Member]:
        now_s = self.sitting.clock.elapsed_s
        if self.settings.ensemble is None:
            keys = {candidate.key for candidate in first}
            known = [t.trial for t in search.trials if t.trial == 0 or t.key in keys]
            weigh = known_to_go_together(known, most=plan.members)
        else:
            final_s = math.inf if plan.final_until_s is None else plan.final_until_s - now_s
            weigh = answering_best(
                data.valid,
                self.objective,
                most=self.settings.ensemble,
                members_s=final_s * (TEACHERS_SHARE if self.settings.teaches else 1.0),
            )
        return choose_members(
            best,
            search.trials,
            space,
            self.sitting.run,
            self.sitting.log,
            weigh=weigh,
            now_s=now_s,
            note=self.sitting.note,
        )

    def _final_phase(
        self,
        evaluator: TrainEvaluator,
        setup: Setup,
        data: TaskData,
        plan: Plan,
        enough_epochs: float,
    ) -> FinalPhase:
        self.sitting.phase("final")
        return FinalPhase(
            evaluator=evaluator,
            data=data,
            space_of=lambda other: self.task.space(self.settings, setup, other),
            objective=self.objective,
            plan=plan,
            sitting=self.sitting,
            enough_epochs=enough_epochs,
        )

    @property
    def _searched(self) -> bool:
        """Whether the search is over: the final training had begun in an earlier sitting."""
        return bool(self.sitting.events("final"))

    def _begun(self, search: Search) -> TrialRecord | None:
        """The winner whose final training began in an earlier sitting: its state is kept."""
        begun = self.sitting.events("final")
        return search.trials[begun[0]["trial"]] if begun else None

    # -- Around the phases ---------------------------------------------------------------------

    def _gently(self) -> AbstractContextManager[Interrupts]:
        def may_wait() -> bool:
            return self._search is not None and self._search.best is not None

        def on_request() -> None:
            self.sitting.note(
                "Stopping early: the best network so far is exported. Ctrl-C again to abort."
            )

        return gentle_interrupts(may_wait, on_request, self._interrupts)


class _Reader(Progress):
    """Hands on what is said while data is read; the log hears that time passes."""

    def __init__(self, progress: Progress, heartbeat: Heartbeat):
        self._progress, self._heartbeat = progress, heartbeat

    def note(self, text: str) -> None:
        self._progress.note(text)

    def reading(self, done: int, total: int) -> None:
        self._heartbeat()
        self._progress.reading(done, total)
