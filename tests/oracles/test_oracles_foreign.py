"""KerasTuner's own oracles behind AutoArch's interface."""

import importlib.util
import json
from pathlib import Path

import keras_tuner
import pytest
from keras_tuner.engine.trial import Trial

from autoarch.errors import InvalidInputError
from autoarch.oracles import ForeignOracle, RandomOracle, make_oracle

_path = Path(__file__).with_name("test_oracle_contract.py")
_spec = importlib.util.spec_from_file_location("oracle_contract", _path)
contract = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(contract)

NAMES = ["keras_tuner.random", "keras_tuner.grid", "keras_tuner.bayesian", "keras_tuner.hyperband"]

# The fit of KerasTuner's Gaussian process to a handful of results
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def small_space():
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["a", "b", "c"])
    with hp.conditional_scope("kind", ["b", "c"]):
        hp.Int("size", 1, 4)
    hp.Float("rate", 0.1, 0.9)
    return hp


def make(name, hp=small_space, **arguments):
    arguments = {"objective": keras_tuner.Objective("score", "max"), "seed": 0, **arguments}
    if name != "keras_tuner.bayesian":
        return make_oracle(name, hyperparameters=hp(), **arguments)
    oracle = make_oracle(name, hyperparameters=hp(), num_initial_points=4, **arguments)
    oracle.oracle.gpr.n_restarts_optimizer = 0  # seconds a proposal otherwise
    return oracle


def quality(values):
    return values["rate"] + {"a": 0.0, "b": 0.3, "c": 0.1}[values["kind"]]


def drive(oracle, n):
    found = []
    for _ in range(n):
        proposal = oracle.propose()
        if proposal is None:
            break
        found.append(dict(proposal.values))
        oracle.tell(proposal.trial_id, quality(proposal.values))
    return found


class TestForeignRandom(contract.OracleContract):
    @pytest.fixture
    def oracle_class(self):
        def foreign(**arguments):
            return make_oracle("keras_tuner.random", **arguments)

        return foreign

    def test_state_round_trip(self, make):
        """A state belongs to its seed: KerasTuner's oracles are asked again from the start."""
        oracle = make(contract.mixed_space)
        left = contract.busy_search(oracle)
        state = json.loads(json.dumps(oracle.get_state()))
        other = make(contract.mixed_space)
        other.trials = {
            trial_id: Trial.from_state(json.loads(json.dumps(trial.get_state())))
            for trial_id, trial in oracle.trials.items()
        }
        other.set_state(state)
        assert other.history.events == oracle.history.events
        for one in (oracle, other):
            for proposal in left:
                one.tell(proposal.trial_id, 0.2)
        assert contract.drive(other, 15) == contract.drive(oracle, 15)
        with pytest.raises(InvalidInputError, match="with seed 0; got 99"):
            make(seed=99).set_state(state)


@pytest.mark.parametrize("name", NAMES)
def test_it_proposes_what_the_oracle_proposes(name):
    oracle = make(name)
    theirs = make(name).oracle
    for _ in range(6):
        proposal = oracle.propose()
        trial = theirs.create_trial("tuner")
        values = {k: v for k, v in trial.hyperparameters.values.items() if k in proposal.values}
        assert proposal.values == values
        oracle.tell(proposal.trial_id, quality(values))
        trial.metrics.register("score", "max")
        trial.metrics.update("score", quality(values))
        trial.status = "COMPLETED"
        theirs.end_trial(trial)


@pytest.mark.parametrize("name", NAMES)
def test_resuming_leads_to_the_same_next_proposals(name):
    arguments = {
        "initial": [{"kind": "c", "size": 2, "rate": 0.5}],
        "feasible": lambda values: values["rate"] > 0.3,
    }
    whole = make(name, **arguments)
    drive(whole, 5)
    whole.revise("0003", 0.5)
    failing, left = whole.propose(), whole.propose()
    whole.tell(failing.trial_id, None)
    resumed = make(name, **arguments)
    in_flight = resumed.replay(contract.log_of(whole))
    assert [proposal.values for proposal in in_flight] == [left.values]
    assert resumed.infeasible_draws == whole.infeasible_draws
    assert drive(resumed, 2) == drive(whole, 2)
    assert whole.history.trials[0].values == {"kind": "c", "size": 2, "rate": 0.5}
    assert all(trial.values["rate"] > 0.3 for trial in whole.history.trials)


def five():
    hp = keras_tuner.HyperParameters()
    hp.Choice("x", [0, 1, 2, 3, 4])
    return hp


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_proposed_twice_and_a_small_space_is_exhausted(name):
    oracle = make(name, five)
    found = []
    while (proposal := oracle.propose()) is not None:
        found.append(proposal.values["x"])
        oracle.tell(proposal.trial_id, float(found[-1]))
    assert sorted(found) == [0, 1, 2, 3, 4]
    assert "exhausted" in oracle.stop_reason


def test_the_results_reach_the_oracle():
    oracle = make("keras_tuner.random", initial=[{"kind": "b", "size": 1, "rate": 0.3}])
    drive(oracle, 3)
    oracle.revise("0001", 5.0)
    oracle.tell(oracle.propose().trial_id, None)
    oracle.propose()
    theirs = list(oracle.oracle.trials.values())
    scores = [trial.utility for trial in oracle.history.trials]
    assert [trial.score for trial in theirs[:3]] == scores[:3]
    assert theirs[1].score == 5.0
    assert [trial.status for trial in theirs] == ["COMPLETED"] * 3 + ["FAILED", "RUNNING"]


def test_the_bayesian_one_learns_from_our_results():
    oracle = make("keras_tuner.bayesian")
    found = drive(oracle, 5)
    gpr = oracle.oracle.gpr
    scores = gpr.y_train_ * gpr._y_train_std + gpr._y_train_mean  # it minimises
    assert -scores == pytest.approx([quality(values) for values in found[:4]])


def test_an_instance_takes_the_space_the_objective_and_the_limit():
    inside = keras_tuner.oracles.RandomSearchOracle(objective="val_loss", max_trials=4, seed=5)
    oracle = ForeignOracle(
        inside, objective=keras_tuner.Objective("score", "max"), hyperparameters=small_space()
    )
    assert len(drive(oracle, 10)) == 4
    assert oracle.objective.name == inside.objective.name == "score"
    assert oracle.seed == 5
    with pytest.raises(InvalidInputError, match="needs a fresh oracle; this one has 4"):
        ForeignOracle(inside)
    with pytest.raises(InvalidInputError, match="RandomOracle needs no ForeignOracle"):
        ForeignOracle(RandomOracle("val_loss"))


def test_an_unknown_name_lists_those_that_exist():
    with pytest.raises(InvalidInputError, match=r"one of keras_tuner\.random, keras_tuner\.grid"):
        make_oracle("keras_tuner.luck")
