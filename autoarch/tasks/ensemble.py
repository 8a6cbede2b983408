"""The average of several networks: which of them, with what weights, and as one network, be it
their sum or one that they have taught.

Members and weights are decided before the final training: networks known to go together, in equal
parts, or by what the trials answered on the validation part. Afterwards nothing is left to decide
by, since the final training uses that part, too. The members then share its time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autoarch.architecture.ensemble import average_trained
from autoarch.data import ExampleSet
from autoarch.evaluation.final import FinalModel
from autoarch.evaluation.selection import greedy_weights
from autoarch.objectives import Objective, classification_metrics
from autoarch.spaces import Candidate, SearchSpace
from autoarch.tasks.final_phase import FinalPhase, Network
from autoarch.training.fit import Array
from autoarch.trials import RunDirectory, TrialLog, TrialRecord, events_of, load_arrays

LEAST_TIME_S = 12.0
"""Seconds of the final training below which a member is not worth its trace."""

TEACHERS_SHARE = 0.5
"""Of the final training, where the average is to teach one network."""


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
        facts: What the result says of the average, and whether it is only the teacher of what is
            exported; None where there is none.
    """

    candidate: Candidate
    final: FinalModel
    weights: tuple[Array, ...]
    facts: dict[str, Any] | None = None


Weigh = Callable[[Mapping[int, Array]], Mapping[int, float]]
"""Weights of the trials that are members, given the answers of all on the validation part, the
winner's first."""


def answering_best(
    valid: ExampleSet, objective: Objective, *, most: int, members_s: float
) -> Weigh:
    """The winner and the trials that answer best together with it.

    Args:
        valid: The validation part.
        objective: Which way is better.
        most: Most members.
        members_s: Seconds for the final training of all; infinite where there is no limit.
    """

    def weigh(answers: Mapping[int, Array]) -> dict[int, float]:
        affordable = int(min(most, max(1.0, members_s / LEAST_TIME_S)))
        found = greedy_weights(list(answers.values()), valid.labels, objective, most=affordable)
        return {trial: weight for trial, weight in zip(answers, found) if weight > 0}

    return weigh


def known_to_go_together(trials: Collection[int], *, most: int) -> Weigh:
    """The winner and the first of the given trials, in equal parts: what they answer after a short
    look says little of what they will answer in the end."""

    def weigh(answers: Mapping[int, Array]) -> dict[int, float]:
        winner = next(iter(answers))
        others = [trial for trial in answers if trial in trials and trial != winner]
        chosen = [winner, *others][:most]
        return dict.fromkeys(chosen, 1 / len(chosen))

    return weigh


def choose_members(
    best: TrialRecord,
    trials: Sequence[TrialRecord],
    space: SearchSpace,
    run: RunDirectory,
    log: TrialLog,
    *,
    weigh: Weigh,
    now_s: float,
    note: Callable[[str], None],
) -> list[Member]:
    """The winner and other trials, heaviest first after it.

    Decided once: what an earlier sitting decided is read from the log.

    Args:
        best: The winner.
        trials: All trials.
        space: Where they come from.
        run: Keeps the trials' answers on the validation part.
        log: The run's log.
        weigh: Decides.
        now_s: Time budget spent.
        note: Is told what was decided.
    """
    with_answers = [
        record
        for record in (best, *(t for t in trials if t.trial != best.trial))
        if record.last is not None and run.answers_file(record.trial).is_file()
    ]
    answers = {r.trial: load_arrays(run.answers_file(r.trial))["answers"][0] for r in with_answers}
    decided = [event["weights"] for event in events_of(log.events, "ensemble")]
    if not decided:
        decided = [{str(trial): weight for trial, weight in weigh(answers).items()}]
        log.append("ensemble", t=now_s, weights=decided[0])
    weights = {int(trial): weight for trial, weight in decided[0].items()}
    chosen = [record for record in with_answers if record.trial in weights]
    chosen.sort(key=lambda r: (r.trial != best.trial, -weights[r.trial], r.trial))
    names = ", ".join(f"{record.trial} ({weights[record.trial]:.2f})" for record in chosen)
    note(
        f"The model is the average of the trials {names}."
        if len(chosen) > 1
        else "The model is the winner alone: no other network helps it."
    )
    return [
        Member(space.candidate(r.decisions), r, weights[r.trial], answers[r.trial]) for r in chosen
    ]


