"""Prices of a network, and how much of its budgets it uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from autoarch.architecture import Architecture
from autoarch.architecture.front_end import integer_part
from autoarch.costs.constraints import Constraints
from autoarch.costs.devices import DeviceProfile
from autoarch.costs.latency import LatencyTable
from autoarch.costs.model_costs import ModelCosts, model_costs
from autoarch.errors import InvalidInputError


@dataclass(frozen=True)
class Budgets:
    """Hard limits together with what is needed to hold a network against them.

    Args:
        constraints: The user's limits, and those of the device.
        latency: Where latencies come from; needed where they are asked for.
        device: What runs there; None for everything.
        half: Whether files that are not in int8 (see `ModelCosts.has_int8`) keep their weights in
            half precision.
    """

    constraints: Constraints = field(default_factory=Constraints)
    latency: LatencyTable | None = None
    device: DeviceProfile | None = None
    half: bool = False

    def __post_init__(self) -> None:
        if "latency" in self.constraints.limits:
            self.latency_model()

    def __bool__(self) -> bool:
        """Whether anything is limited."""
        return bool(self.constraints.limits) or self.device is not None

    def prices(self, architecture: Architecture, costs: Iterable[str]) -> dict[str, float]:
        """What a network costs.

        Args:
            architecture: The network.
            costs: Of "size", "params", "macs", "latency", "ram".

        Returns:
            By cost: bytes, counts, seconds; of a network on waveforms those of its int8 file, which
            begins behind the front-end; of one on token ids the size is that of its float file. A
            latency is infinite where the table has not even the kind of an op.

        Raises:
            InvalidArchitectureError: A latency or memory of a network on token ids is asked for.
        """
        part, priced = integer_part(architecture), model_costs(architecture)
        return {cost: self._price(cost, part, priced) for cost in costs}

    def _price(self, cost: str, part: Architecture, priced: ModelCosts) -> float:
        if cost in ("params", "macs"):
            return float(getattr(part, cost))
        if cost == "ram":
            return float(priced.peak_ram_bytes)
        if cost == "latency":
            model, network = self.latency_model(), priced.architecture
            return float("inf") if model.missing(network) else model.predict_s(network)
        if priced.has_int8:
            return float(priced.int8_file_bytes)
        return float(priced.float16_file_bytes if self.half else priced.float_file_bytes)

    def latency_model(self) -> LatencyTable:
        """The table that latencies come from.

        Raises:
            InvalidInputError: There is none.
        """
        if self.latency is None:
            raise InvalidInputError(
                "No latency is known: measure this machine first, by `autoarch latency` with the "
                "space and the shape of the input, or give `device`, a profile with a table."
            )
        return self.latency

    def shares(self, architecture: Architecture) -> list[float]:
        """The share of each budget that a network uses; it fits where none is above 1.

        What a device does not run, or what was not measured, counts as above: 1 and one more for
        each kind of op, so that a search for what fits sees its way.
        """
        limits = self.constraints.limits
        shares = []
        if self.device is not None:
            missing = len(self.device.missing_ops(architecture))
            shares.append(1.0 + missing if missing else 0.0)
        if "latency" in limits and (unknown := self.latency_model().missing(architecture)):
            shares.append(1.0 + len(unknown))
            limits = {cost: limit for cost, limit in limits.items() if cost != "latency"}
        prices = self.prices(architecture, limits)
        return [*shares, *(prices[cost] / limit for cost, limit in limits.items())]

    def keep(self, architecture: Architecture) -> bool:
        """Whether a network is within all of them."""
        return not self or max(self.shares(architecture)) <= 1

    def describe(self, architecture: Architecture) -> str:
        """What a network costs beside each limit: "size 12,300 bytes (at most 10,000 bytes)"."""
        prices = self.prices(architecture, self.constraints.limits)
        parts = [
            f"{cost} {written(cost, prices[cost])} (at most {written(cost, limit)})"
            for cost, limit in self.constraints.limits.items()
        ]
        if "latency" in prices and (unknown := self.latency_model().missing(architecture)):
            parts.append(f"{len(unknown)} ops that were not measured, such as {unknown[0]!r}")
        if self.device is not None and (missing := self.device.missing_ops(architecture)):
            parts.append(f"ops that the device does not run: {', '.join(sorted(missing))}")
        return ", ".join(parts)

    def used(self, prices: Mapping[str, float]) -> dict[str, dict[str, float]]:
        """For each limit what is used of it and what is left, for `result.json`.

        Args:
            prices: As measured or priced, by cost; what is missing is left out.
        """
        return {
            cost: {"limit": limit, "used": prices[cost], "headroom": limit - prices[cost]}
            for cost, limit in self.constraints.limits.items()
            if cost in prices
        }


def written(cost: str, amount: float) -> str:
    """An amount with its unit, in as many digits as tell two neighbours apart.

    >>> written("size", 100_000), written("latency", 0.00512), written("macs", 5_000_000)
    ('100,000 bytes', '5.12 ms', '5,000,000')
    """
    if cost == "latency":
        return f"{1000 * amount:.3g} ms"
    unit = " bytes" if cost in ("size", "ram") else ""
    return f"{amount:,.0f}{unit}"
