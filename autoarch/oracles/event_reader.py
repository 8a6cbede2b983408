"""What an oracle has made of the history so far, event by event."""

from __future__ import annotations

from abc import ABC, abstractmethod

from autoarch.oracles.decisions import DecisionSpace
from autoarch.oracles.history import History, HistoryEvent


class EventReader(ABC):
    """Reads each event of a history once, in order, so that a proposal costs no full pass.

    The state depends on the space and the events alone: a new space, which a hypermodel may
    discover while it is built, starts from the first event again.
    """

    def __init__(self) -> None:
        self._space: DecisionSpace | None = None
        self._history: History | None = None
        self._events_read = 0

    def follow(self, space: DecisionSpace, history: History) -> None:
        """Takes in the events that are new since the last call."""
        if space is not self._space or history is not self._history:
            self._space, self._history, self._events_read = space, history, 0
            self.begin(space)
        for event in history.events[self._events_read :]:
            self.take(event, space, history)
        self._events_read = len(history.events)

    @abstractmethod
    def begin(self, space: DecisionSpace) -> None:
        """Forgets everything; `space` is the one from now on."""

    @abstractmethod
    def take(self, event: HistoryEvent, space: DecisionSpace, history: History) -> None:
        """Takes in one event. `history` may be ahead of it: utilities are the event's."""
