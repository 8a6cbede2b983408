"""The average of several networks: which of them, with what weights, and as one network.

Members and weights are decided before the final training, by what the trials answered on the
validation part: afterwards nothing is left to decide by, since the final training uses that part,
too. The members then share the time of the final training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autoarch.architecture.ensemble import average, averaged_weights
from autoarch.data import ExampleSet
from autoarch.evaluation.final import FinalModel
from autoarch.evaluation.selection import greedy_weights
from autoarch.objectives import classification_metrics
from autoarch.spaces import Candidate, SearchSpace
from autoarch.tasks.final_phase import Network
from autoarch.training.fit import Array
from autoarch.trials import RunDirectory, TrialLog, TrialRecord, load_arrays

LEAST_TIME_S = 12.0
"""Seconds of the final training below which a member is not worth its trace."""


@dataclass(frozen=True, eq=False)
class Member:
    """One network of an average.

    Args:
        candidate: Its network.
        record: Its trial.
        weight: Of its answers.
        answers: Its probabilities on the validation part at the end of the search.
    """

    candidate: Candidate
    record: TrialRecord
    weight: float
    answers: Array

    @property
    def network(self) -> Network:
        return self.candidate, self.record


@dataclass(frozen=True, eq=False)
class Shipped:
    """What is exported.

    Args:
        candidate: The winner's, with the network that is exported.
        final: The winner's final training; `metrics` are those of what is exported.
        weights: Of the network, in Keras's order.
        facts: What the result says of the average; None where there is none.
    """

    candidate: Candidate
    final: FinalModel
    weights: tuple[Array, ...]
    facts: dict[str, Any] | None = None


def choose_members(
    best: TrialRecord,
    trials: Sequence[TrialRecord],
    space: SearchSpace,
    valid: ExampleSet,
    run: RunDirectory,
    log: TrialLog,
    *,
    most: int,
    final_s: float,
    now_s: float,
    note: Callable[[str], None],
) -> list[Member]:
    """The winner and the trials that answer best together with it, heaviest first after it.

    Decided once: what an earlier sitting decided is read from the log.

    Args:
        best: The winner.
        trials: All trials.
        space: Where they come from.
        valid: The validation part.
        run: Keeps the trials' answers on it.
        log: The run's log.
        most: Most members.
        final_s: Seconds of the final training; infinite where there is no limit.
        now_s: Time budget spent.
        note: Is told what was decided.
    """
    with_answers = [
        record
        for record in (best, *(t for t in trials if t.trial != best.trial))
        if record.last is not None and run.answers_file(record.trial).is_file()
    ]
    answers = {r.trial: load_arrays(run.answers_file(r.trial))["answers"][0] for r in with_answers}
    decided = [event["weights"] for event in log.events if event["event"] == "ensemble"]
    if not decided:
        affordable = int(min(most, max(1.0, final_s / LEAST_TIME_S)))
        found = greedy_weights(list(answers.values()), valid.labels, most=affordable)
        decided = [{str(trial): weight for trial, weight in zip(answers, found) if weight > 0}]
        log.append("ensemble", t=now_s, weights=decided[0])
    weights = {int(trial): weight for trial, weight in decided[0].items()}
    chosen = [record for record in with_answers if record.trial in weights]
    chosen.sort(key=lambda r: (r.trial != best.trial, -weights[r.trial], r.trial))
    names = ", ".join(f"{record.trial} ({weights[record.trial]:.2f})" for record in chosen)
    note(
        f"The model is the average of the trials {names}."
        if len(chosen) > 1
        else "No other network helps the winner: the model is that one alone."
    )
    return [
        Member(space.candidate(r.decisions), r, weights[r.trial], answers[r.trial]) for r in chosen
    ]


def as_one(members: Sequence[Member], finals: Sequence[FinalModel], valid: ExampleSet) -> Shipped:
    """The members after their final training as one network.

    The winner stays in any case; others whose training did not come to its end are left out.

    Args:
        members: As `choose_members` gave them.
        finals: Of the first members, in their order; fewer where the user stopped the run.
        valid: The validation part.
    """
    pairs = [
        (member, final)
        for place, (member, final) in enumerate(zip(members, finals))
        if place == 0 or final.kept
    ]
    first, final = pairs[0]
    if len(pairs) == 1:
        return Shipped(first.candidate, final, tuple(final.trainer.weights()))
    total = sum(member.weight for member, _ in pairs)
    shares = [member.weight / total for member, _ in pairs]
    networks = [member.candidate.architecture for member, _ in pairs]
    whole = average(networks, shares)
    weights = averaged_weights(networks, [f.trainer.weights() for _, f in pairs], whole)
    answers = [
        member.answers if f.refitted else f.trainer.predict_proba(valid.inputs)
        for member, f in pairs
    ]
    together = classification_metrics(
        valid.labels, np.average(np.stack(answers), axis=0, weights=shares)
    )
    return Shipped(
        replace(first.candidate, architecture=whole),
        replace(final, metrics=together, train_s=sum(f.train_s for _, f in pairs)),
        tuple(weights),
        {
            "members": [
                {
                    "trial": member.record.trial,
                    "weight": share,
                    "valid": classification_metrics(valid.labels, answer),
                    "params": network.params,
                    "epochs": round(f.trainer.epochs, 2),
                }
                for (member, f), share, network, answer in zip(pairs, shares, networks, answers)
            ],
            "valid": together,
        },
    )
