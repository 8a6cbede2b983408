"""What the evolutionary oracles share: parents, recombination, and the check of their settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autoarch.oracles.decisions import DecisionSpace, Setting
from autoarch.oracles.domains import Value
from autoarch.oracles.history import KnownTrial


def tournament(
    population: Sequence[KnownTrial], rng: np.random.Generator, *, size: int
) -> KnownTrial:
    """The fittest of `size` members drawn with replacement; larger is greedier.

    Source: Goldberg and Deb, "A Comparative Analysis of Selection Schemes Used in Genetic
    Algorithms", FOGA 1991.
    """
    drawn = rng.integers(len(population), size=size).tolist()
    return population[max(drawn, key=lambda place: population[place].utility)]


def breed(
    space: DecisionSpace,
    population: Sequence[KnownTrial],
    rng: np.random.Generator,
    *,
    tournament_size: int,
    crossover: float,
) -> Mapping[str, Value]:
    """The winner of a tournament, or, with probability `crossover`, a cross of two winners.

    Args:
        space: The decisions.
        population: At least one completed trial.
        rng: Source of randomness.
        tournament_size: See `tournament`.
        crossover: Probability of a second parent, from a tournament of its own.
    """
    child = tournament(population, rng, size=tournament_size).values
    if rng.random() < crossover:
        other = tournament(population, rng, size=tournament_size).values
        child = space.crossover(child, other, rng)
    return child


def mutate_each(
    space: DecisionSpace,
    setting: Mapping[str, Value],
    rng: np.random.Generator,
    *,
    expected: float,
    near: float,
) -> Setting:
    """Mutates each active decision with the same probability, so that `expected` do on average.

    One is the textbook choice (Mühlenbein, "How Genetic Algorithms Really Work", PPSN 1992).

    Args:
        space: The decisions.
        setting: The setting to start from.
        rng: Source of randomness.
        expected: Number of decisions; what is more than all means all.
        near: Probability that an ordered decision moves to a close value.
    """
    movable = sum(decision.is_open for decision in space.active(setting))
    mutations = rng.binomial(movable, min(1.0, expected / max(1, movable)))
    return space.mutate(setting, rng, n=int(mutations), near=near)


def mutate_one_or_two(
    space: DecisionSpace,
    setting: Mapping[str, Value],
    rng: np.random.Generator,
    *,
    second: float,
    near: float,
) -> Setting:
    """Mutates one active decision, and, with probability `second`, another one.

    Args:
        space: The decisions.
        setting: The setting to start from.
        rng: Source of randomness.
        second: Probability of two mutations.
        near: Probability that an ordered decision moves to a close value.
    """
    mutations = 2 if rng.random() < second else 1
    return space.mutate(setting, rng, n=mutations, near=near)
