"""The trials of a run in order of merit."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autoarch.objectives import Objective
from autoarch.report import wording
from autoarch.trials import TrialRecord

_TUNER_PREFIX = "tuner/"
"""KerasTuner keeps the fidelity of a trial among its values under this prefix."""

_COLUMNS = (
    *("rank", "trial", "score", "epochs", "params", "macs", "seconds", "status", "reason"),
    "changes",
)


@dataclass(frozen=True)
class Change:
    """A decision in which a trial differs from trial 0.

    Args:
        decision: Name of the decision.
        baseline: Its value in trial 0; None where trial 0 does not have it.
        value: Its value in this trial; None where this trial does not have it.
    """

    decision: str
    baseline: Any
    value: Any

    def __str__(self) -> str:
        name = wording.decision_name(self.decision)
        if self.baseline is None:
            return f"{name} {wording.plain(self.value)}"
        return f"{name} {wording.plain(self.baseline)} \N{RIGHTWARDS ARROW} " + (
            wording.plain(self.value) if self.value is not None else "none"
        )


@dataclass(frozen=True)
class Row:
    """One line of the leaderboard.

    Args:
        rank: From 1; None for trials without a score.
        trial: Number of the trial; 0 is the baseline.
        score: The objective at the highest fidelity measured; None where there is none.
        epochs: Passes over the training data that the score stands for.
        params: Number of weights.
        macs: Multiply-adds of one forward pass of one example.
        seconds: Wall-clock time spent on the trial.
        status: running, completed, failed or infeasible.
        reason: Why it failed or does not fit; empty otherwise.
        changes: Where its decisions differ from trial 0's.
    """

    rank: int | None
    trial: int
    score: float | None
    epochs: float
    params: int
    macs: int
    seconds: float
    status: str
    reason: str
    changes: tuple[Change, ...]

    @property
    def summary(self) -> str:
        """What differs from trial 0, in one line; "baseline" for trial 0 itself."""
        if self.trial == 0:
            return "baseline"
        return ", ".join(map(str, self.changes)) or "as trial 0"

    def to_json(self) -> dict[str, Any]:
        """The row as JSON; `changes` maps decision to `[trial 0's value, this trial's]`."""
        fields = {name: getattr(self, name) for name in _COLUMNS[:-1]}
        return {**fields, "changes": {c.decision: [c.baseline, c.value] for c in self.changes}}


def decision_changes(
    decisions: Mapping[str, Any], baseline: Mapping[str, Any]
) -> tuple[Change, ...]:
    """The decisions whose values differ, in the order of the trial's decisions."""
    names = [*decisions, *(name for name in baseline if name not in decisions)]
    return tuple(
        Change(name, baseline.get(name), decisions.get(name))
        for name in names
        if not name.startswith(_TUNER_PREFIX) and baseline.get(name) != decisions.get(name)
    )


def leaderboard(records: Sequence[TrialRecord], objective: Objective) -> list[Row]:
    """Ranks trials, best first.

    Trials at different fidelities are compared by their last score as it is; `Row.epochs` tells
    what it stands for. Equal scores go by trial number. Trials without a score (running, failed,
    infeasible, or a score that is NaN) follow in order of their numbers, without a rank.

    Args:
        records: In any order; may be empty.
        objective: Tells which direction is better.
    """
    baseline: Mapping[str, Any] = next((r.decisions for r in records if r.trial == 0), {})

    def merit(record: TrialRecord) -> tuple[bool, float, int]:
        score = record.score
        if score is None or not wording.known(score):
            return True, 0.0, record.trial
        return False, -objective.utility(score), record.trial

    rows = []
    for place, record in enumerate(sorted(records, key=merit), start=1):
        scored = wording.known(record.score)
        rows.append(
            Row(
                rank=place if scored else None,
                trial=record.trial,
                score=record.score if scored else None,
                epochs=record.epochs,
                params=record.params,
                macs=record.macs,
                seconds=record.wall_s,
                status=str(record.status),
                reason=record.reason or "",
                changes=decision_changes(record.decisions, baseline) if record.trial else (),
            )
        )
    return rows


def leaderboard_csv(rows: Sequence[Row]) -> str:
    """The leaderboard as CSV with a header; `changes` is the one-line summary."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        fields = [getattr(row, name) for name in _COLUMNS[:-1]]
        writer.writerow(["" if field is None else field for field in [*fields, row.summary]])
    return text.getvalue()
