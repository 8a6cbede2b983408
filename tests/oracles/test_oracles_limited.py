"""Searching under limits: nothing above them, most near them, and no search that dies of them."""

import itertools

import keras_tuner
import numpy as np
import pytest

from autoarch.objectives import Objective
from autoarch.oracles import KERAS_TUNER_ORACLES, ORACLES, make_oracle
from autoarch.oracles.decisions import Decision, DecisionSpace
from autoarch.oracles.domains import Finite, Interval
from autoarch.oracles.fidelity import decisions_of
from autoarch.oracles.limited import NEAR, LimitedSpace

WIDTHS = (4, 8, 16, 32, 64, 128, 256)
STAGES = 6


def conditional_space(fewest=1):
    """Stages that are switched on one by one, each with a width."""
    hp = keras_tuner.HyperParameters()
    hp.Choice("stages", list(range(fewest, STAGES + 1)), default=max(fewest, 4))
    for stage in range(1, STAGES + 1):
        with hp.conditional_scope("stages", list(range(stage, STAGES + 1))):
            hp.Choice(f"width{stage}", list(WIDTHS), default=64)
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    return hp


def cost(values):
    widths = [3, *(values[f"width{stage}"] for stage in range(1, values["stages"] + 1))]
    return sum(a * b for a, b in itertools.pairwise(widths))


def under(limit):
    return lambda values: [cost(values) / limit, 0.0]


def limited(limit):
    return LimitedSpace(DecisionSpace.from_hyperparameters(conditional_space()), under(limit))


@pytest.mark.parametrize("limit", [12, 60, 5_000, 50_000])
def test_draws_fit_and_most_are_near_the_limit(limit):
    space, rng = limited(limit), np.random.default_rng(1)
    costs = []
    for _ in range(200):
        space.renew_allowance()
        costs.append(cost(space.sample(rng)))
    assert max(costs) <= limit
    assert np.mean(np.array(costs) >= NEAR * limit) > 0.6


def test_most_draws_use_nearly_all_of_the_budget():
    space, rng = limited(5_000), np.random.default_rng(1)
    shares = []
    for _ in range(200):
        space.renew_allowance()
        shares.append(space.use(space.sample(rng))[0])
    assert np.median(shares) > 0.7
    assert np.min(shares) < 0.4  # some lie anywhere


def test_mutants_of_what_is_at_the_limit_fit_and_stay_near_it():
    space, rng = limited(5_000), np.random.default_rng(1)
    plain = DecisionSpace(space.decisions)
    parent = {"stages": 4, "width1": 32, "width2": 64, "width3": 32, "width4": 16, "rate": 0.01}
    assert cost(parent) == 4_704
    found = []
    for _ in range(200):
        space.renew_allowance()
        mutant = space.mutate(parent, rng)
        assert space.contains(mutant)
        assert mutant != parent
        found.append(space.use(mutant)[0])
    usual = np.array([space.use(plain.mutate(parent, rng))[0] for _ in range(200)])
    assert np.mean(np.array(found) <= 1) > 0.98 > np.mean(usual <= 1)
    assert np.median(found) > np.median(usual[usual <= 1])


def test_where_no_limit_binds_mutants_are_as_ever():
    space, rng = limited(1e9), np.random.default_rng(0)
    parent = space.activate({})
    for _ in range(100):
        space.renew_allowance()
        mutant = space.mutate(parent, rng)
        if mutant["stages"] == parent["stages"]:
            assert sum(mutant[name] != parent[name] for name in parent) == 1


def test_where_no_limit_binds_draws_are_as_ever():
    space, plain = limited(1e9), DecisionSpace.from_hyperparameters(conditional_space())
    rng, other = np.random.default_rng(2), np.random.default_rng(3)
    found, expected = [], []
    for _ in range(400):
        space.renew_allowance()
        found.append(space.sample(rng)["stages"])
        expected.append(plain.sample(other)["stages"])
    for stages in range(1, STAGES + 1):
        assert found.count(stages) == pytest.approx(expected.count(stages), abs=45)


def test_a_proposal_prices_a_bounded_number_of_settings():
    space, rng = limited(60), np.random.default_rng(0)
    assert space.smallest
    before = space.priced
    for _ in range(1_000):
        space.mutate(space.sample(rng), rng)
    assert space.priced - before < 450  # 200 draws, 200 mutants, and what is pulled


def test_what_was_priced_before_changes_no_draw():
    # A search that was resumed has priced nothing yet.
    fresh, used = limited(60), limited(60)
    parent = fresh.activate({})
    found = []
    for space in (used, used, fresh):
        space.renew_allowance()
        rng = np.random.default_rng(3)
        found.append(
            [draw for _ in range(40) for draw in (space.sample(rng), space.mutate(parent, rng))]
        )
    assert found[1] == found[0] == found[2]


def test_the_smallest_setting_is_found_by_single_steps():
    space = limited(1)
    assert cost(space.smallest) == 12
    assert space.smallest["stages"] == 1
    assert not space.fits(space.smallest)


