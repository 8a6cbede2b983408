"""From an oracle's suggestions to the next proposal: new, feasible, and never out of the space."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

from autoarch import seeding
from autoarch.errors import InvalidInputError
from autoarch.oracles.decisions import DecisionSpace, Setting, setting_key
from autoarch.oracles.domains import Value
from autoarch.oracles.fidelity import decisions_of
from autoarch.oracles.history import History
from autoarch.oracles.limited import LimitedSpace, Shares

IntArray = npt.NDArray[np.int64]
Suggest = Callable[[DecisionSpace, History, np.random.Generator], Iterable[Setting]]

_MAX_SUGGESTIONS = 100  # suggestions looked at before random draws take over
_MAX_RANDOM_DRAWS = 1000  # random draws before a small space is gone through
_MAX_ENUMERATED = 1 << 17  # largest space that is gone through setting by setting
_MAX_PULLED = 10  # suggestions above a limit that are pulled below it
_MAX_GROWN = 500  # mutants of what fits, before the search gives up


class Chooser:
    """Filters duplicates and infeasible settings, and notices when nothing is left.

    The initial settings come first. Then `suggest` is asked; if it keeps to what is known, random
    draws take over; if they find nothing either, a small space is gone through setting by
    setting. So a space of up to 131,072 settings is always exhausted completely.

    What it proposes depends on the seed, the number of the proposal, and the trials before it.

    Under limits (`shares`) all random draws, the oracle's own included, come from a
    `LimitedSpace`. Where no suggestion fits, the first ones are pulled below the limit, and where
    no draw does, mutants of what fits are tried: a search goes on as long as it finds anything
    that fits and is new, however rare that is.

    Args:
        suggest: See `SearchOracle.suggest`.
        initial: See `SearchOracle`.
        feasible: See `SearchOracle`. Must always say the same of the same setting.
        key: See `SearchOracle`.
        shares: See `SearchOracle`. Must always say the same of the same setting.

    Attributes:
        infeasible_draws: How often `feasible` has turned a draw down.
        stop_reason: Why the last call of `choose` returned None, one line.
    """

    def __init__(
        self,
        suggest: Suggest,
        *,
        initial: Sequence[Mapping[str, Value]] = (),
        feasible: Callable[[Mapping[str, Value]], bool] | None = None,
        key: Callable[[Mapping[str, Value]], str] | None = None,
        shares: Shares | None = None,
    ):
        self._suggest = suggest
        self.initial = initial
        self.feasible = feasible
        self.key = key
        self.shares = shares
        self.infeasible_draws = 0
        self.stop_reason: str | None = None
        self.forget()

    def forget(self) -> None:
        """Starts again without trials."""
        self._settings: set[str] = set()
        self._keys: set[str] = set()
        self._next_initial = 0
        self._order: tuple[DecisionSpace, IntArray] | None = None
        self._next_in_order = 0
        self._limited: tuple[DecisionSpace, LimitedSpace] | None = None

    def remember(self, values: Mapping[str, Value]) -> None:
        """From now on neither this setting nor another one of the same network is chosen."""
        values = decisions_of(values)
        setting = setting_key(values)
        if setting in self._settings:
            return
        self._settings.add(setting)
        if self.key is not None:
            self._keys.add(self.key(values))

    def is_new(self, values: Mapping[str, Value]) -> bool:
        """Whether a setting is feasible and makes a network that no trial has."""
        if setting_key(values) in self._settings:
            return False
        if not self._is_feasible(values):
            self.infeasible_draws += 1
            return False
        return self.key is None or self.key(values) not in self._keys

    def _is_feasible(self, values: Mapping[str, Value]) -> bool:
        if self._limited is not None:
            if not self._limited[1].fits(values):
                return False
        elif self.shares is not None and not max(self.shares(values)) <= 1:
            return False
        return self.feasible is None or self.feasible(values)

    def choose(self, space: DecisionSpace, history: History, *, seed: int) -> Setting | None:
        """The setting of the next proposal, or None where nothing new is left.

        Raises:
            InvalidInputError: One of the initial settings is not legal.
            ValueError: `suggest` yields what is no setting of the space.
        """
        rng = seeding.rng("oracle", len(history), seed=seed)
        if self.shares is not None:
            if self._limited is None or self._limited[0] is not space:
                self._limited = space, LimitedSpace(space, self.shares)
            space = self._limited[1]
            space.renew_allowance()
        for values in self._candidates(space, history, rng, seed):
            if self.is_new(values):
                self.stop_reason = None
                return values
        return None

    def _candidates(
        self, space: DecisionSpace, history: History, rng: np.random.Generator, seed: int
    ) -> Iterator[Setting]:
        # What is known or infeasible stays so: neither the initial settings nor those of a small
        # space are looked at again once they were turned down, which is where a place moves on.
        while self._next_initial < len(self.initial):
            try:
                values = space.complete(self.initial[self._next_initial])
            except InvalidInputError as error:
                raise InvalidInputError(f"`initial[{self._next_initial}]`: {error}") from error
            yield values
            self._next_initial += 1
        suggestions: list[Setting] = []
        for values in islice(self._suggest(space, history, rng), _MAX_SUGGESTIONS):
            if not space.contains(values):
                raise ValueError(f"This suggestion is not a setting of the space: {values}.")
            yield values
            suggestions.append(values)
        if isinstance(space, LimitedSpace):
            yield from self._below_the_limit(space, history, suggestions, rng)
        for _ in range(_MAX_RANDOM_DRAWS):
            yield space.sample(rng)
        if space.size() > _MAX_ENUMERATED:
            self.stop_reason = (
                f"nothing new and feasible turned up in {_MAX_RANDOM_DRAWS} random draws"
            )
            return
        size = int(space.size())
        if self._order is None or self._order[0] is not space:
            self._order = space, seeding.rng("oracle", "order", seed=seed).permutation(size)
            self._next_in_order = 0
        while self._next_in_order < size:
            yield space.setting(int(self._order[1][self._next_in_order]))
            self._next_in_order += 1
        self.stop_reason = (
            f"the search space is exhausted: each of its {size} settings was tried, equals one "
            "that was, or is infeasible"
        )

    def _below_the_limit(
        self,
        space: LimitedSpace,
        history: History,
        suggestions: Sequence[Setting],
        rng: np.random.Generator,
    ) -> Iterator[Setting]:
        """What fits and is close to what the oracle wants, then what is close to anything known."""
        above = (values for values in suggestions if not space.fits(values))
        for values in islice(above, _MAX_PULLED):
            yield space.pulled(values, rng)
        known = [decisions_of(trial.values) for trial in history.trials]
        yield from islice(space.grown(known, rng), _MAX_GROWN)
