"""What a run tells whoever watches it. The command line draws it; a notebook may ignore it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoarch.objectives import Objective
from autoarch.trials import Fidelity, TrialRecord


@dataclass(frozen=True)
class RunStart:
    """What a run says of itself when it begins or goes on.

    Args:
        run: Its directory.
        scored: What the scores of its trials are.
        time_limit_s: Seconds that it may take, or None.
        spent_s: Seconds that earlier sittings took.
        elapsed_s: Those and the seconds of this sitting so far.
    """

    run: Path
    scored: Objective
    time_limit_s: float | None = None
    spent_s: float = 0.0
    elapsed_s: float = 0.0


class Progress:
    """Observer of a run; every method does nothing here. Subclass what you want to see.

    The methods are called from the thread that runs the search and must return quickly.
    """

    def run_started(self, start: RunStart) -> None:
        """A run begins, or goes on after earlier sittings."""

    def phase(self, name: str) -> None:
        """A phase begins: data, probe, search, final, export, report."""

    def note(self, text: str) -> None:
        """One line worth knowing: a finding in the data, a fallback, a decision."""

    def reading(self, done: int, total: int) -> None:
        """So many of the examples have been decoded."""

    def trial_started(self, record: TrialRecord, fidelity: Fidelity) -> None:
        """A trial is about to be trained to `fidelity`; `fidelity.done` > 0 for a promotion."""

    def epoch(
        self, record: TrialRecord, *, epoch: float, epochs: float | None, loss: float
    ) -> None:
        """An epoch ended; in the final training `epochs` is None: the clock ends it."""

    def trial_measured(self, record: TrialRecord, best: TrialRecord) -> None:
        """A trial has a new score; `best` is the best trial so far."""

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial failed or does not fit; `record.reason` says why."""

    def finished(self, result: Mapping[str, Any]) -> None:
        """The run is complete; `result` is what `--json` prints."""
