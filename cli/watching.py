"""What a run tells the terminal: nothing, a line a trial, or the live display."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import FrameType

from autoarch.cli.errors import TERMINATED, Interrupted

from autoarch.search.progress import Progress


class Watcher(Progress):
    """Observes a run and shows nothing; knows which run it is and how long it has been going.

    The time counts from its making on, since importing TensorFlow is part of the run's time.
    Used as a context manager; a display starts and ends with it.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._started = now()
        self._spent_before = 0.0
        self.run: Path | None = None
        self.time_limit_s: float | None = None

    def run_started(self, run: Path, *, time_limit_s: float | None, spent_s: float) -> None:
        self._spent_before = spent_s
        self.run = run
        self.time_limit_s = time_limit_s

    @property
    def spent_s(self) -> float:
        """Seconds of the run so far, those of earlier sittings included."""
        return self._spent_before + self._now() - self._started

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to tear down."""


def watcher(*, quiet: bool, objective: str) -> Watcher:
    """The fitting one for this terminal.

    Args:
        quiet: Show nothing.
        objective: Name of the metric that the scores are.
    """
    if quiet:
        return Watcher()
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        from autoarch.cli.live import LiveProgress

        return LiveProgress(objective)
    from autoarch.cli.plain import PlainProgress

    return PlainProgress(objective)


@contextmanager
def watching(*, quiet: bool, objective: str) -> Iterator[Watcher]:
    """Shows a run while the block works on it.

    What anything prints meanwhile goes to stderr: stdout is for the result alone.

    Raises:
        Interrupted: The block was interrupted or terminated; the message says how to go on.
    """

    def terminate(signum: int, frame: FrameType | None) -> None:
        raise SystemExit(TERMINATED)  # unwinds, so that the display gives the terminal back

    before = signal.signal(signal.SIGTERM, terminate)
    display = watcher(quiet=quiet, objective=objective)
    try:
        with redirect_stdout(sys.stderr), display:
            yield display
    except KeyboardInterrupt as error:
        raise Interrupted(display.run) from error
    except SystemExit as error:
        if error.code != TERMINATED:
            raise
        raise Interrupted(display.run, TERMINATED) from error
    finally:
        signal.signal(signal.SIGTERM, before)
