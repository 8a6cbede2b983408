"""The plots hold the data, follow the theme, and do not disturb one another."""

from __future__ import annotations

import math
import re

import pytest

from autoarch.objectives import Objective, get_objective, preferring
from autoarch.report import plots
from autoarch.report.run_files import RunFiles, read_run
from autoarch.trials import RunDirectory

ACCURACY = get_objective("accuracy")


@pytest.fixture
def files(complete_run: RunDirectory) -> RunFiles:
    return read_run(complete_run)


def drawn(svg: str, colour: str) -> int:
    """Number of markers of that colour."""
    return len(re.findall(rf"<use [^>]*fill: var\(--{colour}\)", svg))


def test_every_measurement_is_a_point() -> None:
    scores = [(1.0, 0.5, 0), (2.0, 0.6, 1), (3.0, 0.55, 2), (9.0, 0.7, 2)]
    svg = plots.scores_over_time(scores, [4.0, 5.0], ACCURACY, final=(12.0, 0.8))
    # One marker more of each kind is in the legend.
    assert drawn(svg, "faint") == 3 + 1
    assert drawn(svg, "accent") == 1 + 1
    assert "validation accuracy" in svg
    assert "best so far" in svg
    assert "failed or too large" in svg


@pytest.mark.parametrize(
    ("objective", "name"),
    [
        (get_objective("log_loss"), "log loss"),
        (preferring(ACCURACY, {"macs": 1e6}), "weighed accuracy"),
    ],
)
def test_what_is_no_share_is_drawn_as_it_is(objective: Objective, name: str) -> None:
    svg = plots.scores_over_time([(1.0, 1.25, 0)], [], objective, final=None)
    assert f"validation {name}" in svg
    assert " %<" not in svg


def test_size_plot_marks_trial_0_and_the_best(files: RunFiles) -> None:
    svg = plots.score_against_size(files.trials, ACCURACY, best=4)
    assert drawn(svg, "contrast") == 1 + 1
    assert drawn(svg, "accent") == 1 + 1
    assert drawn(svg, "faint") == 7 + 1
    assert "trial 4, the best" in svg


def test_size_plot_leaves_out_trials_without_a_score(files: RunFiles) -> None:
    assert sum(record.score is None for record in files.trials) == 2
    failed = [record for record in files.trials if record.score is None]
    assert drawn(plots.score_against_size(failed, ACCURACY, best=None), "faint") == 0


def test_curves_join_the_measurements_of_a_trial(files: RunFiles) -> None:
    points = plots.curve_points(files.trials[4], "loss")
    assert [epoch for epoch, _ in points] == list(range(1, 10))
    assert plots.measured_points(files.trials[4]) == [(3, 0.588), (9, 0.681)]


def test_curves_of_many_trials_keep_the_best_and_trial_0() -> None:
    curves = [(trial, [(1.0, 0.5), (2.0, 0.6)]) for trial in range(300, -1, -1)]
    svg = plots.trial_curves(curves, "accuracy", best=1)
    assert "trial 1, the best" in svg
    assert "trial 0" in svg
    assert svg.count("<path") < 250


def test_points_without_a_number_are_left_out() -> None:
    curve = [{"epoch": 1, "loss": None}, {"epoch": 2, "loss": 0.5}, {"epoch": 3}]
    assert "training loss" in plots.final_curve(curve)


def test_ids_of_two_plots_never_clash(files: RunFiles) -> None:
    first = plots.score_against_size(files.trials, ACCURACY, best=4)
    second = plots.final_curve([{"epoch": e, "loss": 1 / e, "learning_rate": 0.1} for e in (1, 2)])
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for svg, known in zip((first, second), ids):
        used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg))
        assert {a or b for a, b in used} <= known


def test_the_same_data_makes_the_same_plot(files: RunFiles) -> None:
    first, second = (plots.score_against_size(files.trials, ACCURACY, best=4) for _ in range(2))
    assert first == second


def test_colours_are_the_pages_and_text_is_text(files: RunFiles) -> None:
    svg = plots.score_against_size(files.trials, ACCURACY, best=4)
    assert "#a1b2c" not in svg
    assert "var(--ink)" in svg or "var(--muted)" in svg
    assert ">weights</text>" in svg
    assert "<style" not in svg
    assert "<metadata" not in svg


def test_a_plot_is_a_picture_with_a_name(files: RunFiles) -> None:
    svg = plots.score_against_size(files.trials, ACCURACY, best=4)
    assert svg.startswith('<svg role="img" aria-label="score against size" ')


def test_thousands_of_points_are_thinned() -> None:
    assert len(plots.thinned([(float(i), 0.0) for i in range(9000)])) == 1800


def test_regret_is_drawn_for_each_oracle_with_its_band() -> None:
    curves = [
        ("random", [2.0, 1.0, 0.5], [0.3, 0.2, 0.1]),
        ("evolution", [2.0, 0.5, 0.0], [0.3, 0.2, 0.0]),
        ("one seed", [1.5, 1.5, 1.5], [math.nan] * 3),
    ]
    svg = plots.regret_curves(curves)
    for name, _, _ in curves:
        assert f">{name}<" in svg
    assert svg.count("fill-opacity: 0.15") + svg.count("opacity: 0.15") >= 2
    assert "mean regret" in svg


def test_a_regret_of_zero_throughout_can_be_drawn() -> None:
    assert "lucky" in plots.regret_curves([("lucky", [0.0, 0.0], [0.0, 0.0])])