def test_a_limit_that_nothing_keeps_is_seen_with_few_prices():
    space = limited(1)
    assert not space.fits(space.smallest)
    assert space.priced < 150


def test_the_smallest_setting_under_several_budgets():
    # Wide is small in one and large in the other, so the middle uses least.
    decisions = [Decision("a", Finite(range(11), ordered=True), 0)]
    space = LimitedSpace(DecisionSpace(decisions), lambda v: [v["a"] / 2, (10 - v["a"]) / 8])
    assert space.smallest == {"a": 2}
    assert space.fits({"a": 2})


def test_pulling_stops_just_below_the_limit():
    space, rng = limited(5_000), np.random.default_rng(0)
    widest = {"stages": STAGES, "rate": 0.01, **{f"width{s}": 256 for s in range(1, STAGES + 1)}}
    for _ in range(50):
        found = space.pulled(widest, rng)
        assert space.contains(found)
        assert cost(found) <= 5_000
    closest = space.closest(widest, rng)
    assert cost(closest) <= 5_000
    for name, value in widest.items():  # no decision can be given back
        if closest.get(name, value) != value:
            assert cost(space.activate({**widest, **closest, name: value})) > 5_000
    assert space.closest({**closest}, rng) == closest


def test_a_continuous_decision_is_pulled_too():
    decisions = [
        Decision("x", Interval(0.0, 1.0), 0.9),
        Decision("y", Finite((1, 2, 4), ordered=True), 4),
    ]
    space = LimitedSpace(DecisionSpace(decisions), lambda v: [v["x"] * v["y"] / 0.5])
    rng = np.random.default_rng(0)
    assert space.use(space.smallest)[0] == 0
    for _ in range(100):
        space.renew_allowance()
        found = space.sample(rng)
        assert found["x"] * found["y"] <= 0.5


def search(name, limit, trials, fewest=1, **settings):
    """Drives an oracle; scores grow with the cost, so the best lies at the limit."""
    oracle = make_oracle(
        name,
        objective=Objective("accuracy", "max"),
        hyperparameters=conditional_space(fewest),
        seed=0,
        shares=under(limit),
        **settings,
    )
    found = []
    for _ in range(trials):
        proposal = oracle.propose()
        if proposal is None:
            break
        found.append(decisions_of(proposal.values))
        oracle.tell(proposal.trial_id, cost(proposal.values) / limit)
    return oracle, found


@pytest.mark.parametrize("name", [*ORACLES, *KERAS_TUNER_ORACLES])
def test_every_oracle_goes_on_where_one_draw_in_10_000_fits(name):
    # Five stages of width 4, the last of 4 or 8, or six of 4: 6e-5 of all draws.
    trials = 5 if name == "keras_tuner.bayesian" else 30  # which takes seconds for an answer
    oracle, found = search(name, 100, trials, fewest=5)
    assert len(found) == trials, oracle.stop_reason
    assert all(cost(values) <= 100 for values in found)


def test_one_feasible_network_in_a_huge_space_is_found():
    # The narrowest six stages and nothing else: one in 6 * 7^6 networks.
    def shares(values):
        widths = [values[f"width{s}"] for s in range(1, values["stages"] + 1)]
        return [sum(widths) / (4 * len(widths)), (STAGES + 1 - values["stages"])]

    for name in ("random", "evolution", "bayesian"):
        oracle = make_oracle(
            name,
            objective=Objective("accuracy", "max"),
            hyperparameters=conditional_space(),
            seed=1,
            shares=shares,
        )
        for _ in range(5):
            proposal = oracle.propose()
            assert proposal is not None, oracle.stop_reason
            assert max(shares(proposal.values)) <= 1
            oracle.tell(proposal.trial_id, 0.5)


def test_a_search_in_which_nothing_fits_ends_and_says_so():
    oracle, found = search("evolution", 5, 3)
    assert found == []
    assert "nothing new and feasible" in oracle.stop_reason


def test_random_search_under_a_limit_comes_nearer_to_it_than_rejection():
    limit = 2_000
    _, found = search("random", limit, 40)
    space = DecisionSpace.from_hyperparameters(conditional_space())
    rng, rejected = np.random.default_rng(0), []
    while len(rejected) < 40:
        used = cost(space.sample(rng))
        if used <= limit:
            rejected.append(used)
    assert np.median([cost(values) for values in found]) > np.median(rejected)


def test_bayesian_search_begins_with_draws_near_the_limit_and_comes_back_to_them(monkeypatch):
    drawn, sample = [], LimitedSpace.sample

    def recorded(self, rng):
        drawn.append(sample(self, rng))
        return drawn[-1]

    monkeypatch.setattr(LimitedSpace, "sample", recorded)
    _, found = search("bayesian", 5_000, 30)
    for number in (*range(12), 16, 24):
        assert found[number] in drawn, number
    assert not all(values in drawn for values in found)


def test_the_same_seed_and_events_give_the_same_proposals():
    first, found = search("evolution", 60, 12)
    again, repeated = search("evolution", 60, 12)
    assert found == repeated
    assert first.propose().values == again.propose().values
