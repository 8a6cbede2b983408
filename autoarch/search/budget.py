"""The time budget: read from text, watched by a clock, split between the phases."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from autoarch.errors import InvalidInputError

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([hms])")


def parse_duration(value: str | float | None, *, name: str = "time") -> float | None:
    """Reads a duration in seconds.

    Args:
        value: "90s", "10m", "1h30m", "1.5h", "1:30:00", "5:00", a number of seconds, or
            None or "none" for no limit.
        name: What to call it in an error.

    Returns:
        Seconds, or None for no limit.

    Raises:
        InvalidInputError: Not a duration, or not positive.

    >>> parse_duration("1h30m"), parse_duration("5:00"), parse_duration(45), parse_duration("none")
    (5400.0, 300.0, 45.0, None)
    """
    if value is None:
        return None
    seconds = _seconds(value)
    if seconds is None:
        if isinstance(value, str) and value.strip().lower() == "none":
            return None
        raise InvalidInputError(
            f"`{name}` must be a duration such as 90s, 10m, 1h30m or a number of seconds; "
            f"got {value!r}."
        )
    if not 0 < seconds < float("inf"):
        raise InvalidInputError(f"`{name}` must be positive and finite; got {value!r}.")
    return seconds


def _seconds(value: str | float) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    text = str(value).strip().lower()
    try:
        return float(text)
    except ValueError:
        pass
    if re.fullmatch(r"\d+(:\d{1,2}){1,2}", text):
        total = 0
        for part in text.split(":"):
            total = total * 60 + int(part)
        return float(total)
    parts = _PART.findall(text)
    if parts and not _PART.sub("", text).strip():
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    return None


class Clock:
    """Counts the seconds of the budget, earlier sittings of an interrupted run included.

    Args:
        limit_s: The budget, or None.
        spent_s: Seconds spent by earlier sittings.
        started: `time.monotonic()` at which this sitting began; now where left out.
    """

    def __init__(
        self, limit_s: float | None, *, spent_s: float = 0.0, started: float | None = None
    ):
        self.limit_s = limit_s
        self._zero = (time.monotonic() if started is None else started) - spent_s

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._zero

    @property
    def remaining_s(self) -> float:
        """Seconds left; infinite where there is no limit, negative once it is passed."""
        return float("inf") if self.limit_s is None else self.limit_s - self.elapsed_s


SEARCH_SHARE = 0.38
"""Largest share of the training time that goes to the search; the final training gets the rest."""

FEWEST_LOOKS = 10
ENOUGH_LOOKS = 22
"""Networks that a search of the whole share would see, about, up to which there is none, and from
which on it gets that share; in between a part in proportion. Few short looks find nothing: in all
32 runs of 1 to 8 minutes on pictures and texts (`ARCHITECTURE.md`, "The clock") trial 0
stayed the best, and its final training lacked the epochs.
"""

PATIENCE = 12
"""So many networks in a row that do not beat the best end the search: a thirteenth would, by luck
alone, in one of thirteen."""

CLOSING_S = 8.0
"""Seconds kept at least for export, verification and report of a small network."""

CLOSING_STARTS = 2.7
"""The same in start-ups: most of it is fresh processes importing TensorFlow, as this one did. Where
that took 2.7 s, the end took 4 to 6."""

CLOSING_SHARE = 0.02
"""Of the time limit, kept besides: with more time networks have more to write and to check."""

SMALLEST_TRAINING_S = 5.0
"""With less than this for training, a run is refused at its start."""

FREE_EPOCHS = 2.0
FREE_FINAL_EPOCHS = 30.0
"""Epochs of the first rung, and at the end of the final training, where no clock decides."""

FREE_TRAINING_S = 600.0
"""Training time for which trial 0 is sized where there is no limit."""

RUNG_FACTOR = 3
FEWEST_FIRST_EPOCHS = 0.5
MOST_FIRST_EPOCHS = 9.0
TRACE_S = 3.0
"""Seconds before a network's first step, about: most of it is tracing."""

LOOKS = 70
"""The first rung is this fraction of the epochs that the whole training time would buy."""


