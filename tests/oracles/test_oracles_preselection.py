"""Inherited fitness: the prediction, computed a second way, and what is kept of the history."""

import numpy as np

from autoarch.oracles.decisions import Condition, Decision, DecisionSpace
from autoarch.oracles.domains import Finite, Interval
from autoarch.oracles.encoding import LEVELS
from autoarch.oracles.history import History
from autoarch.oracles.preselection import InheritedFitness, ranks


def mixed_space():
    conv = (Condition("kind", frozenset({"conv"})),)
    return DecisionSpace(
        [
            Decision("kind", Finite(("dense", "conv", "pool"), ordered=False), "dense"),
            Decision("kernel", Finite((3, 5, 7), ordered=True), 3, conv),
            Decision("norm", Finite(("batch", "layer"), ordered=False), "batch", conv),
            Decision("rate", Interval(1e-4, 1e-1, sampling="log"), 1e-3),
        ]
    )


def distance_by_hand(space, a, b):
    """One for each kind that differs, the share of the range for each size; an inactive decision
    is one away, and as far as half a kind or the lowest size beyond."""
    total = 0.0
    for decision in space.decisions:
        name, domain = decision.name, decision.domain
        if name not in a and name not in b:
            continue
        having = [setting[name] for setting in (a, b) if name in setting]
        if name == "rate":
            places = [round(domain.to_unit(value) * LEVELS) / LEVELS for value in having]
        elif name == "kernel":
            places = [(value - 3) / 4 for value in having]
        else:
            places = [0.5, 0.5 + (len(set(having)) == 2)][: len(having)]
        total += 1 + places[0] if len(having) == 1 else abs(places[0] - places[1])
    return total


def test_ranks():
    assert ranks(np.array([0.3, -1e9, 0.9, 0.4])).tolist() == [0.25, 0, 0.75, 0.5]


def random_history(space, n, rng):
    history = History()
    for number in range(n):
        history.propose(space.sample(rng))
        history.finish(number, None if number % 7 == 3 else float(rng.normal()))
    return history


def predicted_by_hand(space, history, child):
    """One trial at a time, in plain Python."""
    trials = list(history.completed.values())
    weight = 1 / 5
    total = weight * 0.95
    for trial in trials:
        rank = sum(other.utility < trial.utility for other in trials) / len(trials)
        share = 5 ** -distance_by_hand(space, child, trial.values)
        weight += share
        total += share * rank
    return total / weight


def test_the_order_is_that_of_the_prediction():
    space = mixed_space()
    rng = np.random.default_rng(1)
    history = random_history(space, 150, rng)
    children = [space.sample(rng) for _ in range(20)]
    ordered = InheritedFitness().best_first(space, history, children)
    predicted = [predicted_by_hand(space, history, child) for child in ordered]
    assert sorted(map(id, ordered)) == sorted(map(id, children))
    assert predicted == sorted(predicted, reverse=True)


def test_what_is_kept_is_what_would_be_learned_afresh():
    """Through failures, revisions and a new space, one event at a time."""
    rng = np.random.default_rng(2)
    space = mixed_space()
    children = [space.sample(rng) for _ in range(10)]
    kept = InheritedFitness()
    history = History()
    for number in range(80):
        history.propose(space.sample(rng))
        history.finish(number, None if number % 5 == 4 else float(rng.normal()))
        if number % 10 == 0:
            history.revise(number, float(rng.normal()))
        if number % 10 == 1:
            history.revise(number - 1, None)
            assert len(history.completed) or number == 1
        if history.completed:
            afresh = InheritedFitness().best_first(space, history, children)
            assert kept.best_first(space, history, children) == afresh
    wider = DecisionSpace(
        [*space.decisions, Decision("extra", Finite(("x", "y"), ordered=False), "x")]
    )
    more = [wider.activate(child, rng) for child in children]
    afresh = InheritedFitness().best_first(wider, history, more)
    assert kept.best_first(wider, history, more) == afresh


def test_the_unknown_is_better_than_a_middling_neighbourhood():
    space = DecisionSpace(
        Decision(f"d{i}", Finite(tuple(range(9)), ordered=False), 0) for i in range(6)
    )
    history = History()
    for number in range(100):
        value = 1 if number < 50 else 2
        history.propose({"d0": number % 9, **{f"d{i}": value for i in range(1, 6)}})
        history.finish(number, float(number))
    middling, unknown = ({f"d{i}": v for i in range(6)} for v in (1, 3))
    ordered = InheritedFitness().best_first(space, history, [middling, unknown])
    assert ordered == [unknown, middling]
