"""Everything a report reads of a run, at once; what the run has not written yet is None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from autoarch.objectives import Objective, get_objective, preferring
from autoarch.report import wording
from autoarch.trials import RunDirectory, TrialRecord, read_events, replay
from autoarch.trials.record import Event


@dataclass(frozen=True, eq=False)
class RunFiles:
    """A run as its files tell it.

    Args:
        directory: Where the files are.
        about: Contents of `run.json`.
        events: The trial log, in order.
        result: Contents of `result.json`, or None before the run is complete.
        evaluation: Contents of `evaluation.json`, or None before the final evaluation.
        architecture: Contents of `model/architecture.json`, or None before the export.
    """

    directory: RunDirectory
    about: Mapping[str, Any]
    events: tuple[Event, ...]
    result: Mapping[str, Any] | None
    evaluation: Mapping[str, Any] | None
    architecture: Mapping[str, Any] | None

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the user asked for."""
        settings: Mapping[str, Any] = self.about.get("settings") or {}
        return settings

    @property
    def noun(self) -> str:
        """What an example is called."""
        return wording.noun_of(self.about.get("task"))

    @cached_property
    def objective(self) -> Objective:
        """What the search optimised."""
        return get_objective(self.settings.get("objective", "accuracy"))

    @cached_property
    def scored(self) -> Objective:
        """What the trials' scores are: the objective, weighed where there were targets."""
        return preferring(self.objective, self.settings.get("prefer") or {})

    @cached_property
    def trials(self) -> tuple[TrialRecord, ...]:
        """The trials in order of proposal."""
        return tuple(replay(self.events))

    @property
    def spent_s(self) -> float:
        """Seconds of the time budget spent according to the log."""
        return max((float(event["t"]) for event in self.events), default=0.0)

    @property
    def complete(self) -> bool:
        """Whether the run has come to its end."""
        return self.result is not None

    @property
    def refitted(self) -> bool:
        """Whether the final training used the validation part too, after it had served."""
        best = (self.result or {}).get("best") or {}
        return bool(best.get("refitted_on_validation"))

    @property
    def baseline(self) -> TrialRecord | None:
        """Trial 0, if it has been proposed."""
        return next((record for record in self.trials if record.trial == 0), None)


def read_run(run: RunDirectory) -> RunFiles:
    """Reads a run that may be unfinished.

    Raises:
        RunDirectoryError: Not the directory of a run, or a file in it is damaged.
    """

    def optional(path: Path) -> Any:
        return run.read_json(path) if path.exists() else None

    return RunFiles(
        directory=run,
        about=run.settings(),
        events=tuple(read_events(run.log_file)),
        result=optional(run.result_file),
        evaluation=optional(run.evaluation_file),
        architecture=optional(run.model / "architecture.json"),
    )
