"""The base of oracles that learn from trials how to draw the next one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
import numpy.typing as npt

from autoarch.oracles.actions import ActionSpace, IntArray
from autoarch.oracles.base import SearchOracle
from autoarch.oracles.decisions import DecisionSpace, Setting
from autoarch.oracles.history import EventKind, History

FloatArray = npt.NDArray[np.float64]

_MORE_EXPLORATION = 0.01  # per repetition, within one proposal


class Learner(ABC):
    """Follows a history, event by event, and draws settings by what it has learned.

    Its state depends on the events alone, in their order, and not on when it was told of them:
    whatever is random while it learns has the number of the event for a seed.

    Args:
        space: The decisions.
        history: All trials.
        bins: See `ActionSpace`.

    Attributes:
        actions: The decisions as actions.
        paths: One path per trial, in order of proposal.
        utilities: Larger is better, minus infinity for failures; by number of the trial.
    """

    def __init__(self, space: DecisionSpace, history: History, *, bins: int):
        self.actions = ActionSpace(space, bins=bins)
        self.paths: list[IntArray] = []
        self.utilities: dict[int, float] = {}
        self._history = history
        self._read = 0

    def follows(self, space: DecisionSpace, history: History) -> bool:
        """Whether this is the space and the history that it learns from."""
        return self.actions.space is space and self._history is history

    def catch_up(self) -> None:
        """Learns from the events since the last call."""
        for kind, number, utility, _ in self._history.events[self._read :]:
            if kind is EventKind.PROPOSED:
                self.proposed(number)
            else:
                self.utilities[number] = -np.inf if utility is None else utility
                self.learn(number, np.random.default_rng(self._read))
            self._read += 1

    def proposed(self, number: int) -> None:
        """Takes note of a new trial, before anything is learned from later events."""
        self.paths.append(self.actions.path(self._history.trials[number].values))

    @abstractmethod
    def learn(self, number: int, rng: np.random.Generator) -> None:
        """Called when the utility of trial `number` is new or was revised."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, *, explore: float) -> Setting:
        """A setting; a share `explore` of its decisions is drawn uniformly at least."""


class LearningOracle(SearchOracle):
    """An oracle whose proposals a `Learner` draws. To implement: `learner`."""

    _learner: Learner | None = None

    def learner(self, space: DecisionSpace, history: History) -> Learner:
        """A new learner, that knows nothing yet."""
        raise NotImplementedError

    def suggest(
        self, space: DecisionSpace, history: History, rng: np.random.Generator
    ) -> Iterator[Setting]:
        if self._learner is None or not self._learner.follows(space, history):
            self._learner = self.learner(space, history)
        self._learner.catch_up()
        # The surer a learner is, the more often it repeats itself, which is no proposal.
        for repetition in count():
            yield self._learner.draw(rng, explore=min(1.0, _MORE_EXPLORATION * repetition))


def quantiles(utilities: Sequence[float]) -> FloatArray:
    """The share of the others that each one exceeds: a reward in (0, 1) without a scale.

    Equals share the middle of their places, so that failures (minus infinity) all get the same,
    and the least.

    >>> quantiles([0.3, 0.9, -np.inf, -np.inf])
    array([0.625, 0.875, 0.25 , 0.25 ])
    """
    values = np.asarray(utilities, dtype=float)
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, side="left")
    not_above = np.searchsorted(ordered, values, side="right")
    return (below + not_above) / (2 * len(values))
