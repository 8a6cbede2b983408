"""The facts of a run: complete, under way, interrupted, without a test part."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from autoarch.errors import RunDirectoryError
from autoarch.objectives import wilson_interval
from autoarch.report import summarise, wording
from autoarch.trials import RunDirectory
from autoarch.trials.run_directory import write_json

MakeRun = Callable[..., Any]


def test_a_complete_run_says_everything(complete_run: RunDirectory) -> None:
    summary = summarise(complete_run)
    assert summary.complete
    assert summary.headline == 1482 / 2000
    assert summary.best_trial == 4
    assert [estimate.kind for estimate in summary.estimates] == [
        "test",
        "valid",
        "winner",
        "baseline",
        "majority",
    ]
    assert summary.counts == {
        "completed": 9,
        "failed": 1,
        "infeasible": 1,
        "stopped": 0,
        "running": 0,
    }
    text = summary.text()
    assert text.startswith(f"{complete_run.root}: complete\n")
    for part in (
        "test        74.1 % accuracy (95 % interval 72.1 to 76.0 %), 2,000 images",
        "trial 0     56.1 % accuracy",
        "majority    10.0 % accuracy, always answering airplane",
        "4 min 57 s of 5 min",
        "9 completed, 1 failed, 1 infeasible",
        "model/model.tflite (3.6 MB)",
        "64.1 points above",
    ):
        assert part in text, part


def test_winner_and_trial_0_are_compared_after_equal_training(complete_run: RunDirectory) -> None:
    by_kind = {estimate.kind: estimate for estimate in summarise(complete_run).estimates}
    assert (by_kind["winner"].epochs, by_kind["winner"].accuracy) == (3, 0.588)
    assert (by_kind["baseline"].epochs, by_kind["baseline"].accuracy) == (3, 0.561)
    assert by_kind["baseline"].ci95 == wilson_interval(561, 1000)


def test_a_search_of_one_network_says_so(fake_run: MakeRun) -> None:
    run = fake_run()
    run.phase("search", 1.0)
    run.trial(0, 2.0, {3: 0.561})
    run.result(best=0)
    run.finish()
    claims = " ".join(summarise(run.directory).claims)
    assert "looked at nothing but trial 0" in claims


@pytest.mark.parametrize(("trials", "told"), [(2, False), (3, True)])
def test_known_networks_that_are_averaged_are_no_search(
    fake_run: MakeRun, trials: int, told: bool
) -> None:
    run = fake_run()
    run.phase("search", 1.0)
    for trial in range(trials):
        run.trial(trial, 2.0 + trial, {3: 0.561})
    members = [{"trial": t, "weight": 0.5, "valid": {"accuracy": 0.56}} for t in (0, 1)]
    average = {"taught": False, "members": members, "valid": {"accuracy": 0.57}}
    run.result(best=0, ensemble=average)
    run.finish()
    summary = summarise(run.directory)
    assert summary.ensemble.startswith("The average of trial 0")
    assert any("found nothing better than trial 0" in claim for claim in summary.claims) == told


@pytest.mark.parametrize(
    ("score", "verdict"),
    [(0.588, "overlap, so the difference may be chance"), (0.688, "intervals do not overlap")],
)
def test_the_winner_is_only_praised_where_the_intervals_are_apart(
    fake_run: MakeRun, score: float, verdict: str
) -> None:
    run = fake_run()
    run.phase("search", 1.0)
    run.trial(0, 2.0, {3: 0.561})
    run.trial(4, 12.0, {3: score})
    run.result()
    run.finish()
    (claim,) = [c for c in summarise(run.directory).claims if c.startswith("In the search")]
    assert claim.endswith(f"{verdict}.")


def test_unequal_training_is_said_to_be_unequal(fake_run: MakeRun) -> None:
    run = fake_run()
    run.phase("search", 1.0)
    run.trial(0, 2.0, {3: 0.561})
    run.trial(4, 12.0, {9: 0.7})
    run.result()
    run.finish()
    assert any(
        "after unequal training, trial 4" in claim for claim in summarise(run.directory).claims
    )


def test_shares_of_the_time_add_up_with_the_rest_named(complete_run: RunDirectory) -> None:
    phases = {phase.name: phase for phase in summarise(complete_run).phases}
    assert math.isclose(sum(phase.share for phase in phases.values()), 1)
    assert math.isclose(phases["other"].seconds, 297.1 - 294.7)
    assert phases["search"].seconds == 114


def test_gap_between_validation_and_test_is_told(complete_run: RunDirectory) -> None:
    assert any("1.1 points better than test" in claim for claim in summarise(complete_run).claims)


def test_trial_0_as_the_winner_is_told(fake_run: MakeRun) -> None:
    run = fake_run()
    run.search()
    run.evaluation()
    run.result(best=0)
    run.finish()
    summary = summarise(run.directory)
    assert "winner" not in [estimate.kind for estimate in summary.estimates]
    assert any("nothing better than trial 0" in claim for claim in summary.claims)


def test_a_model_no_better_than_the_majority_is_not_praised(fake_run: MakeRun) -> None:
    run = fake_run()
    run.search()
    run.result()
    run.finish()
    write_json(run.directory.evaluation_file, {"majority": {"class": "cat", "accuracy": 0.735}})
    assert any(
        "always answering cat would be right 73.5 %" in claim.lower()
        and "not clearly better" in claim
        for claim in summarise(run.directory).claims
    )


def test_a_run_under_way_tells_how_far_it_is(fake_run: MakeRun) -> None:
    run = fake_run()
    run.search()
    run.log.close()
    summary = summarise(run.directory)
    assert (summary.complete, summary.headline, summary.best_trial) == (False, None, 4)
    assert summary.state == "unfinished, in phase search"
    assert [phase.name for phase in summary.phases] == ["data", "probe", "search"]
    assert math.isclose(summary.phases[1].seconds, 3.0)
    assert math.isclose(sum(phase.share for phase in summary.phases), 1, abs_tol=0.01)
    assert "unfinished, in phase search" in summary.text()


def test_a_run_that_has_only_begun(fake_run: MakeRun) -> None:
    run = fake_run()
    run.log.close()
    summary = summarise(run.directory)
    assert (summary.phases, summary.best_trial, summary.estimates) == ((), None, ())
    assert "none yet" in summary.text()


def test_only_trials_without_scores(fake_run: MakeRun) -> None:
    run = fake_run()
    run.phase("search", 1.0)
    run.trial(0, 2.0, {3: None})
    run.trial(1, 12.0, {}, ended=("failed", "loss became NaN in epoch 1"))
    run.log.close()
    summary = summarise(run.directory)
    assert summary.best_trial is None
    assert summary.counts["failed"] == 1
    assert "1 completed, 1 failed" in summary.text()


def test_a_trial_that_the_end_cut_off_is_counted_as_stopped(fake_run: MakeRun) -> None:
    run = fake_run()
    run.phase("search", 1.0)
    run.trial(0, 2.0, {3: 0.561})
    run.trial(1, 12.0, {}, ended=("stopped", "the search ended first"))
    run.log.close()
    summary = summarise(run.directory)
    assert (summary.counts["stopped"], summary.counts["failed"]) == (1, 0)
    assert "1 completed, 1 stopped" in summary.text()


def test_an_interrupted_run_is_complete_but_says_so(fake_run: MakeRun) -> None:
    run = fake_run()
    run.search()
    run.result(interrupted=True)
    run.finish()
    assert summarise(run.directory).state == "complete (stopped early)"


def test_without_a_test_part_the_validation_is_the_headline(fake_run: MakeRun) -> None:
    run = fake_run()
    run.search()
    run.result(test=False)
    run.finish()
    summary = summarise(run.directory)
    assert (summary.headline_split, summary.headline) == ("valid", 0.752)
    assert "test" not in summary.metrics
    assert any("Nothing was held out" in claim for claim in summary.claims)


def test_another_objective_is_the_headline(fake_run: MakeRun) -> None:
    run = fake_run(objective="log_loss")
    run.search()
    run.result()
    run.finish()
    summary = summarise(run.directory)
    assert summary.headline == pytest.approx(1.6 * 0.259 + 0.35)
    assert f"{summary.headline:.3f} log loss" in summary.text()


def test_a_directory_that_is_no_run_is_refused(tmp_path: Any) -> None:
    with pytest.raises(RunDirectoryError, match=r"no run\.json"):
        summarise(RunDirectory(tmp_path))


def test_a_damaged_result_is_named(complete_run: RunDirectory) -> None:
    complete_run.result_file.write_text("{")
    with pytest.raises(RunDirectoryError, match=r"result\.json"):
        summarise(complete_run)


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_missing_is_a_dash_everywhere(value: float | None) -> None:
    for write in (
        *(wording.percent, wording.seconds, wording.count, wording.short_count),
        *(wording.size, wording.epochs, wording.plain),
    ):
        assert write(value) == wording.MISSING
    assert wording.metric("accuracy", value) == wording.MISSING


def test_a_final_training_on_the_validation_images_is_told(fake_run: MakeRun) -> None:
    run = fake_run()
    run.search()
    run.result()
    result = run.directory.read_json(run.directory.result_file)
    result["best"]["refitted_on_validation"] = True
    write_json(run.directory.result_file, result)
    run.finish()
    summary = summarise(run.directory)
    valid = next(estimate for estimate in summary.estimates if estimate.kind == "valid")
    assert valid.label == "Before the final training, validation"
    (claim,) = [claim for claim in summary.claims if "only the test says" in claim]
    assert claim.startswith(
        "Chosen at a validation accuracy of 75.2 %, the model has 74.1 % in the test (-1.1 points);"
    )
    assert "the final training in between used the validation images, too" in claim
    assert not any("better than test" in claim for claim in summary.claims)
