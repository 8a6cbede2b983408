"""How a sitting's time is split: measured and decided once, and read from the log after that."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict

from autoarch.data import TaskData
from autoarch.errors import BudgetError, InvalidInputError
from autoarch.search.budget import SMALLEST_TRAINING_S, Plan, make_plan
from autoarch.tasks.settings import Settings
from autoarch.tasks.shipping import MEMBER_CLOSING, WEIGHED_CLOSING
from autoarch.tasks.sitting import Sitting

ENOUGH_VALID = 1000
"""Validation examples from which on one split says enough: at an accuracy of 0.8 the standard error
is 1.3 points."""

USUAL_FOLDS = 5
"""Most splits that nobody asked for."""


def plan_time(
    sitting: Sitting,
    settings: Settings,
    *,
    measure_epoch_s: Callable[[], float],
    folds: tuple[int, int],
    search_whole: bool,
    companions: int,
    member_epochs: float,
) -> Plan:
    """The plan of a run; of an earlier sitting where that had the same time.

    Args:
        sitting: Its clock and its log.
        settings: What the user asked for.
        measure_epoch_s: Seconds of an epoch of trial 0; asked only where there is a time limit.
        folds: See `make_plan`.
        search_whole: See `make_plan`.
        companions: Networks that trial 0 could be averaged with, as many as get their passes.
        member_epochs: Passes that each network of an average should get, about.

    Raises:
        BudgetError: There is no time for any training.
    """
    clock, before = sitting.clock, None
    limit_s = clock.limit_s
    for event in sitting.events("plan")[-1:]:
        before = Plan(**{**event["plan"], "rungs": tuple(event["plan"]["rungs"])})
        if event.get("limit_s", limit_s) == limit_s:
            return before
    epoch_s = 0.0 if limit_s is None else measure_epoch_s()
    weighs = settings.ship == "int8" or settings.max_size_bytes is not None
    shipped = 1 if settings.teaches else settings.ensemble or 1

    def plan_for(members: int) -> Plan:
        further = max(members, shipped) - 1
        return make_plan(
            clock,
            epoch_s,
            start_s=sitting.events("phase")[0]["t"],
            closings=(WEIGHED_CLOSING if weighs else 1.0) * (1.0 + MEMBER_CLOSING * further),
            search_whole=search_whole,
            # with another time looks stay comparable with those so far
            folds=folds if before is None else (before.folds, before.folds),
            rungs=() if before is None else before.rungs,
            members=members,
        )

    begun = bool(sitting.events("final"))
    if begun:  # with the networks that were chosen then
        chosen = sitting.events("ensemble") if settings.ensemble is None else []
        plan = plan_for(len(chosen[-1]["weights"]) if chosen else 1)
    else:
        plans = map(plan_for, range(1 + companions, 0, -1))
        plan = next(
            p for p in plans if p.members == 1 or p.final_epochs >= p.members * member_epochs
        )
    until_s = math.inf if plan.final_until_s is None else plan.final_until_s
    no_time = until_s - clock.elapsed_s < SMALLEST_TRAINING_S
    if before is None and limit_s is not None and no_time:
        raise BudgetError(
            f"`time` of {limit_s:g} s leaves nothing for training: reading the data and measuring "
            f"the machine took {clock.elapsed_s:.0f} s, and export with its check needs about "
            f"{limit_s - until_s:.0f} s. Give more time."
        )
    sitting.append("plan", plan=asdict(plan), limit_s=limit_s)
    free = settings.trials is None and settings.architecture is None
    if free and not plan.searches and not begun:
        many = f"{plan.members} known networks, to be averaged, get"
        sitting.note(
            f"{'The known network gets' if plan.members == 1 else many} the whole time: there is "
            "too little of it to find a better one. With more time others are tried, or with "
            "--trials."
        )
    return plan


def folds_of(settings: Settings, data: TaskData, noun: str) -> tuple[int, int]:
    """Fewest and most splits that a trial is measured on.

    Raises:
        InvalidInputError: More are asked for than there are, by `settings.folds`.
    """
    given, most = settings.folds, data.most_folds
    if given is None:
        enough = math.ceil(ENOUGH_VALID / len(data.valid)) if settings.can_fold else 1
        return 1, max(1, min(enough, most, USUAL_FOLDS))
    if given > most:
        raise InvalidInputError(
            f"`folds` may be at most {most} here, got {given}: other splits have validation "
            f"parts of as many {noun}s as ours, drawn from the training part."
            if most > 1
            else f"`folds` must be 1 here, got {given}: the validation part was given, or "
            f"{noun}s cannot change parts or do not fit into memory."
        )
    return given, given
