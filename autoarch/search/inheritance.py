"""Which trial a new one inherits its weights from, read off the trials alone.

Inheritance is off unless asked for. Measured (`benchmarks/inheritance.py`: 2,000 pictures of
cifar10-mini, nine mutations of trial 0, validation accuracy): an inherited epoch is worth an own
one, no more. Two own epochs after two inherited ones give 0.376, four own ones 0.389 (difference
-0.013, standard error 0.008), two alone 0.331; on the next rung, at six epochs altogether, it is
0.425 either way. A promotion costs a third less, but scores after the first rung foretell those
of the second no better, and what a change breaks (a removed stage) starts behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autoarch.objectives import Objective
from autoarch.trials import TrialRecord, TrialStatus


def nearest_parent(
    decisions: Mapping[str, Any],
    trials: Sequence[TrialRecord],
    rungs: Sequence[float],
    objective: Objective,
) -> TrialRecord | None:
    """The completed trial with the fewest other decisions; of equals the better, then the earlier.

    Children start from the weights of their parent's first measurement, and the epochs behind
    those count as their own. So only a parent is taken from which the first measurement of a
    child stays within the last rung: trial 0, without ancestors, is then measured with as many.

    Args:
        decisions: Of the new trial.
        trials: All trials so far.
        rungs: Epochs of each rung, growing.
        objective: Which way is better.

    Returns:
        The parent, or None where there is none.
    """

    def rank(record: TrialRecord) -> tuple[int, float, int]:
        names = decisions.keys() | record.decisions.keys()
        others = sum(decisions.get(name) != record.decisions.get(name) for name in names)
        return others, -objective.utility(record.measurements[0].score), record.trial

    most = rungs[-1] - rungs[0] + 1e-3
    able = [
        record
        for record in trials
        if record.status is TrialStatus.COMPLETED and record.measurements[0].epochs <= most
    ]
    return min(able, key=rank, default=None)
