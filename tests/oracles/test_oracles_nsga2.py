"""NSGA-II, and several objectives in every oracle."""

import json

import keras_tuner
import numpy as np
import pytest

from autoarch.errors import InvalidInputError
from autoarch.objectives import Objective, hypervolume
from autoarch.oracles import NSGA2Oracle, RandomOracle
from autoarch.oracles.nsga2 import survivors

OBJECTIVES = [keras_tuner.Objective("accuracy", "max"), Objective("latency_ms", "min")]


def space():
    hp = keras_tuner.HyperParameters()
    for place in range(6):
        hp.Int(f"width_{place}", 0, 9)
    return hp


def make(oracle_class=NSGA2Oracle, **arguments):
    arguments = {"objective": OBJECTIVES, "max_trials": None, "seed": 0, **arguments}
    return oracle_class(hyperparameters=space(), **arguments)


def measure(values):
    """Wider is more accurate and slower; uneven widths are a waste of time."""
    widths = np.array([values[f"width_{place}"] for place in range(6)], dtype=float)
    return {
        "accuracy": float(np.tanh(widths.mean() / 5)),
        "latency_ms": float(widths.sum() + 3 * widths.std()),
    }


def drive(oracle, n):
    for _ in range(n):
        proposal = oracle.propose()
        oracle.tell(proposal.trial_id, measure(proposal.values))
    return oracle


def volume(oracle):
    return hypervolume(oracle.utilities(oracle.history.completed.values()), [0.0, -50.0])


def test_it_finds_more_of_the_front_than_random_search():
    evolved = [volume(drive(make(seed=seed), 200)) for seed in range(5)]
    drawn = [volume(drive(make(RandomOracle, seed=seed), 200)) for seed in range(5)]
    assert np.mean(evolved) > np.mean(drawn) + 0.5


def test_with_one_objective_it_is_elitist_evolution():
    best = {}
    for oracle_class in (NSGA2Oracle, RandomOracle):
        oracle = make(oracle_class, objective=keras_tuner.Objective("latency_ms", "min"))
        best[oracle_class] = drive(oracle, 100).history.best()[0].utility
    assert best[NSGA2Oracle] > best[RandomOracle] + 5


def test_survivors_come_by_front_and_the_loneliest_of_a_front_first():
    points = np.array([[0, 4], [4, 0], [2, 2], [2.1, 1.9], [3, 1], [1, 1], [0, 0]], dtype=float)
    assert survivors(points, 7) == [0, 1, 2, 4, 3, 5, 6]  # crowding of 2, 4, 3: 1.05, 0.95, 0.5
    assert survivors(points, 2) == [0, 1]
    assert survivors(points[:1], 5) == [0]


def test_children_come_of_survivors_only():
    oracle = make(population=2, warm_up=1, crossover=0.0, second_mutation=0.0)
    setting = {f"width_{place}": 5 for place in range(6)}
    wide, narrow = ({**setting, "width_0": w} for w in (9, 0))
    for values, metrics in (
        (setting, {"accuracy": 0.1, "latency_ms": 9.0}),
        (wide, {"accuracy": 0.9, "latency_ms": 5.0}),
        (narrow, {"accuracy": 0.2, "latency_ms": 1.0}),
    ):
        oracle.tell(oracle.restore(values).trial_id, metrics)
    parents = set()
    for _ in range(20):
        child = oracle.propose().values
        for name, parent in (("wide", wide), ("narrow", narrow)):
            if sum(child[key] != parent[key] for key in parent) == 1:
                parents.add(name)
                break
        else:
            raise AssertionError(child)
    assert parents == {"wide", "narrow"}


def test_pareto_trials_are_those_that_nobody_beats():
    oracle = drive(make(), 60)
    front = oracle.get_pareto_trials()
    scores = [measure(trial.values) for trial in oracle.history.trials]
    expected = [
        n
        for n, a in enumerate(scores)
        if not any(
            b["accuracy"] >= a["accuracy"] and b["latency_ms"] <= a["latency_ms"] and a != b
            for b in scores
        )
    ]
    assert [int(trial.trial_id) for trial in front] == expected
    assert len(expected) > 3


def test_failed_trials_and_missing_objectives():
    oracle = make()
    proposal = oracle.propose()
    with pytest.raises(ValueError, match=r"by name \(accuracy, latency_ms\); got 0.5"):
        oracle.tell(proposal.trial_id, 0.5)
    with pytest.raises(ValueError, match="Objective value missing"):
        oracle.tell(proposal.trial_id, {"accuracy": 0.5})
    oracle.tell(proposal.trial_id, {"accuracy": float("nan"), "latency_ms": 1.0})
    assert list(oracle.history.failed) == [0]
    oracle.tell(oracle.propose().trial_id, None)
    assert oracle.get_pareto_trials() == []


def test_replaying_a_log_with_several_objectives_is_the_same_search():
    whole = drive(make(), 40)
    events = []
    for trial in whole.history.trials[:25]:
        events.append({"event": "proposed", "trial": trial.number, "decisions": dict(trial.values)})
        measurement = {"score": 0.0, "metrics": {**trial.metrics, "n": 100.0}}
        events.append({"event": "measured", "trial": trial.number, "measurement": measurement})
    resumed = make()
    assert resumed.replay(json.loads(json.dumps(events))) == []
    drive(resumed, 15)
    assert [t.values for t in resumed.history.trials] == [t.values for t in whole.history.trials]


def test_a_tuner_with_several_objectives(tmp_path):
    class Table(keras_tuner.Tuner):
        def run_trial(self, trial, *args, **kwargs):
            metrics = measure(trial.hyperparameters.values)
            total = metrics["latency_ms"] - metrics["accuracy"]
            return {**metrics, "multi_objective": total}

    oracle = make(max_trials=30)
    tuner = Table(oracle=oracle, directory=tmp_path, project_name="p")
    tuner.search(verbose=0)
    ours = drive(make(), 30)
    assert [t.values for t in oracle.history.trials] == [t.values for t in ours.history.trials]
    resumed = Table(oracle=make(max_trials=30), directory=tmp_path, project_name="p").oracle
    assert [t.trial_id for t in resumed.get_pareto_trials()] == [
        t.trial_id for t in ours.get_pareto_trials()
    ]


def test_numbers_are_checked():
    for arguments in ({"population": 0}, {"sample": 0}, {"warm_up": 0}):
        with pytest.raises(InvalidInputError, match=f"`{next(iter(arguments))}` of NSGA2Oracle"):
            make(**arguments)
    with pytest.raises(InvalidInputError, match="must be in"):
        make(crossover=1.5)
