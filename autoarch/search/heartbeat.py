"""A run's log hears that time passes, so that a killed sitting's seconds are not given again."""

from __future__ import annotations

from autoarch.search.budget import Clock
from autoarch.trials import TrialLog

EVERY_S = 5.0


class Heartbeat:
    """Appends a "clock" event where the log has not heard of the time for `EVERY_S` seconds.

    Args:
        log: The run's log.
        clock: Its clock.
    """

    def __init__(self, log: TrialLog, clock: Clock):
        self._log, self._clock = log, clock
        self.heard()

    def heard(self) -> float:
        """To be called when the log is told the time otherwise; returns that time, in seconds."""
        self._heard_s = self._clock.elapsed_s
        return self._heard_s

    def __call__(self) -> None:
        """To be called often."""
        if self._clock.elapsed_s - self._heard_s >= EVERY_S:
            self._log.append("clock", t=self.heard())
