"""Q-learning: a table of what each decision is worth, given the decisions just before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autoarch.oracles.actions import IntArray
from autoarch.oracles.checks import check_counts, check_not_negative, check_shares
from autoarch.oracles.decisions import DecisionSpace, Setting
from autoarch.oracles.history import History
from autoarch.oracles.learning import FloatArray, Learner, LearningOracle, quantiles

State = tuple[int | tuple[int, int], ...]  # place, then places and actions of earlier decisions

_UNKNOWN = 0.5  # worth of what was never tried: the mean reward


@dataclass(frozen=True)
class QLearning:
    """How a `QTable` learns; see `QLearningOracle`."""

    context: int
    learning_rate: float
    discount: float
    trace: float
    replay: int
    warm_up: int
    cool_down: int
    epsilon: float
    bins: int

    def __post_init__(self) -> None:
        oracle = QLearningOracle
        check_not_negative(oracle, context=self.context, replay=self.replay, warm_up=self.warm_up)
        check_counts(oracle, cool_down=self.cool_down, bins=self.bins)
        check_shares(
            oracle,
            learning_rate=self.learning_rate,
            discount=self.discount,
            trace=self.trace,
            epsilon=self.epsilon,
        )

    def exploration(self, trials: int) -> float:
        """The share of random decisions in the proposal after that many."""
        cooled = min(max((trials - self.warm_up) / self.cool_down, 0.0), 1.0)
        return 1.0 + cooled * (self.epsilon - 1.0)


class QTable(Learner):
    """Q by state and action. A state is a place and the decisions taken just before it.

    Args:
        space: The decisions.
        history: All trials.
        how: See `QLearning`.
    """

    def __init__(self, space: DecisionSpace, history: History, how: QLearning):
        super().__init__(space, history, bins=how.bins)
        self._how = how
        self._table: dict[State, FloatArray] = {}

    def worth(self, path: IntArray, place: int) -> FloatArray:
        """Q of each action at a decision, given the path up to there; a view that may be set."""
        counts = self.actions.counts
        decided = [
            (earlier, action)
            for earlier, action in enumerate(path[:place].tolist())
            if action >= 0 and counts[earlier] > 1
        ]
        state: State = (place, *decided[max(len(decided) - self._how.context, 0) :])
        if state not in self._table:
            self._table[state] = np.full(counts[place], _UNKNOWN)
        return self._table[state]

    def learn(self, number: int, rng: np.random.Generator) -> None:
        known = list(self.utilities)
        rewards = dict(zip(known, quantiles(list(self.utilities.values())).tolist()))
        for place in rng.integers(len(known), size=self._how.replay).tolist():
            self._update(self.paths[known[place]], rewards[known[place]])
        self._update(self.paths[number], rewards[number])

    def _update(self, path: IntArray, reward: float) -> None:
        """Backwards through one trial, so that its reward reaches the first decision at once."""
        how = self._how
        follows = reward
        for place in range(len(path) - 1, -1, -1):
            if path[place] < 0 or self.actions.counts[place] == 1:
                continue
            worth = self.worth(path, place)
            worth[path[place]] += how.learning_rate * (follows - worth[path[place]])
            follows = how.discount * ((1.0 - how.trace) * float(worth.max()) + how.trace * follows)

    def draw(self, rng: np.random.Generator, *, explore: float) -> Setting:
        epsilon = max(explore, self._how.exploration(len(self.paths)))

        def choose(path: IntArray, place: int) -> int:
            if rng.random() < epsilon:
                return int(rng.integers(self.actions.counts[place]))
            worth = self.worth(path, place)
            return int(rng.choice(np.flatnonzero(worth == worth.max())))

        return self.actions.walk(choose, rng)


class QLearningOracle(LearningOracle):
    """Q-learning over decisions, with a table, an epsilon schedule and experience replay.

    A state s is the place of a decision and the `context` decisions taken before it, an action a
    the value decided. After each result, the trial and `replay` earlier ones are gone through from
    their last decision to their first:

        Q(s_t, a_t) <- Q(s_t, a_t) + learning_rate * (G_t - Q(s_t, a_t))
        G_T = R,    G_t = discount * ((1 - trace) * max_a Q(s_{t+1}, a) + trace * G_{t+1})

    R is the quantile of the trial's score among all so far, failures being the lowest. A trial is
    drawn epsilon-greedily, decision by decision; the first `warm_up` trials are random, and over
    the next `cool_down` the share of random decisions falls to `epsilon`.

    Sources: Baker, Gupta, Naik and Raskar, "Designing Neural Network Architectures using
    Reinforcement Learning" (MetaQNN), ICLR 2017, section 4: the states, the schedule and the
    replay, there over thousands of trials; Peng and Williams, "Incremental Multi-Step
    Q-Learning", Machine Learning 22, 1996: the trace. Plain Q-learning, which is a trace of 0,
    takes a reward to the first decision only by way of a maximum over what is hardly known.

    Args:
        *args, **kwargs: See `SearchOracle`.
        context: Number of earlier decisions in a state; 0 judges each decision by itself.
        learning_rate: Step size, in [0, 1].
        discount: Per decision, in [0, 1].
        trace: In [0, 1]: 0 trusts the table, 1 the reward of the trial.
        replay: Number of trials replayed after each result, drawn with replacement.
        warm_up: Number of random trials, the initial ones included.
        cool_down: Number of trials over which exploration falls.
        epsilon: Share of random decisions that remains.
        bins: Number of actions of a continuous decision, or of one with a long range.

    Raises:
        InvalidInputError: A number is out of its range.
    """

    def __init__(
        self,
        *args: Any,
        context: int = 1,
        learning_rate: float = 0.3,
        discount: float = 1.0,
        trace: float = 0.8,
        replay: int = 64,
        warm_up: int = 10,
        cool_down: int = 40,
        epsilon: float = 0.15,
        bins: int = 8,
        **kwargs: Any,
    ):
        self.how = QLearning(
            context, learning_rate, discount, trace, replay, warm_up, cool_down, epsilon, bins
        )
        super().__init__(*args, **kwargs)

    def learner(self, space: DecisionSpace, history: History) -> QTable:
        return QTable(space, history, self.how)
