"""A decision space as finite choices one after the other: what a policy or a table can learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from autoarch.oracles.decisions import Decision, DecisionSpace, Setting
from autoarch.oracles.domains import Domain, Finite, Value

IntArray = npt.NDArray[np.int64]


class ActionSpace:
    """Settings as *paths*: one action per decision, -1 where a decision is inactive.

    The actions of a decision are its values, or equal shares (*bins*) of its range where it is
    continuous or ordered with more than `bins` values; a value is then drawn within the bin.

    Args:
        space: The decisions.
        bins: Number of actions of a decision with a long range.

    Attributes:
        counts: Number of actions of each decision, in order of `space.decisions`; 1 where there
            is nothing to decide.

    Example:
        >>> space = DecisionSpace([
        ...     Decision("kind", Finite(("dense", "conv"), ordered=False), "dense"),
        ...     Decision("width", Finite(range(1, 101), ordered=True), 1),
        ... ])
        >>> actions = ActionSpace(space, bins=10)
        >>> actions.counts
        (2, 10)
        >>> actions.path({"kind": "conv", "width": 35})
        array([1, 3])
    """

    def __init__(self, space: DecisionSpace, *, bins: int):
        self.space = space
        self.counts = tuple(_count(decision.domain, bins) for decision in space.decisions)

    def __len__(self) -> int:
        """Length of a path."""
        return len(self.counts)

    def path(self, values: Mapping[str, Value]) -> IntArray:
        """The actions that lead to a setting; what `values` lacks takes its default."""
        path = np.full(len(self), -1)

        def follow(place: int, decision: Decision) -> Value:
            value = values.get(decision.name)
            if not decision.domain.contains(value):
                value = decision.default
            path[place] = self._action(place, decision.domain, value)
            return value

        self.space.fill(follow)
        return path

    def walk(self, choose: Callable[[IntArray, int], int], rng: np.random.Generator) -> Setting:
        """The setting that a policy decides on.

        Args:
            choose: Is given the path so far (-1 from here on) and the place of the next decision
                with more than one action; returns the action.
            rng: Draws values within bins.
        """
        path = np.full(len(self), -1)

        def follow(place: int, decision: Decision) -> Value:
            action = choose(path, place) if self.counts[place] > 1 else 0
            value = self._value(place, decision.domain, action, rng)
            path[place] = self._action(place, decision.domain, value)
            return value

        return self.space.fill(follow)

    def _action(self, place: int, domain: Domain, value: Value) -> int:
        if isinstance(domain, Finite) and domain.size == self.counts[place]:
            return domain.rank(value)
        return min(int(domain.to_unit(value) * self.counts[place]), self.counts[place] - 1)

    def _value(self, place: int, domain: Domain, action: int, rng: np.random.Generator) -> Value:
        if isinstance(domain, Finite) and domain.size == self.counts[place]:
            return domain.values[action]
        return domain.from_unit((action + rng.random()) / self.counts[place])


def _count(domain: Domain, bins: int) -> int:
    return int(min(domain.size, bins)) if domain.ordered else int(domain.size)
