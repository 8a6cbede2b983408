"""An objective: the name of a metric and the direction in which it is better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from autoarch.errors import InvalidInputError

Direction = Literal["max", "min"]


@dataclass(frozen=True)
class Objective:
    """A metric to optimise.

    Args:
        name: Key of the metric in a measurement, e.g. "accuracy".
        direction: "max" where larger is better, "min" where smaller is.
        counts_classes_equally: True for metrics that weigh a rare class like a frequent one;
            training then weighs the classes too, unless told otherwise.
    """

    name: str
    direction: Direction
    counts_classes_equally: bool = False

    def better(self, a: float, b: float) -> bool:
        """Whether score `a` is strictly better than `b`. NaN is never better than anything."""
        return a > b if self.direction == "max" else a < b

    def utility(self, score: float) -> float:
        """The score turned so that larger is better; NaN becomes minus infinity."""
        if score != score:
            return float("-inf")
        return score if self.direction == "max" else -score

    @property
    def score_name(self) -> str:
        """What `score` gives is called."""
        return self.name

    def score(self, metrics: Mapping[str, float]) -> float:
        """The objective's value in a measurement's metrics."""
        return float(metrics[self.name])

    def standard_error(self, score: float, metrics: Mapping[str, Any]) -> float:
        """Of a score that is a share of the examples; 0 where it is none.

        Args:
            score: What is measured, in units of the metric; weighed where there are targets.
            metrics: With the metric itself, and the number of examples as `n`; 0 without that.

        Example:
            >>> Objective("accuracy", "max").standard_error(0.9, {"accuracy": 0.9, "n": 100})
            0.03
        """
        n, share = metrics.get("n"), metrics.get(self.name, score)
        if not n or not share or self.direction == "min":
            return 0.0
        weighing = score / share  # by what it costs, where there are targets
        return float(weighing * math.sqrt(max(share * (1 - share), 0.0) / n))


OBJECTIVES: dict[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective("accuracy", "max"),
        Objective("balanced_accuracy", "max", counts_classes_equally=True),
        Objective("macro_f1", "max", counts_classes_equally=True),
        Objective("auc", "max"),
        Objective("log_loss", "min"),
    )
}


def get_objective(name: str) -> Objective:
    """Returns the objective of that name.

    Raises:
        InvalidInputError: The name is unknown; the message lists those that exist.
    """
    if name not in OBJECTIVES:
        raise InvalidInputError(
            f"`objective` must be one of {', '.join(OBJECTIVES)}; got {name!r}."
        )
    return OBJECTIVES[name]
