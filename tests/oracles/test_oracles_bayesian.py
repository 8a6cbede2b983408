"""What `BayesianOracle` does with what it has learned."""

import keras_tuner
import numpy as np
import pytest

from autoarch.errors import InvalidInputError
from autoarch.oracles import BayesianOracle, RandomOracle
from autoarch.oracles.bayesian import valleys
from autoarch.oracles.history import History


def space():
    hp = keras_tuner.HyperParameters()
    for name in "abcdef":
        hp.Choice(name, ["x", "y", "z"])
    hp.Int("size", 1, 9)
    return hp


def score(values):
    """Best, 15, where all letters are "z" and the size is 9; some letters work in pairs."""
    letters = [values[name] for name in "abcdef"]
    pairs = sum(p == q == "z" for p, q in zip(letters[::2], letters[1::2]))
    return letters.count("z") + pairs + (values["size"] - 3) + 0.0


def search(oracle, trials, score=score, also=lambda values: {}):
    for _ in range(trials):
        proposal = oracle.propose()
        values = proposal.values
        oracle.tell(proposal.trial_id, {"score": score(values), **also(values)})
    return oracle


def make(cls=BayesianOracle, **options):
    options.setdefault("objective", keras_tuner.Objective("score", "max"))
    return cls(max_trials=None, hyperparameters=space(), **options)


@pytest.mark.parametrize("acquisition", ["ucb", "ei", "thompson"])
def test_it_finds_the_best_of_6561_in_60_trials(acquisition):
    found = search(make(seed=1, acquisition=acquisition), 60).history.best()[0].utility
    at_random = search(make(RandomOracle, seed=1), 60).history.best()[0].utility
    assert found >= 14 > at_random


def test_it_minimises_as_it_maximises():
    lower = make(seed=2, objective=keras_tuner.Objective("score", "min"))
    search(lower, 40, score=lambda values: -score(values))
    upper = search(make(seed=2), 40)
    assert [t.values for t in lower.history.trials] == [t.values for t in upper.history.trials]


def test_features_known_without_training_help_from_the_start():
    def best(features):
        return [
            search(make(seed=seed, warm_up=5, features=features), 9).history.best()[0].utility
            for seed in range(5)
        ]

    assert np.mean(best(lambda values: [score(values)])) > np.mean(best(None)) + 1


def test_costs_count_by_their_order_of_magnitude_and_bring_the_first_guess_forward():
    scale = 1e6

    def best(features):
        return search(make(seed=3, features=features), 12).history.best()[0].utility

    skewed = best(lambda values: [scale * 10.0 ** score(values)])
    assert skewed == best(lambda values: [-1 + np.log(10.0) * score(values)])
    assert make(features=lambda values: [0.0]).warm_up < make().warm_up


def test_the_gain_is_weighed_against_the_cost():
    def seconds(values):
        return {"seconds": 100.0 if values["a"] == "z" else 1.0}

    def spent(**options):
        oracle = search(make(seed=3, **options), 22, also=seconds)
        return sum(t.metrics["seconds"] for t in oracle.history.trials[12:22])

    assert spent(cost="seconds") < 0.2 * spent(acquisition="ei")
    with pytest.raises(InvalidInputError, match="`seconds`, which must be positive"):
        search(make(cost="seconds"), 20)


def test_open_trials_are_not_proposed_round_about_again():
    oracle = search(make(seed=4), 20)
    proposals = [oracle.propose().values for _ in range(5)]
    assert len({tuple(sorted(values.items())) for values in proposals}) == 5
    surrogate = oracle._surrogate
    (posterior,) = surrogate.posteriors(oracle.history)
    _, sd = posterior.predict(surrogate.rows(proposals))
    for number in list(oracle.history.open):
        oracle.tell(f"{number:04d}", 0.0)
    apart = search(make(seed=4), 20)
    apart.propose()
    fresh = apart._surrogate
    apart.tell("0020", None)
    (before,) = fresh.posteriors(apart.history)
    _, sd_before = before.predict(fresh.rows(proposals))
    assert sd[1:].mean() < sd_before[1:].mean()


