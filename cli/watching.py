"""What a run tells the terminal: nothing, a line a trial, or the live display."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from types import FrameType

from autoarch.cli.errors import TERMINATED, Interrupted

from autoarch.search.plain import PlainProgress, Watcher


def watcher(*, quiet: bool) -> Watcher:
    """The fitting one for this terminal.

    Args:
        quiet: Show nothing.
    """
    if quiet:
        return Watcher()
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        from autoarch.cli.live import LiveProgress

        return LiveProgress()
    return PlainProgress()


@contextmanager
def watching(*, quiet: bool) -> Iterator[Watcher]:
    """Shows a run while the block works on it.

    What anything prints meanwhile goes to stderr: stdout is for the result alone.

    Raises:
        Interrupted: The block was interrupted or terminated; the message says how to go on.
    """

    def terminate(signum: int, frame: FrameType | None) -> None:
        raise SystemExit(TERMINATED)  # unwinds, so that the display gives the terminal back

    before = signal.signal(signal.SIGTERM, terminate)
    display = watcher(quiet=quiet)
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
