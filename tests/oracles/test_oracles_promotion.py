"""The rule of asynchronous successive halving, on values alone."""

import numpy as np
import pytest

from autoarch.oracles.fidelity import decisions_of, fidelity_of, fidelity_values, promoted_from
from autoarch.oracles.history import History, TrialState
from autoarch.oracles.promotion import Ladder, best_share, rung_epochs
from autoarch.trials import Fidelity


@pytest.mark.parametrize(
    ("min_epochs", "max_epochs", "factor", "rungs"),
    [
        (1, 81, 3, (1, 3, 9, 27, 81)),
        (1, 50, 3, (1, 3, 9, 27, 50)),
        (1, 100, 3, (1, 3, 9, 27, 100)),
        (2, 16, 2, (2, 4, 8, 16)),
        (1, 2, 3, (1, 2)),
        (5, 5, 3, (5,)),
    ],
)
def test_rungs_grow_by_the_factor_up_to_the_last(min_epochs, max_epochs, factor, rungs):
    assert rung_epochs(min_epochs, max_epochs, factor) == rungs


def test_one_of_three_deserves_the_next_rung_and_the_earlier_of_equals():
    assert best_share({0: 0.5, 1: 0.9}) == []
    assert best_share({0: 0.5, 1: 0.9, 2: 0.1}) == [1]
    assert best_share({5: 0.9, 1: 0.9, 2: 0.1, 3: 0.8, 7: 0.9, 8: 0.2}) == [1, 5]
    assert best_share(dict(enumerate(np.arange(12.0))), factor=4) == [11, 10, 9]


def test_fidelity_goes_through_kerastuners_keys():
    values = {"units": 8, **fidelity_values(Fidelity(9, done=3), rung=2, rungs=4, parent="0007")}
    assert values == {
        "units": 8,
        "tuner/epochs": 9,
        "tuner/initial_epoch": 3,
        "tuner/bracket": 3,
        "tuner/round": 2,
        "tuner/trial_id": "0007",
    }
    assert decisions_of(values) == {"units": 8}
    assert fidelity_of(values) == Fidelity(9, done=3)
    assert promoted_from(values) == "0007"
    assert fidelity_of({"units": 8}) is None
    assert promoted_from({"units": 8}) is None


def begin(history, name, rung=0, parent=None):
    fidelity = Fidelity(3**rung, done=3 ** (rung - 1) if rung else 0)
    parent = None if parent is None else f"{parent:04d}"
    history.propose({"name": name, **fidelity_values(fidelity, rung=rung, rungs=3, parent=parent)})


def climbed():
    """Three networks of which "b" was promoted, and three more."""
    history = History()
    for name, utility in (("a", 0.1), ("b", 0.5), ("c", 0.3)):
        begin(history, name)
        history.finish(len(history) - 1, utility)
    begin(history, "b", rung=1, parent=1)
    return history


def test_who_is_promoted_is_not_promoted_again():
    history = climbed()
    ladder = Ladder(3)
    ladder.follow(history)
    assert ladder.promotion(3) is None  # already on its way
    history.finish(3, 0.6)
    for name, utility in (("d", 0.9), ("e", 0.2)):
        begin(history, name)
        history.finish(len(history) - 1, utility)
    ladder.follow(history)
    assert ladder.promotion(3) == (1, 4)  # "d" is now the best of five
    begin(history, "d", rung=1, parent=4)
    ladder.follow(history)
    assert ladder.promotion(3) is None
    begin(history, "f")
    history.finish(7, 0.0)
    ladder.follow(history)
    assert ladder.promotion(3) is None  # two of six have gone on


def test_the_highest_rung_comes_first():
    history = History()
    for number in range(9):
        begin(history, str(number))
        history.finish(number, float(number))
    for parent in (8, 7, 6):
        begin(history, str(parent), rung=1, parent=parent)
        history.finish(len(history) - 1, -float(parent))
    for number in range(3):
        begin(history, f"new {number}")
        history.finish(len(history) - 1, 10.0)
    ladder = Ladder(3)
    ladder.follow(history)
    assert ladder.promotion(3) == (2, 11)  # of 6, 7 and 8, 6 was best on rung 1


def test_the_oracle_inside_sees_one_trial_for_each_network():
    history = climbed()
    ladder = Ladder(3)
    ladder.follow(history)
    networks = ladder.networks
    assert [trial.values for trial in networks.trials] == [{"name": n} for n in "abc"]
    history.finish(3, 0.6, metrics={"accuracy": 0.6})
    ladder.follow(history)
    assert [trial.utility for trial in networks.trials] == [0.1, 0.6, 0.3]
    assert networks.trials[1].metrics == {"accuracy": 0.6}
    history.revise(1, 0.2)  # what a lower rung says no longer counts
    ladder.follow(history)
    assert networks.trials[1].utility == 0.6


def test_a_network_that_fails_in_its_promotion_has_failed():
    history = climbed()
    history.finish(3, None)
    ladder = Ladder(3)
    ladder.follow(history)
    assert ladder.networks.trials[1].state is TrialState.FAILED
    assert ladder.promotion(3) is None


def test_following_step_by_step_is_following_at_once():
    history = climbed()
    history.finish(3, 0.6)
    step_by_step, at_once = Ladder(3), Ladder(3)
    partial = climbed()
    step_by_step.follow(partial)
    partial.finish(3, 0.6)
    step_by_step.follow(partial)
    at_once.follow(history)
    assert step_by_step.networks.events == at_once.networks.events
    assert step_by_step.networks.trials == at_once.networks.trials
    assert step_by_step.measured == at_once.measured
