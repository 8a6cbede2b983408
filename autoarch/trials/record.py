"""A trial as a value, and how a list of events becomes trials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

Event = dict[str, Any]


class TrialStatus(StrEnum):
    """Where a trial stands, and who acts next."""

    RUNNING = "running"  # proposed; the evaluator works on it, or did when the run was killed
    COMPLETED = "completed"  # measured at least once; may still be promoted
    FAILED = "failed"  # could not be trained; `reason` says why; final
    INFEASIBLE = "infeasible"  # does not fit this machine or the time budget; final
    STOPPED = "stopped"  # cut off by the end of the search before it was measured; final


@dataclass(frozen=True)
class Fidelity:
    """How much training a measurement stands for.

    Args:
        epochs: Total passes over the training data, those before a promotion included.
        done: Passes already done when this step begins; 0 for a fresh network.
    """

    epochs: float
    done: float = 0

    def __post_init__(self) -> None:
        if not 0 <= self.done < self.epochs:
            raise ValueError(
                f"`done` of Fidelity must be in [0, epochs={self.epochs}); got {self.done}."
            )


@dataclass(frozen=True)
class Measurement:
    """What one evaluation of a candidate found.

    Args:
        score: The objective's value on the validation part.
        metrics: All validation metrics, by name.
        epochs: Passes over the training data so far, all fidelities together.
        train_s: Seconds in training steps during this evaluation (tracing left out).
        wall_s: Seconds of this evaluation altogether.
        curve: One entry an epoch: `{"epoch": float, "loss": float, "learning_rate": float}`.
        batch_size: Images a step, after any halving on running out of memory.
    """

    score: float
    metrics: Mapping[str, float]
    epochs: float
    train_s: float
    wall_s: float
    curve: tuple[Mapping[str, float], ...] = ()
    batch_size: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "score": self.score,
            "metrics": dict(self.metrics),
            "epochs": self.epochs,
            "train_s": self.train_s,
            "wall_s": self.wall_s,
            "curve": [dict(point) for point in self.curve],
            "batch_size": self.batch_size,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Measurement:
        return cls(**{**data, "curve": tuple(data.get("curve", ()))})


@dataclass(frozen=True)
class Inherited:
    """Where a trial's first weights come from.

    Args:
        parent: Number of the trial.
        epochs: Passes over the training data behind those weights; they count as the child's.
        share: Share of the child's weights that is inherited; the others are fresh.
    """

    parent: int
    epochs: float
    share: float


@dataclass(frozen=True)
class TrialRecord:
    """One candidate and what is known of it.

    Args:
        trial: Number of the trial; trial 0 is the baseline.
        decisions: The values chosen, by decision name.
        key: Canonical key of the architecture: equal networks have equal keys.
        params: Number of weights.
        macs: Multiply-adds of one forward pass of one example.
        status: See `TrialStatus`.
        measurements: In order of growing fidelity.
        reason: Why it failed or is infeasible, one line.
        inherited: Where its first weights come from, or None for fresh ones.
    """

    trial: int
    decisions: Mapping[str, Any]
    key: str
    params: int
    macs: int
    status: TrialStatus = TrialStatus.RUNNING
    measurements: tuple[Measurement, ...] = field(default=())
    reason: str | None = None
    inherited: Inherited | None = None

    @property
    def last(self) -> Measurement | None:
        """The measurement at the highest fidelity, or None."""
        return self.measurements[-1] if self.measurements else None

    @property
    def score(self) -> float | None:
        """Objective at the highest fidelity so far, or None."""
        return self.last.score if self.last else None

    @property
    def epochs(self) -> float:
        """Passes over the training data so far, inherited ones included."""
        return self.last.epochs if self.last else 0

    @property
    def inherited_epochs(self) -> float:
        """Those passes that an ancestor has made."""
        return self.inherited.epochs if self.inherited else 0

    @property
    def wall_s(self) -> float:
        """Seconds spent on this trial."""
        return sum(m.wall_s for m in self.measurements)


def replay(events: Iterable[Event]) -> list[TrialRecord]:
    """Rebuilds the trials from the log's events, in order of proposal.

    Events that are not about trials are skipped. The events are
    `proposed` {trial, decisions, key, params, macs}, `inherited` {trial, parent, epochs, share},
    `measured` {trial, measurement} and `ended` {trial, status, reason}; see
    `autoarch.trials.log`.
    """
    trials: dict[int, TrialRecord] = {}
    for event in events:
        kind = event["event"]
        if kind == "proposed":
            trials[event["trial"]] = TrialRecord(
                **{name: event[name] for name in ("trial", "decisions", "key", "params", "macs")}
            )
        elif kind == "inherited":
            trials[event["trial"]] = replace(
                trials[event["trial"]],
                inherited=Inherited(event["parent"], event["epochs"], event["share"]),
            )
        elif kind == "measured":
            record = trials[event["trial"]]
            measurement = Measurement.from_json(event["measurement"])
            trials[record.trial] = replace(
                record,
                status=TrialStatus.COMPLETED,
                measurements=(*record.measurements, measurement),
            )
        elif kind == "ended":
            record = trials[event["trial"]]
            trials[record.trial] = replace(
                record, status=TrialStatus(event["status"]), reason=event.get("reason")
            )
    return [trials[number] for number in sorted(trials)]
