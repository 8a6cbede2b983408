"""Halving under AutoArch's interface and in a live Tuner, where training really goes on."""

import json
import math

import keras
import keras_tuner
import numpy as np
import pytest
from keras_tuner.engine.trial import TrialStatus

from autoarch.errors import InvalidInputError
from autoarch.oracles import EvolutionOracle, HalvingOracle, HalvingTuner, RandomOracle
from autoarch.trials import load_arrays

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def number_space():
    hp = keras_tuner.HyperParameters()
    hp.Int("x", 0, 99)
    return hp


def make(**arguments):
    arguments = {"max_trials": None, "seed": 0, "max_epochs": 9, **arguments}
    objective = keras_tuner.Objective("loss", "min")
    return HalvingOracle(objective, hyperparameters=number_space(), **arguments)


def drive(oracle, score=lambda x, epochs: x / 100 + 1 / epochs):
    steps = []
    while (proposal := oracle.propose()) is not None:
        steps.append(proposal)
        oracle.tell(proposal.trial_id, score(proposal.values["x"], proposal.fidelity.epochs))
    return steps


def test_a_search_climbs_to_the_last_rung_with_a_ninth_of_the_networks():
    steps = drive(make())
    by_rung = [sum(p.values["tuner/round"] == rung for p in steps) for rung in range(3)]
    assert by_rung[0] == 100
    assert 33 <= by_rung[1] <= 50 and 11 <= by_rung[2] <= 25
    assert {p.decisions["x"] for p in steps if p.fidelity.epochs == 9} >= {0, 1, 2}
    assert make().rungs == (1, 3, 9)


def test_a_promotion_goes_on_where_its_trial_ended():
    steps = drive(make())
    for proposal in steps:
        if proposal.promoted_from is None:
            assert proposal.fidelity.done == 0
            continue
        parent = steps[int(proposal.promoted_from)]
        assert parent.number < proposal.number
        assert proposal.decisions == parent.decisions
        assert proposal.fidelity.done == parent.fidelity.epochs


def test_the_oracle_inside_decides_on_new_networks():
    seen = []

    class Inside(RandomOracle):
        def suggest(self, space, history, rng):
            seen.append([(dict(t.values), t.utility) for t in history.trials])
            return super().suggest(space, history, rng)

    oracle = HalvingOracle(oracle=Inside("loss", None, number_space(), seed=0), max_epochs=9)
    steps = [oracle.propose() for _ in range(1)]
    while len(steps) < 12:
        last = steps[-1]
        oracle.tell(last.trial_id, last.values["x"] / last.fidelity.epochs)
        steps.append(oracle.propose())
    assert all(set(values) == {"x"} for trials in seen for values, _ in trials)
    assert len({values["x"] for values, _ in seen[-1]}) == len(seen[-1])
    # the last result of each network counts
    last_score = {p.values["x"]: -p.values["x"] / p.fidelity.epochs for p in steps[:-1]}
    fresh = max(n for n, p in enumerate(steps) if p.promoted_from is None)
    known = {values["x"]: utility for values, utility in seen[-1]}
    assert len(known) == sum(p.promoted_from is None for p in steps[:fresh])
    assert all(known[x] == last_score[x] for x in known if steps[-1].promoted_from is None)


def test_everything_else_is_that_of_the_oracle_given():
    inside = EvolutionOracle(
        keras_tuner.Objective("loss", "min"),
        7,
        number_space(),
        seed=3,
        max_retries_per_trial=2,
        initial=[{"x": 40}],
        feasible=lambda values: values["x"] > 30,
    )
    oracle = HalvingOracle(oracle=inside, max_epochs=9)
    assert (oracle.max_trials, oracle.seed, oracle.max_retries_per_trial) == (7, 3, 2)
    steps = drive(oracle)
    assert len(steps) == 7
    assert steps[0].values["x"] == 40
    assert all(p.values["x"] > 30 for p in steps)


def test_settings_of_the_oracle_inside_are_passed_on():
    assert make(oracle="evolution", population=7).oracle.population == 7


def test_the_tuner_waits_for_open_trials_that_may_be_promoted():
    oracle = make(feasible=lambda values: values["x"] < 3)
    first = [oracle.create_trial(f"tuner {n}") for n in range(3)]
    waiting = oracle.create_trial("tuner 3")
    assert waiting.status == TrialStatus.IDLE
    assert "tuner 3" in oracle.tuner_ids
    assert oracle.propose() is None
    assert "open trials" in oracle.stop_reason
    for trial in first:
        oracle.update_trial(trial.trial_id, {"loss": trial.hyperparameters.values["x"]})
        trial.status = TrialStatus.COMPLETED
        oracle.end_trial(trial)
    promoted = oracle.create_trial("tuner 3")
    assert promoted.status == TrialStatus.RUNNING
    assert promoted.hyperparameters.values["x"] == 0
    assert promoted.hyperparameters.values["tuner/epochs"] == 3


def test_a_network_that_diverges_is_not_promoted_again():
    steps = drive(make(), score=lambda x, epochs: math.nan if x < 10 and epochs > 1 else x)
    tried = [p.decisions["x"] for p in steps if p.fidelity.epochs == 3]
    assert set(range(10)) <= set(tried)
    assert len(tried) == len(set(tried))
    assert min(p.decisions["x"] for p in steps if p.fidelity.epochs == 9) == 10


def test_numbers_are_checked():
    with pytest.raises(InvalidInputError, match="`min_epochs` of HalvingOracle"):
        make(min_epochs=10)
    with pytest.raises(InvalidInputError, match="`factor` of HalvingOracle"):
        make(factor=1)
    with pytest.raises(InvalidInputError, match="leave out seed"):
        HalvingOracle(oracle=RandomOracle("loss"), seed=1)
    with pytest.raises(InvalidInputError, match="`executions_per_trial` of HalvingTuner"):
        HalvingTuner(make(), build_model, executions_per_trial=2)


