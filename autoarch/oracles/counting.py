"""Counting and numbering the settings of a conditional space without listing them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from autoarch.oracles.domains import Finite, Value

if TYPE_CHECKING:
    from autoarch.oracles.decisions import Decision

_MAX_CONTEXTS = 1 << 14
_OTHER = object()  # a value that no later condition asks for

# What later decisions need to know of earlier ones: (name, value) of those they depend on.
Context = frozenset[tuple[str, Value]]


class SettingCounter:
    """The number of distinct settings, and the setting with a given number.

    Dynamic programming over the decisions: two beginnings of a setting that look the same to
    all later conditions have equally many continuations. A decision follows its parents at
    once, so that few values have to be remembered at a time.

    Args:
        decisions: Parents before children. Names may repeat under different conditions; the
            first active declaration counts.
    """

    def __init__(self, decisions: Sequence[Decision]):
        self._decisions = _children_after_parents(decisions)
        self._position = {d.name: place for place, d in reversed(list(enumerate(decisions)))}
        self._last_use: dict[str, int] = {}
        self._asked: dict[str, set[Value]] = {}
        for index, decision in enumerate(self._decisions):
            if decision.name in self._asked:  # declared again: remember whether it was active
                self._last_use[decision.name] = index
            self._asked.setdefault(decision.name, set())
            for condition in decision.conditions:
                self._last_use[condition.parent] = index
                self._asked.setdefault(condition.parent, set()).update(condition.values)
        self._counts = self._count()

    @property
    def size(self) -> float:
        """Number of settings; infinite if one can be continuous, or if counting is hopeless."""
        return self._counts[0][frozenset()] if self._counts else math.inf

    def setting(self, number: int) -> dict[str, Value]:
        """The setting of that number, in [0, size); every setting has exactly one number."""
        values: dict[str, Value] = {}
        context: Context = frozenset()
        for index, decision in enumerate(self._decisions):
            for branch, domain_values, after in self._branches(index, context):
                below = self._counts[index + 1][after]
                block = len(domain_values) * int(below)
                if number < block:
                    if branch:
                        values[decision.name] = domain_values[number // int(below)]
                    number %= int(below)
                    context = after
                    break
                number -= block
        return dict(sorted(values.items(), key=lambda item: self._position[item[0]]))

    def _count(self) -> list[dict[Context, float]]:
        """For each decision and each context before it: how many ways there are to go on."""
        n = len(self._decisions)
        contexts: list[set[Context]] = [{frozenset()}]
        for index in range(n):
            reached = {
                after for context in contexts[-1] for _, _, after in self._branches(index, context)
            }
            if len(reached) > _MAX_CONTEXTS:
                return []
            contexts.append(reached)
        counts: list[dict[Context, float]] = [{} for _ in range(n)]
        counts.append(dict.fromkeys(contexts[n], 1))
        for index in reversed(range(n)):
            for context in contexts[index]:
                counts[index][context] = sum(
                    self._width(index, branch, values) * counts[index + 1][after]
                    for branch, values, after in self._branches(index, context)
                )
        return counts

    def _width(self, index: int, branch: bool, values: Sequence[Value]) -> float:
        return self._decisions[index].domain.size if branch and not values else len(values)

    def _branches(
        self, index: int, context: Context
    ) -> Iterable[tuple[bool, Sequence[Value], Context]]:
        """Groups of values that later decisions cannot tell apart: (active, values, context).

        An inactive decision has one group, of one placeholder. A continuous one has one group
        without values, since no condition can hang on it.
        """
        decision = self._decisions[index]
        known = dict(context)
        active = decision.name not in known and all(
            known.get(c.parent, _OTHER) in c.values for c in decision.conditions
        )
        if not active:
            yield False, (None,), self._forget(known, index)
            return
        domain = decision.domain
        if self._last_use.get(decision.name, -1) <= index or not isinstance(domain, Finite):
            values = domain.values if isinstance(domain, Finite) else ()
            yield True, values, self._forget({**known, decision.name: _OTHER}, index)
            return
        asked = self._asked[decision.name]
        for value in domain.values:
            if value in asked:
                yield True, (value,), self._forget({**known, decision.name: value}, index)
        others = tuple(value for value in domain.values if value not in asked)
        if others:
            yield True, others, self._forget({**known, decision.name: _OTHER}, index)

    def _forget(self, known: dict[str, Value], index: int) -> Context:
        return frozenset(
            (name, value) for name, value in known.items() if self._last_use.get(name, -1) > index
        )


def _children_after_parents(decisions: Sequence[Decision]) -> list[Decision]:
    """The decisions reordered so that each comes as soon as all its parents are known.

    Declarations of one name keep their order, since the first active one counts.
    """
    waiting = list(decisions)
    ordered: list[Decision] = []
    while waiting:
        undeclared = {decision.name for decision in waiting}
        ready: list[Decision] = []
        first: set[str] = set()
        for decision in waiting:
            parents = {condition.parent for condition in decision.conditions}
            if decision.name not in first and not parents & undeclared:
                ready.append(decision)
            first.add(decision.name)
        chosen = next((d for d in ready if d.conditions), ready[0])
        waiting.remove(chosen)
        ordered.append(chosen)
    return ordered
