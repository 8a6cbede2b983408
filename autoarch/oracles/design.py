"""Where a search begins: settings spread evenly over the space."""

from __future__ import annotations

import numpy as np

from autoarch.oracles.decisions import DecisionSpace, Setting


def latin_hypercube(space: DecisionSpace, count: int, rng: np.random.Generator) -> list[Setting]:
    """So many settings in which each decision takes each part of its range equally often.

    With a decision of five kinds and fifteen settings each kind comes three times (a decision
    under conditions: where it is active).

    Source: McKay, Beckman and Conover (1979), "A Comparison of Three Methods for Selecting Values
    of Input Variables in the Analysis of Output from a Computer Code".
    """
    strata = rng.permuted(np.tile(np.arange(count)[:, None], len(space)), axis=0)
    positions = (strata + rng.random(strata.shape)) / count
    return [space.at(row.tolist()) for row in positions]
