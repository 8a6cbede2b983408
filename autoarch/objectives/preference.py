"""Soft targets: a score that pays for being cheap, and charges for being expensive."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from autoarch.errors import InvalidInputError
from autoarch.objectives.objective import Objective

WEIGHED = "weighed_"
"""What the name of a score that costs weigh on begins with."""

EXPONENT = -0.07
"""So that doubling the cost is worth it for 5 % more accuracy (Tan et al. 2019, section 3)."""


@dataclass(frozen=True)
class Preference(Objective):
    """An objective whose score is weighed by how costs compare to their targets.

    score * product((cost / target) ** exponent) where larger scores are better, and with the
    opposite exponent where smaller ones are. Networks at the target keep their score, cheaper ones
    gain, more expensive ones lose: there is no hard limit.

    Args:
        name, direction, counts_classes_equally: Of the metric, as in `Objective`.
        targets: By name of a cost; its value is expected among a measurement's metrics.
        exponent: Negative; nearer zero the costs matter less.

    Raises:
        InvalidInputError: A target is not positive.

    Source: Tan et al. (2019), "MnasNet: Platform-Aware Neural Architecture Search for Mobile",
    section 3, with alpha = beta.

    Example:
        >>> reward = preferring(Objective("accuracy", "max"), {"latency": 0.005})
        >>> round(reward.score({"accuracy": 0.8, "latency": 0.010}), 3)
        0.762
    """

    targets: Mapping[str, float] = field(default_factory=dict)
    exponent: float = EXPONENT

    def __post_init__(self) -> None:
        for cost, target in self.targets.items():
            if not (target > 0 and math.isfinite(target)):
                raise InvalidInputError(
                    f"The target for `{cost}` must be positive; got {target!r}."
                )

    @property
    def score_name(self) -> str:
        """See `Objective.score_name`: no metric, and none of its units."""
        return f"{WEIGHED}{self.name}"

    def score(self, metrics: Mapping[str, float]) -> float:
        """The weighed score; NaN where the metric is."""
        exponent = self.exponent if self.direction == "max" else -self.exponent
        ratios = [float(metrics[cost]) / target for cost, target in self.targets.items()]
        return super().score(metrics) * math.prod(math.pow(ratio, exponent) for ratio in ratios)


def preferring(objective: Objective, targets: Mapping[str, float]) -> Objective:
    """The objective with soft targets; as it is where there are none."""
    if not targets:
        return objective
    return Preference(
        objective.name,
        objective.direction,
        objective.counts_classes_equally,
        targets=dict(targets),
    )
