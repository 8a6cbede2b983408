"""The estimator that people call: configure, fit, predict, evaluate, export, report.

As in scikit-learn the constructor only stores, `fit` does the work, and what was learned ends in
an underscore.
"""

from __future__ import annotations

import gc
import time as time_module
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from autoarch.costs.constraints import Constraints
from autoarch.data.preprocessing import PREPROCESSINGS
from autoarch.errors import AutoArchError, BudgetError, InvalidInputError
from autoarch.export import TrainedModel, export_bundle
from autoarch.report import summarise
from autoarch.report.page import write_report
from autoarch.search.budget import CLOSING_S, Clock, parse_duration
from autoarch.search.progress import Progress, RunStart
from autoarch.spaces.steering import parse_wishes
from autoarch.tasks.limits import (
    canonical_constraints,
    canonical_objectives,
    canonical_targets,
    require_float_costs,
)
from autoarch.tasks.one_trial import export_trial
from autoarch.tasks.predictor import Predictor, as_given, best_labels
from autoarch.tasks.runs import (
    check_continuable,
    choose_run,
    fresh_run_removed_on_error,
    is_finished,
    missing_directories,
    refuse_inside,
    run_description,
    tell_finished,
)
from autoarch.tasks.session import Session
from autoarch.tasks.settings import (
    RELAXED_SPACES,
    SPACE_NAMES,
    Settings,
    as_share_or_path,
    canonical_values,
    space_name,
)
from autoarch.tasks.task import Task
from autoarch.trials import RunDirectory, TrialLog, TrialRecord, read_events, replay
from autoarch.trials.run_directory import write_json

SMALLEST_TIME_S = CLOSING_S + 13
BY_DEFAULT = "accuracy"
"""What is optimised where nobody says."""


class NotFittedError(AutoArchError, ValueError, AttributeError):
    """The estimator was asked for something that only `fit` or `load` provide."""


