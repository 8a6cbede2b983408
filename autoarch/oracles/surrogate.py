"""What a Gaussian process has learned of a search so far: a function of its events alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.special import ndtri

from autoarch import seeding
from autoarch.oracles.decisions import DecisionSpace, Setting, setting_key
from autoarch.oracles.domains import Value
from autoarch.oracles.encoding import BinaryCode, FloatArray, IntArray
from autoarch.oracles.gaussian_process import Factor, Kernel, Posterior, Rows
from autoarch.oracles.history import EventKind, History, HistoryEvent, KnownTrial

Features = Callable[[Mapping[str, Value]], Sequence[float]]
Targets = Callable[[HistoryEvent], Sequence[float] | None]

_REFIT = 1.15
"""The kernel's parameters are found anew when there are so many times more results."""

_FITTED = 300
"""Most results that the parameters are fitted to; the rest counts for predictions only."""

_FEATURE_SAMPLE = 200
_MOST_SETTINGS_KNOWN = 20_000


class Surrogate:
    """Gaussian processes, one a target, over the trials of a search.

    Fed with events, it refits the kernels' parameters at certain numbers of results and from the
    prior's mode on, so that its state depends on the events and not on when it was asked; in
    between, a new result is a new row of the Cholesky factor.

    Args:
        space: The decisions.
        history: The trials that it learns from.
        targets: The values of a result, larger is better; None where the trial failed.
        warps: For each target what makes its values fit for a Gaussian process.
        features: Numeric features of a setting, known without training. One that is positive for
            all of 200 settings drawn at random enters as its logarithm.
    """

    def __init__(
        self,
        space: DecisionSpace,
        history: History,
        targets: Targets,
        warps: Sequence[Callable[[FloatArray], FloatArray]],
        features: Features | None,
    ):
        self._space = space
        self._history = history
        self._code = BinaryCode(space)
        self._targets = targets
        self._warps = warps
        self._features = features
        self._known_features: dict[str, Sequence[float]] = {}
        self._centre, self._spread = self._feature_scale()
        self._kernels = [Kernel(self._code, len(self._centre)) for _ in warps]
        self._taken: set[bytes] = set()
        self._trials_taken = 0
        self._seen = 0
        self._order: list[int] = []
        self._values: dict[int, Sequence[float] | None] = {}
        self._rows: Rows | None = None
        self._next_fit = 2
        self._factors: list[Factor] | None = None

    def follows(self, space: DecisionSpace, history: History) -> bool:
        """Whether this is the space and the history that it learns from."""
        return self._space is space and self._history is history

    def rows(self, settings: Sequence[Mapping[str, Value]]) -> Rows:
        """Settings as the processes see them."""
        levels = self._code.levels(settings)
        return Rows(self._code.bits(levels), self._feature_rows(settings))

    def new_rows(
        self, settings: Sequence[Setting], trials: Sequence[KnownTrial]
    ) -> tuple[list[Setting], Rows]:
        """Those of the settings that differ from all trials' and from each other.

        Args:
            settings: What might be proposed.
            trials: All so far, in order of proposal.
        """
        more = self._code.levels([trial.values for trial in trials[self._trials_taken :]])
        self._taken |= {row.tobytes() for row in more}
        self._trials_taken = len(trials)
        levels = self._code.levels(settings)
        first: dict[bytes, int] = {}  # the place of each row
        for place, row in enumerate(levels):
            first.setdefault(row.tobytes(), place)
        places = [place for row, place in first.items() if row not in self._taken]
        chosen = [settings[place] for place in places]
        return chosen, Rows(self._code.bits(levels[places]), self._feature_rows(chosen))

    def posteriors(self, history: History) -> list[Posterior]:
        """The processes given all results; open trials count as if they came out as expected.

        So parallel workers are not sent to the same place (Ginsbourger et al., 2010, "Kriging is
        well-suited to parallelize optimization": the kriging believer).

        Returns:
            One a target; needs at least two completed trials.
        """
        self._advance(history)
        assert self._factors is not None and self._rows is not None
        found = []
        pending = self.rows([trial.values for trial in history.open.values()])
        for factor, y in zip(self._factors, self._warped(self._order, self._values)):
            posterior = factor.given(y)
            if len(pending):
                expected, _ = posterior.predict(pending)
                posterior = factor.extended(pending).given(np.append(y, expected))
            found.append(posterior)
        return found

    def warped(self) -> FloatArray:
        """The values of all results as the processes see them, `(results, targets)`."""
        return np.stack(self._warped(self._order, self._values), axis=1)

    # -- Learning -------------------------------------------------------------------------------

    def _advance(self, history: History) -> None:
        due: tuple[int, dict[int, Sequence[float] | None]] | None = None
        before = len(self._order)
        for event in history.events[self._seen :]:
            if event.kind is EventKind.PROPOSED:
                continue
            if event.number not in self._values:
                self._order.append(event.number)
            self._values[event.number] = self._targets(event)
            if len(self._order) >= self._next_fit and self._completed >= 2:
                due = len(self._order), dict(self._values)
                self._next_fit = max(len(self._order) + 1, math.ceil(_REFIT * len(self._order)))
        self._seen = len(history.events)
        if len(self._order) > before:
            more = self.rows([history.trials[number].values for number in self._order[before:]])
            self._rows = more if self._rows is None else self._rows + more
            if due is None:
                self._factors = [factor.extended(more) for factor in self._factors or []]
        if due is not None:
            self._refit(*due)

    @property
    def _completed(self) -> int:
        return sum(value is not None for value in self._values.values())

    def _refit(self, count: int, values: dict[int, Sequence[float] | None]) -> None:
        """Finds the parameters from the first `count` results as they were then."""
        assert self._rows is not None
        self._factors = []
        for kernel, y in zip(self._kernels, self._warped(self._order[:count], values)):
            chosen = _informative(y)
            parameters = kernel.fit(self._rows[:count][chosen], y[chosen])
            self._factors.append(Factor.of(kernel, parameters, self._rows))

    def _warped(
        self, order: Sequence[int], values: Mapping[int, Sequence[float] | None]
    ) -> list[FloatArray]:
        given = [values[number] for number in order]
        succeeded = np.array([value is not None for value in given])
        results = np.array([value for value in given if value is not None])
        columns = []
        for warp, column in zip(self._warps, results.T):
            y = np.full(len(order), column.min())  # a failure is as bad as the worst
            y[succeeded] = column
            columns.append(warp(y))
        return columns

    # -- Features -----------------------------------------------------------------------------

    def _feature_scale(self) -> tuple[FloatArray, FloatArray]:
        if self._features is None:
            return np.zeros(0), np.ones(0)
        rng = seeding.rng("features", seed=0)
        sample = np.array(
            # plain draws: a `LimitedSpace` has a number of its own for each proposal
            [
                self._features(DecisionSpace.sample(self._space, rng))
                for _ in range(_FEATURE_SAMPLE)
            ],
            np.float64,
        )
        self._least = np.where((sample > 0).all(axis=0), sample.min(axis=0), np.nan)
        sample = self._unskewed(sample)
        spread = sample.std(axis=0)
        return sample.mean(axis=0), np.where(spread > 0, spread, 1.0)

    def _unskewed(self, features: FloatArray) -> FloatArray:
        """What is positive throughout, as costs are, as a logarithm: costs span decades."""
        skewed = ~np.isnan(self._least)
        unskewed = features.copy()
        unskewed[:, skewed] = np.log(np.maximum(features[:, skewed], 1e-3 * self._least[skewed]))
        return unskewed

    def _feature_rows(self, settings: Sequence[Mapping[str, Value]]) -> FloatArray:
        if self._features is None:
            return np.zeros((len(settings), 0))
        if len(self._known_features) > _MOST_SETTINGS_KNOWN:
            self._known_features.clear()
        rows = []
        for setting in settings:
            key = setting_key(setting)
            if key not in self._known_features:
                self._known_features[key] = self._features(setting)
            rows.append(self._known_features[key])
        found = np.array(rows, np.float64).reshape(len(settings), len(self._centre))
        return (self._unskewed(found) - self._centre) / self._spread


