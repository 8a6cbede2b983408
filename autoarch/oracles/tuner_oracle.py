"""The KerasTuner side of an oracle: trials, their files, and what is known of them.

`TunerOracle` replaces the parts of `keras_tuner.Oracle` that cost more with every trial, print,
or write files when there is no project; what it does for a `keras_tuner.Tuner` is the same.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras_tuner
import numpy as np
import numpy.typing as npt
from keras_tuner.engine.metrics_tracking import infer_metric_direction
from keras_tuner.engine.trial import Trial, TrialStatus

from autoarch.objectives import Objective, pareto_front
from autoarch.oracles.chooser import Chooser
from autoarch.oracles.decisions import DecisionSpace, Setting
from autoarch.oracles.domains import Value
from autoarch.oracles.fidelity import is_fidelity
from autoarch.oracles.history import EventKind, History, HistoryEvent, KnownTrial, TrialState
from autoarch.oracles.limited import Shares

logger = logging.getLogger(__name__)
logger.addHandler(logging.NullHandler())


class TunerOracle(keras_tuner.Oracle):
    """What `SearchOracle` is for a Tuner; see there for the arguments and guarantees.

    `keras_tuner.synchronized` is not used: it keeps its lock for ever when the method raises, and
    keeps every oracle alive. One re-entrant lock does the same here.
    """

    def __init__(
        self,
        objective: Any = None,
        max_trials: int | None = 10,
        hyperparameters: keras_tuner.HyperParameters | None = None,
        allow_new_entries: bool = True,
        tune_new_entries: bool = True,
        seed: int | None = None,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int = 3,
        *,
        initial: Sequence[Mapping[str, Value]] = (),
        feasible: Callable[[Mapping[str, Value]], bool] | None = None,
        key: Callable[[Mapping[str, Value]], str] | None = None,
        shares: Shares | None = None,
    ):
        super().__init__(
            objective=_as_kerastuner(objective),
            max_trials=max_trials,
            hyperparameters=hyperparameters,
            allow_new_entries=allow_new_entries,
            tune_new_entries=tune_new_entries,
            seed=seed,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
        )
        if seed is not None:  # KerasTuner takes 0 for "no seed"
            self.seed = seed
        self.stop_reason: str | None = None
        self.verbose = 0
        self._lock = threading.RLock()
        self._history = History()
        self._chooser = Chooser(
            self.suggest, initial=initial, feasible=feasible, key=key, shares=shares
        )
        self._failures_in_a_row = 0
        self._directions: dict[str, str] = {}  # of metrics, as KerasTuner infers them
        self._space: tuple[Any, int, DecisionSpace] | None = None

    def suggest(
        self, space: DecisionSpace, history: History, rng: np.random.Generator
    ) -> Iterable[Setting]:
        """See `SearchOracle`."""
        raise NotImplementedError

    # -- The space and the history --------------------------------------------------------------

    @property
    def space(self) -> DecisionSpace:
        """The space as known now; KerasTuner may discover more of it during a search."""
        with self._lock:
            hyperparameters = self.hyperparameters
            length = len(hyperparameters.space)
            if (
                self._space is None
                or self._space[0] is not hyperparameters
                or self._space[1] != length
            ):
                space = DecisionSpace.from_hyperparameters(hyperparameters)
                self._space = hyperparameters, length, space
            return self._space[2]

    @property
    def history(self) -> History:
        """All trials so far, as `suggest` sees them."""
        return self._history

    @property
    def infeasible_draws(self) -> int:
        """How often `feasible` has turned a draw down."""
        return self._chooser.infeasible_draws

    @property
    def objectives(self) -> list[keras_tuner.Objective]:
        """What is optimised, one by one."""
        return list(getattr(self.objective, "objectives", [self.objective]))

    def utilities(self, trials: Iterable[KnownTrial]) -> npt.NDArray[np.float64]:
        """The objectives of completed trials, shape (trials, objectives), larger is better."""
        if len(self.objectives) == 1:
            return np.array([[trial.utility] for trial in trials]).reshape(-1, 1)
        signs = {o.name: 1.0 if o.direction == "max" else -1.0 for o in self.objectives}
        rows = [[sign * t.metrics[name] for name, sign in signs.items()] for t in trials]
        return np.array(rows).reshape(-1, len(signs))

    def get_pareto_trials(self) -> list[Trial]:
        """The completed trials that no other one beats in all objectives, in order of proposal."""
        with self._lock:
            completed = list(self._history.completed.values())
            front = pareto_front(self.utilities(completed))
            return [self._by_number(n) for n in sorted(completed[i].number for i in front)]

    def utility(self, score: float) -> float:
        """The score turned so that larger is better."""
        return score if self.objective.direction == "max" else -score

    # -- keras_tuner.Oracle ---------------------------------------------------------------------

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Chooses the values of a new trial (KerasTuner's hook); nothing is recorded."""
        with self._lock:
            values = None
            if self.max_trials and len(self.trials) >= self.max_trials:
                self.stop_reason = f"all {self.max_trials} trials were proposed"
            else:
                values = self._chooser.choose(self.space, self._history, seed=self.seed)
                self.stop_reason = self._chooser.stop_reason
            if values is None:
                return {"status": TrialStatus.STOPPED, "values": None}
            return {"status": TrialStatus.RUNNING, "values": values}

    def create_trial(self, tuner_id: str) -> Trial:
        """A new trial for a Tuner, a trial to retry, or the one that it already works on."""
        with self._lock:
            if tuner_id in self.ongoing_trials:
                return self.ongoing_trials[tuner_id]
            self.tuner_ids.add(tuner_id)
            if self._retry_queue:
                trial = self.trials[self._retry_queue.pop()]
                trial.status = TrialStatus.RUNNING
                # KerasTuner keeps the failed run's metrics, so a NaN would spoil the mean for ever.
                trial.metrics = type(trial.metrics)()
                self.ongoing_trials[tuner_id] = trial
                self.save()
            else:
                trial_id = self._trial_id(len(self._history))
                response = self.populate_space(trial_id)
                if response["status"] != TrialStatus.RUNNING:
                    if response["status"] == TrialStatus.STOPPED:  # IDLE: it will ask again
                        self.tuner_ids.remove(tuner_id)
                    return Trial(self.get_space(), trial_id=trial_id, status=response["status"])
                trial = self._start(trial_id, response["values"], tuner_id=tuner_id)
            self._display.on_trial_begin(trial)
            return trial

    def update_trial(self, trial_id: str, metrics: Mapping[str, float], step: int = 0) -> Trial:
        """Reports metrics of a running trial at a step, e.g. an epoch."""
        with self._lock:
            trial = self.trials[trial_id]
            self._report(trial, self._metrics(metrics), step)
            self._save_trial(trial)
            return trial

    def end_trial(self, trial: Trial) -> None:
        """Ends a Tuner's trial: COMPLETED, FAILED, or INVALID (retried if allowed).

        Raises:
            RuntimeError: So many trials failed in a row that the search has to stop.
        """
        with self._lock:
            ended = self.trials[trial.trial_id]
            # In a distributed search `trial` is a copy that comes back from a worker.
            ended.hyperparameters = trial.hyperparameters
            ended.status = trial.status
            ended.message = trial.message
            self.update_space(ended.hyperparameters)
            if ended.status == TrialStatus.COMPLETED:
                self.score_trial(ended)
                if not math.isfinite(ended.score):
                    ended.status = TrialStatus.INVALID
            self._run_times[ended.trial_id] += 1
            retries = self._run_times[ended.trial_id] <= self.max_retries_per_trial
            if ended.status == TrialStatus.INVALID and retries:
                logger.info("Trial %s did not run; it is tried again.", ended.trial_id)
                self._retry_queue.append(ended.trial_id)
            else:
                completed = ended.status == TrialStatus.COMPLETED
                if not completed:
                    ended.status = TrialStatus.FAILED
                    ended.score = None
                self._record_end(ended, self._last_metrics(ended) if completed else None)
            self._save_trial(ended)
            self._display.on_trial_end(ended)
            for tuner_id, ongoing in self.ongoing_trials.items():
                if ongoing.trial_id == ended.trial_id:
                    del self.ongoing_trials[tuner_id]
                    break
            self.save()
            self._check_consecutive_failures()

    def score_trial(self, trial: Trial) -> None:
        """Gives a Tuner's trial the score of its best step, NaN where no step has one."""
        sign = self.utility(1.0)
        steps = [
            (float(observation.mean()), observation.step)
            for observation in trial.metrics.get_history(self.objective.name)
        ]
        known = [(value, step) for value, step in steps if not math.isnan(value)]
        if known:
            trial.score, trial.best_step = max(known, key=lambda pair: sign * pair[0])
        else:
            trial.score = math.nan

    def update_space(self, hyperparameters: keras_tuner.HyperParameters) -> None:
        with self._lock:
            super().update_space(hyperparameters)

    def _check_consecutive_failures(self) -> None:
        limit = self.max_consecutive_failed_trials
        if self._failures_in_a_row and self._failures_in_a_row >= limit:
            message = self.trials[self.end_order[-1]].message
            raise RuntimeError(
                f"Number of consecutive failures exceeded the limit of {limit}.\n" + (message or "")
            )

    # -- Recording ---------------------------------------------------------------------------

    def _start(self, trial_id: str, values: Setting, *, tuner_id: str) -> Trial:
        hyperparameters = keras_tuner.HyperParameters()
        hyperparameters.merge(self.hyperparameters)  # `copy` takes five times as long
        hyperparameters.values = dict(values)
        trial = Trial(hyperparameters, trial_id=trial_id, status=TrialStatus.RUNNING)
        self._history.propose(values)
        self._chooser.remember(values)
        self.ongoing_trials[tuner_id] = trial
        self.trials[trial_id] = trial
        self.start_order.append(trial_id)
        self._save_trial(trial)
        self.save()
        return trial

    def _record_end(self, trial: Trial, metrics: Mapping[str, float] | None) -> None:
        """Moves an open trial to the completed or failed ones, by its status and score."""
        completed = trial.status == TrialStatus.COMPLETED
        known = self._history.finish(
            self._number(trial.trial_id),
            self.utility(trial.score) if completed else None,
            metrics=metrics,
            values=self._values(trial),
        )
        self._chooser.remember(known.values)  # building it may have discovered decisions
        self.end_order.append(trial.trial_id)
        self._failures_in_a_row = 0 if completed else self._failures_in_a_row + 1

    def _values(self, trial: Trial) -> Setting:
        """Its setting and fidelity; what a hypermodel asks for without being tuned is left out."""
        names = self.space.names
        return {
            name: value
            for name, value in trial.hyperparameters.values.items()
            if name in names or is_fidelity(name)
        }

    def _report(self, trial: Trial, metrics: Mapping[str, float], step: int) -> None:
        for name, value in metrics.items():
            if not trial.metrics.exists(name):
                trial.metrics.register(name, direction=self._direction(name))
            # Not `trial.metrics.update`: it looks for the best step, and warns where all are NaN.
            trial.metrics.metrics[name].update(float(value), step=step)

    def _direction(self, name: str) -> str | None:
        """The direction of a metric: the objective's own, else what KerasTuner infers (once)."""
        if name not in self._directions:
            declared = {objective.name: objective.direction for objective in self.objectives}
            declared[self.objective.name] = self.objective.direction
            self._directions[name] = declared.get(name) or infer_metric_direction(name) or "min"
        return self._directions[name]

    def _last_metrics(self, trial: Trial) -> dict[str, float]:
        return {name: float(trial.metrics.get_last_value(name)) for name in trial.metrics.metrics}

    @staticmethod
    def _trial_id(number: int) -> str:
        return f"{number:04d}"

    @staticmethod
    def _number(trial_id: str) -> int:
        return int(trial_id)

    def _by_number(self, number: int) -> Trial:
        return self.trials[self._trial_id(number)]

    def _metrics(self, score: float | Mapping[str, float]) -> dict[str, float]:
        """What was reported, by name, with the objective's value among it."""
        if not isinstance(score, Mapping):
            if len(self.objectives) > 1:
                names = ", ".join(objective.name for objective in self.objectives)
                raise ValueError(f"Report the objectives by name ({names}); got {score!r}.")
            return {self.objective.name: float(score)}
        self._check_objective_found(score)
        metrics = {name: float(value) for name, value in score.items()}
        metrics[self.objective.name] = float(self.objective.get_value(metrics))
        return metrics

    # -- KerasTuner's files --------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """KerasTuner's state and ours, as JSON values; the trials have their own files."""
        with self._lock:
            return {
                **super().get_state(),
                "infeasible_draws": self._chooser.infeasible_draws,
                "events": [
                    [str(e.kind), e.number, e.utility, dict(e.metrics)]
                    for e in self._history.events
                ],
            }

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes a state back; `self.trials` must hold the trials already, as in KerasTuner."""
        with self._lock:
            super().set_state(state)
            self._chooser.infeasible_draws = state["infeasible_draws"]
            self._rebuild([HistoryEvent(EventKind(e[0]), *e[1:]) for e in state["events"]])

    def _rebuild(self, events: Iterable[HistoryEvent]) -> None:
        self._history = History()
        self._chooser.forget()
        for kind, number, utility, metrics in events:
            trial = self._by_number(number)
            if kind is EventKind.PROPOSED:
                self._recall(trial)
                continue
            record = self._history.finish if kind is EventKind.FINISHED else self._history.revise
            record(number, utility, metrics=metrics)
        self._failures_in_a_row = 0
        for trial_id in self.end_order:
            failed = self._history.trials[self._number(trial_id)].state is TrialState.FAILED
            self._failures_in_a_row = self._failures_in_a_row + 1 if failed else 0
        self._adopt_newer_trials()

    def _recall(self, trial: Trial) -> None:
        """Records the proposal of a trial of an earlier sitting."""
        self._chooser.remember(self._history.propose(self._values(trial)).values)

    def _adopt_newer_trials(self) -> None:
        """Trial files are written before the state; a killed process may leave them newer."""
        for trial_id in sorted(self.trials, key=self._number):
            trial = self.trials[trial_id]
            number = self._number(trial_id)
            if number == len(self._history):
                self._recall(trial)
                self.start_order.append(trial_id)
                if trial.status in (TrialStatus.RUNNING, TrialStatus.INVALID):
                    self._retry_queue.append(trial_id)
            ended = trial.status in (TrialStatus.COMPLETED, TrialStatus.FAILED)
            if ended and number in self._history.open:
                metrics = None
                if trial.status == TrialStatus.COMPLETED:
                    metrics = self._last_metrics(trial)
                self._record_end(trial, metrics)
                for tuner_id, ongoing in list(self.ongoing_trials.items()):
                    if ongoing.trial_id == trial_id:
                        del self.ongoing_trials[tuner_id]

    def _set_project_dir(self, directory: Any, project_name: str) -> None:
        """Called by a Tuner: from now on trials are saved, and shown as KerasTuner does."""
        super()._set_project_dir(directory, project_name)
        self.verbose = 1

    @property
    def _has_project(self) -> bool:
        return getattr(self, "_project_name", None) is not None

    def save(self) -> None:
        """Writes the state into the Tuner's project directory, if there is one."""
        if self._has_project:
            super().save()

    def _save_trial(self, trial: Trial) -> None:
        if self._has_project:
            super()._save_trial(trial)


def _as_kerastuner(objective: Any) -> Any:
    """AutoArch's objectives, alone or in a list, as KerasTuner's; all else unchanged."""
    if isinstance(objective, list | tuple):
        return [_as_kerastuner(one) for one in objective]
    if isinstance(objective, Objective):
        return keras_tuner.Objective(objective.name, objective.direction)
    return objective
