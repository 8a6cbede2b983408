"""KerasTuner's own oracles in AutoArch's loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus

from autoarch import seeding
from autoarch.errors import InvalidInputError
from autoarch.oracles import KERAS_TUNER_ORACLES
from autoarch.oracles.base import Proposal, SearchOracle
from autoarch.oracles.decisions import DecisionSpace, Setting, setting_key
from autoarch.oracles.domains import Value
from autoarch.oracles.fidelity import decisions_of
from autoarch.oracles.history import EventKind, History, KnownTrial, TrialState

_MAX_ASKS = 5  # the oracle is asked so often for something new before random draws take over


class ForeignOracle(SearchOracle):
    """Gives a `keras_tuner.Oracle` what AutoArch's loop and `SearchOracle` promise.

    What it proposes is passed on where it is new and feasible. Where it is known, the oracle is
    told the result at once and asked again; where it is infeasible or in flight, it is told of a
    failure. After 5 questions a random draw takes the turn, also where the oracle itself has
    ended, so that a small space is always exhausted. Each proposal that is not the oracle's own
    (an initial setting, a random draw) is put among its trials.

    KerasTuner's oracles depend on all that they were asked, so resuming asks the same again:
    `restore` takes as long as the proposals did. With HyperbandOracle the loop's own promotions
    stand in for its brackets: it draws at random, and its promotions are answered with the results
    known. In a plain `keras_tuner.Tuner` use the oracle itself.

    Args:
        oracle: Fresh: it has no trials yet. It is this object's from now on.
        objective: Replaces the oracle's own.
        hyperparameters: The space, added to what the oracle knows of it.
        seed: Of what is drawn here; the oracle's own seed by default.
        initial, feasible, key, shares: See `SearchOracle`.

    Raises:
        InvalidInputError: It is a `SearchOracle` already, or has trials.
    """

    def __init__(
        self,
        oracle: keras_tuner.Oracle,
        *,
        objective: Any = None,
        hyperparameters: keras_tuner.HyperParameters | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        if isinstance(oracle, SearchOracle):
            raise InvalidInputError(f"{type(oracle).__name__} needs no ForeignOracle around it.")
        if oracle.trials:
            raise InvalidInputError(
                f"ForeignOracle needs a fresh oracle; this one has {len(oracle.trials)} trials."
            )
        if hyperparameters is not None:
            oracle.update_space(hyperparameters)
        super().__init__(
            objective=oracle.objective if objective is None else objective,
            max_trials=oracle.max_trials,
            hyperparameters=oracle.hyperparameters,
            seed=oracle.seed if seed is None else seed,
            **kwargs,
        )
        self.oracle = oracle
        oracle.objective = self.objective
        oracle.max_trials = None  # counted here: what is asked again is no trial of ours
        oracle.max_consecutive_failed_trials = None
        oracle.verbose = 0
        # A project directory is the Tuner's; our state is the trial log.
        oracle.save = lambda: None
        oracle._save_trial = lambda trial: None
        self._theirs: list[Trial] = []  # the oracle's trial for each of ours
        self._asked: Trial | None = None  # its last answer, as long as nobody has turned it down
        self._seen = 0

    def suggest(
        self, space: DecisionSpace, history: History, rng: np.random.Generator
    ) -> Iterator[Setting]:
        self._catch_up(history)
        known = {setting_key(trial.values): trial for trial in history.trials}
        for _ in range(_MAX_ASKS):
            trial = self.oracle.create_trial(f"trial-{len(self.oracle.trials)}")
            if trial.status != TrialStatus.RUNNING:
                return
            self._asked = trial
            values = space.complete(decisions_of(trial.hyperparameters.values))
            yield values
            # Whoever asks for another has turned this one down.
            self._asked = None
            self._end(trial, known.get(setting_key(values)))

    def restore(self, values: Mapping[str, Value]) -> Proposal:
        """See `SearchOracle`; asks the oracle what it was asked before this proposal."""
        with self._lock:
            self._chooser.choose(self.space, self._history, seed=self.seed)
            return super().restore(values)

    def set_state(self, state: dict[str, Any]) -> None:
        """See `SearchOracle`.

        Raises:
            InvalidInputError: The state is that of another seed.
        """
        if state["seed"] != self.seed:
            raise InvalidInputError(
                f"This is the state of a search with seed {state['seed']}; got {self.seed}."
            )
        super().set_state(state)

    def _recall(self, trial: Trial) -> None:
        self._chooser.choose(self.space, self._history, seed=self.seed)
        super()._recall(trial)

    def _catch_up(self, history: History) -> None:
        """Tells the oracle what has happened since it was asked last."""
        for kind, number, *_ in history.events[self._seen :]:
            if kind is EventKind.PROPOSED:
                self._theirs.append(self._adopt(history.trials[number]))
            elif kind is EventKind.FINISHED:
                self._end(self._theirs[number], history.trials[number])
            else:
                self._score(self._theirs[number], history.trials[number])
        self._seen = len(history.events)

    def _adopt(self, ours: KnownTrial) -> Trial:
        """The oracle's trial for one of ours: its own, or one put among them."""
        asked, self._asked = self._asked, None
        space = self.space
        if asked is not None:
            values = space.complete(decisions_of(asked.hyperparameters.values))
            if setting_key(values) == setting_key(ours.values):
                return asked
            self._end(asked, None)
        hyperparameters = self.oracle.get_space()
        hyperparameters.values = dict(ours.values)
        trial = Trial(
            hyperparameters,
            trial_id=f"{len(self.oracle.trials):04d}",
            status=TrialStatus.RUNNING,
        )
        self.oracle._record_values(trial)
        self.oracle.trials[trial.trial_id] = trial
        # Not in `start_order`: GridSearchOracle follows what it has started itself.
        self.oracle.ongoing_trials[f"trial-{trial.trial_id}"] = trial
        return trial

    def _end(self, theirs: Trial, ours: KnownTrial | None) -> None:
        """Ends the oracle's trial with the result of ours, or as a failure."""
        self._score(theirs, ours)
        if theirs.trial_id in self.oracle.start_order:
            self.oracle.end_trial(theirs)
        else:
            self.oracle.ongoing_trials.pop(f"trial-{theirs.trial_id}", None)

    def _score(self, theirs: Trial, ours: KnownTrial | None) -> None:
        if ours is None or ours.state is not TrialState.COMPLETED:
            theirs.status, theirs.score = TrialStatus.FAILED, None
            return
        theirs.status, theirs.score = TrialStatus.COMPLETED, self.utility(ours.utility)
        # `end_trial` takes the score from here; a later score replaces an earlier one.
        name, direction = self.objective.name, self.objective.direction
        theirs.metrics = type(theirs.metrics)()
        theirs.metrics.register(name, direction)
        theirs.metrics.update(name, theirs.score)


