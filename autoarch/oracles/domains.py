"""The legal values of one decision: a finite list or range, or an interval of floats.

A domain also maps its values to positions in [0, 1] and back, evenly under the decision's own
sampling (linear or logarithmic), so that oracles can reason about "near" and "far".
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

Value = Any  # str, int, float or bool, as declared
Sampling = Literal["linear", "log", "reverse_log"]

_STEPS = (0.01, 0.1)  # sizes of a "neighbouring" step, as a share of the domain


class Domain(ABC):
    """What a decision may be.

    Attributes:
        ordered: Whether values have a "next": sizes and floats do, kinds do not.
    """

    ordered: bool

    @property
    @abstractmethod
    def size(self) -> float:
        """Number of values; infinite for an interval."""

    @abstractmethod
    def declared(self, value: Value) -> Value | None:
        """The declared value that equals `value` (8 for 8.0 or `np.int64(8)`), or None."""

    @abstractmethod
    def contains(self, value: Value) -> bool:
        """Whether `value` is legal and has the declared Python type."""

    @abstractmethod
    def from_unit(self, position: float) -> Value:
        """The value at a position in [0, 1]; uniform positions give the declared sampling."""

    @abstractmethod
    def to_unit(self, value: Value) -> float:
        """The position in [0, 1] of a legal value; the middle of its share for finite domains."""

    @abstractmethod
    def neighbours(self, value: Value) -> list[Value]:
        """Legal values next to `value`: short and long steps where ordered, else all others."""

    @abstractmethod
    def move(self, value: Value, rng: np.random.Generator, *, near: float) -> Value:
        """Another legal value; with probability `near` a close one where the domain is ordered.

        The result differs from `value` unless `value` is the only one.
        """


class Finite(Domain):
    """A finite list of values of one type.

    Args:
        values: Distinct values in their order; a `range` stays one, however long.
        ordered: Whether the order means anything (sizes), or not (kinds).
        sampling: How `from_unit` spreads over a range of integers.
    """

    def __init__(self, values: Sequence[Value], *, ordered: bool, sampling: Sampling = "linear"):
        if not values:
            raise ValueError("`values` of Finite must not be empty.")
        self.values = values if isinstance(values, range) else tuple(dict.fromkeys(values))
        self.ordered = ordered
        self.sampling = sampling
        self._type = type(values[0])
        self._ranks = {} if isinstance(values, range) else {v: i for i, v in enumerate(self.values)}

    def __repr__(self) -> str:
        return f"Finite({self.values}, ordered={self.ordered}, sampling={self.sampling!r})"

    def __len__(self) -> int:
        return len(self.values)

    @property
    def size(self) -> int:
        return len(self.values)

    def rank(self, value: Value) -> int:
        """The place of a legal value in the order."""
        if isinstance(self.values, range):
            return self.values.index(value)
        return self._ranks[value]

    def contains(self, value: Value) -> bool:
        if type(value) is not self._type:
            return False
        return value in (self.values if isinstance(self.values, range) else self._ranks)

    def declared(self, value: Value) -> Value | None:
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, str) != (self._type is str):
            return None
        if isinstance(self.values, range):
            if not isinstance(value, int | float) or not math.isfinite(value):
                return None
            return int(value) if value == int(value) and int(value) in self.values else None
        try:
            rank = self._ranks.get(value)
        except TypeError:  # not hashable, so not one of ours
            return None
        return None if rank is None else self.values[rank]

    def from_unit(self, position: float) -> Value:
        n = len(self.values)
        if self.sampling != "linear" and isinstance(self.values, range):
            low, high = self.values[0], self.values[-1] + 1
            value = int(_project(position, low, high, self.sampling))
            return min(max(value, low), high - 1)
        return self.values[min(int(position * n), n - 1)]

    def to_unit(self, value: Value) -> float:
        if self.sampling != "linear" and isinstance(self.values, range):
            return _unproject(value + 0.5, self.values[0], self.values[-1] + 1, self.sampling)
        return (self.rank(value) + 0.5) / len(self.values)

    def neighbours(self, value: Value) -> list[Value]:
        if not self.ordered:
            return [other for other in self.values if other != value]
        n, rank = len(self.values), self.rank(value)
        shifts = sorted({max(1, round(step * n)) for step in _STEPS})
        places = [rank + sign * shift for shift in shifts for sign in (1, -1)]
        return [self.values[place] for place in places if 0 <= place < n]

    def move(self, value: Value, rng: np.random.Generator, *, near: float) -> Value:
        n, rank = len(self.values), self.rank(value)
        if n == 1:
            return value
        if self.ordered and rng.random() < near:
            shift = max(1, round(abs(rng.normal(0, _STEPS[-1])) * n))
            place = rank + shift if rng.random() < 0.5 else rank - shift
            if not 0 <= place < n:  # turn round at the ends
                place = min(max(2 * rank - place, 0), n - 1)
            if place != rank:
                return self.values[place]
        place = min(int(rng.random() * (n - 1)), n - 2)
        return self.values[place if place < rank else place + 1]


class Interval(Domain):
    """All floats in [low, high], spread by `sampling`."""

    ordered = True

    def __init__(self, low: float, high: float, *, sampling: Sampling = "linear"):
        if not low < high:
            raise ValueError(f"`low` of Interval must be below `high`; got {low} and {high}.")
        self.low = float(low)
        self.high = float(high)
        self.sampling = sampling

    def __repr__(self) -> str:
        return f"Interval({self.low}, {self.high}, sampling={self.sampling!r})"

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"

    @property
    def size(self) -> float:
        return math.inf

    def contains(self, value: Value) -> bool:
        return type(value) is float and self.low <= value <= self.high

    def declared(self, value: Value) -> Value | None:
        if isinstance(value, str | bool):
            return None
        try:
            number = float(value)
        except (TypeError, ValueError):
            return None
        # KerasTuner's own sampling leaves an interval by a rounding error at times.
        nearest = min(max(number, self.low), self.high)
        return nearest if math.isclose(number, nearest, rel_tol=1e-12) else None

    def from_unit(self, position: float) -> Value:
        value = _project(position, self.low, self.high, self.sampling)
        return min(max(float(value), self.low), self.high)  # rounding must not leave the interval

    def to_unit(self, value: Value) -> float:
        return _unproject(value, self.low, self.high, self.sampling)

    def neighbours(self, value: Value) -> list[Value]:
        position = self.to_unit(value)
        places = [position + sign * step for step in _STEPS for sign in (1, -1)]
        return [self.from_unit(place) for place in places if 0 <= place <= 1]

    def move(self, value: Value, rng: np.random.Generator, *, near: float) -> Value:
        if rng.random() < near:
            place = abs(self.to_unit(value) + rng.normal(0, _STEPS[-1]))  # reflected at both ends
            return self.from_unit(place if place <= 1 else max(0.0, 2 - place))
        return self.from_unit(rng.random())


def _project(position: float, low: float, high: float, sampling: Sampling) -> float:
    """From [0, 1] to [low, high]; the formulas are KerasTuner's."""
    if sampling == "linear":
        return low + position * (high - low)
    if sampling == "log":
        return low * math.pow(high / low, position)
    return high + low - low * math.pow(high / low, 1 - position)


def _unproject(value: float, low: float, high: float, sampling: Sampling) -> float:
    """The inverse of `_project`."""
    if sampling == "linear":
        return (value - low) / (high - low)
    if sampling == "log":
        return math.log(value / low) / math.log(high / low)
    return 1 - math.log((high + low - value) / low) / math.log(high / low)
