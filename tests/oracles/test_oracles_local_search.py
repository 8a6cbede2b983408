"""Local search: it climbs step by step, moves at once, and begins again at a local optimum."""

import itertools

import keras_tuner
import numpy as np
import pytest

from autoarch.errors import InvalidInputError
from autoarch.objectives import Objective
from autoarch.oracles import LocalSearchOracle

NAMES = ("a", "b", "c", "d")
LETTERS = "uvwxyz"


def letters_space():
    hp = keras_tuner.HyperParameters()
    for name in NAMES:
        hp.Choice(name, list(LETTERS))
    return hp


def make(**arguments):
    return LocalSearchOracle(
        Objective("accuracy", "max"), None, **{"hyperparameters": letters_space(), **arguments}
    )


def changes(a, b):
    return sum(a[name] != b[name] for name in NAMES)


def one_hill(values):
    return sum(LETTERS.index(values[name]) for name in NAMES) / 20


def two_hills(values):
    """A low hill at all "u", a high one at all "z", and a plain between them."""
    at = {letter: sum(values[name] == letter for name in NAMES) for letter in "uz"}
    return max(0.6 * at["u"], at["z"] if at["z"] >= 3 else 0)


def drive(oracle, n, score):
    found = []
    for _ in range(n):
        proposal = oracle.propose()
        found.append((dict(proposal.values), score(proposal.values)))
        oracle.tell(proposal.trial_id, found[-1][1])
    return found


def test_each_step_is_one_change_from_the_best_so_far():
    found = drive(make(seed=0, starts=5), 60, one_hill)
    for number in range(5, 60):
        top, height = max(found[:number], key=lambda pair: pair[1])
        if height == 1:  # the summit: its neighbours are gone through, then it begins again
            break
        assert changes(top, found[number][0]) == 1
    assert height == 1
    assert number < 60


def test_the_number_of_starts():
    found = drive(make(seed=1, starts=20), 20, one_hill)
    best = [max(found[:n], key=lambda pair: pair[1])[0] for n in range(1, 20)]
    distances = [changes(a, b) for a, (b, _) in zip(best, found[1:])]
    assert np.mean(distances) > 2.5  # draws differ in 4 * 5/6 decisions on average


def test_at_a_local_optimum_the_next_climb_begins():
    """On two hills, one of which lets nobody out, whichever is first: both are climbed."""
    found = drive(make(seed=0, starts=3, initial=[dict.fromkeys(NAMES, "u")]), 200, two_hills)
    low = dict.fromkeys(NAMES, "u")
    assert found[0][1] == 2.4
    around = [changes(low, values) for values, _ in found]
    assert around[3:23] == [1] * 20  # all there are: 4 decisions of 5 other letters
    assert all(changes(a, low) > 1 for a, _ in found[23:])
    after = [values for values, _ in found[23:26]]
    assert any(changes(a, b) > 1 for a, b in itertools.pairwise(after))


def test_a_second_climb_stands_on_its_own_best():
    """After the restart, steps are taken from the best of the new climb, however low it is."""
    oracle = make(seed=3, starts=2, initial=[dict.fromkeys(NAMES, "z")])
    found = drive(oracle, 2 + 20, one_hill)
    again = drive(oracle, 12, one_hill)
    assert max(score for _, score in found) == 1
    for number in range(2, 12):
        top, _ = max(again[:number], key=lambda pair: pair[1])
        assert changes(top, again[number][0]) == 1


def test_a_revised_score_moves_the_top():
    oracle = make(seed=0, starts=3)
    found = drive(oracle, 3, one_hill)
    worst = min(range(3), key=lambda number: found[number][1])
    oracle.revise(f"{worst:04d}", 2.0)
    assert changes(oracle.propose().values, found[worst][0]) == 1
    oracle.revise(f"{worst:04d}", None)
    top = max((pair for n, pair in enumerate(found) if n != worst), key=lambda pair: pair[1])[0]
    assert changes(oracle.propose().values, top) == 1


def test_ordered_decisions_step_up_and_down():
    hp = keras_tuner.HyperParameters()
    hp.Int("width", 0, 99)
    hp.Float("rate", 0.0, 1.0)
    oracle = make(hyperparameters=hp, seed=0, starts=1, initial=[{"width": 50, "rate": 0.5}])
    oracle.tell(oracle.propose().trial_id, 1.0)
    steps = []
    for _ in range(8):
        proposal = oracle.propose()
        steps.append((proposal.values["width"] - 50, round(proposal.values["rate"] - 0.5, 9)))
        oracle.tell(proposal.trial_id, 0.0)
    shifts = [(step, 0.0) for step in (1, -1, 10, -10)]
    shifts += [(0, step) for step in (0.01, -0.01, 0.1, -0.1)]
    assert sorted(steps) == sorted(shifts)


def test_settings_are_checked():
    with pytest.raises(InvalidInputError, match="`starts` of LocalSearchOracle must be at least 1"):
        LocalSearchOracle(starts=0)
