"""Settings as rows of bits, so that a distance between networks is one matrix product."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autoarch.oracles.decisions import Decision, DecisionSpace
from autoarch.oracles.domains import Finite, Value

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LEVELS = 32
"""Steps in which an interval, or a longer list of sizes, is told apart."""


@dataclass(frozen=True, eq=False)
class _Column:
    """One declaration of a decision.

    Args:
        decision: What it encodes.
        levels: Number of its values that are told apart; the level after the last is "inactive".
        level: The level of a legal value.
        bits: Row of bits of each level, `(levels + 1, bits)`; no bits set where inactive.
        shares: What each bit counts, `(bits,)`.
    """

    decision: Decision
    levels: int
    level: Callable[[Value], int]
    bits: FloatArray
    shares: FloatArray

    def level_in(self, setting: Mapping[str, Value]) -> int:
        decision = self.decision
        if decision.name not in setting:
            return self.levels
        if decision.conditions and not (
            all(condition.holds(setting) for condition in decision.conditions)
            and decision.domain.contains(setting[decision.name])
        ):
            return self.levels  # another declaration of the same name is active
        return self.level(setting[decision.name])


class BinaryCode:
    """Encodes the settings of a space such that distances add up over the decisions.

    A kind (unordered) has one bit for each of its values, a size (ordered) one bit for each step
    up to its value ("thermometer"), so that the Hamming distance, each bit weighted by `shares`,
    is 1 for two different kinds and the share of the range for two sizes. A decision under
    conditions has one more bit, which tells whether it is active and counts 1.

    Args:
        space: The decisions; those without a choice are left out.

    Decisions of the same choices, as the layers of a network have them, form a group. Sums of
    their bits, `bits @ totals`, tell what the network holds in all, wherever: how often each kind,
    how many sizes of at least so much.

    Attributes:
        names: Names of the decisions.
        owner: For each bit the place in `names` of its decision, int64 `(bits,)`.
        shares: For each bit what it counts, `(bits,)`.
        totals: Matrix `(bits, totals)`. Two networks drawn at random differ by 2 in all totals of a
            group together, as the mean of squared distances.
        groups: Number of groups.
        group: For each total its group, int64 `(totals,)`.
    """

    def __init__(self, space: DecisionSpace):
        self._columns = [_column(decision) for decision in space.decisions if decision.is_open]
        self.names = list(dict.fromkeys(column.decision.name for column in self._columns))
        owner = [
            np.full(column.bits.shape[1], self.names.index(column.decision.name))
            for column in self._columns
        ]
        self.owner: IntArray = np.concatenate([*owner, np.empty(0, np.int64)]).astype(np.int64)
        self.shares: FloatArray = np.concatenate([*(c.shares for c in self._columns), np.empty(0)])
        self.totals, self.group, self.groups = self._sums()

    def _sums(self) -> tuple[FloatArray, IntArray, int]:
        """`totals`, `group` and `groups`."""
        members: dict[Hashable, list[int]] = {}
        for place, column in enumerate(self._columns):
            if isinstance(column.decision.domain, Finite):
                members.setdefault(_choices(column), []).append(place)
        alike = [places for places in members.values() if len(places) > 1]
        starts = np.cumsum([0, *(column.bits.shape[1] for column in self._columns)])
        sums, group = [np.zeros((len(self.owner), 0))], []
        for number, places in enumerate(alike):
            levels = self._columns[places[0]].bits[:-1]  # without the inactive one
            varying = np.flatnonzero(levels.std(axis=0))
            spread = levels.std(axis=0)[varying] * math.sqrt(len(places) * len(varying))
            total = np.zeros((len(self.owner), len(varying)))
            for place in places:
                total[starts[place] + varying, np.arange(len(varying))] = 1 / spread
            sums.append(total)
            group += [number] * len(varying)
        return np.concatenate(sums, axis=1), np.array(group, np.int64), len(alike)

    def levels(self, settings: Sequence[Mapping[str, Value]]) -> IntArray:
        """The level of each declaration in each setting, `(settings, declarations)`."""
        rows = [[column.level_in(setting) for column in self._columns] for setting in settings]
        return np.array(rows, np.int64).reshape(len(settings), len(self._columns))

    def bits(self, levels: IntArray) -> FloatArray:
        """The bits `(settings, bits)`, each 0 or 1, of what `levels` returned."""
        parts = [column.bits[levels[:, i]] for i, column in enumerate(self._columns)]
        return np.concatenate([*parts, np.empty((len(levels), 0))], axis=1)


def _choices(column: _Column) -> Hashable:
    """Equal for columns whose bits mean the same."""
    domain = column.decision.domain
    assert isinstance(domain, Finite)
    return tuple(domain.values), domain.ordered, column.bits.shape


def _column(decision: Decision) -> _Column:
    domain = decision.domain
    level: Callable[[Value], int]
    if not domain.ordered:
        assert isinstance(domain, Finite)
        levels, level = domain.size, domain.rank
        bits, shares = np.eye(levels), np.full(levels, 0.5)  # two bits differ between two kinds
    else:
        if isinstance(domain, Finite) and domain.size <= LEVELS + 1:
            levels, level = domain.size, domain.rank
        else:
            levels = LEVELS + 1

            def level(value: Value) -> int:
                return round(domain.to_unit(value) * LEVELS)

        bits, shares = np.tri(levels, levels - 1, -1), np.full(levels - 1, 1 / (levels - 1))
    if decision.conditions:
        bits = np.column_stack([bits, np.ones(levels)])
        shares = np.append(shares, 1.0)
    bits = np.vstack([bits, np.zeros(bits.shape[1])])
    return _Column(decision, levels, level, bits, shares)


def hamming(a: FloatArray, b: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted Hamming distances `(len(a), len(b))` between rows of bits.

    For bits |a - b| = a + b - 2 a b, so one matrix product does it.
    """
    weighted = a * weights
    distances: FloatArray = weighted.sum(1)[:, None] + (b @ weights) - 2 * (weighted @ b.T)
    return distances


def squared_distances(a: FloatArray, b: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted squared distances `(len(a), len(b))` between rows of numbers."""
    weighted = a * weights
    squares: FloatArray = (weighted * a).sum(1)[:, None] + (b**2 @ weights)[None, :]
    return squares - 2 * (weighted @ b.T)
