"""What a run says of how its candidates were measured, where that was not by training alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autoarch.report import wording


def evaluator_text(result: Mapping[str, Any] | None) -> str:
    """A sentence or two on a cheap look at networks; empty for runs without.

    >>> print(evaluator_text({"evaluator": {"name": "one-shot", "supernet_epochs": 4.5,
    ...     "networks_scored": 812, "tau": 0.41, "tau_networks": 9, "fell_back": False}}))
    812 networks scored with shared weights after 4.5 epochs. Kendall's tau of these scores and of \
those of training alone is 0.41 on 9 networks.
    """
    facts = (result or {}).get("evaluator") or {}
    if "tau" not in facts:
        return ""
    tau = facts["tau"]
    agreement = "is not defined" if tau is None else f"is {tau:.2f}"
    text = (
        f"{_cheap_look(facts)} Kendall's tau of these scores and of those of training alone "
        f"{agreement} on {wording.plural(facts['tau_networks'], 'network')}"
    )
    return text + (": too low, so the search went on without them." if facts["fell_back"] else ".")


def _cheap_look(facts: Mapping[str, Any]) -> str:
    if facts["name"] == "zero-cost":
        return (
            f"{wording.plural(facts['networks_scored'], 'network')} scored without training "
            f"({facts['proxy']}), the worse half left out."
        )
    if "networks_scored" in facts:
        return (
            f"{wording.plural(facts['networks_scored'], 'network')} scored with shared weights "
            f"after {wording.epochs(facts['supernet_epochs'])} epochs."
        )
    stopped = ", stopped when skip connections took over" if facts["collapsed"] else ""
    return (
        f"{wording.plural(facts['networks_found'], 'network')} found by gradients "
        f"({facts['name']}) in {wording.plural(facts['relaxed_steps'], 'step')} of a network of "
        f"all options{stopped}, and scored with its weights."
    )


def folds_text(result: Mapping[str, Any] | None) -> str:
    """A sentence on the splits that networks were compared on; empty where it was one.

    >>> folds_text({"folds": 3, "valid": {"n": 450}})
    'Each network was trained on 3 splits; its score is that on their 450 validation examples.'
    """
    folds = (result or {}).get("folds", 1)
    if folds == 1:
        return ""
    # what an average says of its validation part is of our own split alone
    averaged = (result or {}).get("ensemble") is not None
    n = None if averaged else ((result or {}).get("valid") or {}).get("n")
    examples = f"{wording.count(n)} validation examples" if n else "validation parts together"
    return f"Each network was trained on {folds} splits; its score is that on their {examples}."


def ensemble_text(result: Mapping[str, Any] | None) -> str:
    """A sentence on the average of several networks; empty where the model is a single one.

    >>> member = {"trial": 0, "weight": 0.75, "valid": {"accuracy": 0.8}}
    >>> other = {"trial": 4, "weight": 0.25, "valid": {"accuracy": 0.78}}
    >>> facts = {"members": [member, other], "valid": {"accuracy": 0.82}}
    >>> ensemble_text({"objective": "accuracy", "ensemble": facts})
    'The average of trial 0 (weight 0.75, 80.0 % alone) and trial 4 (0.25, 78.0 %): validation \
accuracy 82.0 % together.'
    """
    facts = (result or {}).get("ensemble")
    if not facts:
        return ""
    name = str((result or {}).get("objective", "accuracy"))
    first, *others = [
        (f"trial {m['trial']}", f"{m['weight']:.2f}", wording.metric(name, m["valid"].get(name)))
        for m in facts["members"]
    ]
    texts = [f"{first[0]} (weight {first[1]}, {first[2]} alone)"]
    texts += [f"{trial} ({weight}, {alone})" for trial, weight, alone in others]
    together = wording.metric(name, facts["valid"].get(name))
    refitted = ((result or {}).get("best") or {}).get("refitted_on_validation")
    when = ", before the final training" if refitted else ""
    subject = "Taught by the average" if facts.get("taught") else "The average"
    return (
        f"{subject} of {', '.join(texts[:-1])} and {texts[-1]}: validation "
        f"{wording.metric_name(name)} {together} together{when}."
    )


def warm_start_text(result: Mapping[str, Any] | None) -> str:
    """A sentence on the earlier run that the search began with; empty for runs without.

    >>> warm_start_text({"warm_start": {"run": "runs/a", "trials": [1, 2]}, "best": {"trial": 2}})
    'Trials 1, 2 are the best networks of runs/a; trial 2 won.'
    """
    facts = (result or {}).get("warm_start")
    if not facts:
        return ""
    trials = facts["trials"]
    if not trials:
        return f"Nothing of {facts['run']} was new and affordable here."
    names = f"Trial{'s' if len(trials) > 1 else ''} {', '.join(map(str, trials))}"
    verb = "are the best networks" if len(trials) > 1 else "is a network"
    best = ((result or {}).get("best") or {}).get("trial")
    won = f"trial {best} won" if best in trials else "another network won"
    return f"{names} {verb} of {facts['run']}; {won}."
