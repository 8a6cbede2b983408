"""Progress for logs and pipes: one plain line a trial."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from autoarch.cli.text import clock
from autoarch.cli.watching import Watcher

from autoarch.report import wording
from autoarch.trials import TrialRecord


class PlainProgress(Watcher):
    """Writes a line to stderr for each trial, phase and note.

    Args:
        objective: Name of the metric that the scores are.
    """

    def __init__(self, objective: str, **settings: Any):
        super().__init__(**settings)
        self.objective = objective

    def run_started(self, run: Path, *, time_limit_s: float | None, spent_s: float) -> None:
        super().run_started(run, time_limit_s=time_limit_s, spent_s=spent_s)
        limit = f", {wording.seconds(time_limit_s)}" if time_limit_s is not None else ""
        spent = f", {wording.seconds(spent_s)} already spent" if spent_s else ""
        self._line(f"run {run}{limit}{spent}")

    def phase(self, name: str) -> None:
        self._line(f"phase {name}")

    def note(self, text: str) -> None:
        self._line(text)

    def trial_measured(self, record: TrialRecord, best: TrialRecord) -> None:
        metric = wording.metric_name(self.objective)
        score = wording.metric(self.objective, record.score)
        leader = f"trial {best.trial}, {wording.metric(self.objective, best.score)}"
        self._line(
            f"trial {record.trial}: {metric} {score} after {epochs_text(record.epochs)}, "
            f"{wording.short_count(record.params)} weights, {wording.seconds(record.wall_s)} "
            f"(best: {leader})"
        )

    def trial_ended(self, record: TrialRecord) -> None:
        self._line(f"trial {record.trial}: {record.status}: {record.reason}")

    def finished(self, result: Mapping[str, Any]) -> None:
        self._line("finished")

    def _line(self, text: str) -> None:
        click.echo(f"[{clock(self.spent_s):>5}] {text}", err=True)


def epochs_text(epochs: float) -> str:
    """A training length: `1 epoch`, `2.5 epochs`."""
    text = wording.epochs(epochs)
    return f"{text} epoch" if text == "1" else f"{text} epochs"
