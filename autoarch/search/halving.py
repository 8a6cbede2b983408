"""Which trial deserves more training, read off the trials alone: see `oracles.promotion`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from autoarch.objectives import Objective
from autoarch.oracles.promotion import best_share
from autoarch.trials import Fidelity, Measurement, TrialRecord, TrialStatus

LEAD = 2.0
"""Standard errors by which a trial must lead trial 0 to be taken in its place: the best of several
leads by one through luck alone. Twice as many where epochs are few beside those of the final
training: who learns fast at first need not be ahead in the end. On cifar10-mini under a limit of
250 kB a network that led by two after a few of some forty epochs ended at 0.68, where trial 0's
reaches 0.75 on validation."""

ALIKE = 1.0
"""Within so many standard errors of the best score the cheaper trial is taken: nobody knows which
of them is better, and in the same minutes the cheaper one sees the data more often.

Source: Breiman et al. (1984), "Classification and Regression Trees", section 3.4.3, whose rule
takes the smallest tree within one standard error.
"""

Merits = Callable[[Mapping[int, Measurement]], dict[int, float]]
"""From the measurements on a rung to how good each trial is, larger is better."""


def measured_at(record: TrialRecord, epochs: float) -> Measurement | None:
    """The trial's measurement on the rung of so many epochs, or None."""
    for measurement in record.measurements:
        if measurement.epochs >= epochs - 1e-3:
            return measurement
    return None


def next_promotion(
    trials: Sequence[TrialRecord],
    rungs: Sequence[float],
    objective: Objective,
    merits: Merits | None = None,
) -> tuple[TrialRecord, Fidelity] | None:
    """The trial to be promoted next, from the highest rung down.

    A trial is promoted where it is among the best third of those measured on its rung and has
    not been promoted yet; ties go to the earlier trial. Trial 0 is promoted along with the
    first.

    Args:
        trials: All trials so far.
        rungs: Epochs of each rung, growing.
        objective: Which way is better.
        merits: Says it instead where there are several objectives.

    Returns:
        The trial and the fidelity to take it to, or None.
    """
    for level in range(len(rungs) - 2, -1, -1):
        measured = {
            record.trial: measurement
            for record in trials
            if record.status is TrialStatus.COMPLETED
            and (measurement := measured_at(record, rungs[level])) is not None
        }
        utilities = (
            merits(measured)
            if merits
            else {number: objective.utility(m.score) for number, m in measured.items()}
        )
        chosen = best_share(utilities)
        if chosen and 0 in utilities:
            # The baseline goes along: a score says little unless trial 0 has one beside it.
            chosen.append(0)
        for number in chosen:
            record = trials[number]
            if measured_at(record, rungs[level + 1]) is None:
                return record, Fidelity(epochs=rungs[level + 1], done=record.epochs)
    return None


def best_trial(
    trials: Sequence[TrialRecord],
    rungs: Sequence[float],
    objective: Objective,
    *,
    alike: float = ALIKE,
    final_epochs: float = 0.0,
) -> TrialRecord | None:
    """The trial to go on with: highest rung first, then score, then the earlier one.

    Scores of different rungs do not compare, and only the better trials reach the upper rungs.
    Trial 0 is replaced only by a trial that got as high and is better by `LEAD` standard errors, up
    to twice that where epochs are few, on the highest rung that both have: one that was promoted
    and then had no rival there has not won. Of those that do, the one of fewest multiply-adds
    within `alike` standard errors of the best is taken. A trial that inherited weights has seen
    the data more often: it wins only once trial 0 is measured with as many epochs, the inherited
    ones counted.

    Args:
        trials: All trials so far.
        rungs: Epochs of each rung, growing.
        objective: Which way is better.
        alike: See above; 0 where a limit says what a network may cost. Networks that keep it are
            small and see the data often enough; what they lack is weights.
        final_epochs: Epochs of the final training.
    """
    completed = [t for t in trials if t.status is TrialStatus.COMPLETED and t.score is not None]
    baseline = next((t for t in completed if t.trial == 0), None)

    def level(record: TrialRecord) -> int:
        return sum(measured_at(record, epochs) is not None for epochs in rungs)

    def rank(record: TrialRecord) -> tuple[int, float, int]:
        assert record.score is not None
        return level(record), objective.utility(record.score), -record.trial

    def beats_baseline(record: TrialRecord) -> bool:
        assert baseline is not None
        if record is baseline or level(record) < level(baseline):
            return False
        if record.inherited is not None and baseline.epochs < record.epochs - 1e-3:
            return False
        pairs = [(measured_at(record, rung), measured_at(baseline, rung)) for rung in rungs]
        shared = [(mine, its) for mine, its in pairs if mine is not None and its is not None]
        if not shared:
            return False
        mine, its = shared[-1]
        lead = objective.utility(mine.score) - objective.utility(its.score)
        to_come = max(0.0, 1.0 - its.epochs / final_epochs) if final_epochs else 0.0
        return lead > LEAD * (1.0 + to_come) * standard_error(its, objective)

    if baseline is None:
        return max(completed, key=rank, default=None)
    winners = [record for record in completed if beats_baseline(record)]
    if not winners:
        return baseline
    best = max(winners, key=rank)
    assert best.last is not None
    least = rank(best)[1] - alike * standard_error(best.last, objective)
    equals = [t for t in winners if level(t) == level(best) and rank(t)[1] >= least]
    return min(equals, key=lambda t: (t.macs, -rank(t)[1], t.trial))


def is_settled(
    trials: Sequence[TrialRecord], best: TrialRecord | None, patience: int | None
) -> bool:
    """Whether so many networks in a row did not beat the best that no more are worth a try.

    Args:
        trials: All trials so far, by number.
        best: The best of them.
        patience: How many; None for never.
    """
    if best is None or patience is None:
        return False
    later = trials[best.trial + 1 :]
    return sum(t.status is TrialStatus.COMPLETED for t in later) >= patience


def standard_error(measurement: Measurement, objective: Objective) -> float:
    """Of a score that is a share of the validation examples; 0 where it is none or `n` unknown."""
    return objective.standard_error(measurement.score, measurement.metrics)