def make_foreign(
    name: str,
    *,
    objective: Any = None,
    max_trials: int | None = None,
    hyperparameters: keras_tuner.HyperParameters | None = None,
    seed: int | None = None,
    initial: Any = (),
    feasible: Any = None,
    key: Any = None,
    shares: Any = None,
    **settings: Any,
) -> ForeignOracle:
    """One of KerasTuner's oracles by its name here.

    Args:
        name: A key of `KERAS_TUNER_ORACLES`.
        objective, max_trials, hyperparameters, seed, initial, feasible, key, shares: See
            `SearchOracle`.
        settings: The oracle's own, for instance `beta` of "keras_tuner.bayesian".

    Raises:
        InvalidInputError: The name is unknown; the message lists those that exist.
    """
    if name not in KERAS_TUNER_ORACLES:
        raise InvalidInputError(
            f"`oracle` must be one of {', '.join(KERAS_TUNER_ORACLES)}; got {name!r}."
        )
    # KerasTuner takes 0 for "no seed".
    own_seed = None if seed is None else 1 + seeding.derive_seed("keras_tuner", seed=seed)
    kind = getattr(keras_tuner.oracles, KERAS_TUNER_ORACLES[name])
    oracle = kind(hyperparameters=hyperparameters, seed=own_seed, **settings)
    oracle.max_trials = max_trials  # which not every one takes
    return ForeignOracle(
        oracle,
        objective=objective,
        seed=seed,
        initial=initial,
        feasible=feasible,
        key=key,
        shares=shares,
    )
