"""A decision space under limits: where to draw, and how to come back inside.

The shares of a setting say how much of each budget it uses; it fits where none is above one.
What is far below the limits seldom wins, and nearly all of a space may lie above them, so neither
plain draws nor rejection alone will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autoarch.oracles.decisions import Decision, DecisionSpace, Setting, setting_key
from autoarch.oracles.domains import Finite, Value

Shares = Callable[[Mapping[str, Any]], Sequence[float]]
"""The share of each budget that a setting uses; at most 1 each where it fits."""

NEAR = 0.4
"""A draw is near the limit where it uses at least so much of one of the budgets."""

_ANYWHERE = 0.2  # share of the draws that may lie anywhere below the limit
_SPREAD = 1 / 16  # of the others each is to use so much: median 0.96, one in ten 0.87 or less
_TRIES = 16  # plain draws, or mutants, for one that is near the limit
_TRIES_EACH = 4  # mutants before one decision more changes
_ALLOWANCE = 200  # tries for all draws of one proposal, and as many for all mutants
_REMEMBERED = 1 << 14
_MAX_VALUES = 12  # values of a decision that the way to the smallest setting looks at
_DESCENTS = 8  # from random settings, before nothing is said to fit
_MUTANTS = 500  # of the smallest setting, without success, before that
_WAYS = 8


class LimitedSpace(DecisionSpace):
    """The same decisions, drawn and mutated to what fits, and mostly to what nearly does not.

    `sample` and `mutate` look for what fits and uses most of the budget that binds. A space whose
    draws all use less than 40 % is drawn from as it is. Where no draw fits, one is pulled towards
    the smallest setting until it does, which leaves it just below the limit.

    Args:
        space: The decisions.
        shares: See `Shares`.

    Attributes:
        priced: How many settings had to be priced so far.
    """

    def __init__(self, space: DecisionSpace, shares: Shares):
        super().__init__(space.decisions)
        self._shares = shares
        self._known: dict[str, tuple[float, ...]] = {}
        self._smallest: Setting | None = None
        self.priced = 0
        self.renew_allowance()

    def renew_allowance(self) -> None:
        """Called before each proposal: its tries are bounded, and depend on no other proposal."""
        self._left = {"draws": _ALLOWANCE, "mutants": _ALLOWANCE}

    def use(self, setting: Mapping[str, Value]) -> tuple[float, float]:
        """The largest share and the sum of all: what "smaller" means here."""
        shares = self.shares(setting)
        return max(shares), sum(shares)

    def shares(self, setting: Mapping[str, Value]) -> tuple[float, ...]:
        """The share of each budget; priced once."""
        key = setting_key(setting)
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = tuple(float(share) for share in self._shares(setting))
            self.priced += 1
        return self._known[key]

    def fits(self, setting: Mapping[str, Value]) -> bool:
        """Whether no share is above one. NaN does not fit."""
        return self.use(setting)[0] <= 1.0

    def sample(self, rng: np.random.Generator) -> Setting:
        """See the class. Draws as `DecisionSpace` does once a proposal has used its allowance."""
        plain = super().sample
        found = self._near_the_limit(lambda _: plain(rng), rng, "draws")
        if found is not None:
            return found
        setting = plain(rng)
        return self.pulled(setting, rng) if self._left["draws"] else setting

    def mutate(
        self, values: Mapping[str, Value], rng: np.random.Generator, n: int = 1, near: float = 0.5
    ) -> Setting:
        """See the class and `DecisionSpace.mutate`; the mutant fits unless none is found.

        What lies at the limit stays there only if something shrinks where something grows, so
        more than `n` decisions change where `n` do not do.
        """
        plain = super().mutate
        found = self._near_the_limit(
            lambda attempt: plain(values, rng, n + attempt // _TRIES_EACH, near), rng, "mutants"
        )
        return plain(values, rng, n, near) if found is None else found

    def _near_the_limit(
        self, draw: Callable[[int], Setting], rng: np.random.Generator, kind: str
    ) -> Setting | None:
        """The first draw that fits and uses enough, else the one that uses most; None: none fits.

        How much is enough is drawn as well. What is not near the limit is not told apart.
        """
        enough = 0.0 if rng.random() < _ANYWHERE else rng.random() ** _SPREAD
        best, most = None, 0.0
        for attempt in range(min(_TRIES, self._left[kind])):
            self._left[kind] -= 1
            setting = draw(attempt)
            share = self.use(setting)[0]
            if share <= 1.0:
                if share >= enough:
                    return setting
                if best is None or share >= max(most, NEAR):
                    best, most = setting, share
        return best

    @property
    def smallest(self) -> Setting:
        """The setting that uses least, as far as single steps lead there.

        From the defaults each decision takes the value that uses least, again and again until none
        helps. Where that does not fit, but each budget could be kept for itself, the same is done
        from random settings, and then mutants are tried, which change several decisions at once.
        """
        if self._smallest is None:
            rng = np.random.default_rng(0)
            self._smallest = descend(self, self.activate({}), self.use)
            hopeless = self._over_one_budget(self._smallest)
            if hopeless is not None:
                self._smallest = hopeless
            for _ in range(_DESCENTS):
                if self.fits(self._smallest) or hopeless is not None:
                    break
                other = descend(self, super().sample(rng), self.use)
                self._smallest = min(self._smallest, other, key=self.use)
            if hopeless is None:
                self._smallest = self._climb_down(self._smallest, rng)
        return self._smallest

    def _over_one_budget(self, smallest: Setting) -> Setting | None:
        """What uses least of a budget that nothing keeps; None where each can be kept."""
        for budget, share in enumerate(self.shares(smallest)):
            if share <= 1.0:
                continue

            def use(setting: Mapping[str, Value], budget: int = budget) -> tuple[float, float]:
                shares = self.shares(setting)
                return shares[budget], sum(shares)

            least = descend(self, smallest, use)
            if self.shares(least)[budget] > 1.0:
                return least
        return None

    def _climb_down(self, setting: Setting, rng: np.random.Generator) -> Setting:
        tries = 0
        while tries < _MUTANTS and not self.fits(setting):
            mutant = super().mutate(setting, rng, n=int(rng.integers(1, 4)))
            tries += 1
            if self.use(mutant) < self.use(setting):
                setting, tries = mutant, 0
        return setting

    def pulled(
        self,
        setting: Mapping[str, Value],
        rng: np.random.Generator,
        anchor: Mapping[str, Value] | None = None,
    ) -> Setting:
        """A setting that fits, on the way from this one to the anchor, just below the limit.

        The decisions take the anchor's values one by one in random order; a bisection finds a
        place where one step fits and the one before does not.

        Args:
            setting: The setting to start from.
            rng: Draws the order.
            anchor: A setting that fits; the smallest by default.
        """
        anchor = self.smallest if anchor is None else anchor
        start = dict(setting)
        names = [name for name, value in anchor.items() if start.get(name) != value]
        order = [names[place] for place in rng.permutation(len(names))]

        def after(steps: int) -> Setting:
            taken = {name: anchor[name] for name in order[:steps]}
            return self.activate({**anchor, **start, **taken})

        low, high = 0, len(order)
        if self.fits(after(low)):
            return after(low)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.fits(after(middle)) else (middle, high)
        return after(high)

    def closest(self, wanted: Mapping[str, Value], rng: np.random.Generator) -> Setting:
        """A setting that fits and to which no single decision of `wanted` can be given back.

        Of several ways there the one that uses most of the budget; `wanted` itself if it fits.
        """
        wanted = self.activate(wanted)
        if self.fits(wanted):
            return wanted
        found = [self._given_back(self.pulled(wanted, rng), wanted) for _ in range(_WAYS)]
        return max(found, key=self.use)

    def _given_back(self, setting: Setting, wanted: Mapping[str, Value]) -> Setting:
        for name in list(wanted):
            if name in setting and setting[name] != wanted[name]:
                step = self.activate({**wanted, **setting, name: wanted[name]})
                if self.fits(step):
                    setting = step
        return setting

    def grown(
        self, known: Sequence[Mapping[str, Value]], rng: np.random.Generator
    ) -> Iterator[Setting]:
        """Mutants of what is known to fit and of the smallest setting, one to three steps away."""
        parents = [self.smallest, *known]
        while True:
            parent = parents[int(rng.integers(len(parents)))]
            yield super().mutate(parent, rng, n=int(rng.integers(1, 4)))


def descend(
    space: DecisionSpace,
    setting: Setting,
    use: Callable[[Mapping[str, Value]], tuple[float, float]],
) -> Setting:
    """Where single steps lead that each use less, until none does.

    The least of all where what a value uses less, it uses less whatever the others are.

    Args:
        space: The decisions.
        setting: Where to start.
        use: What a setting uses; smaller is better.
    """
    lowest, improved = use(setting), True
    while improved:
        improved = False
        for decision in space.active(setting):
            if decision.name not in setting:  # switched off by a step before
                continue
            for value in _values(decision, setting[decision.name]):
                step = space.activate({**setting, decision.name: value})
                if (used := use(step)) < lowest:
                    setting, lowest, improved = step, used, True
    return setting


def _values(decision: Decision, current: Value) -> Sequence[Value]:
    """What a decision may step to on the way down."""
    domain = decision.domain
    if isinstance(domain, Finite) and domain.size <= _MAX_VALUES:
        return tuple(value for value in domain.values if value != current)
    ends = (domain.from_unit(0.0), domain.from_unit(np.nextafter(1.0, 0.0)))
    return (*ends, *domain.neighbours(current))
