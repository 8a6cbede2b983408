"""Random search: the baseline that every other oracle has to beat."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autoarch.oracles.base import SearchOracle
from autoarch.oracles.decisions import DecisionSpace, Setting
from autoarch.oracles.history import History


class RandomOracle(SearchOracle):
    """Draws each active decision independently by its declared sampling; nothing twice.

    See `SearchOracle` for the arguments.
    """

    def suggest(
        self, space: DecisionSpace, history: History, rng: np.random.Generator
    ) -> Iterator[Setting]:
        while True:
            yield space.sample(rng)
