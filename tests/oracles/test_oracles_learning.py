"""What holds for all oracles that learn: repeatable, free of scale, quick, better than chance."""

import csv
import gzip
import os
import statistics
import time
from pathlib import Path

import keras_tuner
import numpy as np
import pytest

from autoarch.objectives import Objective
from autoarch.oracles import ControllerOracle, QLearningOracle, RandomOracle
from autoarch.oracles.decisions import Condition, Decision, DecisionSpace
from autoarch.oracles.domains import Finite, Interval
from autoarch.oracles.history import History
from autoarch.oracles.learning import quantiles

TABLE = Path(__file__).parents[2].parent / "shared" / "benchmarks" / "nasbench201.csv.gz"
EDGES = ("op_0_1", "op_0_2", "op_1_2", "op_0_3", "op_1_3", "op_2_3")
MAXIMISE = Objective("accuracy", "max")
SPACE = DecisionSpace(
    [
        Decision("kind", Finite(("a", "b", "c"), ordered=False), "a"),
        Decision("rate", Interval(0.0, 1.0), 0.5, (Condition("kind", frozenset({"b"})),)),
        Decision("width", Finite(range(1, 200), ordered=True), 1),
    ]
)

learning_oracles = pytest.mark.parametrize("oracle_class", [ControllerOracle, QLearningOracle])


def record(history, utilities, revise_at=7):
    """Random trials with those utilities, two of them open at a time; one is revised."""
    rng = np.random.default_rng(0)
    history.propose(SPACE.sample(rng))
    for number, utility in enumerate(utilities):
        history.propose(SPACE.sample(rng))
        history.finish(number, utility)
        if number == revise_at:
            history.revise(number - 1, utilities[number - 2])
        yield


def next_draws(oracle, history):
    draws = oracle.suggest(SPACE, history, np.random.default_rng(1))
    return [next(draws) for _ in range(20)]


UTILITIES = [None if i % 9 == 4 else float(np.sin(i)) for i in range(40)]


@learning_oracles
def test_it_does_not_matter_when_it_was_asked(oracle_class):
    often, rarely, history = oracle_class(), oracle_class(), History()
    for _ in record(history, UTILITIES):
        expected = next_draws(often, history)
    assert next_draws(rarely, history) == expected
    assert next_draws(rarely, history) == expected


@learning_oracles
def test_only_the_order_of_scores_matters(oracle_class):
    draws = []
    for scale in (lambda u: u, lambda u: 1e6 * np.exp(u) - 5):
        history = History()
        list(record(history, [None if u is None else scale(u) for u in UTILITIES]))
        draws.append(next_draws(oracle_class(), history))
    assert draws[0] == draws[1]


@learning_oracles
def test_another_history_or_space_is_learned_anew(oracle_class):
    histories = [History(), History()]
    list(record(histories[0], UTILITIES))
    list(record(histories[1], UTILITIES[::-1]))
    expected = [next_draws(oracle_class(), history) for history in histories]
    assert expected[0] != expected[1]
    oracle = oracle_class()
    assert [next_draws(oracle, history) for history in histories] == expected
    wider = DecisionSpace([*SPACE.decisions, Decision("new", Finite((1, 2), ordered=True), 1)])
    draws = oracle.suggest(wider, histories[1], np.random.default_rng(0))
    assert wider.contains(next(draws))


@learning_oracles
def test_it_follows_what_pays_on_all_kinds_of_decisions(oracle_class):
    history, rng = History(), np.random.default_rng(0)
    for number in range(150):
        values = SPACE.sample(rng)
        history.propose(values)
        score = 1.0 * (values["kind"] == "b") + values.get("rate", 0) - values["width"] / 200
        history.finish(number, score)
    draws = oracle_class().suggest(SPACE, history, rng)
    drawn = [next(draws) for _ in range(20)]
    assert statistics.mean(values["kind"] == "b" for values in drawn) > 0.6
    assert statistics.mean(values["width"] for values in drawn) < 80
    assert statistics.mean(values["rate"] for values in drawn if "rate" in values) > 0.6


def test_quantiles_share_the_places_of_equals():
    scores = [0.3, 0.9, -np.inf, 0.3, -np.inf, 0.1]
    for score, quantile in zip(scores, quantiles(scores)):
        below = sum(other < score for other in scores)
        equal = sum(other == score for other in scores)
        assert quantile == pytest.approx((below + equal / 2) / len(scores))
    assert quantiles([5.0]).tolist() == [0.5]


@learning_oracles
def test_a_proposal_takes_some_ten_milliseconds(oracle_class):
    """Of the processor's time, learning included: a quarter of the limit on a quiet machine."""
    hp = keras_tuner.HyperParameters()
    for place in range(5):
        hp.Choice(f"kind_{place}", ["conv", "pool", "skip", "none"])
        hp.Int(f"width_{place}", 8, 256, step=8)
    oracle = oracle_class(MAXIMISE, None, hp, seed=0)
    rng = np.random.default_rng(0)
    times = []
    for _ in range(200):
        begin = time.thread_time()
        proposal = oracle.propose()
        times.append(time.thread_time() - begin)
        oracle.tell(proposal.trial_id, rng.random())
    assert statistics.median(times[-50:]) <= 0.06


@pytest.fixture(scope="module")
def accuracies():
    if not TABLE.exists() and not os.environ.get("CI"):
        pytest.skip(f"the benchmark table {TABLE} is not beside this checkout")
    with gzip.open(TABLE, "rt") as file:
        return {
            tuple(row[edge] for edge in EDGES): float(row["cifar10_valid_acc_12"])
            for row in csv.DictReader(file)
        }


def mean_regret(oracle_class, accuracies, *, queries, seeds):
    regrets = []
    for seed in range(seeds):
        hp = keras_tuner.HyperParameters()
        for edge in EDGES:
            hp.Choice(edge, list("01234"))
        oracle = oracle_class(MAXIMISE, None, hp, seed=seed)
        for _ in range(queries):
            proposal = oracle.propose()
            oracle.tell(proposal.trial_id, accuracies[tuple(proposal.values[e] for e in EDGES)])
        regrets.append(max(accuracies.values()) - oracle.history.best()[0].utility)
    return statistics.mean(regrets)


@learning_oracles
def test_learning_beats_random_search_on_nasbench201(oracle_class, accuracies):
    learned = mean_regret(oracle_class, accuracies, queries=150, seeds=6)
    random = mean_regret(RandomOracle, accuracies, queries=150, seeds=6)
    assert learned < 0.6 * random