# -- Live ------------------------------------------------------------------------------------


def build_model(hp, run_eagerly=True):
    """Without an input shape: Keras builds it when it sees the data. Dropout draws numbers."""
    model = keras.Sequential(
        [
            keras.layers.Dense(hp.Int("units", 2, 9), activation="tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.2, seed=1),
            keras.layers.Dense(1),
        ]
    )
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
    model.compile(optimizer=keras.optimizers.Adam(schedule), loss="mse", run_eagerly=run_eagerly)
    return model


def compiled_model(hp):
    return build_model(hp, run_eagerly=False)


def examples():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(48, 3)).astype("float32")
    return x, x.sum(axis=1, keepdims=True)


def test_promotions_carry_weights_and_optimizer_state(tmp_path):
    x, y = examples()
    oracle = HalvingOracle("loss", max_trials=3, seed=0, min_epochs=2, max_epochs=4, factor=2)
    tuner = HalvingTuner(oracle, compiled_model, directory=tmp_path, project_name="p")
    tuner.search(x, y, shuffle=False, batch_size=16, verbose=0)
    assert all(trial.status == TrialStatus.COMPLETED for trial in oracle.trials.values())
    promoted = oracle.get_trial("0002")
    parent = promoted.hyperparameters.values["tuner/trial_id"]

    def state(trial_id):
        return load_arrays(tmp_path / "p" / f"trial_{trial_id}" / "state.npz")

    def assert_equal(variables, values):
        for variable, value in zip(variables, values, strict=True):
            np.testing.assert_allclose(variable.numpy(), value, rtol=1e-5, atol=1e-6)

    # The same by hand, without a Tuner: two epochs more, from the state after the first two.
    model = build_model(promoted.hyperparameters)
    model.build(x.shape)
    model.optimizer.build(model.trainable_variables)
    begin, end = state(parent), state("0002")
    for variable, value in zip(model.variables, begin["model"], strict=True):
        variable.assign(value)
    for variable, value in zip(model.optimizer.variables, begin["optimizer"], strict=True):
        variable.assign(value)
    arguments = {"shuffle": False, "batch_size": 16, "initial_epoch": 2, "epochs": 4, "verbose": 0}
    losses = model.fit(x, y, **arguments).history["loss"]
    assert model.optimizer.iterations == 4 * 3  # four epochs of three steps
    assert_equal(model.variables, end["model"])
    assert_equal(model.optimizer.variables, end["optimizer"])
    assert promoted.score == pytest.approx(min(losses), rel=1e-5)


def test_kerastuners_hyperband_keeps_its_optimizer_too(tmp_path):
    x, y = examples()
    oracle = keras_tuner.oracles.HyperbandOracle("loss", max_epochs=2, factor=2, seed=1)
    oracle.max_trials = 3
    tuner = HalvingTuner(oracle, build_model, directory=tmp_path, project_name="p")
    tuner.search(x, y, batch_size=16, verbose=0)
    promoted = [t for t in oracle.trials.values() if "tuner/trial_id" in t.hyperparameters.values]
    assert promoted
    for trial in promoted:
        state = load_arrays(tmp_path / "p" / f"trial_{trial.trial_id}" / "state.npz")
        steps = state["optimizer"][0]
        assert steps == 3 * trial.hyperparameters.values["tuner/epochs"]


def test_a_hypermodel_that_drops_the_callbacks_is_told(tmp_path):
    class Forgetful(keras_tuner.HyperModel):
        def build(self, hp):
            return build_model(hp)

        def fit(self, hp, model, *args, callbacks=None, **kwargs):
            if hp.values["tuner/round"] > 0:  # else nothing would be written to go on from
                kwargs["callbacks"] = callbacks
            return model.fit(*args, **kwargs)

    x, y = examples()
    oracle = HalvingOracle("loss", max_trials=3, seed=0, max_epochs=2, factor=2)
    tuner = HalvingTuner(oracle, Forgetful(), directory=tmp_path, project_name="p")
    tuner.search(x, y, batch_size=16, verbose=0)
    failed = oracle.get_trial("0002")
    assert failed.status == TrialStatus.FAILED
    assert "Does `HyperModel.fit` pass its `callbacks` on" in failed.message


def test_a_killed_search_goes_on_with_its_rungs(tmp_path):
    class Table(keras_tuner.Tuner):
        def __init__(self, oracle, stop_at=None, **arguments):
            self.stop_at = stop_at
            super().__init__(oracle, **arguments)

        def run_trial(self, trial, *args, **kwargs):
            if trial.trial_id == self.stop_at:
                raise KeyboardInterrupt
            values = trial.hyperparameters.values
            return trial.hyperparameters.Int("x", 0, 99) + 1.0 / values["tuner/epochs"]

    def search(project, stop_at=None):
        oracle = HalvingOracle(max_trials=30, seed=0, max_epochs=9, oracle="evolution")
        tuner = Table(oracle, stop_at, directory=tmp_path, project_name=project)
        if stop_at:
            with pytest.raises(KeyboardInterrupt):
                tuner.search(verbose=0)
        else:
            tuner.search(verbose=0)
        trials = [oracle.trials[trial_id] for trial_id in sorted(oracle.trials)]
        return [json.dumps(t.hyperparameters.values, sort_keys=True) for t in trials]

    whole = search("whole")
    search("killed", stop_at="0013")
    assert search("killed") == whole
    assert sum("tuner/trial_id" in values for values in whole) > 5
