"""A search that begins with the networks of an earlier run; `test_ensemble.py` goes all the way."""

import numpy as np
import pytest

import autoarch
from autoarch.costs.budgets import Budgets
from autoarch.costs.constraints import Constraints
from autoarch.errors import InvalidInputError, RunDirectoryError
from autoarch.objectives import get_objective
from autoarch.oracles.decisions import DecisionSpace
from autoarch.report.evaluators import warm_start_text
from autoarch.spaces import ResidualSpace
from autoarch.tasks.limits import baseline_of
from autoarch.tasks.oracle_choice import most_macs
from autoarch.tasks.warm_start import PROPOSED, Evidence, ranked, read_evidence, translated
from autoarch.trials import Measurement, RunDirectory, TrialLog, read_events, replay

ACCURACY, NO_LIMITS = get_objective("accuracy"), Budgets(Constraints())
SETTINGS = {"space": "auto", "pretrained": None, "architecture": None}
EARLIER = ResidualSpace((16, 16, 1), 4, width=8)


def squares(n=90):
    """Grey pictures whose bright corner tells the class."""
    labels = np.arange(n) % 3
    images = np.random.default_rng(0).integers(0, 60, (n, 8, 8)).astype(np.uint8)
    for image, label in zip(images, labels):
        image[2 * label : 2 * label + 3, 2:6] += 150
    return images, labels


def network(**decisions):
    return EARLIER.candidate({**EARLIER.candidate({}).decisions, **decisions}).decisions


FOUND = [  # decisions, accuracy, epochs
    (network(), 0.5, 3.0),
    (network(kernel=5, depth1=0, depth2=0), 0.9, 1.0),
    (network(activation="relu"), 0.8, 3.0),
    (network(block="bottleneck", depth1=2), 0.7, 3.0),
    (network(width=4, growth=1.5), 0.2, 1.0),
]


def earlier_run(folder, found=FOUND, task="image", settings=SETTINGS):
    run = RunDirectory(folder)
    run.create({"task": task, "settings": settings})
    with TrialLog(run.log_file) as log:
        for number, (decisions, score, epochs) in enumerate(found):
            facts = {"key": str(number), "params": 1, "macs": 1}
            log.append("proposed", t=1, trial=number, decisions=dict(decisions), **facts)
            # Chosen by accuracy then; the log loss says the opposite.
            metrics = {"accuracy": score, "log_loss": score}
            measurement = Measurement(score, metrics, epochs, 1.0, 1.0).to_json()
            log.append("measured", t=1, trial=number, measurement=measurement)
        log.append("proposed", t=1, trial=len(found), decisions={}, key="x", params=1, macs=1)
    return folder


def evidence(folder, **changes):
    found = {"path": str(folder), "task": "image", "settings": SETTINGS, "objective": ACCURACY}
    return read_evidence(**{**found, **changes})


def test_trained_longest_comes_first_and_then_this_runs_objective(tmp_path):
    run = earlier_run(tmp_path / "run")
    trials = replay(read_events(run / "trials.jsonl"))
    assert [t.trial for t in ranked(trials, ACCURACY)] == [2, 3, 0, 1, 4]
    assert [t.trial for t in ranked(trials, get_objective("log_loss"))] == [0, 3, 2, 4, 1]
    found = evidence(run)
    assert (found.run, found.width) == (str(run), 8)
    assert [dict(d) for d in found.decisions] == [dict(FOUND[i][0]) for i in (2, 3, 0, 1, 4)]
    assert Evidence.from_json(found.to_json()) == found


def test_the_best_affordable_networks_are_proposed_and_not_trial_0(tmp_path):
    space = ResidualSpace((16, 16, 1), 4, width=8)
    found = evidence(earlier_run(tmp_path / "run"))
    candidates = found.candidates(space, space.candidate({}), NO_LIMITS)
    assert len(candidates) == PROPOSED
    assert candidates[0].decisions["activation"] == "relu"
    # 5x5 kernels exceed trial 0's multiply-adds, although it scored best of its rung
    most = most_macs(space, space.candidate({}))
    assert all(c.architecture.macs <= most for c in candidates)
    assert space.candidate({}).key not in [c.key for c in candidates]


