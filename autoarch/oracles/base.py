"""The base of all oracles: a `keras_tuner.Oracle` whose subclasses only choose.

A subclass implements `suggest`, a pure function of the space, the history and a random
generator. Everything else is here: duplicates, feasibility, exhaustion, state, and two ways to
be driven:

- by a `keras_tuner.Tuner`: `create_trial`, `update_trial`, `end_trial`, JSON files in its
  project directory;
- by AutoArch's own loop: `propose`, `tell`, `revise`, `replay`; nothing is written or printed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus

from autoarch.errors import InvalidInputError, RunDirectoryError
from autoarch.oracles.decisions import DecisionSpace, Setting
from autoarch.oracles.domains import Value
from autoarch.oracles.fidelity import decisions_of, fidelity_of, promoted_from
from autoarch.oracles.history import History
from autoarch.oracles.tuner_oracle import TunerOracle
from autoarch.trials import Fidelity


@dataclass(frozen=True)
class Proposal:
    """A candidate to evaluate.

    Args:
        trial_id: "0000" for the first, "0001" for the second, ...; what `tell` is given.
        values: The setting: active decisions only. An oracle that also says how long to train
            adds KerasTuner's keys for that, `tuner/epochs` and so on.
    """

    trial_id: str
    values: Mapping[str, Value]

    @property
    def number(self) -> int:
        return int(self.trial_id)

    @property
    def decisions(self) -> Mapping[str, Value]:
        """The values without the keys that say how long to train."""
        return decisions_of(self.values)

    @property
    def fidelity(self) -> Fidelity | None:
        """How long to train; None where the oracle leaves that open."""
        return fidelity_of(self.values)

    @property
    def promoted_from(self) -> str | None:
        """The trial that this one goes on from, or None for a fresh network."""
        return promoted_from(self.values)


class SearchOracle(TunerOracle):
    """A `keras_tuner.Oracle` that proposes no network twice and only feasible ones.

    To implement: `suggest`. It must depend on its arguments only. An oracle that learns may keep
    what it has made of a beginning of `history.events`, provided that the same events always lead
    to the same state: a search that was interrupted is rebuilt from them.

    Guarantees:
        - Proposal `i` depends on the seed, on `i` and on the history before it, on nothing else.
        - A proposal holds exactly the active decisions, with values of the declared types.
        - No two trials have the same `key`, open and failed ones included.
        - The search ends (`propose` returns None, a Tuner gets STOPPED; `stop_reason` says why)
          when every feasible setting of a small space was proposed, or when nothing new turns up
          in a large one.
        - Recording a trial takes constant time (a Tuner's files aside, which KerasTuner rewrites),
          and all methods may be called from several threads.

    Args:
        objective: As in `keras_tuner.Oracle`: name, `keras_tuner.Objective`, or a list; also an
            `autoarch.objectives.Objective`. Of a list the score is the sum, each objective turned
            so that smaller is better; an oracle for many objectives looks at each.
        max_trials: Number of trials at most; None for no limit.
        hyperparameters: The space, or the part of it that is known in advance.
        allow_new_entries: Whether a hypermodel may ask for hyperparameters not listed there.
        tune_new_entries: Whether those join the space, or keep their defaults.
        seed: Makes the search repeatable; None draws one.
        max_retries_per_trial: How often a Tuner runs an INVALID trial again.
        max_consecutive_failed_trials: A Tuner's search is stopped with an error after so many
            failures in a row. `tell` never stops a search.
        initial: Settings to propose first, in this order: missing values take their defaults,
            inactive ones are dropped, duplicates and infeasible ones are skipped.
        feasible: Whether a setting may be proposed. What it turns down is neither a trial nor a
            failure; `infeasible_draws` counts it.
        key: Canonical key of the network that a setting makes: settings with equal keys are the
            same network. By default each setting is a network of its own.
        shares: How much of each budget a setting uses; it may be proposed where no share is above
            one. Unlike `feasible` it says how far away the limit is, so draws are taken near it,
            and what lies above is brought below: see `limited`.

    Attributes:
        stop_reason: Why the last call proposed nothing, one line; None while there are proposals.
    """

    # -- What a subclass implements -----------------------------------------------------------

    def suggest(
        self, space: DecisionSpace, history: History, rng: np.random.Generator
    ) -> Iterable[Setting]:
        """Yields settings in order of preference; the first new and feasible one is proposed.

        At most 100 are looked at before random draws take over, so it may go on for ever.

        Args:
            space: What can be decided. The same object as long as the space does not change.
            history: Finished and open trials; not to be changed.
            rng: The only source of randomness.
        """
        raise NotImplementedError

    # -- Our own loop -------------------------------------------------------------------------

    def propose(self) -> Proposal | None:
        """The next candidate, or None where the search is over (see `stop_reason`).

        May be called again before earlier candidates have a result.
        """
        with self._lock:
            trial_id = self._trial_id(len(self._history))
            response = self.populate_space(trial_id)
            if response["status"] != TrialStatus.RUNNING:
                return None
            return self._open(trial_id, response["values"])

    def tell(
        self,
        trial_id: str,
        score: float | Mapping[str, float] | None,
        *,
        failed: bool = False,
    ) -> None:
        """Reports the result of a candidate, or that a completed one failed after all.

        Takes constant time.

        Args:
            trial_id: Of the proposal.
            score: The objective's value, or all metrics by name with the objective among them;
                by name where there are several objectives. None, NaN and infinity mean that the
                trial failed.
            failed: True where the trial failed although there is a score.

        Raises:
            ValueError: The trial has a result, or was never proposed; or an objective is missing.
        """
        with self._lock:
            failed = failed or score is None
            number = self._number(trial_id)
            if number not in self._history.open and not (
                failed and number in self._history.completed
            ):
                raise ValueError(
                    f"Trial {trial_id} is not open; `revise` replaces the score of a completed one."
                )
            self._conclude(self.trials[trial_id], None if failed else score)

    def revise(self, trial_id: str, score: float | Mapping[str, float] | None) -> None:
        """Replaces the score of a completed trial, e.g. after training it for longer.

        Unlike KerasTuner, which keeps a trial's best step, the last score counts. Takes constant
        time.

        Args:
            trial_id: Of the proposal.
            score: As in `tell`; None where the trial failed after all.

        Raises:
            ValueError: The trial is not completed.
        """
        with self._lock:
            number = self._number(trial_id)
            if number not in self._history.completed:
                raise ValueError(f"Trial {trial_id} is not completed; `tell` gives its result.")
            self._conclude(self.trials[trial_id], score)

    def restore(self, values: Mapping[str, Value]) -> Proposal:
        """Records a proposal of an earlier sitting, as if `propose` had made it.

        `restore`, `tell` and `revise` in the order of the earlier sitting's events lead to an
        oracle whose next proposal is that of one which was never stopped.

        Raises:
            InvalidInputError: `values` is not a setting of this space.
        """
        with self._lock:
            trial_id = self._trial_id(len(self._history))
            if not self.space.contains(decisions_of(values)):
                raise InvalidInputError(
                    f"Trial {trial_id} of the earlier run is not in this search space: "
                    f"{dict(values)}. Use the settings and the version that it was started with."
                )
            return self._open(trial_id, dict(values))

    def replay(self, events: Iterable[Mapping[str, Any]]) -> list[Proposal]:
        """Rebuilds the state from the events of a trial log (see `autoarch.trials.log`).

        A trial's first `measured` event is its result, later ones revise it; `ended` with the
        status "failed" or "infeasible" makes it a failure. Events of other kinds are skipped.

        Returns:
            The proposals that have no result yet, in order: they were in flight.

        Raises:
            RunDirectoryError: The trials of the log are not numbered 0, 1, 2, ...
        """
        with self._lock:
            for event in events:
                kind = event["event"]
                if kind == "proposed":
                    if event["trial"] != len(self._history):
                        raise RunDirectoryError(
                            f"The trial log proposes trial {event['trial']} where trial "
                            f"{len(self._history)} is due; it cannot be resumed."
                        )
                    self.restore(event["decisions"])
                elif kind == "measured":
                    measurement = event["measurement"]
                    score = measurement["score"]
                    if len(self.objectives) > 1:  # not all metrics are numbers
                        score = {o.name: measurement["metrics"][o.name] for o in self.objectives}
                    self._conclude(self._by_number(event["trial"]), score)
                elif (
                    kind == "ended"
                    and event["status"] in ("failed", "infeasible")
                    and event["trial"] not in self._history.failed
                ):
                    self._conclude(self._by_number(event["trial"]), None)
            return [
                Proposal(self._trial_id(trial.number), trial.values)
                for trial in self._history.open.values()
            ]

    def _open(self, trial_id: str, values: Setting) -> Proposal:
        # Each of our trials is a "tuner" of its own: KerasTuner allows a tuner one open trial.
        self._start(trial_id, values, tuner_id=f"autoarch-{trial_id}")
        return Proposal(trial_id, values)

    def _conclude(self, trial: Trial, score: float | Mapping[str, float] | None) -> None:
        """Records a first or a later result."""
        number = self._number(trial.trial_id)
        metrics = None if score is None else self._metrics(score)
        value = math.nan if metrics is None else metrics[self.objective.name]
        if metrics is not None:
            trial.best_step = trial.best_step + 1 if number in self._history.completed else 0
            self._report(trial, metrics, trial.best_step)
        succeeded = math.isfinite(value)
        trial.status = TrialStatus.COMPLETED if succeeded else TrialStatus.FAILED
        trial.score = value if succeeded else None
        if number in self._history.completed:
            self._history.revise(number, self.utility(value), metrics=metrics)
        else:
            self._record_end(trial, metrics)
            self.ongoing_trials.pop(f"autoarch-{trial.trial_id}", None)
        self._save_trial(trial)
        self.save()