@dataclass(eq=False, repr=False)
class BaseSearch(ABC):
    """What the task classes share. See `ImageSearch` for the arguments.

    Attributes:
        task: Name of the task.
        mobile_space: The space that `mobile` stands for.
    """

    task: ClassVar[str]
    mobile_space: ClassVar[str] = "mobile"

    time: str | float | None = "10m"
    _: KW_ONLY
    trials: int | None = None
    oracle: str = "auto"
    evaluator: str = "train"
    space: Any = "auto"
    objective: str = BY_DEFAULT
    valid: float | str | Path | None = None
    test: float | str | Path | None = None
    class_weight: str = "auto"
    precision: str = "auto"
    inherit: bool = False
    ship: str = "float"
    max_size_bytes: int | None = None
    constraints: Constraints | Mapping[str, Any] | None = None
    device: str | Path | None = None
    mobile: bool = False
    prefer: Mapping[str, Any] | Sequence[str] | str | None = None
    objectives: Sequence[str] | str | None = None
    preset: Mapping[str, Any] | Sequence[str] | str | None = None
    fixed: Mapping[str, Any] | Sequence[str] | str | None = None
    forbidden: Mapping[str, Any] | Sequence[str] | str | None = None
    warm_start: str | Path | None = None
    ensemble: int | None = None
    folds: int | None = None
    seed: int = 0
    output: str | Path | None = None
    resume: bool = False
    progress: Progress | None = None

    # -- What a task class says ----------------------------------------------------------------

    @abstractmethod
    def _open(self, x: Any, y: Any, validation_data: Any, settings: Settings) -> Task:
        """Looks at the data, cheaply; bad input is refused here."""

    @abstractmethod
    def _inputs(self, x: Any) -> npt.NDArray[Any]:
        """Examples given to `predict` in the network's form."""

    # -- Fitting ----------------------------------------------------------------------------------

    def fit(
        self, x: Any, y: Any = None, *, validation_data: Any = None, started: float | None = None
    ) -> Self:
        """Searches, trains, measures, exports.

        Args:
            x: A folder with one sub-folder a class, a CSV manifest, "demo:digits", an array of
                pictures `(n, h, w)` or `(n, h, w, c)`, or a `tf.data.Dataset` of (picture, label).
            y: Labels `(n,)` for arrays: strings or integers.
            validation_data: `(x, y)` arrays, in place of a share of the training data.
            started: `time.monotonic()` from which `time` counts; now where left out.

        Returns:
            The estimator itself; see `result_`.

        Raises:
            InvalidInputError: Data, settings or output cannot be used; nothing is left behind.
            RepeatedFailureError: The first trials all failed alike.
            ExportError: A file could not be written or checked; the run can be resumed.

        Ctrl-C once trial 0 is measured ends the search and exports the best network so far.
        """
        started = time_module.monotonic() if started is None else started
        settings = self._settings()
        if settings.time_limit_s is not None and settings.time_limit_s < SMALLEST_TIME_S:
            raise BudgetError(
                f"`time` must be at least {SMALLEST_TIME_S:.0f} s, most of which goes to export "
                f"and its check; got {settings.time_limit_s:g} s."
            )
        if self.resume and self.output is None:
            raise InvalidInputError("`resume` needs `output`: the run to go on with.")
        task = self._open(x, y, validation_data, settings)
        run = choose_run(self.output, task.short_name, settings, task.fingerprint)
        refuse_inside(run, x, self.task)
        fresh, made = not run.exists(), missing_directories(run.root)
        if fresh:
            run.create(run_description(task, settings))
        else:
            check_continuable(run, settings, task.fingerprint, more_time=self.resume)
        with run.lock(), fresh_run_removed_on_error(run, fresh=fresh, made=made):
            if is_finished(run):
                tell_finished(run, self.progress)
            else:
                self._sit(task, settings, run, started)
        gc.collect()  # networks hold themselves in cycles, and the next run needs their memory
        return self._adopt(run)

    def _sit(self, task: Task, settings: Settings, run: RunDirectory, started: float) -> None:
        with TrialLog(run.log_file) as log:
            clock = Clock(settings.time_limit_s, spent_s=log.spent_s, started=started)
            progress = self.progress or Progress()
            progress.run_started(
                RunStart(run.root, settings.searched, clock.limit_s, log.spent_s, clock.elapsed_s)
            )
            stored = run.settings()
            if stored["settings"] != settings.to_json():  # another time limit
                write_json(run.settings_file, {**stored, "settings": settings.to_json()})
            Session(task, settings, run, log, clock, progress).run()

    def _settings(self) -> Settings:
        limits = canonical_constraints(self.constraints, self.device, mobile=self.mobile)
        objectives = canonical_objectives(self.objectives)
        prefer = canonical_targets(self.prefer)
        metric = objectives.split(",")[0] if objectives else self.objective
        if self.objective not in (BY_DEFAULT, metric):
            raise InvalidInputError(
                f"`objective` {self.objective} and `objectives` {objectives} name two metrics; "
                "leave out `objective`."
            )
        limited = bool(limits) or self.mobile
        ship = self.ship
        if not PREPROCESSINGS[self.task].has_int8:
            costs = [*(limits or {}), *(prefer or {}), *(objectives or "").split(",")[1:]]
            require_float_costs(self.task, costs, mobile=self.mobile, ship=ship)
        else:
            # A limit is a promise about the int8 file, so that is what is shipped and measured.
            ship = "int8" if ship == "float" and limited else ship
            if ship != "int8" and (limited or self.max_size_bytes is not None):
                raise InvalidInputError(
                    f"Limits hold for the int8 file; they do not go with ship={ship!r} "
                    "(--quantize)."
                )
        sizes = [s for s in (self.max_size_bytes, (limits or {}).get("max_size")) if s is not None]
        known = {field.name for field in fields(Settings)}
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name in known}
        canonical = {
            "time_limit_s": parse_duration(self.time),
            "space": self._space_name(),
            "objective": metric,
            "valid": as_share_or_path(self.valid),
            "test": as_share_or_path(self.test),
            "ship": ship,
            "max_size_bytes": int(min(sizes)) if sizes else None,
            "constraints": limits,
            "prefer": prefer,
            "objectives": objectives,
            "preset": canonical_values("preset", self.preset),
            "fixed": canonical_values("fixed", self.fixed),
            "forbidden": parse_wishes(self.forbidden) or None,
            "warm_start": self.warm_start and str(Path(self.warm_start).resolve()),
        }
        settings = Settings(**{**given, **canonical})
        settings.require_searchable()
        return settings

    def _space_name(self) -> str:
        if self.evaluator in RELAXED_SPACES:
            if self.task != "image":
                raise InvalidInputError(
                    f"`evaluator` {self.evaluator} is for images; got {self.task} data."
                )
            if self.space == "auto":
                return RELAXED_SPACES[self.evaluator]
        if self.evaluator == "zero-cost" and self.task == "text":
            raise InvalidInputError(
                "`evaluator` zero-cost is not for texts, only images and sounds."
            )
        if isinstance(self.space, str):
            # what names its networks needs no space of the preset
            named = any(getattr(self, name, None) for name in ("pretrained", "architecture"))
            mobile = self.mobile and not named
            if self.space not in SPACE_NAMES:
                raise InvalidInputError(
                    f"`space` must be one of {', '.join(SPACE_NAMES)}; got {self.space!r}."
                )
            return self.mobile_space if mobile and self.space == "auto" else self.space
        if self.task != "image":
            raise InvalidInputError(
                f"A space of your own is searched for images only so far, not for {self.task} "
                "data; leave out `space`."
            )
        return space_name(self.space)

    def _adopt(self, run: RunDirectory) -> Self:
        """Takes over what a finished run left."""
        self.run_ = run.root
        self.result_: dict[str, Any] = run.read_json(run.result_file)
        self._predictor = Predictor(TrainedModel.load(run.model))
        names = self._predictor.model.classes
        self.classes_ = as_given(names, run.settings()["labels"])
        return self

    # -- What was learned ---------------------------------------------------------------------

    def _run(self) -> RunDirectory:
        if not hasattr(self, "run_"):
            raise NotFittedError(f"This {type(self).__name__} is not fitted; call `fit` first.")
        return RunDirectory(self.run_)

    @property
    def model_(self) -> Any:
        """The trained `keras.Model`: inputs (such as pixels in [0, 255]) to probabilities."""
        self._run()
        return self._predictor.model.serving_model()

    @property
    def trials_(self) -> list[TrialRecord]:
        """All trials of the search, in order."""
        return replay(read_events(self._run().log_file))

    @property
    def best_(self) -> Mapping[str, Any]:
        """The winning trial: number, score, epochs, decisions, recipe."""
        self._run()
        best: Mapping[str, Any] = self.result_["best"]
        return best

    def predict_proba(self, x: Any) -> npt.NDArray[np.float32]:
        """Class probabilities `(n, classes)` in the order of `classes_`.

        Args:
            x: Examples as in `fit`: an array in the same range of values, or paths of files.
        """
        self._run()
        return self._predictor.predict_proba(self._inputs(x))

    def predict(self, x: Any) -> npt.NDArray[Any]:
        """Labels `(n,)`, of the kind given to `fit`. See `predict_proba`."""
        return best_labels(self.predict_proba(x), self.classes_)

    @abstractmethod
    def predict_files(
        self, paths: Sequence[str | Path]
    ) -> tuple[npt.NDArray[np.float32], list[tuple[Path, str]]]:
        """Probabilities of files that hold one example each.

        Returns:
            Probabilities `(n, classes)` of the files that can be read, in their order; and the
            unreadable files with the reasons.
        """

    def score(self, x: Any, y: Any = None) -> float:
        """Accuracy on other data, as scikit-learn's classifiers have it."""
        return float(self.evaluate(x, y)["accuracy"])

    @abstractmethod
    def evaluate(self, x: Any, y: Any = None) -> dict[str, Any]:
        """Metrics on other data.

        Args:
            x: A folder with one sub-folder a class, a CSV manifest, or an array.
            y: Labels for arrays.

        Returns:
            `accuracy`, `balanced_accuracy`, `macro_f1`, `auc`, `log_loss`, `n`, `accuracy_ci95`.

        Raises:
            DataError: The data cannot be used, or has classes that the model does not know.
        """

    def export(
        self,
        directory: str | Path | None = None,
        formats: Sequence[str] = ("saved_model", "keras", "litert"),
        *,
        trial: int | None = None,
    ) -> dict[str, Any]:
        """Exports the model again, checked; into another directory, or other formats.

        Args:
            directory: Where to write; the run's own model, or `trial-N` in the run.
            formats: Names from `autoarch.export.FORMATS`.
            trial: A trial of the search in place of the model, as it was last measured there.

        Returns:
            For each format its path, size in bytes and largest difference from the model.

        Raises:
            InvalidInputError: No such trial, or the run kept no weights of it.
        """
        run = self._run()
        if trial is not None:
            return export_trial(
                run,
                trial,
                self._predictor.model,
                run.root / f"trial-{trial}" if directory is None else Path(directory),
                formats,
                self.trials_,
                self.progress,
                self._samples_of,
            )
        target = run.model if directory is None else Path(directory)
        samples = self._samples()
        stored = run.read_json(run.model / "metrics.json")
        chosen = tuple(formats)
        if target.resolve() == run.model.resolve():  # what is there already stays
            chosen = tuple(dict.fromkeys([*stored["exports"], *formats]))
        files = export_bundle(
            self._predictor.model,
            target,
            formats=chosen,
            samples=samples,
            card={**stored.get("card", {}), "metrics": stored["metrics"]},
            calibration=run.calibration(),
            progress=self.progress,
        )
        return {
            name: {**asdict(file), "path": str(target / file.path)} for name, file in files.items()
        }

    def _samples(self) -> Any:
        """Examples on which exports of the run's model are checked."""
        return self._samples_of(self._predictor.model)

    @abstractmethod
    def _samples_of(self, model: TrainedModel) -> Any:
        """Examples on which exports of a model are checked."""

    def report(self) -> Path:
        """Writes `report.html` anew and returns its path."""
        return write_report(self._run())

    def summary(self) -> str:
        """The result in some lines of text."""
        return summarise(self._run()).text()