def half_rank(y: FloatArray) -> FloatArray:
    """Values made fit for a Gaussian process: spread evenly below the median, as they are above.

    How bad a bad network is would otherwise decide the scale on which good ones are told apart.
    Below the median the values become normal quantiles of their ranks; equal ones stay equal.

    Returns:
        `(n,)`: 0 at the median, and 1 is the spread of the upper half.

    Source: Golovin et al. (2017) and Song et al. (2024), "The Vizier Gaussian Process Bandit
    Algorithm", section 3.2.
    """
    centre = np.median(y)
    upper = y >= centre
    spread = math.sqrt(np.mean((y[upper] - centre) ** 2))
    if spread == 0:
        spread = 1.0
    warped = (y - centre) / spread
    _, group, sizes = np.unique(y, return_inverse=True, return_counts=True)
    middle = np.cumsum(sizes) - sizes / 2  # of the ranks of equal values
    quantiles: FloatArray = ndtri(middle[group] / len(y))
    return np.where(upper, warped, quantiles)


def _informative(y: FloatArray) -> IntArray:
    """At most `_FITTED` places: the best third of them, and an even choice of the others."""
    if len(y) <= _FITTED:
        return np.arange(len(y))
    order = np.argsort(-y, kind="stable")
    best, others = order[: _FITTED // 3], order[_FITTED // 3 :]
    even = np.linspace(0, len(others) - 1, _FITTED - len(best)).round().astype(np.int64)
    return np.sort(np.concatenate([best, others[even]]))