def test_on_other_data_widths_keep_their_ratio_and_values_become_the_nearest(tmp_path):
    space = ResidualSpace((64, 64, 3), 10, width=24)
    found = evidence(earlier_run(tmp_path / "run"))
    for candidate in found.candidates(space, space.candidate({}), NO_LIMITS):
        assert candidate.architecture.input_shape == (64, 64, 3)
        assert candidate.architecture.output_shape == (10,)
    declared = DecisionSpace.from_hyperparameters(space.hyperparameters())
    half = translated(network(width=4), declared, width_ratio=24 / 8)
    assert half["width"] == 12 and half["stem_stride"] == 1
    odd = translated({"dropout": 0.26, "block": "dense", "kernel": 9}, declared)
    assert (odd["dropout"], odd["block"], odd["kernel"]) == (0.2, "basic", 5)
    assert declared.contains(half) and declared.contains(odd)


def test_what_lies_above_a_limit_is_taken_to_the_closest_below(tmp_path):
    space = ResidualSpace((16, 16, 1), 4, width=8)
    limits = Budgets(Constraints(max_params=20_000))
    found = evidence(earlier_run(tmp_path / "run"))
    candidates = found.candidates(space, baseline_of(space, limits), limits)
    assert candidates and all(c.architecture.params <= 20_000 for c in candidates)
    assert candidates[0].decisions["activation"] == "relu"


@pytest.mark.parametrize(
    ("run", "asked", "error", "message"),
    [
        ({"task": "text"}, {}, InvalidInputError, "a run on text data"),
        ({"settings": {"space": "cell"}}, {}, InvalidInputError, "searched the cell space, this"),
        ({}, {"settings": {"space": "mobile"}}, InvalidInputError, "searches the mobile space"),
        ({"settings": {"architecture": "resnet8"}}, {}, InvalidInputError, "nothing but resnet8"),
        ({"found": []}, {}, InvalidInputError, "has measured no network"),
    ],
)
def test_other_runs_are_refused_in_one_line(tmp_path, run, asked, error, message):
    folder = earlier_run(tmp_path / "run", **run)
    with pytest.raises(error, match=message) as caught:
        evidence(folder, **asked)
    assert caught.value.exit_code == 2 and "\n" not in str(caught.value)


def test_what_is_no_run_is_refused_and_leaves_nothing_behind(tmp_path):
    search = autoarch.ImageSearch(
        time=None, trials=2, output=tmp_path / "run", warm_start=tmp_path / "nothing"
    )
    with pytest.raises(RunDirectoryError, match=r"nothing has no run\.json"):
        search.fit(*squares())
    assert not (tmp_path / "run").exists()


def test_decisions_of_another_space_are_refused(tmp_path):
    found = evidence(earlier_run(tmp_path / "run", found=[({"layers": 3}, 0.5, 1.0)]))
    with pytest.raises(InvalidInputError, match="made other decisions"):
        found.candidates(EARLIER, EARLIER.candidate({}), NO_LIMITS)


@pytest.mark.parametrize("wish", [{"evaluator": "one-shot"}, {"architecture": "resnet8"}])
def test_it_does_not_go_with_what_trains_nothing_first(tmp_path, wish):
    search = autoarch.ImageSearch(time=None, output=tmp_path, warm_start="a", **wish)
    with pytest.raises(InvalidInputError, match="`warm_start` says which networks"):
        search.fit(*squares())


def test_the_summary_says_what_became_of_them():
    facts = {"run": "runs/a", "trials": [1, 2, 3]}
    text = warm_start_text({"warm_start": facts, "best": {"trial": 5}})
    assert text == "Trials 1, 2, 3 are the best networks of runs/a; another network won."
    nothing = warm_start_text({"warm_start": {"run": "runs/a", "trials": []}})
    assert nothing == "Nothing of runs/a was new and affordable here."
    assert warm_start_text(None) == warm_start_text({}) == ""
