"""Ranking of trials, and what differs from trial 0."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import pytest

from autoarch.objectives import get_objective
from autoarch.report.leaderboard import decision_changes, leaderboard, leaderboard_csv
from autoarch.trials import Measurement, TrialRecord, TrialStatus

ACCURACY = get_objective("accuracy")


def record(trial: int, score: float | None = None, **fields: Any) -> TrialRecord:
    measurements = ()
    if score is not None:
        measurements = (Measurement(score=score, metrics={}, epochs=3, train_s=4.0, wall_s=5.0),)
    defaults: dict[str, Any] = {"decisions": {"width": 32 + trial}, "key": f"k{trial}"}
    defaults |= {"params": 10, "macs": 100, "measurements": measurements}
    defaults["status"] = TrialStatus.COMPLETED if measurements else TrialStatus.RUNNING
    return TrialRecord(trial=trial, **{**defaults, **fields})


def test_best_score_comes_first_and_ties_go_by_trial_number() -> None:
    rows = leaderboard([record(0, 0.5), record(1, 0.7), record(2, 0.7), record(3, 0.6)], ACCURACY)
    assert [row.trial for row in rows] == [1, 2, 3, 0]
    assert [row.rank for row in rows] == [1, 2, 3, 4]


def test_a_loss_ranks_the_other_way_round() -> None:
    rows = leaderboard([record(0, 0.5), record(1, 0.7)], get_objective("log_loss"))
    assert [row.trial for row in rows] == [0, 1]


def test_trials_without_a_score_follow_without_a_rank() -> None:
    failed = record(1, status=TrialStatus.FAILED, reason="loss became NaN in epoch 2")
    rows = leaderboard([record(3, math.nan), failed, record(2, 0.1), record(0)], ACCURACY)
    assert [(row.trial, row.rank, row.score) for row in rows] == [
        (2, 1, 0.1),
        (0, None, None),
        (1, None, None),
        (3, None, None),
    ]
    assert rows[2].reason == "loss became NaN in epoch 2"
    assert rows[2].status == "failed"


def test_a_score_read_back_from_the_log_as_null_counts_as_none() -> None:
    measurement = Measurement.from_json(
        {"score": None, "metrics": {}, "epochs": 1, "train_s": 1, "wall_s": 1}
    )
    (row,) = leaderboard([record(0, measurements=(measurement,))], ACCURACY)
    assert (row.rank, row.score, row.epochs) == (None, None, 1)


def test_no_trials_make_an_empty_board() -> None:
    assert leaderboard([], ACCURACY) == []
    assert leaderboard_csv([]).count("\n") == 1


def test_changes_name_what_differs_from_trial_0() -> None:
    base = record(0, 0.5, decisions={"width": 32, "act": "relu", "old": 1, "tuner/epochs": 3})
    other = record(1, 0.6, decisions={"width": 48, "act": "relu", "new_one": True})
    rows = leaderboard([base, other], ACCURACY)
    assert rows[0].summary == "width 32 \u2192 48, new one yes, old 1 \u2192 none"
    assert rows[1].summary == "baseline"


def test_equal_decisions_are_said_to_be_equal() -> None:
    rows = leaderboard([record(0, 0.5, decisions={}), record(1, 0.4, decisions={})], ACCURACY)
    assert rows[1].summary == "as trial 0"


@pytest.mark.parametrize("decisions", [{}, {"width": 3}])
def test_a_board_without_trial_0_lists_the_decisions(decisions: dict[str, int]) -> None:
    changes = decision_changes(decisions, {})
    assert [str(change) for change in changes] == [f"{k} {v}" for k, v in decisions.items()]


def test_json_and_csv_hold_the_same_board() -> None:
    rows = leaderboard([record(0, 0.5), record(1, 0.75), record(2)], ACCURACY)
    assert json.loads(json.dumps(rows[0].to_json())) == {
        "rank": 1,
        "trial": 1,
        "score": 0.75,
        "epochs": 3,
        "params": 10,
        "macs": 100,
        "seconds": 5.0,
        "status": "completed",
        "reason": "",
        "changes": {"width": [32, 33]},
    }
    table = list(csv.DictReader(io.StringIO(leaderboard_csv(rows))))
    assert [line["trial"] for line in table] == ["1", "0", "2"]
    assert table[0]["changes"] == "width 32 \u2192 33"
    assert table[2]["rank"] == ""