@dataclass(frozen=True)
class Plan:
    """How a run's time is split, decided when the speed of trial 0 is known.

    Args:
        rungs: Epochs of each fidelity, growing.
        search_until_s: Time budget spent at which the search ends, or None.
        final_until_s: Time budget spent at which the final training ends, or None.
        final_epochs: Epochs of the winner at the end, roughly; exact without a time limit.
        epoch_s: Seconds of one epoch of trial 0 when the plan was made.
        first_looks: About how many networks the search's time buys at the first rung; None
            without a time limit.
        folds: Splits that each trial is trained and measured on; see `TrainEvaluator.folds`.
        patience: Networks in a row that do not beat the best, after which the search ends; None
            where only time ends it.
        members: Networks that share the final training and are averaged, where nobody has said how
            many; trial 0 and its companions are looked at in any case then.
    """

    rungs: tuple[float, ...]
    search_until_s: float | None
    final_until_s: float | None
    final_epochs: float
    epoch_s: float
    first_looks: float | None = None
    folds: int = 1
    patience: int | None = None
    members: int = 1

    @property
    def searches(self) -> bool:
        """Whether there is time to look at more than trial 0 and its companions."""
        return self.first_looks is None or self.first_looks >= self.members + 1

    @property
    def known_only(self) -> bool:
        """Whether trial 0 and its companions are all that is looked at: nobody has asked for more,
        and there is no time for it."""
        return self.patience is not None and not self.searches


def make_plan(
    clock: Clock,
    epoch_s: float,
    *,
    start_s: float = 0.0,
    closings: float = 1.0,
    search_whole: bool = False,
    folds: tuple[int, int] = (1, 1),
    rungs: Sequence[float] = (),
    members: int = 1,
) -> Plan:
    """Splits what is left of the budget.

    Args:
        clock: The run's clock, after the data has been read and the speed measured.
        epoch_s: Seconds of one epoch of trial 0.
        start_s: Seconds that the command took to start.
        closings: Times as long as usual that the end takes.
        search_whole: Whether the search gets its whole share however little it will see or find:
            where trial 0 is not known to be strong, or more than one network is looked for.
        folds: Fewest and most splits that a trial is measured on. Time is given to surer looks
            once there is enough for `ENOUGH_LOOKS` of them.
        rungs: Those of an earlier plan, which stay; empty to choose them.
        members: See `Plan`.

    Returns:
        Rungs that triple the epochs, as far as one trial's whole climb costs at most a third of
        the search; and the ends of the search and of the final training.
    """
    if clock.limit_s is None:
        return Plan(
            tuple(rungs) or (FREE_EPOCHS, FREE_EPOCHS * RUNG_FACTOR),
            None,
            None,
            FREE_FINAL_EPOCHS,
            epoch_s,
            folds=folds[0],
        )
    now = clock.elapsed_s
    final_until = clock.limit_s - closing_s(clock.limit_s, start_s, closings)
    training = max(final_until - now, 1.0)
    search = training * SEARCH_SHARE
    all_epochs = training / epoch_s
    first = min(
        max(all_epochs / LOOKS, min(FEWEST_FIRST_EPOCHS, all_epochs / 12)), MOST_FIRST_EPOCHS
    )
    first = rungs[0] if rungs else first
    fewest, most = folds
    affordable = (search / ENOUGH_LOOKS - TRACE_S) / (first * epoch_s)
    number = int(max(fewest, min(affordable, most)))
    look_s = number * first * epoch_s + TRACE_S
    if not search_whole:
        spread = (search / look_s - FEWEST_LOOKS) / (ENOUGH_LOOKS - FEWEST_LOOKS)
        search *= min(1.0, max(0.0, spread))
    first_looks = search / look_s
    climb = list(rungs) or [first]
    while not rungs and climb[-1] * RUNG_FACTOR * epoch_s * number <= search / 3:
        climb.append(climb[-1] * RUNG_FACTOR)
    if members > 1:
        search = max(search, members * look_s + TRACE_S)
    final_epochs = (training - search) / epoch_s + climb[-1]
    until = now + search
    return Plan(
        tuple(climb),
        until,
        final_until,
        final_epochs,
        epoch_s,
        first_looks=first_looks,
        folds=number,
        patience=None if search_whole else PATIENCE,
        members=members,
    )


def expected_final_s(limit_s: float | None, *, opening_s: float) -> float:
    """Seconds that the final training will have, before anything is measured: trial 0 is sized
    by them.

    Args:
        limit_s: The time limit, or None.
        opening_s: Seconds that pass before the search.
    """
    if limit_s is None:
        return FREE_TRAINING_S
    return max(1.0, (limit_s - closing_s(limit_s) - opening_s) * (1 - SEARCH_SHARE))


def closing_s(limit_s: float, start_s: float = 0.0, closings: float = 1.0) -> float:
    """Seconds kept for export, verification and report; more on a slow or busy machine.

    Args:
        limit_s: The time limit.
        start_s: Seconds that the command took to start.
        closings: Times as long as usual that it takes.
    """
    return closings * max(CLOSING_S, CLOSING_STARTS * start_s) + CLOSING_SHARE * limit_s
