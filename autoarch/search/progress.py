"""What a run tells whoever watches it. The command line draws it; a notebook may ignore it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autoarch.objectives import Objective
from autoarch.trials import Fidelity, TrialRecord


class Progress:
    """Observer of a run; every method does nothing here. Subclass what you want to see.

    The methods are called from the thread that runs the search and must return quickly.
    """

    def run_started(
        self,
        run: Path,
        *,
        scored: Objective,
        time_limit_s: float | None,
        spent_s: float,
        elapsed_s: float,
    ) -> None:
        """A run begins, or goes on after `spent_s` seconds of earlier sittings; with those of this
        one so far they are `elapsed_s`. `scored` is what the scores of its trials are."""

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
