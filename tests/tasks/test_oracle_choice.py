"""What a run's oracle makes of networks that something cheap has scored."""

import pytest

from autoarch import ImageSearch
from autoarch.objectives import get_objective
from autoarch.oracles import BayesianOracle, EvolutionOracle
from autoarch.spaces import ResidualSpace
from autoarch.supernet.networks import NetworksOnly
from autoarch.tasks.oracle_choice import choose_oracle

SPACE = ResidualSpace((8, 8, 3), 3, width=8)
FOLLOWERS = [{"width": 4}, {"depth1": 0}, {"width": 4, "depth1": 0}, {"growth": 1.5}]


def oracle(name, cheap):
    return choose_oracle(
        ImageSearch(oracle=name)._settings(),
        SPACE,
        get_objective("accuracy"),
        SPACE.candidate({}),
        first_looks=None,
        followers=[NetworksOnly(SPACE).candidate(values).decisions for values in FOLLOWERS],
        cheap=cheap,
    )


def proposals(found, score, n):
    keys = []
    for _ in range(n):
        proposal = found.propose()
        keys.append(SPACE.candidate(proposal.values).key)
        found.tell(proposal.trial_id, {"accuracy": score(keys[-1])})
    return keys


@pytest.fixture
def cheap():
    """Scores that fall along the followers; trial 0's is between them."""
    keys = [SPACE.candidate(values).key for values in FOLLOWERS]
    scores = dict(zip(keys, (400.0, 300.0, 200.0, 100.0)))
    return {**scores, SPACE.candidate({}).key: 250.0}


def test_evolution_takes_them_in_turn(cheap):
    keys = [SPACE.candidate(values).key for values in ({}, *FOLLOWERS[:3])]
    assert proposals(oracle("evolution", cheap), cheap.__getitem__, 4) == keys


def test_the_bayesian_oracle_learns_what_the_score_is_worth(cheap):
    found = oracle("bayesian", cheap)
    assert {tuple(s.items()) for s in found.pool} == {
        tuple(SPACE.candidate(values).decisions.items()) for values in FOLLOWERS
    }
    known = [found.features(SPACE.candidate(values).decisions)[0] for values in FOLLOWERS]
    assert known == sorted(known, reverse=True)
    assert found.features(SPACE.candidate({"kernel": 5}).decisions) == [0.0]
    assert set(proposals(found, cheap.__getitem__, 5)) == set(cheap)


@pytest.mark.parametrize(
    ("first_looks", "trials", "chosen"),
    [
        (None, None, BayesianOracle),
        (0.0, None, EvolutionOracle),  # trial 0 alone
        (11.0, None, EvolutionOracle),
        (30.0, None, BayesianOracle),
        (30.0, 4, EvolutionOracle),
    ],
)
def test_auto_is_bayesian_where_there_is_time_for_it(first_looks, trials, chosen):
    found = choose_oracle(
        ImageSearch(trials=trials)._settings(),
        SPACE,
        get_objective("accuracy"),
        SPACE.candidate({}),
        first_looks=first_looks,
    )
    assert isinstance(found, chosen)
