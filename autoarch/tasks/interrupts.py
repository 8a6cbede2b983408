"""Ctrl-C as a wish to stop early: the first one ends the work in hand, the second one aborts."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Whether the user has asked to stop."""

    def __init__(self) -> None:
        self.requested = False


@contextmanager
def gentle_interrupts(
    may_wait: Callable[[], bool], on_request: Callable[[], None], interrupts: Interrupts
) -> Iterator[Interrupts]:
    """Within this context the first Ctrl-C sets `requested`, and a second one aborts.

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
        if interrupts.requested or not may_wait():
            raise KeyboardInterrupt
        interrupts.requested = True
        on_request()

    previous = signal.signal(signal.SIGINT, handle)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, previous)
