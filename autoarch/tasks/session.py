"""One run from its data to its report: the phases in their order, each picking up where an
interrupted sitting ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from autoarch.data import TaskData
from autoarch.errors import BudgetError, TrialFailedError
from autoarch.evaluation.held_out import evaluate_held_out
from autoarch.evaluation.train import TrainEvaluator
from autoarch.export import ExportWorkers, Samples, TrainedModel, export_bundle
from autoarch.objectives import get_objective, preferring
from autoarch.report.page import write_report
from autoarch.search.budget import SMALLEST_TRAINING_S, Clock, Plan, closing_s, make_plan
from autoarch.search.halving import ALIKE
from autoarch.search.loop import Search
from autoarch.search.progress import Progress
from autoarch.seeding import rng
from autoarch.spaces import Candidate, SearchSpace
from autoarch.tasks.cheap_first import facts_of
from autoarch.tasks.ensemble import Member, Shipped, as_one, choose_members
from autoarch.tasks.evaluators import check_evaluator, stages_of
from autoarch.tasks.final_phase import FinalPhase
from autoarch.tasks.int8 import AFTER_TUNING, Int8, drop_note, measure_int8, tuned
from autoarch.tasks.interrupts import Interrupts, gentle_interrupts
from autoarch.tasks.limits import baseline_of, search_objectives
from autoarch.tasks.oracle_choice import choose_oracle
from autoarch.tasks.predictor import Predictor
from autoarch.tasks.result import card_of, phase_seconds, result_of
from autoarch.tasks.settings import Settings
from autoarch.tasks.shipping import (
    MEMBER_CLOSING,
    SHIPPED_FORMATS,
    WEIGHED_CLOSING,
    Trained,
    calibration_of,
    choose_shipped,
    options_of,
    weigher,
)
from autoarch.tasks.task import Setup, Task
from autoarch.tasks.tradeoffs import tradeoffs_of
from autoarch.tasks.warm_start import first_candidates, warm_start_facts
from autoarch.training.class_weights import class_weights_for
from autoarch.training.precision import let_gpu_memory_grow, probe_speed
from autoarch.trials import RunDirectory, TrialLog, TrialRecord, save_arrays
from autoarch.trials.run_directory import write_json

CHECKED_SAMPLES = 32
"""Held-out examples on which every exported file must answer as the trained model does."""


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
        self.run_directory = run
        self.log = log
        self.clock = clock
        self.progress = progress
        self.objective = get_objective(settings.objective)
        self.budgets = settings.budgets
        self._interrupts = Interrupts()
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
            evaluator = self._evaluator(data, setup)
            plan = self._plan(evaluator, baseline)
            first = first_candidates(
                self.run_directory, space, baseline, self.budgets, self.progress.note
            )
            search = self._run_search(space, evaluator, plan, baseline, first)
            best = search.best
            if best is None:
                reasons = [t.reason for t in search.trials if t.reason]
                raise TrialFailedError(f"No trial could be trained: {reasons[-1]}.")
            candidate = space.candidate(best.decisions)
            phase = self._final_phase(evaluator, setup, data, plan)
            if self.settings.ensemble is None:
                (final,) = phase.train([(candidate, best)])
                shipped = Shipped(candidate, final, tuple(final.trainer.weights()))
            else:
                members = self._members(best, search, space, data, plan)
                shipped = as_one(members, phase.train([m.network for m in members]), data.valid)
        return self._conclude(setup, data, space, evaluator, search, best, shipped, first)

    # -- Phases -------------------------------------------------------------------------------

    def _setup(self) -> Setup:
        self._phase("probe")
        for event in self.log.events:
            if event["event"] == "setup":
                return Setup.from_json(event["setup"])
        let_gpu_memory_grow()
        setup = self.task.setup(self.settings, probe_speed(self.settings.precision))
        self.log.append("setup", t=self.clock.elapsed_s, setup=setup.to_json())
        return setup

    def _load(self, setup: Setup) -> TaskData:
        self._phase("data")
        data = self.task.load(setup, self.run_directory, self.progress)
        findings = data.findings
        for note in findings.notes:
            self.progress.note(note)
        if findings.unreadable:
            name, reason = findings.unreadable[0]
            self.progress.note(
                f"{len(findings.unreadable)} {self.task.unit}s could not be read and are left out; "
                f"the first: {name} ({reason})."
            )
        if findings.duplicates:
            self.progress.note(
                f"{len(findings.duplicates)} training {self.task.noun}s also occur in a held-out "
                "part and are left out of training."
            )
        return data

    def _evaluator(self, data: TaskData, setup: Setup) -> TrainEvaluator:
        return TrainEvaluator(
            data.train,
            data.valid,
            self.objective,
            self.run_directory,
            classes=len(data.classes),
            policy=setup.speed.policy,
            seed=self.settings.seed,
            class_weights=class_weights_for(
                data.train.labels, len(data.classes), self.objective, self.settings.class_weight
            ),
            augmenter=self.task.augmenter,
            inherit=self.settings.inherit,
            keep_answers=self.settings.ensemble is not None,
        )

    def _plan(self, evaluator: TrainEvaluator, baseline: Candidate) -> Plan:
        self._phase("probe")
        for event in self.log.events:
            if event["event"] == "plan":
                return Plan(**{**event["plan"], "rungs": tuple(event["plan"]["rungs"])})
        timed = self.clock.limit_s is not None
        epoch_s = evaluator.seconds_per_epoch(baseline) if timed else 0.0
        start_s = next(e["t"] for e in self.log.events if e["event"] == "phase")
        weighs = self.settings.ship == "int8" or self.settings.max_size_bytes is not None
        start_s *= WEIGHED_CLOSING if weighs else 1.0
        start_s *= 1.0 + MEMBER_CLOSING * ((self.settings.ensemble or 1) - 1)
        whole = bool(self.settings.objectives) or self.settings.evaluator != "train"
        plan = make_plan(self.clock, epoch_s, start_s=start_s, search_whole=whole)
        if plan.final_until_s is not None and (
            plan.final_until_s - self.clock.elapsed_s < SMALLEST_TRAINING_S
        ):
            raise BudgetError(
                f"`time` of {self.clock.limit_s:g} s leaves nothing for training: reading the "
                f"data and measuring the machine took {self.clock.elapsed_s:.0f} s, and export "
                f"with its check needs about {closing_s(self.clock.limit_s, start_s):.0f} s. "
                "Give more time."
            )
        self.log.append("plan", t=self.clock.elapsed_s, plan=asdict(plan))
        return plan

    def _run_search(
        self,
        space: SearchSpace,
        evaluator: TrainEvaluator,
        plan: Plan,
        baseline: Candidate,
        first: Sequence[Candidate],
    ) -> Search:
        self._phase("search")
        objective = preferring(self.objective, self.settings.prefer or {})
        objectives, priced = self.settings.objectives, self.settings.priced
        make_search = partial(
            Search,
            objective=objective,
            clock=self.clock,
            interrupted=self._interrupts.requested,
            price=(lambda c: self.budgets.prices(c.architecture, priced)) if priced else None,
            objectives=search_objectives(objectives) if objectives else (),
            alike=0.0 if self.budgets else ALIKE,
        )
        make_oracle = partial(
            choose_oracle, self.settings, objective=objective, first_looks=plan.first_looks
        )
        oracle = make_oracle(space, baseline=baseline, first=[c.decisions for c in first])
        oracle.replay(self.log.events)
        search = self._search = make_search(
            space,
            oracle,
            evaluator,
            log=self.log,
            plan=plan,
            progress=self.progress,
            max_trials=self.settings.trials,
            inherit=self.settings.inherit,
        )
        if any(event["event"] == "final" for event in self.log.events):
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
                run=self.run_directory,
                log=self.log,
                clock=self.clock,
                plan=plan,
                progress=self.progress,
                phase=self._phase,
                interrupted=self._interrupts.requested,
                make_oracle=make_oracle,
                make_search=make_search,
            ).search(search)
        return search

    def _members(
        self, best: TrialRecord, search: Search, space: SearchSpace, data: TaskData, plan: Plan
    ) -> list[Member]:
        assert self.settings.ensemble is not None
        now_s = self.clock.elapsed_s
        return choose_members(
            best,
            search.trials,
            space,
            data.valid,
            self.run_directory,
            self.log,
            objective=self.objective,
            most=self.settings.ensemble,
            final_s=math.inf if plan.final_until_s is None else plan.final_until_s - now_s,
            now_s=now_s,
            note=self.progress.note,
        )

    def _final_phase(
        self, evaluator: TrainEvaluator, setup: Setup, data: TaskData, plan: Plan
    ) -> FinalPhase:
        self._phase("final")
        return FinalPhase(
            evaluator=evaluator,
            data=data,
            space_of=lambda other: self.task.space(self.settings, setup, other),
            objective=self.objective,
            run=self.run_directory,
            log=self.log,
            clock=self.clock,
            plan=plan,
            progress=self.progress,
            interrupted=self._interrupts.requested,
        )

    def _conclude(
        self,
        setup: Setup,
        data: TaskData,
        space: SearchSpace,
        evaluator: TrainEvaluator,
        search: Search,
        best: TrialRecord,
        shipped: Shipped,
        first: Sequence[Candidate],
    ) -> dict[str, Any]:
        """Held-out evaluation, export, result and report."""
        candidate, final = shipped.candidate, shipped.final
        self._phase("export")
        quantised, int8, int8_file, calibration = None, None, None, None
        if data.preprocessing.has_int8:
            calibration = calibration_of(data, self.settings.seed)
            save_arrays(self.run_directory.calibration_file, inputs=[calibration])
        ship, begun_s = self.settings.ship, self.clock.elapsed_s
        if ship == "int8" or self.settings.max_size_bytes is not None:
            chosen, run = Trained(best, candidate, final), self.run_directory

            def finished(option: Trained) -> TrainedModel:
                weights = tuple(option.final.trainer.weights())
                return self.task.finished(option.candidate, weights, data, self.settings)

            file = run.checkpoints / "model_int8.tflite"
            smallest, model = choose_shipped(
                options_of(chosen, search.trials, space, evaluator, self.objective, run),
                finished,
                weigher(ship, calibration, file),
                limit_bytes=self.settings.max_size_bytes,
                note=self.progress.note,
            )
            best, candidate, final = smallest.record, smallest.candidate, smallest.final
        else:
            model = self.task.finished(candidate, shipped.weights, data, self.settings)
        if ship == "int8":
            assert calibration is not None  # `ship` is refused where there is no int8
            int8 = Int8.of(model, file, data)
            quantising_s = self.clock.elapsed_s - begun_s
            int8 = tuned(
                int8,
                data,
                calibration,
                augment=evaluator.augmenter(data.train),
                recipe=candidate.recipe,
                seed=self.settings.seed,
                limit_bytes=self.settings.max_size_bytes,
                seconds=lambda: self.clock.remaining_s - AFTER_TUNING * quantising_s,
                note=self.progress.note,
            )
            model, int8_file = int8.model, int8.file
        formats = SHIPPED_FORMATS[ship]
        with ExportWorkers(formats) as workers:
            predict_proba = (int8.predictor if int8 else Predictor(model)).predict_proba
            test: dict[str, Any] | None = None
            details: dict[str, Any] = {"split": None, "classes": list(data.classes)}
            if int8 is not None:
                quantised, test, details = measure_int8(int8, data, self.task.show)
                if note := drop_note(quantised, self.task.noun):
                    self.progress.note(note)
            elif len(data.held_out):
                test, details = evaluate_held_out(
                    predict_proba, data.held_out, data.classes, data.train.labels, self.task.show
                )
            shown = data.held_out.reveal() if len(data.held_out) else data.valid
            details |= self.task.explain(predict_proba, shown, data)
            card = card_of(
                run=self.run_directory,
                task=self.task.name,
                settings=self.settings,
                limits=self.budgets.constraints.limits,
                data=data,
                final=final,
                test=test,
                quantised=quantised,
                ensemble=shipped.facts,
            )
            files = export_bundle(
                model,
                self.run_directory.model,
                formats=formats,
                samples=self._samples(model, data),
                card=card,
                calibration=calibration,
                int8_file=int8_file,
                progress=self.progress,
                workers=workers,
            )
        self._phase("report")
        write_json(
            self.run_directory.evaluation_file,
            {**details, "final_curve": list(final.curve), "valid_curve": []},
        )
        result = result_of(
            run=self.run_directory,
            task=self.task.name,
            settings=self.settings,
            precision=setup.speed.policy,
            data=data,
            candidate=candidate,
            best=best,
            trials=search.trials,
            infeasible_draws=search.infeasible_draws,
            training_s=search.training_s + final.train_s,
            bookkeeping_s=search.bookkeeping_s,
            final=final,
            test=test,
            quantised=quantised,
            files=files,
            macs=model.macs,
            interrupted=self._interrupts.requested(),
        )
        result["evaluator"] = facts_of(self.log) or {"name": "train"}
        result["ensemble"] = shipped.facts
        result["warm_start"] = warm_start_facts(self.settings.warm_start, first, search.trials)
        # What is priced is the int8 file, or where there is none, the one that is shipped.
        is_priced = ship == "int8" or not data.preprocessing.has_int8
        result.update(
            tradeoffs_of(
                self.settings,
                self.budgets,
                search.trials,
                candidate.architecture,
                files[formats[-1]].size_bytes if is_priced else None,
                self.run_directory.root,
            )
        )
        self._write_result(result)
        write_report(self.run_directory)
        # The report's own time is known only now; the page shows it as of before.
        self._write_result(result)
        self.log.append("finished", t=self.clock.elapsed_s)
        self.progress.finished(result)
        return result

    def _write_result(self, result: dict[str, Any]) -> None:
        result["wall_s"] = round(self.clock.elapsed_s, 2)
        result["phases"] = phase_seconds(self.log.events, self.clock.elapsed_s)
        write_json(self.run_directory.result_file, result)

    def _samples(self, model: TrainedModel, data: TaskData) -> Samples:
        part = data.held_out.reveal() if len(data.held_out) else data.valid
        count = min(CHECKED_SAMPLES, len(part))
        chosen = np.sort(rng("samples", seed=self.settings.seed).choice(len(part), count, False))
        return self.task.samples(model, part, chosen)

    # -- Around the phases ---------------------------------------------------------------------

    def _phase(self, name: str) -> None:
        self.log.append("phase", t=self.clock.elapsed_s, name=name)
        self.progress.phase(name)

    def _gently(self) -> AbstractContextManager[Interrupts]:
        def may_wait() -> bool:
            return self._search is not None and self._search.best is not None

        def on_request() -> None:
            self.progress.note(
                "Stopping early: the best network so far is exported. Ctrl-C again to abort."
            )

        return gentle_interrupts(may_wait, on_request, self._interrupts)
