"""Oracles under a plain `keras_tuner.Tuner`: files, retries, failures, discovery."""

import json
import math

import keras_tuner
import pytest
from keras_tuner.engine.trial import TrialStatus

from autoarch.oracles import EvolutionOracle, RandomOracle


class TableTuner(keras_tuner.Tuner):
    """A Tuner whose trials are a function call; counts the runs of each trial."""

    def __init__(self, oracle, function, directory, **arguments):
        self.function = function
        self.runs = []
        super().__init__(oracle=oracle, directory=directory, project_name="p", **arguments)

    def run_trial(self, trial, *args, **kwargs):
        self.runs.append(trial.trial_id)
        return self.function(trial.hyperparameters)


def two_numbers():
    hp = keras_tuner.HyperParameters()
    hp.Int("x", 0, 9)
    hp.Int("y", 0, 9)
    return hp


def distance(hp):
    return float((hp.get("x") - 3) ** 2 + (hp.get("y") - 7) ** 2)


def make(oracle_class=EvolutionOracle, hp=two_numbers, **arguments):
    arguments = {"max_trials": 20, "seed": 0, **arguments}
    return oracle_class(hyperparameters=hp() if hp else None, **arguments)


def settings(oracle):
    return [dict(trial.values) for trial in oracle.history.trials]


class Killed(BaseException):
    """Stands for the death of the process: no handler catches it."""


def test_a_tuner_and_our_own_loop_make_the_same_search(tmp_path):
    tuner = TableTuner(make(), distance, tmp_path)
    tuner.search(verbose=0)
    ours = make()
    while (proposal := ours.propose()) is not None:
        score = (proposal.values["x"] - 3) ** 2 + (proposal.values["y"] - 7) ** 2
        ours.tell(proposal.trial_id, score)
    assert settings(tuner.oracle) == settings(ours)
    assert tuner.oracle.get_best_trials()[0].score == ours.get_best_trials()[0].score


@pytest.mark.parametrize("where", ["run", "after trial file", "after end"])
def test_a_killed_search_goes_on_as_if_it_had_not_been(tmp_path, where):
    whole = TableTuner(make(), distance, tmp_path / "whole")
    whole.search(verbose=0)

    oracle = make()
    tuner = TableTuner(oracle, distance, tmp_path / "killed")

    def dies(*args):
        raise Killed

    def run(hp):
        if len(tuner.runs) == 8:
            if where == "run":
                raise Killed
            if where == "after trial file":  # the trial is saved, the oracle's state is not
                oracle.save = dies
            else:
                tuner.save = dies
        return distance(hp)

    tuner.function = run
    with pytest.raises(Killed):
        tuner.search(verbose=0)
    resumed = TableTuner(make(), distance, tmp_path / "killed")
    resumed.search(verbose=0)
    assert settings(resumed.oracle) == settings(whole.oracle)
    repeated = set(tuner.runs) & set(resumed.runs)
    assert repeated == ({"0007"} if where == "run" else set())


def test_a_trial_whose_birth_was_not_saved_is_run_again(tmp_path):
    oracle = make()
    tuner = TableTuner(oracle, distance, tmp_path)
    save = oracle.save
    oracle.save = lambda: save() if len(oracle.trials) < 5 else None
    with pytest.raises(Killed):
        tuner.function = lambda hp: dies_at(tuner, hp)
        tuner.search(verbose=0)
    resumed = TableTuner(make(), distance, tmp_path)
    resumed.search(verbose=0)
    assert resumed.runs[0] == "0004"
    assert len(resumed.oracle.history.completed) == 20


def dies_at(tuner, hp):
    if len(tuner.runs) == 5:
        raise Killed
    return distance(hp)


def test_an_invalid_trial_is_retried_from_scratch(tmp_path):
    oracle = make(max_trials=5, max_retries_per_trial=1)
    tuner = TableTuner(oracle, None, tmp_path)
    tuner.function = lambda hp: math.nan if tuner.runs == ["0000"] else distance(hp)
    tuner.search(verbose=0)
    assert tuner.runs == ["0000", "0000", "0001", "0002", "0003", "0004"]
    assert len(oracle.history.completed) == 5
    assert oracle.get_trial("0000").score == distance(oracle.get_trial("0000").hyperparameters)


def test_a_trial_that_keeps_failing_is_a_failure(tmp_path):
    oracle = make(max_trials=5, max_retries_per_trial=1)
    tuner = TableTuner(oracle, None, tmp_path)

    def run(hp):
        if tuner.runs[-1] == "0001":
            raise ValueError("no such network")
        return distance(hp)

    tuner.function = run
    tuner.search(verbose=0)
    assert tuner.runs.count("0001") == 2
    assert list(oracle.history.failed) == [1]
    assert oracle.get_trial("0001").status == TrialStatus.FAILED
    assert "no such network" in oracle.get_trial("0001").message


