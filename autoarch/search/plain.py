"""A run as plain lines, for logs, pipes, scripts and notebooks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from autoarch.objectives import get_objective
from autoarch.report import wording
from autoarch.search.progress import Progress, RunStart
from autoarch.trials import TrialRecord


class Watcher(Progress):
    """Observes a run and shows nothing; knows which run it is and how long it has been going.

    Before the run tells the time it counts from its making on: importing TensorFlow is part of it.
    Used as a context manager; a display starts and ends with it.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._begin = now()
        self.run: Path | None = None
        self.time_limit_s: float | None = None
        self.scored = get_objective("accuracy")

    def run_started(self, start: RunStart) -> None:
        self._begin = self._now() - start.elapsed_s
        self.run = start.run
        self.time_limit_s = start.time_limit_s
        self.scored = start.scored

    @property
    def spent_s(self) -> float:
        """Seconds of the run so far, those of earlier sittings included."""
        return self._now() - self._begin

    def score(self, value: float | None) -> str:
        """A trial's score as it is written."""
        return wording.metric(self.scored.score_name, value)

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to tear down."""


class PlainProgress(Watcher):
    """Writes a line to stderr for each trial, phase and note.

    Example:
        >>> import autoarch
        >>> search = autoarch.ImageSearch("10m", progress=autoarch.PlainProgress())
    """

    def run_started(self, start: RunStart) -> None:
        super().run_started(start)
        limited = start.time_limit_s is not None
        limit = f", {wording.seconds(start.time_limit_s)}" if limited else ""
        spent = f", {wording.seconds(start.spent_s)} already spent" if start.spent_s else ""
        self._line(f"run {start.run}{limit}{spent}")

    def phase(self, name: str) -> None:
        self._line(f"phase {name}")

    def note(self, text: str) -> None:
        self._line(text)

    def trial_measured(self, record: TrialRecord, best: TrialRecord) -> None:
        metric = wording.metric_name(self.scored.score_name)
        self._line(
            f"trial {record.trial}: {metric} {self.score(record.score)} after "
            f"{wording.epochs_text(record.epochs)}, {wording.short_count(record.params)} weights, "
            f"{wording.seconds(record.wall_s)} (best: trial {best.trial}, "
            f"{self.score(best.score)})"
        )

    def trial_ended(self, record: TrialRecord) -> None:
        self._line(f"trial {record.trial}: {record.status}: {record.reason}")

    def finished(self, result: Mapping[str, Any]) -> None:
        self._line("finished")

    def _line(self, text: str) -> None:
        sys.stderr.write(f"[{wording.clock(self.spent_s):>5}] {text}\n")
        sys.stderr.flush()
