"""NSGA-II: evolution towards a Pareto front.

Source: Deb, Pratap, Agarwal and Meyarivan (2002), "A fast and elitist multiobjective genetic
algorithm: NSGA-II", IEEE Transactions on Evolutionary Computation 6(2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from autoarch.objectives import crowding_distance, non_dominated_sort
from autoarch.oracles.base import SearchOracle
from autoarch.oracles.breeding import breed, mutate_one_or_two
from autoarch.oracles.checks import check_counts, check_shares
from autoarch.oracles.decisions import DecisionSpace, Setting
from autoarch.oracles.history import History


def survivors(points: npt.NDArray[np.float64], n: int) -> list[int]:
    """The `n` fittest points, fittest first: by front, within a front the loneliest first.

    Args:
        points: Shape (candidates, objectives), larger is better.
        n: How many survive.
    """
    chosen: list[int] = []
    for front in non_dominated_sort(points):
        crowding = crowding_distance(points[front])
        chosen += front[np.argsort(-crowding, kind="stable")].tolist()
        if len(chosen) >= n:
            break
    return chosen[:n]


class NSGA2Oracle(SearchOracle):
    """NSGA-II, one child at a time: a search for the best trade-offs between objectives.

    Give `objective` as a list; `get_pareto_trials` has the result. With one objective it is an
    elitist genetic algorithm.

    The paper's generations of 2N become a steady state: after each result the `population` best of
    all trials so far survive, by non-dominated front and crowding distance, and one child is bred
    from two tournaments.

    Args:
        *args, **kwargs: See `SearchOracle`.
        population: Number of survivors (N in the paper).
        sample: Number of draws in a tournament; the paper takes 2.
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
        sample: int = 2,
        warm_up: int = 10,
        crossover: float = 0.9,
        second_mutation: float = 0.1,
        near: float = 0.5,
        **kwargs: Any,
    ):
        check_counts(type(self), population=population, sample=sample, warm_up=warm_up)
        check_shares(type(self), crossover=crossover, second_mutation=second_mutation, near=near)
        self.population = population
        self.sample = sample
        self.warm_up = warm_up
        self.crossover = crossover
        self.second_mutation = second_mutation
        self.near = near
        super().__init__(*args, **kwargs)

    def suggest(
        self, space: DecisionSpace, history: History, rng: np.random.Generator
    ) -> Iterator[Setting]:
        if not history.completed or len(history) < self.warm_up:
            while True:
                yield space.sample(rng)
        completed = list(history.completed.values())
        places = survivors(self.utilities(completed), self.population)
        # A tournament looks at utilities: here a survivor's is its rank.
        living = [replace(completed[p], utility=float(-rank)) for rank, p in enumerate(places)]
        while True:
            born = breed(space, living, rng, tournament_size=self.sample, crossover=self.crossover)
            yield mutate_one_or_two(space, born, rng, second=self.second_mutation, near=self.near)
