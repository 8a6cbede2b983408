"""What `result.json` says of limits, soft targets and several objectives."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autoarch.architecture import Architecture
from autoarch.costs.budgets import Budgets
from autoarch.search.front import front_of
from autoarch.tasks.limits import search_objectives
from autoarch.tasks.settings import Settings
from autoarch.trials import TrialRecord


def tradeoffs_of(
    settings: Settings,
    budgets: Budgets,
    trials: Sequence[TrialRecord],
    shipped: Architecture,
    file_bytes: int | None,
    run: Path,
) -> dict[str, Any]:
    """The entries of the result that are there only where they were asked for.

    Args:
        settings: What the user asked for.
        budgets: The limits.
        trials: All trials.
        shipped: The network of the exported model.
        file_bytes: Size of the file that was priced, as it is; None where that is not shipped.
        run: Directory of the run.

    Returns:
        `limits` by cost {limit, used, headroom}; `preferred` {targets, used, score}; `front`, best
        in the metric first, each {trial, score, costs, epochs, knee, command}.
    """
    prices = budgets.prices(shipped, settings.priced)
    if file_bytes is not None and "size" in prices:
        prices["size"] = float(file_bytes)
    found: dict[str, Any] = {}
    if budgets:
        found["limits"] = budgets.used(prices)
        found["device"] = budgets.constraints.device
    if settings.prefer:
        used = {cost: prices[cost] for cost in settings.prefer}
        found["preferred"] = {"targets": dict(settings.prefer), "used": used}
        found["preferred"]["formula"] = _formula(settings)
    if settings.objectives:
        metric, *costs = search_objectives(settings.objectives)
        front, knee = front_of(trials, [metric, *costs])
        found["front"] = [
            {
                "trial": record.trial,
                "score": record.last.metrics[metric.name],
                "costs": {cost.name: record.last.metrics[cost.name] for cost in costs},
                "epochs": round(record.epochs, 2),
                "knee": record is knee,
                "command": f"autoarch export {shlex.quote(str(run))} --trial {record.trial}",
            }
            for record in front
            if record.last is not None
        ]
    return found


def _formula(settings: Settings) -> str:
    objective = settings.searched
    exponent = getattr(objective, "exponent", 0.0) * (1 if objective.direction == "max" else -1)
    factors = " * ".join(f"({cost} / target) ** {exponent:g}" for cost in settings.prefer or {})
    return f"{objective.name} * {factors}"
