"""Several objectives in the loop: who is promoted, and which trials are the front."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from autoarch.objectives import Objective, knee_point, pareto_front
from autoarch.oracles.nsga2 import survivors
from autoarch.trials import Measurement, TrialRecord, TrialStatus


def front_merits(
    measurements: Mapping[int, Measurement], objectives: Sequence[Objective]
) -> dict[int, float]:
    """A merit for each trial, larger is better: by front, within a front the loneliest first.

    Args:
        measurements: By number of the trial, all on one rung.
        objectives: Whose values are in the measurements' metrics.
    """
    numbers = [n for n, m in measurements.items() if _finite(_point(m, objectives))]
    if not numbers:
        return {}
    points = np.array([_point(measurements[number], objectives) for number in numbers])
    order = survivors(points, len(numbers))
    return {numbers[place]: -float(rank) for rank, place in enumerate(order)}


def front_of(
    trials: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> tuple[list[TrialRecord], TrialRecord | None]:
    """The trials that no other is better than, each by its last measurement, and the knee.

    A trial that was not promoted was measured after fewer epochs, and may be better than it
    looks: what is on the front stands there by what is known.

    Args:
        trials: All trials.
        objectives: The metric first, then costs.

    Returns:
        The front, best in the first objective first; and its knee, None where there is none.
    """
    measured = [
        (record, point)
        for record in trials
        if record.status is TrialStatus.COMPLETED and record.last is not None
        if _finite(point := _point(record.last, objectives))
    ]
    if not measured:
        return [], None
    points = np.array([point for _, point in measured])
    places = sorted(pareto_front(points).tolist(), key=lambda place: -points[place, 0])
    front = [measured[place][0] for place in places]
    return front, front[knee_point(points[places])]


def _point(measurement: Measurement, objectives: Sequence[Objective]) -> list[float]:
    return [o.utility(float(measurement.metrics.get(o.name, math.nan))) for o in objectives]


def _finite(point: Sequence[float]) -> bool:
    return all(math.isfinite(value) for value in point)
