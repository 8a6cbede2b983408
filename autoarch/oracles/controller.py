"""Reinforcement learning: a policy network writes the network, decision by decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from autoarch.errors import InvalidInputError
from autoarch.oracles.actions import IntArray
from autoarch.oracles.decisions import DecisionSpace, Setting
from autoarch.oracles.history import History
from autoarch.oracles.learning import Learner, LearningOracle, quantiles
from autoarch.oracles.policy import (
    Adam,
    Array,
    Mask,
    Network,
    lambda_returns,
    log_softmax,
    policy_loss,
    value_loss,
)

_LEAST_PROBABILITY = 0.01  # of a decision under the policy that took it; bounds the ratios


@dataclass(frozen=True)
class PolicyGradient:
    """How a `Controller` learns; see `ControllerOracle`."""

    algorithm: Literal["ppo", "reinforce"]
    hidden: int
    learning_rate: float
    clip: float
    entropy: float
    discount: float
    trace: float
    steps: int
    batch: int
    bins: int

    def __post_init__(self) -> None:
        if self.algorithm not in ("ppo", "reinforce"):
            raise InvalidInputError(
                f"`algorithm` of ControllerOracle must be 'ppo' or 'reinforce'; "
                f"got {self.algorithm!r}."
            )
        for name in ("hidden", "steps", "batch", "bins"):
            if getattr(self, name) < 1:
                raise InvalidInputError(
                    f"`{name}` of ControllerOracle must be at least 1; got {getattr(self, name)}."
                )
        for name in ("learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise InvalidInputError(
                    f"`{name}` of ControllerOracle must be positive; got {getattr(self, name)}."
                )
        if not self.entropy >= 0:
            raise InvalidInputError(
                f"`entropy` of ControllerOracle must not be negative; got {self.entropy}."
            )
        for name in ("discount", "trace"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidInputError(
                    f"`{name}` of ControllerOracle must be in [0, 1]; got {getattr(self, name)}."
                )


class Controller(Learner):
    """A policy network and a value network over partial architectures.

    The state at a decision is its place, one-hot, and the actions taken so far, one-hot each; the
    policy has one output per action of each decision, of which those of the decision count.

    Args:
        space: The decisions.
        history: All trials.
        how: See `PolicyGradient`.
    """

    def __init__(self, space: DecisionSpace, history: History, how: PolicyGradient):
        super().__init__(space, history, bins=how.bins)
        counts = self.actions.counts
        places, outputs = len(counts), sum(counts)
        self._how = how
        self._ends = np.cumsum(counts)
        self._begins = self._ends - counts
        columns = np.arange(outputs)
        self._legal = (columns >= self._begins[:, None]) & (columns < self._ends[:, None])
        self._choices = np.asarray(counts) > 1
        rng = np.random.default_rng(0)
        self.policy = Network((places + outputs, how.hidden, outputs), rng)
        self.value = Network((places + outputs, how.hidden, 1), rng)
        self._policy_optimizer = Adam(self.policy.parameters, how.learning_rate)
        self._value_optimizer = Adam(self.value.parameters, how.learning_rate)
        self._behaviour: list[Array] = []  # log-probabilities of each trial's decisions

    def states(self, paths: IntArray) -> Array:
        """What the networks see before each decision of (n, places) paths: (n, places, inputs)."""
        n, places = paths.shape
        taken = np.zeros((n, places, len(self._legal[0])))
        episode, place = np.nonzero(paths >= 0)
        taken[episode, place, self._begins[place] + paths[episode, place]] = 1.0
        before = np.cumsum(taken, axis=1) - taken
        here = np.broadcast_to(np.eye(places), (n, places, places))
        return np.concatenate([here, before], axis=-1)

    def proposed(self, number: int) -> None:
        super().proposed(number)
        path = self.paths[number][None]
        active, states, legal, chosen = self._decisions(path)
        logits = self.policy.forward(states)[-1]
        log_p = np.zeros(path.shape)
        log_p[active] = log_softmax(logits, legal)[np.arange(len(chosen)), chosen]
        self._behaviour.append(np.maximum(log_p[0], np.log(_LEAST_PROBABILITY)))

    def _decisions(self, paths: IntArray) -> tuple[Mask, Array, Mask, IntArray]:
        """Where decisions were taken (n, places), and of each: state, legal actions, action."""
        active = (paths >= 0) & self._choices
        places = np.nonzero(active)[1]
        chosen = self._begins[places] + paths[active]
        return active, self.states(paths)[active], self._legal[places], chosen

    def learn(self, number: int, rng: np.random.Generator) -> None:
        # -log(1 - q) - 1 of a quantile q is what an exponential distribution expects there
        # (Savage scores): mean 0, variance 1, and the best stand out.
        known = np.fromiter(self.utilities, dtype=np.int64)
        rewards = -np.log1p(-quantiles(list(self.utilities.values()))) - 1.0
        size = min(self._how.batch, len(known))
        for _ in range(self._how.steps):
            batch = rng.choice(len(known), size=size, replace=False)
            self._step(known[batch], rewards[batch])

    def _step(self, trials: Sequence[int] | IntArray, rewards: Array) -> None:
        how = self._how
        paths = np.stack([self.paths[number] for number in trials])
        active, states, legal, chosen = self._decisions(paths)
        if not len(chosen):
            return
        behaviour = np.stack([self._behaviour[number] for number in trials])[active]

        value_layers = self.value.forward(states)
        values = np.zeros(active.shape)
        values[active] = value_layers[-1][:, 0]
        returns = lambda_returns(rewards, values, active, discount=how.discount, trace=how.trace)[
            active
        ]
        _, value_gradient = value_loss(values[active], returns)

        policy_layers = self.policy.forward(states)
        _, policy_gradient = policy_loss(
            policy_layers[-1],
            legal,
            chosen,
            returns - values[active],
            behaviour,
            entropy=how.entropy,
            clip=how.clip if how.algorithm == "ppo" else None,
        )
        self._value_optimizer.step(self.value.backward(value_layers, value_gradient[:, None]))
        self._policy_optimizer.step(self.policy.backward(policy_layers, policy_gradient))

    def probabilities(self, path: IntArray, place: int) -> Array:
        """The policy at a decision, given the path so far (-1 from `place` on)."""
        state = np.zeros(len(self.policy.parameters[0]))
        state[place] = 1.0
        taken = np.flatnonzero(path >= 0)
        state[len(path) + self._begins[taken] + path[taken]] = 1.0
        logits = self.policy.forward(state)[-1][self._begins[place] : self._ends[place]]
        p = np.exp(logits - logits.max())
        return p / p.sum()

    def draw(self, rng: np.random.Generator, *, explore: float) -> Setting:
        def choose(path: IntArray, place: int) -> int:
            p = self.probabilities(path, place)
            shares = np.cumsum((1.0 - explore) * p + explore / len(p))
            return min(int(np.searchsorted(shares, rng.random(), side="right")), len(p) - 1)

        return self.actions.walk(choose, rng)


class ControllerOracle(LearningOracle):
    """A controller trained by policy gradient, with a value network as the baseline."""

    def __init__(
        self,
        *args: Any,
        algorithm: Literal["ppo", "reinforce"] = "ppo",
        hidden: int = 32,
        learning_rate: float = 3e-3,
        clip: float = 0.5,
        entropy: float = 0.05,
        discount: float = 1.0,
        trace: float = 0.95,
        steps: int = 5,
        batch: int = 16,
        bins: int = 8,
        **kwargs: Any,
    ):
        self.how = PolicyGradient(
            algorithm, hidden, learning_rate, clip, entropy, discount, trace, steps, batch, bins
        )
        super().__init__(*args, **kwargs)

    def learner(self, space: DecisionSpace, history: History) -> Controller:
        return Controller(space, history, self.how)
