"""Choosing: duplicates, feasibility, exhaustion, whatever the suggester does."""

import itertools

import pytest

from autoarch.errors import InvalidInputError
from autoarch.oracles.chooser import Chooser
from autoarch.oracles.decisions import Decision, DecisionSpace
from autoarch.oracles.domains import Finite, Interval
from autoarch.oracles.history import History


def make_space(*sizes):
    return DecisionSpace(
        Decision(f"d{i}", Finite(range(n), ordered=True), 0) for i, n in enumerate(sizes)
    )


def nothing(space, history, rng):
    return ()


def run(chooser, space, n=10**6, seed=0):
    """Proposes up to `n` settings and records them as open trials."""
    history = History()
    found = []
    while len(found) < n and (values := chooser.choose(space, history, seed=seed)) is not None:
        chooser.remember(values)
        history.propose(values)
        found.append(values)
    return found


def test_a_suggester_that_says_nothing_still_exhausts_the_space():
    chooser = Chooser(nothing)
    found = run(chooser, make_space(5, 7))
    assert sorted((v["d0"], v["d1"]) for v in found) == sorted(
        itertools.product(range(5), range(7))
    )
    assert "each of its 35 settings" in chooser.stop_reason
    assert chooser.choose(make_space(5, 7), History(), seed=0) is None


def test_a_suggester_that_repeats_itself_is_left_alone():
    asked = []

    def stubborn(space, history, rng):
        while True:
            asked.append(len(history))
            yield {"d0": 0}

    found = run(Chooser(stubborn), make_space(20))
    assert found[0] == {"d0": 0}
    assert len(found) == 20
    assert asked.count(1) == 100


def test_a_needle_is_found_where_nearly_nothing_is_feasible():
    space = make_space(100, 100)
    chooser = Chooser(nothing, feasible=lambda v: v["d0"] == v["d1"] and v["d0"] % 25 == 0)
    found = run(chooser, space)
    assert sorted(v["d0"] for v in found) == [0, 25, 50, 75]
    # each setting of the space is looked at once at the end, not once a proposal
    assert chooser.infeasible_draws < 10_000 + 5 * 1000


def test_settings_of_one_network_are_proposed_once():
    chooser = Chooser(nothing, key=lambda v: str(v["d0"] // 2))
    assert len(run(chooser, make_space(10))) == 5


def test_the_key_of_a_recorded_setting_is_computed_once():
    asked = []

    def key(values):
        asked.append(values["d0"])
        return str(values["d0"])

    chooser = Chooser(nothing, key=key)
    chooser.remember({"d0": 1})
    chooser.remember({"d0": 1})
    assert asked == [1]


def test_initial_settings_come_first_and_unfit_ones_are_skipped():
    initial = [{"d0": 3}, {"d0": 3, "d1": 0}, {"d0": 9}, {"d1": 2}]
    chooser = Chooser(nothing, initial=initial, feasible=lambda v: v["d0"] != 9)
    found = run(chooser, make_space(10, 3), n=3)
    assert found[:2] == [{"d0": 3, "d1": 0}, {"d0": 0, "d1": 2}]
    assert found[2] not in found[:2]


def test_a_choice_that_is_not_recorded_is_chosen_again():
    for chooser in (Chooser(nothing, initial=[{"d0": 1}]), Chooser(nothing)):
        space, history = make_space(2), History()
        first = chooser.choose(space, history, seed=0)
        assert chooser.choose(space, history, seed=0) == first
    chooser = Chooser(nothing, feasible=lambda v: v["d0"] == 99_999)  # random draws rarely find it
    space = make_space(100_000)
    assert chooser.choose(space, History(), seed=0) == {"d0": 99_999}
    assert chooser.choose(space, History(), seed=0) == {"d0": 99_999}


def test_an_illegal_initial_setting_is_named():
    with pytest.raises(InvalidInputError, match=r"`initial\[1\]`: Decision `d0` must be in"):
        run(Chooser(nothing, initial=[{"d0": 1}, {"d0": 11}]), make_space(10))


def test_an_illegal_suggestion_is_a_bug():
    with pytest.raises(ValueError, match="not a setting of the space"):
        run(Chooser(lambda space, history, rng: [{"d0": 11}]), make_space(10))


def test_a_large_space_where_nothing_is_feasible_ends():
    rate = Decision("rate", Interval(0, 1), 0.5)
    chooser = Chooser(nothing, feasible=lambda v: False)
    assert run(chooser, DecisionSpace([rate])) == []
    assert "random draws" in chooser.stop_reason
    assert chooser.infeasible_draws == 1000


def test_forgetting_starts_again():
    chooser = Chooser(nothing, initial=[{"d0": 1}])
    first = run(chooser, make_space(4))
    chooser.forget()
    assert run(chooser, make_space(4)) == first


def test_a_space_that_grows_is_gone_through_again():
    chooser = Chooser(nothing)
    assert len(run(chooser, make_space(3))) == 3
    assert len(run(chooser, make_space(3, 2))) == 6
