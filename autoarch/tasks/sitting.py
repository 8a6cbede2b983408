"""One process's part of a run: where it is noted, its time, who watches, and whether to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autoarch.search.budget import Clock
from autoarch.search.heartbeat import Heartbeat
from autoarch.search.progress import Progress
from autoarch.trials import RunDirectory, TrialLog, events_of


@dataclass(frozen=True, eq=False)
class Sitting:
    """What all phases work with.

    Args:
        run: The run's directory.
        log: Its log.
        clock: Its clock.
        progress: Who watches.
        interrupted: Whether the user wants to stop.
    """

    run: RunDirectory
    log: TrialLog
    clock: Clock
    progress: Progress
    interrupted: Callable[[], bool]

    def phase(self, name: str) -> None:
        """Begins a phase: notes it, and tells whoever watches."""
        self.append("phase", name=name)
        self.progress.phase(name)

    def note(self, text: str) -> None:
        """Tells whoever watches one line worth knowing."""
        self.progress.note(text)

    def events(self, name: str) -> list[dict[str, Any]]:
        """What the log has of a kind, of earlier sittings as well."""
        return events_of(self.log.events, name)

    def append(self, event: str, **fields: Any) -> None:
        """Adds an event of now to the log."""
        self.log.append(event, t=self.clock.elapsed_s, **fields)

    def heartbeat(self) -> Heartbeat:
        """To be called often during work of which the log hears nothing else."""
        return Heartbeat(self.log, self.clock)