def test_failures_in_a_row_stop_a_tuner_but_leave_the_oracle_whole(tmp_path):
    oracle = make(max_consecutive_failed_trials=3)
    tuner = TableTuner(oracle, None, tmp_path)

    def run(hp):
        if len(tuner.runs) in (1, 3, 4, 5):
            raise ValueError("no such network")
        return distance(hp)

    tuner.function = run
    with pytest.raises(RuntimeError, match=r"exceeded the limit of 3(.|\n)*no such network"):
        tuner.search(verbose=0)
    assert len(oracle.trials) == 5
    assert not oracle.ongoing_trials
    saved = json.loads((tmp_path / "p" / "oracle.json").read_text())
    assert saved["end_order"] == ["0000", "0001", "0002", "0003", "0004"]


def test_the_best_step_counts_in_a_tuner():
    oracle = make(objective="val_loss")
    trial = oracle.create_trial("tuner")
    for step, value in enumerate([0.9, math.nan, 0.4, 0.7]):
        oracle.update_trial(trial.trial_id, {"val_loss": value}, step=step)
    trial.status = TrialStatus.COMPLETED
    oracle.end_trial(trial)
    assert (trial.score, trial.best_step) == (0.4, 2)
    assert oracle.history.trials[0].utility == -0.4


def test_a_tuner_gets_the_trial_it_works_on_and_others_get_others():
    oracle = make()
    first = oracle.create_trial("a")
    assert oracle.create_trial("a") is first
    assert oracle.create_trial("b").trial_id == "0001"


def test_hyperparameters_discovered_during_the_search_are_searched(tmp_path):
    def build(hp):
        score = hp.Int("x", 0, 3)
        if score == 3:  # only seen when a trial happens to get there
            kind = hp.Choice("kind", ["a", "b"])
            with hp.conditional_scope("kind", ["b"]):
                if kind == "b":
                    score += hp.Int("bonus", 1, 4)
        return float(-score)

    for oracle_class in (RandomOracle, EvolutionOracle):
        oracle = make(oracle_class, hp=None, max_trials=100)
        tuner = TableTuner(oracle, build, tmp_path / oracle_class.__name__)
        tuner.search(verbose=0)
        assert oracle.space.names == {"x", "kind", "bonus"}
        assert min(trial.score for trial in oracle.trials.values()) == -7.0
        assert "exhausted" in oracle.stop_reason
        found = settings(oracle)
        assert len({json.dumps(values, sort_keys=True) for values in found}) == len(found)


def test_what_is_not_to_be_tuned_keeps_its_default_and_makes_no_duplicates(tmp_path):
    hp = keras_tuner.HyperParameters()
    hp.Int("x", 0, 5)

    def build(hp):
        return float(hp.Int("x", 0, 5) + hp.Int("other", 10, 20))

    oracle = make(hp=lambda: hp, tune_new_entries=False, max_trials=100)
    TableTuner(oracle, build, tmp_path).search(verbose=0)
    assert sorted(trial.score for trial in oracle.trials.values()) == [10, 11, 12, 13, 14, 15]
    assert all(set(values) == {"x"} for values in settings(oracle))
    again = make(hp=lambda: hp, tune_new_entries=False, max_trials=100)
    tuner = TableTuner(again, build, tmp_path)
    tuner.search(verbose=0)
    assert tuner.runs == []


def test_new_entries_can_be_forbidden(tmp_path):
    oracle = make(allow_new_entries=False)
    tuner = TableTuner(oracle, lambda hp: float(hp.Int("z", 0, 5)), tmp_path)
    with pytest.raises(RuntimeError, match="found new entries"):
        tuner.search(verbose=0)


def test_several_objectives_are_summed_as_in_kerastuner(tmp_path):
    objectives = [
        keras_tuner.Objective("accuracy", "max"),
        keras_tuner.Objective("latency_ms", "min"),
    ]

    def measure(values):
        return {"accuracy": values["x"] / 9, "latency_ms": values["y"] / 2}

    ours = make(objective=objectives)
    for _ in range(20):
        proposal = ours.propose()
        ours.tell(proposal.trial_id, measure(proposal.values))
    trial = ours.history.trials[0]
    assert trial.utility == pytest.approx(trial.metrics["accuracy"] - trial.metrics["latency_ms"])

    def run(hp):  # KerasTuner wants its own sum in the answer of `run_trial`
        metrics = measure(hp.values)
        return {**metrics, "multi_objective": metrics["latency_ms"] - metrics["accuracy"]}

    tuner = TableTuner(make(objective=objectives), run, tmp_path)
    tuner.search(verbose=0)
    assert settings(tuner.oracle) == settings(ours)


def test_a_tuner_shows_its_trials_and_can_be_silenced(tmp_path, capsys):
    TableTuner(make(max_trials=2), distance, tmp_path / "a").search()
    assert "Search: Running Trial #2" in capsys.readouterr().out
    TableTuner(make(max_trials=2), distance, tmp_path / "b").search(verbose=0)
    assert capsys.readouterr().out == ""


def test_a_seed_of_zero_is_a_seed():
    assert make(seed=0).seed == 0
    assert settings_of_first(make(seed=0)) == settings_of_first(make(seed=0))


def settings_of_first(oracle):
    return [oracle.propose().values for _ in range(5)]