def train_members(
    members: Sequence[Member], phase: FinalPhase, valid: ExampleSet, *, teach: bool
) -> Shipped:
    """Trains the members, and makes one network of them: their average, or one it has taught.

    Args:
        members: As `choose_members` gave them.
        phase: The final training.
        valid: The validation part.
        teach: Whether the average is only the teacher of the winner, which then is what is
            shipped: a limit on a network does not hold for several of them.
    """
    networks = [member.network for member in members]
    if not teach or len(members) == 1:
        return as_one(members, phase.train(networks), valid)
    finals = phase.train(networks, share=TEACHERS_SHARE)
    pairs = _trained(members, finals)
    if len(finals) < len(members) or len(pairs) == 1:  # stopped, or nobody else to learn from
        return as_one(members, finals[:1], valid)
    shares = _shares(pairs)

    def answers(inputs: Array) -> Array:
        found = [final.trainer.predict_proba(inputs) for _, final in pairs]
        return np.average(np.stack(found), axis=0, weights=shares).astype(np.float32)

    facts = {**_facts(pairs, valid), "taught": True}  # before the winner is trained on
    first, before = pairs[0]
    final = phase.teach(first.network, before, len(members), answers)
    final = replace(final, train_s=final.train_s + sum(f.train_s for _, f in pairs))
    return Shipped(first.candidate, final, tuple(final.trainer.weights()), facts)


def _trained(
    members: Sequence[Member], finals: Sequence[FinalModel]
) -> list[tuple[Member, FinalModel]]:
    """The members whose training came to its end, and the winner in any case."""
    return [
        (member, final)
        for place, (member, final) in enumerate(zip(members, finals))
        if place == 0 or final.kept
    ]


def _shares(pairs: Sequence[tuple[Member, FinalModel]]) -> list[float]:
    """Weights of those that are left, which sum to 1."""
    total = sum(member.weight for member, _ in pairs)
    return [member.weight / total for member, _ in pairs]


def as_one(members: Sequence[Member], finals: Sequence[FinalModel], valid: ExampleSet) -> Shipped:
    """The members after their final training as one network.

    The winner stays in any case; others whose training did not come to its end are left out.

    Args:
        members: As `choose_members` gave them.
        finals: Of the first members, in their order; fewer where the user stopped the run.
        valid: The validation part.
    """
    pairs = _trained(members, finals)
    first, final = pairs[0]
    if len(pairs) == 1:
        return Shipped(first.candidate, final, tuple(final.trainer.weights()))
    networks = [member.candidate.architecture for member, _ in pairs]
    weights = [final.trainer.weights() for _, final in pairs]
    whole, joined = average_trained(networks, _shares(pairs), weights)
    facts = _facts(pairs, valid)
    return Shipped(
        replace(first.candidate, architecture=whole),
        replace(final, metrics=facts["valid"], train_s=sum(f.train_s for _, f in pairs)),
        tuple(joined),
        facts,
    )


def _facts(pairs: Sequence[tuple[Member, FinalModel]], valid: ExampleSet) -> dict[str, Any]:
    """What the result says of an average: its members, and how they and it do on validation."""
    shares = _shares(pairs)
    answers = [
        member.answers if final.refitted else final.trainer.predict_proba(valid.inputs)
        for member, final in pairs
    ]
    return {
        "taught": False,
        "members": [
            {
                "trial": member.record.trial,
                "weight": share,
                "valid": classification_metrics(valid.labels, answer),
                "params": member.candidate.architecture.params,
                "epochs": round(final.trainer.epochs, 2),
            }
            for (member, final), share, answer in zip(pairs, shares, answers)
        ],
        "valid": classification_metrics(
            valid.labels, np.average(np.stack(answers), axis=0, weights=shares)
        ),
    }
