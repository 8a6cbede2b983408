"""Which networks of a space share weights, and how paths are drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from autoarch.architecture import Architecture
from autoarch.oracles.decisions import DecisionSpace
from autoarch.oracles.limited import LimitedSpace
from autoarch.spaces import Candidate, SearchSpace
from autoarch.training.recipe import Recipe


class NetworksOnly(SearchSpace):
    """A space without its recipe: shared weights know nothing of how a network is trained alone.

    Args:
        space: The space.
    """

    name = "networks"

    def __init__(self, space: SearchSpace):
        super().__init__(space.input_shape, space.classes, recipe=space.default_recipe)
        self._space = space
        self._names = {hp.name for hp in self.hyperparameters().space}

    def architecture(self, hp: Any) -> Architecture:
        return self._space.architecture(hp)

    def recipe(self, hp: Any) -> Recipe:
        return self.default_recipe

    def yardstick(self) -> Candidate:
        return self.of(self._space.yardstick())

    def of(self, candidate: Candidate) -> Candidate:
        """The candidate with the usual recipe."""
        own = {n: v for n, v in candidate.decisions.items() if n in self._names}
        return self.candidate(own)


def draw_near(
    networks: SearchSpace, most_macs: float, shares: Callable[[Architecture], Sequence[float]]
) -> Callable[[np.random.Generator], Architecture]:
    """Draws networks that the search may propose, most of them near what it may cost.

    Args:
        networks: The space.
        most_macs: Multiply-adds of the costliest network allowed.
        shares: How much of each limit a network uses.
    """
    @lru_cache(maxsize=64)
    def built(*decisions: tuple[str, Any]) -> Architecture:
        return networks.candidate(dict(decisions)).architecture

    def used(decisions: Mapping[str, Any]) -> Sequence[float]:
        network = built(*decisions.items())
        return [network.macs / most_macs, *shares(network)]

    space = LimitedSpace(DecisionSpace.from_hyperparameters(networks.hyperparameters()), used)

    def draw(rng: np.random.Generator) -> Architecture:
        space.renew_allowance()
        return built(*space.sample(rng).items())

    return draw
