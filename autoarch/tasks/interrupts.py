"""Ctrl-C as a wish to stop early: the first one ends the work in hand, the second one aborts."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Whether the user has asked to stop early, or to abort."""

    def __init__(self) -> None:
        self._requested = False
        self._aborted = False

    def requested(self) -> bool:
        """Whether the work in hand is to be ended.

        Raises:
            KeyboardInterrupt: The user has aborted. Where Ctrl-C meets a finaliser or a callback
                from C, Python prints the exception and goes on, so it is raised here again.
        """
        if self._aborted:
            raise KeyboardInterrupt
        return self._requested

    def note(self, *, abort: bool) -> None:
        """Notes a Ctrl-C.

        Raises:
            KeyboardInterrupt: If it aborts.
        """
        self._aborted = abort
        self._requested = True
        if abort:
            raise KeyboardInterrupt


@contextmanager
def gentle_interrupts(
    may_wait: Callable[[], bool], on_request: Callable[[], None], interrupts: Interrupts
) -> Iterator[Interrupts]:
    """Within this context the first Ctrl-C is a request, and a second one aborts.

    Args:
        may_wait: Whether there is anything worth finishing; if not, the first one aborts too.
        on_request: Called at the first one.
        interrupts: Where the wish is noted.

    Outside the main thread, where Python delivers no signals, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return

    def handle(number: int, frame: FrameType | None) -> None:
        interrupts.note(abort=interrupts.requested() or not may_wait())
        on_request()

    previous = signal.signal(signal.SIGINT, handle)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, previous)
