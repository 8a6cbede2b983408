"""Amounts as people write them, "100KB", "5M", "5ms", as numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from autoarch.errors import InvalidInputError

_NUMBER = re.compile(
    r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?(?:inf|nan))\s*(.*?)\s*", re.I
)

_BYTES = {
    "": 1.0,
    "b": 1.0,
    "byte": 1.0,
    "bytes": 1.0,
    # A promise has to hold for whoever counts 1,000 bytes a kilobyte, so KB is the smaller one.
    "k": 1e3,
    "kb": 1e3,
    "m": 1e6,
    "mb": 1e6,
    "g": 1e9,
    "gb": 1e9,
    "kib": 2.0**10,
    "mib": 2.0**20,
    "gib": 2.0**30,
}
_COUNTS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}
_SECONDS = {"s": 1.0, "": 1.0, "ms": 1e-3, "us": 1e-6, "\N{MICRO SIGN}s": 1e-6}


@dataclass(frozen=True)
class Unit:
    """A kind of amount.

    Args:
        factors: What each unit stands for, in lower case; "" is a bare number.
        whole: Whether the amount is a whole number: bytes and counts.
        examples: For error messages.
    """

    factors: Mapping[str, float]
    whole: bool
    examples: str

    def parse(self, name: str, value: str | float) -> float:
        """The amount as a number: bytes, a count, or seconds.

        Args:
            name: What it is for, in error messages.
            value: Text with or without a unit, or a number.

        Raises:
            InvalidInputError: It is no positive, finite amount of this unit.
        """
        match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
        if isinstance(value, str):
            factor = self.factors.get(match[2].lower()) if match else None
            number = math.nan if match is None or factor is None else float(match[1]) * factor
        elif isinstance(value, int | float) and not isinstance(value, bool):
            number = float(value)
        else:
            number = math.nan
        if self.whole and math.isfinite(number):
            number = float(math.floor(round(number, 6)))
        if not (number > 0 and math.isfinite(number)):
            raise InvalidInputError(
                f"`{name}` must be a positive amount such as {self.examples}; got {value!r}."
            )
        return number


BYTES = Unit(_BYTES, True, "100KB (1 KB = 1,000 bytes, 1 KiB = 1,024) or 1.5MB")
COUNT = Unit(_COUNTS, True, "100k or 5M")
SECONDS = Unit(_SECONDS, False, "5ms or 0.2s")
