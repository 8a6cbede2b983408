"""An evolution strategy for mixed decisions, its step sizes taken from the spread of the parents.

Sources: Beyer and Schwefel, "Evolution Strategies: A Comprehensive Introduction", Natural
Computing 2002 (recombination of all parents: intermediate for numbers, discrete for kinds);
Li et al., "Mixed Integer Evolution Strategies for Parameter Optimization", Evolutionary
Computation 2013; Hansen, "The CMA Evolution Strategy: A Tutorial", 2016, section 3.2 (weights);
Rubinstein, "The Cross-Entropy Method for Combinatorial and Continuous Optimization", 1999
(the step size is the spread of the best).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from autoarch.oracles.base import SearchOracle
from autoarch.oracles.breeding import mutate_each
from autoarch.oracles.checks import check_counts, check_not_negative, check_shares
from autoarch.oracles.decisions import Decision, DecisionSpace, Setting
from autoarch.oracles.domains import Value
from autoarch.oracles.history import History

FloatArray = npt.NDArray[np.float64]


def recombination_weights(parents: int) -> FloatArray:
    """Weights of the parents, best first: log(parents + 1/2) - log(rank), summing to one."""
    weights = np.log(parents + 0.5) - np.log(np.arange(1, parents + 1))
    return np.asarray(weights / weights.sum())


def recombine(
    space: DecisionSpace, parents: Sequence[Mapping[str, Value]], rng: np.random.Generator
) -> Setting:
    """One draw from the distribution that the parents span, decision by decision.

    An unordered decision takes each parent's value with that parent's weight. An ordered one is
    drawn on its domain's unit scale from the normal distribution with the parents' weighted mean
    and standard deviation, reflected at both ends: parents that agree take small steps.

    Args:
        space: The decisions.
        parents: One or more settings, best first. A decision that only some of them have comes
            from those; one that none has is drawn.
        rng: Source of randomness.
    """
    weights: list[float] = recombination_weights(len(parents)).tolist()
    # plain floats: on five parents NumPy would take ten times as long
    coins = rng.random(len(space)).tolist()
    steps = rng.standard_normal(len(space)).tolist()

    def choose(place: int, decision: Decision) -> Value:
        name, domain = decision.name, decision.domain
        having = [
            (weight, parent[name])
            for weight, parent in zip(weights, parents, strict=True)
            if name in parent and domain.contains(parent[name])
        ]
        if not having:
            return domain.from_unit(coins[place])
        total = sum(weight for weight, _ in having)
        if not domain.ordered:
            left = coins[place] * total
            for weight, value in having:
                left -= weight
                if left < 0:
                    return value
            return having[-1][1]  # rounding
        points = [(weight, domain.to_unit(value)) for weight, value in having]
        mean = sum(weight * at for weight, at in points) / total
        variance = sum(weight * (at - mean) ** 2 for weight, at in points) / total
        position = abs(mean + steps[place] * math.sqrt(variance)) % 2
        return domain.from_unit(min(position, 2 - position))

    return space.fill(choose)


class EvolutionStrategyOracle(SearchOracle):
    """A (mu/mu_w + 1) evolution strategy over categories, sizes and conditional decisions.

    The `parents` best trials so far span a distribution, and each proposal is one draw from it:
    a category is that of a parent, the better the likelier; a size comes from a normal
    distribution with the parents' mean and spread. Step sizes thus adapt by themselves: where
    parents disagree the search is wide, and it narrows as they come to agree. One mutation per
    child on average keeps every value in reach, as the margin does in CMA-ES with margin (Hamano
    et al., GECCO 2022).

    Args:
        *args, **kwargs: See `SearchOracle`.
        parents: Number of best trials that are recombined (mu); more is slower and less easily
            led astray by noise.
        warm_up: Number of random trials before the first child, the initial ones included.
        mutation: Expected number of decisions of a child that mutate; each one does
            independently.
        near: Probability that an ordered decision that mutates moves to a close value.

    Raises:
        InvalidInputError: A number is below 1, `mutation` is negative, or `near` is outside
            [0, 1].
    """

    def __init__(
        self,
        *args: Any,
        parents: int = 5,
        warm_up: int = 10,
        mutation: float = 1.0,
        near: float = 0.5,
        **kwargs: Any,
    ):
        check_counts(type(self), parents=parents, warm_up=warm_up)
        check_shares(type(self), near=near)
        check_not_negative(type(self), mutation=mutation)
        self.parents = parents
        self.warm_up = warm_up
        self.mutation = mutation
        self.near = near
        super().__init__(*args, **kwargs)

    def suggest(
        self, space: DecisionSpace, history: History, rng: np.random.Generator
    ) -> Iterator[Setting]:
        parents = [trial.values for trial in history.best(self.parents)]
        while True:
            if not parents or len(history) < self.warm_up:
                yield space.sample(rng)
            else:
                child = recombine(space, parents, rng)
                yield mutate_each(space, child, rng, expected=self.mutation, near=self.near)
