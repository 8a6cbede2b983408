"""What a run says of its limits, soft targets and front of trade-offs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autoarch.costs.budgets import written
from autoarch.report import wording


@dataclass(frozen=True)
class Limit:
    """A hard limit and what the shipped model uses of it.

    Args:
        cost: "size", "params", "macs", "latency" or "ram".
        limit: What is allowed.
        used: What is used.
    """

    cost: str
    limit: float
    used: float

    def __str__(self) -> str:
        share = wording.percent(1 - self.used / self.limit)
        return (
            f"{self.cost} {written(self.cost, self.used)} of "
            f"{written(self.cost, self.limit)}, {share} left"
        )


@dataclass(frozen=True)
class Target:
    """A soft target and what the shipped model uses of it.

    Args:
        cost: As in `Limit`.
        target: What is preferred.
        used: What is used.
    """

    cost: str
    target: float
    used: float

    def __str__(self) -> str:
        return (
            f"{self.cost} {written(self.cost, self.used)} where "
            f"{written(self.cost, self.target)} were preferred"
        )


@dataclass(frozen=True)
class FrontPoint:
    """A trial that no other is better than in all objectives.

    Args:
        trial: Its number.
        score: The metric on the validation part, at the trial's last measurement.
        costs: By name.
        epochs: Passes over the training data that the score stands for.
        knee: Whether it is the suggested one.
        command: Exports it.
    """

    trial: int
    score: float
    costs: Mapping[str, float]
    epochs: float
    knee: bool
    command: str

    def cells(self, objective: str) -> list[str]:
        """Trial, score, each cost, epochs, as text."""
        costs = (written(cost, amount) for cost, amount in self.costs.items())
        score = wording.metric(objective, self.score)
        return [str(self.trial), score, *costs, wording.epochs(self.epochs)]


def limits_of(result: Mapping[str, Any] | None) -> tuple[Limit, ...]:
    """The limits that `result.json` has."""
    found = (result or {}).get("limits") or {}
    return tuple(Limit(cost, facts["limit"], facts["used"]) for cost, facts in found.items())


def targets_of(result: Mapping[str, Any] | None) -> tuple[Target, ...]:
    """The soft targets that `result.json` has."""
    found = (result or {}).get("preferred") or {}
    return tuple(
        Target(cost, target, found["used"][cost])
        for cost, target in (found.get("targets") or {}).items()
        if found["used"].get(cost) is not None
    )


def front_of(result: Mapping[str, Any] | None) -> tuple[FrontPoint, ...]:
    """The front that `result.json` has, best in the metric first."""
    return tuple(FrontPoint(**point) for point in (result or {}).get("front") or ())


def front_text(front: Sequence[FrontPoint], objective: str) -> Iterator[tuple[str, str]]:
    """Label and text of each point of the front."""
    for point in front:
        trial, score, *costs, epochs = point.cells(objective)
        amounts = ", ".join(f"{cost} {text}" for cost, text in zip(point.costs, costs))
        name = wording.metric_name(objective)
        text = f"trial {trial}: {score} {name} after {epochs} epochs, {amounts}"
        yield "front", text + ("; suggested, the knee" if point.knee else "")
    if front:
        yield "a point", next((p for p in front if p.knee), front[0]).command
