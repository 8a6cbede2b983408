"""What an oracle knows: the trials proposed so far and how they turned out."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from autoarch.oracles.domains import Value


class TrialState(StrEnum):
    """Where a trial stands for an oracle."""

    OPEN = "open"  # proposed, no result yet
    COMPLETED = "completed"  # has a finite utility, which a promotion may still revise
    FAILED = "failed"  # could not be trained, does not fit, or scored NaN or infinity; final


class EventKind(StrEnum):
    PROPOSED = "proposed"
    FINISHED = "finished"
    REVISED = "revised"


class HistoryEvent(NamedTuple):
    """One entry of the history. `utility` is None for proposals and for failures; `metrics` is
    everything reported with the score."""

    kind: EventKind
    number: int
    utility: float | None
    metrics: Mapping[str, float] = {}


@dataclass(frozen=True, slots=True)
class KnownTrial:
    """One trial as an oracle sees it.

    Args:
        number: 0 for the first proposal, and so on.
        values: Its setting. Decisions discovered after it was built are missing;
            `DecisionSpace.activate` fills them.
        state: See `TrialState`.
        utility: The last score, turned so that larger is better; minus infinity unless completed.
        metrics: Everything reported with the last score, by name, not turned.
    """

    number: int
    values: Mapping[str, Value]
    state: TrialState = TrialState.OPEN
    utility: float = -math.inf
    metrics: Mapping[str, float] = field(default_factory=dict)


class History:
    """All trials of a search; suggesters read it, only `SearchOracle` writes it.

    Recording takes constant time. `events` only ever grows, so a learner may keep what it has
    made of a beginning of it, and go on from there at the next proposal.
    """

    def __init__(self) -> None:
        self._trials: list[KnownTrial] = []
        self._events: list[HistoryEvent] = []
        # dicts keep their order when a value is replaced, so these are in order of the end
        self._open: dict[int, KnownTrial] = {}
        self._completed: dict[int, KnownTrial] = {}
        self._failed: dict[int, KnownTrial] = {}

    def __len__(self) -> int:
        return len(self._trials)

    @property
    def trials(self) -> Sequence[KnownTrial]:
        """In order of proposal; trial `i` is at place `i`."""
        return self._trials

    @property
    def events(self) -> Sequence[HistoryEvent]:
        """Everything that happened, in order."""
        return self._events

    @property
    def open(self) -> Mapping[int, KnownTrial]:
        """Trials without a result, by number, in order of proposal."""
        return self._open

    @property
    def completed(self) -> Mapping[int, KnownTrial]:
        """Completed trials by number, in order of completion."""
        return self._completed

    @property
    def failed(self) -> Mapping[int, KnownTrial]:
        """Failed trials by number, in order of failure."""
        return self._failed

    def latest(self, n: int) -> list[KnownTrial]:
        """The `n` trials completed last, the oldest of them first; takes O(n)."""
        return list(islice(reversed(self._completed.values()), n))[::-1]

    def best(self, n: int = 1) -> list[KnownTrial]:
        """The `n` completed trials of largest utility, best first; of equals, the earlier."""
        return heapq.nlargest(n, self._completed.values(), key=attrgetter("utility"))

    def propose(self, values: Mapping[str, Value]) -> KnownTrial:
        """Records a new open trial."""
        trial = KnownTrial(len(self._trials), dict(values))
        self._trials.append(trial)
        self._open[trial.number] = trial
        self._events.append(HistoryEvent(EventKind.PROPOSED, trial.number, None))
        return trial

    def finish(
        self,
        number: int,
        utility: float | None,
        *,
        metrics: Mapping[str, float] | None = None,
        values: Mapping[str, Value] | None = None,
    ) -> KnownTrial:
        """Records the result of an open trial.

        Args:
            number: Which trial.
            utility: Larger is better; None or anything but a finite number means failed.
            metrics: What else was reported.
            values: Its setting, if building it has discovered more decisions.

        Raises:
            ValueError: The trial is not open.
        """
        if number not in self._open:
            raise ValueError(f"Trial {number} is not open: it has a result, or was never proposed.")
        trial = self._open.pop(number)
        if values is not None:
            trial = replace(trial, values=dict(values))
        return self._store(trial, EventKind.FINISHED, utility, metrics)

    def revise(
        self, number: int, utility: float | None, *, metrics: Mapping[str, float] | None = None
    ) -> KnownTrial:
        """Replaces the utility of a completed trial, or makes it a failed one.

        Raises:
            ValueError: The trial is not completed.
        """
        if number not in self._completed:
            raise ValueError(f"Trial {number} cannot be revised: it is not a completed trial.")
        return self._store(self._completed[number], EventKind.REVISED, utility, metrics)

    def _store(
        self,
        trial: KnownTrial,
        kind: EventKind,
        utility: float | None,
        metrics: Mapping[str, float] | None,
    ) -> KnownTrial:
        known = utility if utility is not None and math.isfinite(utility) else None
        trial = replace(
            trial,
            state=TrialState.FAILED if known is None else TrialState.COMPLETED,
            utility=-math.inf if known is None else known,
            metrics=dict(metrics or {}),
        )
        self._trials[trial.number] = trial
        if known is None:
            self._completed.pop(trial.number, None)
            self._failed[trial.number] = trial
        else:
            self._completed[trial.number] = trial
        self._events.append(HistoryEvent(kind, trial.number, known, trial.metrics))
        return trial
