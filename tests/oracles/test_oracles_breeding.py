"""What the evolutionary oracles share: tournaments, crosses, mutation."""

import statistics

import numpy as np
import pytest

from autoarch.oracles.breeding import breed, mutate_each, tournament
from autoarch.oracles.decisions import Condition, Decision, DecisionSpace
from autoarch.oracles.domains import Finite
from autoarch.oracles.history import History


def flat_space(n, values=10):
    return DecisionSpace(
        Decision(f"d{i}", Finite(tuple(range(values)), ordered=False), 0) for i in range(n)
    )


def history_of(settings, utilities):
    history = History()
    for number, (setting, utility) in enumerate(zip(settings, utilities, strict=True)):
        history.propose(setting)
        history.finish(number, utility)
    return history


def equal_settings(numbers, n=8):
    return [{f"d{i}": number for i in range(n)} for number in numbers]


def changes(a, b):
    return sum(a[name] != b[name] for name in a)


def test_a_tournament_takes_the_rank_by_its_distribution():
    """P(the fittest of k draws from n has rank <= r) = 1 - (1 - r/n)^k."""
    population = history_of(equal_settings(range(5)), [0.1, 0.5, 0.3, 0.2, 0.4]).latest(5)
    rng = np.random.default_rng(0)
    wins = [tournament(population, rng, size=3).number for _ in range(4000)]
    at_most = 0.0
    for rank, number in enumerate([1, 4, 2, 3, 0], start=1):
        at_most += wins.count(number) / 4000
        assert at_most == pytest.approx(1 - (1 - rank / 5) ** 3, abs=0.03)


def test_a_cross_has_decisions_of_both_parents_and_no_others():
    space = flat_space(8)
    population = history_of(equal_settings([3, 7]), [0.5, 0.5]).latest(2)
    rng = np.random.default_rng(0)
    born = [breed(space, population, rng, tournament_size=1, crossover=1) for _ in range(200)]
    assert all(set(child.values()) <= {3, 7} for child in born)
    assert sum(set(child.values()) == {3, 7} for child in born) > 70  # half have equal parents
    copies = [breed(space, population, rng, tournament_size=1, crossover=0) for _ in range(50)]
    assert all(len(set(child.values())) == 1 for child in copies)


@pytest.mark.parametrize("expected", [0.5, 1, 4, 100])
def test_the_expected_number_of_decisions_mutates(expected):
    space = DecisionSpace(
        [*flat_space(8).decisions, Decision("one", Finite((1,), ordered=True), 1)]
    )
    setting = {**{f"d{i}": 5 for i in range(8)}, "one": 1}
    rng = np.random.default_rng(0)
    counts = [
        changes(setting, mutate_each(space, setting, rng, expected=expected, near=0))
        for _ in range(1000)
    ]
    rate = min(1, expected / 8)
    assert statistics.mean(counts) == pytest.approx(8 * rate, abs=0.15)
    assert statistics.pvariance(counts) == pytest.approx(8 * rate * (1 - rate), abs=0.3)


def test_mutation_keeps_to_what_is_active():
    space = DecisionSpace(
        [
            Decision("kind", Finite(("dense", "conv"), ordered=False), "dense"),
            Decision(
                "kernel",
                Finite((3, 5, 7), ordered=True),
                3,
                (Condition("kind", frozenset({"conv"})),),
            ),
        ]
    )
    rng = np.random.default_rng(0)
    for _ in range(100):
        child = mutate_each(space, {"kind": "dense"}, rng, expected=1, near=0.5)
        assert space.contains(child)
