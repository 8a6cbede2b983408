"""One run from its data to its report: the phases in their order, each picking up where an
interrupted sitting ended."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np

from autoarch.data import TaskData
from autoarch.errors import BudgetError, TrialFailedError
from autoarch.evaluation.final import FinalModel, train_final
from autoarch.evaluation.held_out import evaluate_held_out
from autoarch.evaluation.train import TrainEvaluator
from autoarch.export import ExportWorkers, Samples, TrainedModel, export_bundle
from autoarch.objectives import get_objective, preferring
from autoarch.report.page import write_report
from autoarch.search.budget import SMALLEST_TRAINING_S, Clock, Plan, closing_s, make_plan
from autoarch.search.heartbeat import Heartbeat
from autoarch.search.loop import Search
from autoarch.search.progress import Progress
from autoarch.seeding import rng
from autoarch.spaces import Candidate, SearchSpace
from autoarch.supernet.path import require_sharing
from autoarch.tasks.cheap_first import facts_of
from autoarch.tasks.differentiable import Differentiable
from autoarch.tasks.int8 import AFTER_TUNING, Int8, drop_note, measure_int8, tuned
from autoarch.tasks.interrupts import Interrupts, gentle_interrupts
from autoarch.tasks.limits import baseline_of, budgets_of, search_objectives
from autoarch.tasks.one_shot import OneShot
from autoarch.tasks.oracle_choice import choose_oracle
from autoarch.tasks.predictor import Predictor
from autoarch.tasks.result import card_of, phase_seconds, result_of
from autoarch.tasks.settings import Settings
from autoarch.tasks.shipping import (
    INT8_CLOSING,
    SHIPPED_FORMATS,
    Trained,
    calibration_of,
    choose_shipped,
    options_of,
)
from autoarch.tasks.task import Setup, Task
from autoarch.tasks.tradeoffs import tradeoffs_of
from autoarch.training.fit import Array
from autoarch.training.precision import let_gpu_memory_grow, probe_speed
from autoarch.trials import RunDirectory, TrialLog, TrialRecord, save_arrays
from autoarch.trials.run_directory import write_json

CHECKED_SAMPLES = 32
"""Held-out examples on which every exported file must answer as the trained model does."""

SMALLER_FROM_S = 40.0
"""A final training of this length pays for the second trace that smaller pictures need."""


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
        self.budgets = budgets_of(settings.constraints)
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
            if self.settings.evaluator == "one-shot":
                require_sharing(baseline.architecture)
            evaluator = self._evaluator(data, setup)
            plan = self._plan(evaluator, baseline)
            search = self._run_search(space, evaluator, plan, baseline)
            best = search.best
            if best is None:
                reasons = [t.reason for t in search.trials if t.reason]
                raise TrialFailedError(f"No trial could be trained: {reasons[-1]}.")
            candidate = space.candidate(best.decisions)
            final = self._train_final(evaluator, setup, data, candidate, best, plan)
        return self._conclude(setup, data, space, evaluator, search, candidate, best, final)

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
            class_weights=self._class_weights(data),
            augmenter=self.task.augmenter,
            inherit=self.settings.inherit,
        )

    def _class_weights(self, data: TaskData) -> Array | None:
        """Weights that undo an imbalance: wholly where the objective counts classes equally,
        by the square root elsewhere; None where classes are about equally frequent."""
        counts = np.bincount(data.train.labels, minlength=len(data.classes)).clip(1)
        if self.settings.class_weight == "none" or counts.max() < 1.5 * counts.min():
            return None
        power = 1.0 if self.objective.counts_classes_equally else 0.5
        weights = (counts.mean() / counts) ** power
        return weights / float(np.average(weights, weights=counts))

    def _plan(self, evaluator: TrainEvaluator, baseline: Candidate) -> Plan:
        self._phase("probe")
        for event in self.log.events:
            if event["event"] == "plan":
                return Plan(**{**event["plan"], "rungs": tuple(event["plan"]["rungs"])})
        timed = self.clock.limit_s is not None
        epoch_s = evaluator.seconds_per_epoch(baseline) if timed else 0.0
        start_s = next(e["t"] for e in self.log.events if e["event"] == "phase")
        start_s *= INT8_CLOSING if self.settings.ship == "int8" else 1.0
        plan = make_plan(self.clock, epoch_s, start_s=start_s)
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
        self, space: SearchSpace, evaluator: TrainEvaluator, plan: Plan, baseline: Candidate
    ) -> Search:
        self._phase("search")
        objective = preferring(self.objective, self.settings.prefer or {})
        objectives, priced = self.settings.objectives, self.settings.priced
        make_search = partial(
            Search,
            objective=objective,
            clock=self.clock,
            interrupted=lambda: self._interrupts.requested,
            price=(lambda c: self.budgets.prices(c.architecture, priced)) if priced else None,
            objectives=search_objectives(objectives) if objectives else (),
        )
        make_oracle = partial(
            choose_oracle, self.settings, objective=objective, first_looks=plan.first_looks
        )
        oracle = make_oracle(space, baseline=baseline)
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
            stages = OneShot if method == "one-shot" else partial(Differentiable, method=method)
            stages(
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
                interrupted=lambda: self._interrupts.requested,
                make_oracle=make_oracle,
                make_search=make_search,
            ).search(search)
        return search

    def _train_final(
        self,
        evaluator: TrainEvaluator,
        setup: Setup,
        data: TaskData,
        candidate: Candidate,
        best: TrialRecord,
        plan: Plan,
    ) -> FinalModel:
        self._phase("final")
        started = [e["t"] for e in self.log.events if e["event"] == "final"]
        if not started:
            started = [self.clock.elapsed_s]
            self.log.append("final", t=started[0], trial=best.trial)
        begin_s, heartbeat = started[0], Heartbeat(self.log, self.clock)

        def share_done(epochs: float) -> float:
            if plan.final_until_s is None:
                return (epochs - best.epochs) / max(plan.final_epochs - best.epochs, 1e-9)
            return (self.clock.elapsed_s - begin_s) / max(plan.final_until_s - begin_s, 1e-9)

        def should_stop() -> bool:
            heartbeat()
            return self._interrupts.requested

        refit, constants = None, {}
        if data.can_be_joined:
            refit = data.train_and_valid()
            space = self.task.space(self.settings, setup, replace(data, train=refit))
            constants = space.constants(candidate.architecture)
        return train_final(
            evaluator,
            candidate,
            best,
            self.run_directory,
            share_done=share_done,
            planned_epochs=plan.final_epochs,
            should_stop=should_stop,
            on_epoch=lambda epochs, loss: self.progress.epoch(
                best, epoch=epochs, epochs=None, loss=loss
            ),
            elapsed=lambda: self.clock.elapsed_s,
            objective=self.objective,
            refit=refit,
            constants=constants,
            smaller_first=(
                data.fits_memory
                and (plan.final_until_s or begin_s + SMALLER_FROM_S) - begin_s >= SMALLER_FROM_S
            ),
        )

    def _conclude(
        self,
        setup: Setup,
        data: TaskData,
        space: SearchSpace,
        evaluator: TrainEvaluator,
        search: Search,
        candidate: Candidate,
        best: TrialRecord,
        final: FinalModel,
    ) -> dict[str, Any]:
        """Held-out evaluation, export, result and report."""
        self._phase("export")
        quantised, int8, int8_file, calibration = None, None, None, None
        if data.preprocessing.has_int8:
            calibration = calibration_of(data, self.settings.seed)
            save_arrays(self.run_directory.calibration_file, inputs=[calibration])
        if self.settings.ship == "int8":
            assert calibration is not None  # `ship` is refused where there is no int8
            int8_file = self.run_directory.checkpoints / "model_int8.tflite"
            chosen, begun_s = Trained(best, candidate, final), self.clock.elapsed_s
            shipped, model = choose_shipped(
                options_of(
                    chosen, search.trials, space, evaluator, self.objective, self.run_directory
                ),
                data,
                calibration,
                int8_file,
                limit_bytes=self.settings.max_size_bytes,
                note=self.progress.note,
            )
            best, candidate, final = shipped.record, shipped.candidate, shipped.final
            int8 = Int8.of(model, int8_file, data)
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
        else:
            weights = tuple(final.trainer.weights())
            model = self.task.finished(candidate, weights, data, self.settings)
        formats = SHIPPED_FORMATS[self.settings.ship]
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
            interrupted=self._interrupts.requested,
        )
        result["evaluator"] = facts_of(self.log) or {"name": "train"}
        int8_export = files.get("litert_int8")
        result.update(
            tradeoffs_of(
                self.settings,
                self.budgets,
                search.trials,
                candidate.architecture,
                int8_export.size_bytes if int8_export else None,
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
