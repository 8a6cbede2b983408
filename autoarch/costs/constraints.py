"""What a model may cost: the hard limits of a search, as a user gives them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from autoarch.costs.units import BYTES, COUNT, SECONDS, Unit
from autoarch.errors import InvalidInputError

COST_UNITS: dict[str, Unit] = {
    "size": BYTES,
    "params": COUNT,
    "macs": COUNT,
    "latency": SECONDS,
    "ram": BYTES,
}
"""The costs that can be limited, preferred or made an objective, with their units."""

MOBILE_LIMITS = {"max_size": 5e6, "max_macs": 100e6}
"""The limits of `mobile` where the user gives none of the same kind: what apps ship and any phone
answers with at once (MobileNetV3-Small: 2.5 M weights, 56 M multiply-adds)."""


@dataclass(frozen=True)
class Constraints:
    """Hard limits: no network that breaks one is trained, and none is exported.

    Amounts are numbers (bytes, counts, seconds) or text with a unit. 1 KB is 1,000 bytes and 1 KiB
    is 1,024, so that a limit in KB holds whichever of the two its reader has in mind.

    Args:
        max_size: Bytes of the file that is shipped, the int8 `.tflite`: "100KB". Networks on texts
            have none; of them it is the float32 or float16 file. The last three are not for them.
        max_params: Weights of the network, those that the data gives as well: "100k".
        max_macs: Multiply-adds of one answer, each counted once: "5M".
        max_latency: Seconds of one answer on `device`, else on this machine: "5ms".
        max_ram: Bytes of the largest set of activations in memory at once: "256KB".
        device: Name or file of a device profile, whose limits hold as well.

    Raises:
        InvalidInputError: An amount is not positive and finite, or has an unknown unit.

    Example:
        >>> Constraints(max_size="100KB", max_latency="5ms").limits
        {'size': 100000.0, 'latency': 0.005}
    """

    max_size: float | str | None = None
    max_params: float | str | None = None
    max_macs: float | str | None = None
    max_latency: float | str | None = None
    max_ram: float | str | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        for cost, unit in COST_UNITS.items():
            name = f"max_{cost}"
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, unit.parse(name, value))
        if isinstance(self.device, os.PathLike):
            object.__setattr__(self, "device", os.fspath(self.device))
        if self.device is not None and not isinstance(self.device, str):
            raise InvalidInputError(f"`device` must be a name or a path; got {self.device!r}.")

    @property
    def limits(self) -> dict[str, float]:
        """The limits by cost: "size", "params", "macs", "latency", "ram"; those that are set."""
        return {
            cost: getattr(self, f"max_{cost}")
            for cost in COST_UNITS
            if getattr(self, f"max_{cost}") is not None
        }

    def __bool__(self) -> bool:
        """Whether anything is limited."""
        return bool(self.to_json())

    def within(self, limits: Mapping[str, float]) -> Constraints:
        """These constraints and others: of two limits of a kind the smaller one holds.

        Args:
            limits: As in `limits`.
        """
        tighter = {
            f"max_{cost}": min(self.limits.get(cost, limit), limit)
            for cost, limit in limits.items()
        }
        return Constraints(**{**self.to_json(), **tighter})

    def to_json(self) -> dict[str, Any]:
        """What is set, by argument."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def of(cls, value: Constraints | Mapping[str, Any] | None) -> Constraints:
        """Constraints from what a user or `run.json` gives.

        Raises:
            InvalidInputError: It is something else, or a limit is unknown.
        """
        if isinstance(value, Constraints):
            return value
        if value is not None and not isinstance(value, Mapping):
            raise InvalidInputError(f"`constraints` must be a Constraints; got {value!r}.")
        given = dict(value or {})
        unknown = sorted(set(given) - {field.name for field in fields(cls)})
        if unknown:
            known = ", ".join(field.name for field in fields(cls))
            raise InvalidInputError(f"`constraints` has no {unknown[0]!r}; there are: {known}.")
        return cls(**given)
