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
