"""Bayesian optimisation: a Gaussian process guesses, and the most promising guess is tried."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autoarch import seeding
from autoarch.errors import InvalidInputError
from autoarch.objectives import pareto_front
from autoarch.oracles.acquisition import (
    expected_improvement,
    hypervolume_scalarisation,
    upper_confidence_bound,
)
from autoarch.oracles.base import SearchOracle
from autoarch.oracles.checks import check_counts, check_not_negative
from autoarch.oracles.decisions import DecisionSpace, Setting, setting_key
from autoarch.oracles.design import latin_hypercube
from autoarch.oracles.domains import Value
from autoarch.oracles.encoding import FloatArray
from autoarch.oracles.gaussian_process import Rows
from autoarch.oracles.history import EventKind, History, HistoryEvent, KnownTrial, TrialState
from autoarch.oracles.limited import LimitedSpace
from autoarch.oracles.surrogate import Features, Surrogate, half_rank

ACQUISITIONS = ("ucb", "ei", "thompson")

_WARM_UP = 12
_WARM_UP_INFORMED = 6
_INCUMBENTS = 10
_VALLEY_INCUMBENTS = 2
_MUTANTS = 200
_RANDOM = 200
_RANDOM_FAR = 20
_DRAWN_EVERY = 8
_DRAWS = 20


class BayesianOracle(SearchOracle):
    """Bayesian optimisation with a Gaussian process over the decisions.

    Kinds are compared by equality, sizes by their order, and a decision that is inactive is far
    from any value (see `encoding`). The process finds for itself how much each decision matters
    and how noisy the scores are. The first trials are a Latin hypercube. Then the acquisition is
    maximised over settings, never over a relaxed cube: the neighbours and the double mutants of
    the best settings, and random draws. Where `patience` trials have brought nothing better, the
    search begins again around the most promising setting far from the best ones so far: a process
    that has settled in one valley is too sure of what lies beyond it.

    Under limits the first trials are random draws near them, and so is one in eight later on: few
    of the networks that fit may be good, and these unlike any other.

    With several objectives each has a process of its own, and each proposal maximises the upper
    confidence bounds along a random direction of the front.

    Args:
        *args, **kwargs: See `SearchOracle`.
        acquisition: "ucb" (upper confidence bound), "ei" (expected improvement), "thompson" (one
            function drawn from the process). With several objectives always "ucb".
        exploration: Standard errors above the mean in "ucb".
        warm_up: Number of trials before the first guess, the initial ones included; None for 12,
            and 6 with `features`, which make the first guesses good ones.
        patience: Number of trials without a better one before the search begins again elsewhere.
        features: Numbers about a setting that are known without training, e.g. the network's
            weights and multiply-adds; further inputs of the process, those that are positive
            throughout as their logarithms.
        pool: Settings to choose from, the most promising first, as long as there are new ones:
            those whose features are known where they are too dear to be asked of any setting.
            Until the first guess they are proposed in their order.
        cost: Name of a metric reported with each score, e.g. "seconds". The expected improvement
            per unit of it is maximised then, with a process of its own for the cost.

    Raises:
        InvalidInputError: The acquisition is unknown, or a number is out of range.

    Source: Snoek, Larochelle and Adams (2012), "Practical Bayesian Optimization of Machine
    Learning Algorithms" (also for improvement per second); White, Neiswanger and Savani (2021),
    "BANANAS", section 5.2, for mutated incumbents.
    """

    def __init__(
        self,
        *args: Any,
        acquisition: str = "ucb",
        exploration: float = 3.0,
        warm_up: int | None = None,
        patience: int = 12,
        features: Features | None = None,
        pool: Sequence[Mapping[str, Value]] = (),
        cost: str | None = None,
        **kwargs: Any,
    ):
        if acquisition not in ACQUISITIONS:
            raise InvalidInputError(
                f"`acquisition` must be one of {', '.join(ACQUISITIONS)}; got {acquisition!r}."
            )
        if warm_up is None:
            warm_up = _WARM_UP if features is None else _WARM_UP_INFORMED
        check_not_negative(type(self), exploration=exploration)
        check_counts(type(self), warm_up=warm_up, patience=patience)
        self.acquisition = acquisition
        self.exploration = exploration
        self.warm_up = warm_up
        self.patience = patience
        self.features = features
        self.pool = [dict(setting) for setting in pool]
        self.cost = cost
        self._surrogate: Surrogate | None = None
        super().__init__(*args, **kwargs)

    def suggest(
        self, space: DecisionSpace, history: History, rng: np.random.Generator
    ) -> Iterator[Setting]:
        tried = {setting_key(trial.values) for trial in history.trials} if self.pool else set()
        pool = [setting for setting in self.pool if setting_key(setting) not in tried]
        if len(history) < self.warm_up:
            yield from pool
        drawn = len(history) < self.warm_up or len(history) % _DRAWN_EVERY == 0
        if drawn and not pool and isinstance(space, LimitedSpace):
            # A design does not know the limit; and what is best below one may be alone of its kind.
            yield from (space.sample(rng) for _ in range(_DRAWS))
        if len(history) < self.warm_up:
            # The design is the same at each of these proposals; its rows are taken in turn.
            design = latin_hypercube(space, self.warm_up, seeding.rng("design", seed=self.seed))
            yield design[len(history)]
        if len(history) < self.warm_up or len(history.completed) < 2:
            return
        if self._surrogate is None or not self._surrogate.follows(space, history):
            # The cost is learned as a logarithm, which needs no further warp.
            warps = [half_rank] * len(self.objectives) + [np.asarray] * (self.cost is not None)
            self._surrogate = Surrogate(space, history, self._targets, warps, self.features)
        if pool:
            yield from self._ranked(pool, history, rng)
        # where all of the pool is turned down, as not feasible or known by another name, others
        yield from self._ranked(self._candidates(space, history, rng), history, rng)

    def _ranked(
        self, settings: list[Setting], history: History, rng: np.random.Generator
    ) -> Iterator[Setting]:
        """Those that are new, the most promising first."""
        assert self._surrogate is not None
        candidates, rows = self._surrogate.new_rows(settings, history.trials)
        if candidates:
            promise = self._promise(self._surrogate, history, rows, rng)
            for place in np.argsort(-promise, kind="stable"):
                yield candidates[place]

    def _candidates(
        self, space: DecisionSpace, history: History, rng: np.random.Generator
    ) -> list[Setting]:
        """Where to look for the next trial."""
        if len(self.objectives) > 1:
            completed = list(history.completed.values())
            front = rng.permutation(pareto_front(self.utilities(completed)))[:_INCUMBENTS]
            best = [completed[place].values for place in front]
            return [*_near(space, best, rng), *(space.sample(rng) for _ in range(_RANDOM))]
        left, members = valleys(history, warm_up=self.warm_up, patience=self.patience)
        if not members:  # the first trial of a valley
            return [
                setting
                for setting in (space.sample(rng) for _ in range(_RANDOM_FAR))
                if all(_differing(setting, values) > len(setting) // 2 for values in left)
            ]
        members.sort(key=lambda trial: -trial.utility)
        if left:
            return _near(space, [trial.values for trial in members[:_VALLEY_INCUMBENTS]], rng)
        best = [trial.values for trial in members[:_INCUMBENTS]]
        return [*_near(space, best, rng), *(space.sample(rng) for _ in range(_RANDOM))]

    def _targets(self, event: HistoryEvent) -> Sequence[float] | None:
        """What the processes learn from a result; larger is better."""
        if event.utility is None:
            return None
        if len(self.objectives) > 1:
            signs = {o.name: 1.0 if o.direction == "max" else -1.0 for o in self.objectives}
            return [sign * event.metrics[name] for name, sign in signs.items()]
        if self.cost is None:
            return [event.utility]
        cost = event.metrics.get(self.cost, 0.0)
        if not cost > 0:
            raise InvalidInputError(
                f"BayesianOracle is to weigh improvement against the metric `{self.cost}`, which "
                f"must be positive with every score; trial {event.number} has {cost}."
            )
        return [event.utility, -math.log(cost)]

    def _promise(
        self, surrogate: Surrogate, history: History, rows: Rows, rng: np.random.Generator
    ) -> FloatArray:
        """The acquisition of each candidate."""
        posteriors = surrogate.posteriors(history)
        if len(self.objectives) > 1:
            bounds = [
                upper_confidence_bound(*p.predict(rows), self.exploration) for p in posteriors
            ]
            direction = np.abs(rng.standard_normal(len(bounds)))
            return hypervolume_scalarisation(
                np.stack(bounds, axis=1),
                surrogate.warped().min(axis=0),
                direction / np.linalg.norm(direction),
            )
        posterior = posteriors[0]
        if self.acquisition == "thompson" and self.cost is None:
            return posterior.sample(rows, rng)
        mean, sd = posterior.predict(rows)
        if self.acquisition == "ucb" and self.cost is None:
            return upper_confidence_bound(mean, sd, self.exploration)
        gain = expected_improvement(mean, sd, surrogate.warped()[:, 0].max())
        if self.cost is None:
            return gain
        cheapness, _ = posteriors[1].predict(rows)
        return np.log(gain + 1e-300) + cheapness


def valleys(
    history: History, *, warm_up: int, patience: int
) -> tuple[list[Setting], list[KnownTrial]]:
    """Divides the finished trials, in order of their end, into valleys.

    A valley ends when `patience` trials in a row have not bettered its best.

    Returns:
        The best settings of the valleys that were left; and the completed trials of the valley
        that the search is in.
    """
    left: list[Setting] = []
    members: list[KnownTrial] = []
    best, stale, finished = -math.inf, 0, 0
    for event in history.events:
        if event.kind is not EventKind.FINISHED:
            continue
        finished += 1
        trial = history.trials[event.number]
        if trial.state is TrialState.COMPLETED:
            members.append(trial)
        if event.utility is not None and event.utility > best:
            best, stale = event.utility, 0
        elif finished > warm_up:
            stale += 1
        if stale >= patience:
            if members:
                left.append(dict(max(members, key=lambda trial: trial.utility).values))
            members = []
            best, stale = -math.inf, 0
    return left, members


def _near(
    space: DecisionSpace, settings: Sequence[Mapping[str, Value]], rng: np.random.Generator
) -> list[Setting]:
    """The neighbours of these settings, and double mutants."""
    near = [neighbour for values in settings for neighbour in space.neighbours(values, rng)]
    parents = rng.integers(len(settings), size=_MUTANTS)
    return [*near, *(space.mutate(settings[parent], rng, n=2) for parent in parents)]


def _differing(a: Mapping[str, Value], b: Mapping[str, Value]) -> int:
    """Number of decisions of `a` that `b` has not or otherwise."""
    return sum(name not in b or b[name] != value for name, value in a.items())
