"""How long an op takes that was not measured, from those of its kind that were.

Within a family (the same kind, window and stride) seconds grow with the work, the products or
numbers that the op computes, as a power of it: a line through the logarithms, fitted by least
squares.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

_ENOUGH = 4
"""With fewer ops in a family, all of the kind are its family; with fewer still, the power is 1."""
_SHORTEST_S = 1e-8
"""What took less could not be told from nothing."""
_NUMBER = re.compile(r"[dkosw]\d+(?:x\d+)?")
_POWERS = (0.4, 1.2)
"""Steeper or flatter lines than this are noise."""


@dataclass(frozen=True)
class OpLaw:
    """Seconds as `exp(level) * (work / exp(centre)) ** power`."""

    centre: float
    level: float
    power: float

    def seconds(self, work: float) -> float:
        """Of an op of so much work."""
        return math.exp(self.level + self.power * (math.log(work) - self.centre))


def family_and_work(signature: str) -> tuple[str, str, float]:
    """The kind of a signature, its family within the kind, and its work.

    Example:
        >>> family_and_work("conv_2d 32x32x4 k3 o8 s2")
        ('conv_2d', 'conv_2d k3 s2', 73728.0)
    """
    kind, shapes, *words = signature.split()
    numbers = {word[0]: _product(word) for word in words if _NUMBER.fullmatch(word)}
    sides = [int(side) for side in shapes.split("+")[0].split("x")]
    stride = numbers.get("s", 1)
    *plane, channels = sides
    work = float(channels)
    for side in plane:
        work *= -(-side // stride)
    work *= numbers.get("k", 1)
    if kind != "depthwise_conv_2d":
        work *= numbers.get("o", 1)
    work *= numbers.get("w", 1)
    same = [word for word in words if _NUMBER.fullmatch(word) and word[0] != "o"]
    return kind, " ".join([kind, *same]), work


def _product(word: str) -> int:
    """The number in a word; windows are square where one side is told."""
    sides = [int(side) for side in word[1:].split("x")]
    if word[0] in "kw":
        return sides[0] * sides[-1]
    return sides[0]


def fit_laws(seconds: Mapping[str, float]) -> dict[str, OpLaw]:
    """A law for each family and for each kind of a table."""
    points: dict[str, list[tuple[float, float]]] = {}
    for name, value in seconds.items():
        kind, family, work = family_and_work(name)
        for key in {kind, family}:
            point = math.log(work), math.log(max(value, _SHORTEST_S))
            points.setdefault(key, []).append(point)
    return {
        key: _fit(found) for key, found in points.items() if len(found) >= _ENOUGH or " " not in key
    }


def _fit(points: list[tuple[float, float]]) -> OpLaw:
    centre = sum(x for x, _ in points) / len(points)
    level = sum(y for _, y in points) / len(points)
    spread = sum((x - centre) ** 2 for x, _ in points)
    power = 1.0
    if len(points) >= _ENOUGH and spread > 0:
        power = sum((x - centre) * (y - level) for x, y in points) / spread
    return OpLaw(centre, level, min(max(power, _POWERS[0]), _POWERS[1]))
