"""Regularised evolution: the young survive, not the best.

Source: Real, Aggarwal, Huang and Le, "Regularized Evolution for Image Classifier Architecture
Search", AAAI 2019, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoarch.errors import InvalidInputError
from autoarch.oracles.base import SearchOracle
from autoarch.oracles.decisions import DecisionSpace, Setting
from autoarch.oracles.history import History, KnownTrial


@dataclass(frozen=True)
class Variation:
    """How a child differs from its parents.

    Args:
        crossover: Probability of a second parent, from a tournament of its own.
        second: Probability that a second decision mutates; one always does.
        near: Probability that an ordered decision moves to a close value.
    """

    crossover: float
    second: float
    near: float

    def __post_init__(self) -> None:
        for name, share in (
            ("crossover", self.crossover),
            ("second_mutation", self.second),
            ("near", self.near),
        ):
            if not 0 <= share <= 1:
                raise InvalidInputError(f"`{name}` of evolution must be in [0, 1]; got {share}.")


def evolve(
    space: DecisionSpace,
    population: Sequence[KnownTrial],
    rng: np.random.Generator,
    *,
    sample_size: int,
    variation: Variation,
) -> Setting:
    """One child of a population.

    The parent is the fittest of `sample_size` members drawn with replacement. The child is the
    parent, crossed over with a second one at times, with one or two decisions mutated.

    Args:
        space: The decisions.
        population: At least one completed trial.
        rng: Source of randomness.
        sample_size: Larger is greedier.
        variation: See `Variation`.
    """

    def tournament() -> KnownTrial:
        drawn = rng.integers(len(population), size=sample_size).tolist()
        return population[max(drawn, key=lambda place: population[place].utility)]

    child = tournament().values
    if rng.random() < variation.crossover:
        child = space.crossover(child, tournament().values, rng)
    mutations = 2 if rng.random() < variation.second else 1
    return space.mutate(child, rng, n=mutations, near=variation.near)


class EvolutionOracle(SearchOracle):
    """Regularised evolution with mutation and crossover.

    The population is the `population` trials completed last: the oldest dies, however good, so
    that a lucky score does not rule for ever. Failed trials never breed.

    The defaults suit short searches, from some 10 trials on. The paper fills its population of
    100 with random networks before the first child; here children come after `warm_up` trials
    and the population grows with them. In the first `population` trials nobody has died yet, so
    a short search is a plain tournament search around the best, the initial network included.
    Tournaments are larger than the paper's share of the population, since no network is tried
    twice: being greedy cannot get stuck. Mean regret in points of validation accuracy on
    NAS-Bench-201 (CIFAR-10 / CIFAR-100, 100 seeds), against the settings of the paper scaled
    down (population 20, sample 5, warm-up 20, mutation only): 1.67 / 3.16 against 2.33 / 4.48
    after 25 trials, 0.32 / 0.57 against 0.62 / 0.78 after 100, 0.16 / 0.27 against 0.22 / 0.27
    after 200.

    Args:
        *args, **kwargs: See `SearchOracle`.
        population: Number of trials that may breed (P in the paper).
        sample: Number of draws in a tournament (S in the paper); larger is greedier. Take fewer
            where scores are very noisy.
        warm_up: Number of trials before the first child, the initial ones included.
        crossover: Probability that a child has two parents.
        second_mutation: Probability that two decisions mutate and not one.
        near: Probability that an ordered decision (a size) moves to a close value.

    Raises:
        InvalidInputError: A number is below 1, or a probability is outside [0, 1].
    """

    def __init__(
        self,
        *args: Any,
        population: int = 20,
        sample: int = 10,
        warm_up: int = 5,
        crossover: float = 0.25,
        second_mutation: float = 0.1,
        near: float = 0.5,
        **kwargs: Any,
    ):
        for name, number in (("population", population), ("sample", sample), ("warm_up", warm_up)):
            if number < 1:
                raise InvalidInputError(
                    f"`{name}` of EvolutionOracle must be at least 1; got {number}."
                )
        self.population = population
        self.sample = sample
        self.warm_up = warm_up
        self.variation = Variation(crossover, second_mutation, near)
        super().__init__(*args, **kwargs)

    def suggest(
        self, space: DecisionSpace, history: History, rng: np.random.Generator
    ) -> Iterator[Setting]:
        living = history.latest(self.population)
        while True:
            if living and len(history) >= self.warm_up:
                yield evolve(space, living, rng, sample_size=self.sample, variation=self.variation)
            else:
                yield space.sample(rng)
