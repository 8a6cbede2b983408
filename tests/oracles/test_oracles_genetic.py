"""The genetic algorithm: who breeds, who never dies, and from when on."""

import statistics

import keras_tuner
import numpy as np
import pytest

from autoarch.errors import InvalidInputError
from autoarch.objectives import Objective
from autoarch.oracles import GeneticOracle
from autoarch.oracles.decisions import Decision, DecisionSpace
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


def test_the_best_never_die_and_the_worst_never_breed():
    """Ninety later trials, all worse: a child has only values of the ten best but for mutations."""
    utilities = [*np.linspace(0.9, 1, 10), *np.linspace(0, 0.5, 90)]
    settings = equal_settings([1] * 10) + equal_settings([2] * 90)
    oracle = GeneticOracle(Objective("accuracy", "max"), mutation=0.0)
    history = history_of(settings, utilities)
    children = oracle.suggest(flat_space(8), history, np.random.default_rng(0))
    assert all(set(next(children).values()) == {1} for _ in range(50))


def test_failed_trials_do_not_breed():
    history = history_of(equal_settings(range(10)), [None] * 3 + [0.5] + [None] * 6)
    oracle = GeneticOracle(Objective("accuracy", "max"), mutation=0.0)
    children = oracle.suggest(flat_space(8), history, np.random.default_rng(0))
    assert all(set(next(children).values()) == {3} for _ in range(20))


def test_random_settings_until_it_is_warm():
    hp = keras_tuner.HyperParameters()
    for place in range(8):
        hp.Choice(f"d{place}", list("uvwxyz"))
    oracle = GeneticOracle(Objective("accuracy", "max"), None, hp, seed=0, warm_up=30, population=1)
    proposals = []
    for score in np.linspace(1, 0, 40):
        proposal = oracle.propose()
        proposals.append(proposal.values)
        oracle.tell(proposal.trial_id, score)
    distances = [changes(proposals[0], values) for values in proposals[1:]]
    assert statistics.mean(distances[:29]) > 5  # 8 * 5/6 on average
    assert statistics.mean(distances[29:]) < 4


def test_settings_are_checked():
    for name in ("population", "tournament_size", "warm_up", "children"):
        with pytest.raises(InvalidInputError, match=f"`{name}` of GeneticOracle must be at least"):
            GeneticOracle(**{name: 0})
    for name in ("crossover", "near"):
        with pytest.raises(InvalidInputError, match=rf"`{name}` of GeneticOracle must be in \[0"):
            GeneticOracle(**{name: 1.5})
    with pytest.raises(InvalidInputError, match="`mutation` of GeneticOracle must not be negative"):
        GeneticOracle(mutation=-1)
