"""What follows the training: a model is chosen, measured on held-out data, exported and told of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoarch.costs.budgets import Budgets
from autoarch.data import ExampleSet, TaskData
from autoarch.evaluation.final import FinalModel
from autoarch.evaluation.held_out import evaluate_held_out
from autoarch.evaluation.train import TrainEvaluator
from autoarch.export import ExportedFile, ExportWorkers, Samples, TrainedModel, export_bundle
from autoarch.objectives import Objective
from autoarch.report.page import write_report
from autoarch.search.loop import Search
from autoarch.seeding import rng
from autoarch.spaces import Candidate, SearchSpace
from autoarch.tasks.cheap_first import facts_of
from autoarch.tasks.ensemble import Shipped
from autoarch.tasks.int8 import AFTER_TUNING, Int8, drop_note, measure_int8, tuned
from autoarch.tasks.predictor import Predictor
from autoarch.tasks.result import card_of, phase_seconds, result_of
from autoarch.tasks.settings import Settings
from autoarch.tasks.shipping import (
    SHIPPED_FORMATS,
    Trained,
    calibration_of,
    choose_shipped,
    options_of,
    weigher,
)
from autoarch.tasks.sitting import Sitting
from autoarch.tasks.task import Setup, Task
from autoarch.tasks.tradeoffs import tradeoffs_of
from autoarch.tasks.warm_start import warm_start_facts
from autoarch.training.fit import Array
from autoarch.trials import TrialRecord, save_arrays
from autoarch.trials.run_directory import write_json

CHECKED_SAMPLES = 32
"""Held-out examples on which every exported file must answer as the trained model does."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """What is exported.

    Args:
        record: The trial that it was.
        candidate: Its network and recipe.
        final: Its final training.
        model: Network, weights, classes and preprocessing.
        int8: Its int8 file, where that is what is shipped.
    """

    record: TrialRecord
    candidate: Candidate
    final: FinalModel
    model: TrainedModel
    int8: Int8 | None = None

    @property
    def predictor(self) -> Predictor:
        """Asks the network in float32."""
        return Predictor(self.model) if self.int8 is None else self.int8.predictor


@dataclass(frozen=True)
class Measured:
    """What the held-out part says.

    Args:
        test: Metrics of what is shipped; None without a held-out part.
        quantised: What `result.json` says of an int8 file.
        details: What the report shows beside them.
    """

    test: dict[str, Any] | None
    quantised: dict[str, Any] | None
    details: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """The last two phases of a run, export and report.

    Args:
        task: The kind of data.
        settings: What the user asked for.
        budgets: The limits.
        objective: Of the search.
        sitting: What all phases work with.
        setup: What was decided before the search.
        data: The data.
        space: What was searched.
        evaluator: Has the trials' networks.
        search: The search; it is over.
        first: What was proposed next to trial 0: networks of an earlier run, or companions.
        best: The winning trial.
        folds: Splits that it was measured on.
        shipped: What the final training made of it, and of others in an average.
    """

    task: Task
    settings: Settings
    budgets: Budgets
    objective: Objective
    sitting: Sitting
    setup: Setup
    data: TaskData
    space: SearchSpace
    evaluator: TrainEvaluator
    search: Search
    first: Sequence[Candidate]
    best: TrialRecord
    folds: int
    shipped: Shipped

    def conclude(self) -> dict[str, Any]:
        """Runs both phases; returns the result (see `result.json`)."""
        self.sitting.phase("export")
        calibration = self._calibration()
        chosen = self._choose(calibration)
        formats = SHIPPED_FORMATS[self.settings.ship]
        with ExportWorkers(formats) as workers:
            measured = self._measure(chosen)
            files = export_bundle(
                chosen.model,
                self.sitting.run.model,
                formats=formats,
                samples=self._samples(chosen.model),
                card=self._card(chosen, measured),
                calibration=calibration,
                int8_file=None if chosen.int8 is None else chosen.int8.file,
                progress=self.sitting.progress,
                workers=workers,
            )
        self.sitting.phase("report")
        write_json(
            self.sitting.run.evaluation_file,
            {**measured.details, "final_curve": list(chosen.final.curve)},
        )
        result = self._result(chosen, measured, files, files[formats[-1]].size_bytes)
        self._write(result)
        write_report(self.sitting.run)
        # The report's own time is known only now; the page shows it as of before.
        self._write(result)
        self.sitting.append("finished")
        self.sitting.progress.finished(result)
        return result

    def _calibration(self) -> Array | None:
        """Training examples for int8 files, kept for later exports; None where there are none."""
        if not self.data.preprocessing.has_int8:
            return None
        calibration = calibration_of(self.data, self.settings.seed)
        save_arrays(self.sitting.run.calibration_file, inputs=[calibration])
        return calibration

    def _choose(self, calibration: Array | None) -> Chosen:
        """The winner; under a limit on the file, or in int8, the best whose file works."""
        shipped, settings = self.shipped, self.settings
        if settings.ship != "int8" and settings.max_size_bytes is None:
            model = self._finished(shipped.candidate, shipped.weights)
            return Chosen(self.best, shipped.candidate, shipped.final, model)
        begun_s = self.sitting.clock.elapsed_s
        file = self.sitting.run.checkpoints / "model_int8.tflite"
        option, model = choose_shipped(
            options_of(
                Trained(self.best, shipped.candidate, shipped.final),
                self.search.trials,
                self.space,
                self.evaluator,
                self.objective,
                self.sitting.run,
            ),
            lambda o: self._finished(o.candidate, tuple(o.final.trainer.weights())),
            weigher(settings.ship, calibration, file),
            limit_bytes=settings.max_size_bytes,
            note=self.sitting.note,
        )
        if settings.ship != "int8":
            return Chosen(option.record, option.candidate, option.final, model)
        assert calibration is not None  # `ship` is refused where there is no int8
        int8 = Int8.of(model, file, self.data)
        quantising_s = self.sitting.clock.elapsed_s - begun_s
        int8 = tuned(
            int8,
            self.data,
            calibration,
            augment=self.evaluator.augmenter(self.data.train),
            recipe=option.candidate.recipe,
            seed=settings.seed,
            limit_bytes=settings.max_size_bytes,
            seconds=lambda: self.sitting.clock.remaining_s - AFTER_TUNING * quantising_s,
            note=self.sitting.note,
        )
        return Chosen(option.record, option.candidate, option.final, int8.model, int8)

    def _finished(self, candidate: Candidate, weights: tuple[Array, ...]) -> TrainedModel:
        return self.task.finished(candidate, weights, self.data, self.settings)

    def _measure(self, chosen: Chosen) -> Measured:
        data, quantised, test = self.data, None, None
        predict_proba = chosen.predictor.predict_proba
        details: dict[str, Any] = {"split": None, "classes": list(data.classes)}
        if chosen.int8 is not None:
            quantised, test, details = measure_int8(chosen.int8, data, self.task.show)
            if note := drop_note(quantised, self.task.noun):
                self.sitting.note(note)
        elif len(data.held_out):
            test, details = evaluate_held_out(
                predict_proba, data.held_out, data.classes, data.train.labels, self.task.show
            )
        details |= self.task.explain(predict_proba, self._shown(), data)
        return Measured(test, quantised, details)

    def _card(self, chosen: Chosen, measured: Measured) -> dict[str, Any]:
        return card_of(
            run=self.sitting.run,
            task=self.task.name,
            settings=self.settings,
            limits=self.budgets.constraints.limits,
            data=self.data,
            final=chosen.final,
            test=measured.test,
            quantised=measured.quantised,
            ensemble=self.shipped.facts,
        )

    def _samples(self, model: TrainedModel) -> Samples:
        part = self._shown()
        count = min(CHECKED_SAMPLES, len(part))
        chosen = np.sort(rng("samples", seed=self.settings.seed).choice(len(part), count, False))
        return self.task.samples(model, part, chosen)

    def _shown(self) -> ExampleSet:
        """The part that the model is shown on: the held-out one, else the validation part."""
        data = self.data
        return data.held_out.reveal() if len(data.held_out) else data.valid

    def _result(
        self, chosen: Chosen, measured: Measured, files: Mapping[str, ExportedFile], size: int
    ) -> dict[str, Any]:
        search = self.search
        result = result_of(
            run=self.sitting.run,
            task=self.task.name,
            settings=self.settings,
            precision=self.setup.speed.policy,
            data=self.data,
            candidate=chosen.candidate,
            best=chosen.record,
            trials=search.trials,
            infeasible_draws=search.infeasible_draws,
            training_s=search.training_s + chosen.final.train_s,
            bookkeeping_s=search.bookkeeping_s,
            final=chosen.final,
            test=measured.test,
            quantised=measured.quantised,
            files=files,
            macs=chosen.model.macs,
            interrupted=self.sitting.interrupted(),
        )
        result["evaluator"] = facts_of(self.sitting.log) or {"name": "train"}
        result["folds"] = self.folds
        result["ensemble"] = self.shipped.facts
        result["warm_start"] = warm_start_facts(self.settings.warm_start, self.first, search.trials)
        # What is priced is the int8 file, or where there is none, the one that is shipped.
        is_priced = self.settings.ship == "int8" or not self.data.preprocessing.has_int8
        result.update(
            tradeoffs_of(
                self.settings,
                self.budgets,
                search.trials,
                chosen.candidate.architecture,
                size if is_priced else None,
                self.sitting.run.root,
            )
        )
        return result

    def _write(self, result: dict[str, Any]) -> None:
        result["wall_s"] = round(self.sitting.clock.elapsed_s, 2)
        result["phases"] = phase_seconds(self.sitting.log.events, self.sitting.clock.elapsed_s)
        write_json(self.sitting.run.result_file, result)