def test_what_it_learned_depends_on_the_events_only():
    stepwise = search(make(seed=5), 33)
    stepwise.revise("0007", 20.0)
    at_once = make(seed=5)
    for trial in stepwise.history.trials:
        at_once.restore(trial.values)
        at_once.tell(f"{trial.number:04d}", score(trial.values))
    at_once.revise("0007", 20.0)
    for _ in range(3):
        ours, theirs = stepwise.propose(), at_once.propose()
        assert ours == theirs
        stepwise.tell(ours.trial_id, score(ours.values))
        at_once.tell(ours.trial_id, score(ours.values))


def test_a_valley_is_left_after_so_many_trials_without_a_better_one():
    history = History()
    for number, utility in enumerate([1.0, 5.0, 3.0, 2.0, 4.0, 0.5, 7.0, None, 6.0]):
        history.propose({"n": number})
        history.finish(number, utility)
    left, members = valleys(history, warm_up=2, patience=3)
    assert left == [{"n": 1}]  # trials 2, 3, 4 brought nothing better
    assert [trial.number for trial in members] == [5, 6, 8]
    assert valleys(history, warm_up=2, patience=10) == ([], [*history.completed.values()])


def test_several_objectives_give_a_front():
    objectives = [keras_tuner.Objective("score", "max"), keras_tuner.Objective("cost", "min")]
    oracle = make(seed=6, objective=objectives)
    search(oracle, 60, also=lambda values: {"cost": float(values["size"])})
    front = oracle.utilities(list(oracle.history.trials))
    best = {size: front[front[:, 1] == -size, 0].max() for size in set(-front[:, 1])}
    assert best[1.0] >= 5 and best[9.0] >= 13  # of 7 and 15


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"acquisition": "luck"}, "must be one of ucb, ei, thompson; got 'luck'"),
        ({"exploration": -1}, "`exploration` of BayesianOracle must not be negative; got -1"),
        ({"warm_up": 0}, "`warm_up` of BayesianOracle must be at least 1; got 0"),
        ({"patience": 0}, "`patience` of BayesianOracle must be at least 1; got 0"),
    ],
)
def test_bad_settings_are_refused(options, message):
    with pytest.raises(InvalidInputError, match=message):
        make(**options)


def test_from_a_pool_it_takes_what_its_features_promise():
    """The one feature is the score itself: after the first guess the best is found at once."""
    drawn = search(make(RandomOracle, seed=3), 40).history.trials
    pool = [trial.values for trial in sorted(drawn, key=lambda trial: trial.utility)]
    oracle = make(seed=4, pool=pool, features=lambda values: [score(values)], warm_up=5)
    found = [trial.values for trial in search(oracle, 8).history.trials]
    assert found[:5] == pool[:5]  # in their order
    assert all(values in pool for values in found)
    assert score(found[5]) >= score(pool[-3])

    more = search(oracle, 34).history.trials
    assert all(trial.values in pool for trial in more[:40])
    assert not any(trial.values in pool for trial in more[40:])


def test_what_cannot_be_of_a_pool_leaves_the_usual_candidates():
    drawn = [trial.values for trial in search(make(RandomOracle, seed=3), 6).history.trials]
    oracle = make(seed=4, pool=drawn, feasible=lambda values: values not in drawn[1:], warm_up=2)
    found = [trial.values for trial in search(oracle, 30).history.trials]
    assert found[0] == drawn[0] and not any(values in drawn[1:] for values in found)
    assert max(map(score, found)) >= 12  # at random: 9.5 in the median


def test_the_scale_of_features_takes_no_draws_from_the_search():
    """Under limits too: else a search that is resumed would draw others."""

    def shares(values):
        return [values["size"] / 5]

    options = {"features": lambda values: [float(values["size"])], "shares": shares, "warm_up": 4}
    whole = search(make(seed=5, **options), 12).history.trials
    resumed = make(seed=5, **options)
    for trial in whole[:8]:
        resumed.restore(trial.values)
        resumed.tell(f"{trial.number:04d}", {"score": score(trial.values)})
    assert [t.values for t in search(resumed, 4).history.trials] == [t.values for t in whole]
