"""The append-only log of a run: one JSON object a line, fsynced; the only state of a search.

Every event has `event` (its kind) and `t` (seconds of the time budget spent when it was written,
earlier sittings of an interrupted run included). The kinds:

- `proposed` {trial, decisions, key, params, macs}: the oracle chose a candidate;
- `inherited` {trial, parent, epochs, share}: it begins with weights of another trial;
- `measured` {trial, measurement}: it was evaluated at a fidelity (see `Measurement`);
- `ended` {trial, status, reason}: it failed, does not fit, or the search ended first;
- `setup` {setup}, `plan` {plan, limit_s}: what was decided before the search;
- `phase` {name}: a phase of the run begins (data, probe, search, final, export, report);
- `clock` {}: a heartbeat, so that a killed run knows the time it has spent;
- `supernet` {begin_s, until_s, scoring_until_s}: until when what is cheap is trained, as shared
  weights are, and networks are scored with it;
- `shared` {checks, followers, scores, facts}: what it chose to be trained alone (decisions, and
  scores by key);
- `agreement` {tau, networks}: how well those scores agree with training alone;
- `ensemble` {...}: whose answers are averaged;
- `final` {...}: progress of the final training;
- `finished` {}: the run is complete.
"""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from autoarch.errors import RunDirectoryError
from autoarch.trials.record import Event


def _plain(value: Any) -> Any:
    """NaN and infinities become None: they are not JSON."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):  # a NumPy scalar
        return _plain(value.item())
    return value


def _parse(data: bytes, path: Path) -> tuple[list[Event], int]:
    """Returns the events and the length in bytes of the part that is whole."""
    events: list[Event] = []
    whole = 0
    lines = data.split(b"\n")
    for number, line in enumerate(lines, start=1):
        is_last = number == len(lines)
        if is_last:
            if line:
                warnings.warn(
                    f"{path}: the last line is torn (the run was interrupted while writing it); "
                    "it is dropped.",
                    stacklevel=3,
                )
            break
        try:
            event = json.loads(line)
            if not isinstance(event, dict) or "event" not in event:
                raise ValueError("not an event")
        except ValueError as error:
            raise RunDirectoryError(
                f"{path}, line {number}: not a line of a trial log ({error}). "
                "Restore the file or start again with another output directory."
            ) from error
        events.append(event)
        whole += len(line) + 1
    return events, whole


def read_events(path: Path) -> list[Event]:
    """Reads a log. A torn last line is dropped with a warning; a missing file is an empty log.

    Raises:
        RunDirectoryError: A line before the last is not an event.
    """
    if not path.exists():
        return []
    return _parse(path.read_bytes(), path)[0]


def events_of(events: Iterable[Event], kind: str) -> list[Event]:
    """The events of a kind, in order."""
    return [event for event in events if event["event"] == kind]


class TrialLog:
    """Appends events; each is on the disk when `append` returns.

    Args:
        path: The file; created where missing. A torn last line is cut off first.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with TrialLog(Path(folder) / "trials.jsonl") as log:
        ...         log.append("phase", t=0.5, name="search")
        ...     read_events(Path(folder) / "trials.jsonl")
        [{'event': 'phase', 't': 0.5, 'name': 'search'}]
    """

    def __init__(self, path: Path):
        self.path = path
        self.events: list[Event] = []
        if path.exists():
            self.events, whole = _parse(path.read_bytes(), path)
            if whole < path.stat().st_size:
                os.truncate(path, whole)
        self._file = path.open("ab")

    def append(self, event: str, *, t: float, **fields: Any) -> None:
        """Writes one event.

        Args:
            event: Its kind; see the module's text.
            t: Seconds of the time budget spent.
            fields: What else it says; JSON values, NumPy scalars, NaN (stored as null).
        """
        entry = _plain({"event": event, "t": round(t, 3), **fields})
        line = json.dumps(entry, allow_nan=False, separators=(",", ":"))
        self._file.write(line.encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.events.append(entry)

    @property
    def spent_s(self) -> float:
        """Seconds of the time budget spent according to the last event."""
        return max((float(event["t"]) for event in self.events), default=0.0)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
