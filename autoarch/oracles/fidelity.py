"""How long to train, as KerasTuner's Hyperband writes it among a trial's values.

`tuner/epochs` is where training ends, `tuner/initial_epoch` where it begins, `tuner/round` the
rung (0 for a fresh network) and `tuner/bracket` how many promotions its ladder has at most.
A promotion is a trial of its own; `tuner/trial_id` names the trial that it goes on from.
"""

from __future__ import annotations

from collections.abc import Mapping

from autoarch.oracles.domains import Value
from autoarch.trials import Fidelity

_PREFIX = "tuner/"


def is_fidelity(name: str) -> bool:
    """Whether a value of that name says how long to train, and is no decision."""
    return name.startswith(_PREFIX)


def decisions_of(values: Mapping[str, Value]) -> dict[str, Value]:
    """The values without those that say how long to train."""
    return {name: value for name, value in values.items() if not name.startswith(_PREFIX)}


def fidelity_of(values: Mapping[str, Value]) -> Fidelity | None:
    """How long to train, or None where the values do not say it."""
    if "tuner/epochs" not in values:
        return None
    return Fidelity(values["tuner/epochs"], done=values.get("tuner/initial_epoch", 0))


def promoted_from(values: Mapping[str, Value]) -> str | None:
    """The identifier of the trial that is gone on with, or None for a fresh network."""
    parent: str | None = values.get("tuner/trial_id")
    return parent


def fidelity_values(
    fidelity: Fidelity, *, rung: int, rungs: int, parent: str | None
) -> dict[str, Value]:
    """KerasTuner's keys for one step of training.

    Args:
        fidelity: Where training begins and ends.
        rung: 0 for a fresh network.
        rungs: How many there are.
        parent: The trial that is gone on with, or None.
    """
    values: dict[str, Value] = {
        "tuner/epochs": fidelity.epochs,
        "tuner/initial_epoch": fidelity.done,
        "tuner/bracket": rungs - 1,
        "tuner/round": rung,
    }
    return values if parent is None else {**values, "tuner/trial_id": parent}
