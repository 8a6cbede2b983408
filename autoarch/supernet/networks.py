"""Which networks of a space share weights, and how paths are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from autoarch.architecture import Architecture
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces import Candidate, SearchSpace
from autoarch.training.recipe import Recipe

MOST_CHANGES = 6
"""Decisions in which a path differs from the network in the middle; from 1 on, evenly."""

TRIES = 16


class Reader:
    """Decisions that are known, read as from a `keras_tuner.HyperParameters`.

    That one registers what is read, with conditions that are checked and copied: 5 ms a network
    of the mobile space, where reading takes a tenth of it.

    Args:
        values: Active decisions; any other is None, as KerasTuner has it.
    """

    def __init__(self, values: Mapping[str, Any]):
        self._values = values
        self._scopes: list[str] = []

    def _read(self, name: str, *_: Any, **__: Any) -> Any:
        return self._values.get("/".join([*self._scopes, name]))

    Choice = Boolean = Int = Float = Fixed = get = _read

    @contextmanager
    def name_scope(self, name: str) -> Iterator[None]:
        """Puts a name before those of the decisions that are read inside."""
        self._scopes.append(name)
        try:
            yield
        finally:
            self._scopes.pop()

    def conditional_scope(self, *_: Any) -> AbstractContextManager[None]:
        return nullcontext()


class NetworksOnly(SearchSpace):
    """A space without its recipe: shared weights know nothing of how a network is trained alone.

    Args:
        space: The space.
    """

    name = "networks"

    def __init__(self, space: SearchSpace):
        super().__init__(space.input_shape, space.classes, recipe=space.default_recipe)
        self._space = space
        self._rules = space._rules  # what the user decided beforehand holds here, too
        self.decisions = DecisionSpace.from_hyperparameters(self.hyperparameters())

    def architecture(self, hp: Any) -> Architecture:
        return self._space.architecture(hp)

    def recipe(self, hp: Any) -> Recipe:
        return self.default_recipe

    def yardstick(self) -> Candidate:
        return self.of(self._space.yardstick())

    def of(self, candidate: Candidate) -> Candidate:
        """The candidate with the usual recipe."""
        return self.candidate(candidate.decisions)

    def candidate(self, decisions: Mapping[str, Any]) -> Candidate:
        """See `SearchSpace.candidate`; names of the recipe's decisions may be among them."""
        setting = self.decisions.activate(decisions)
        architecture = self._space.architecture(Reader(setting))
        return Candidate(
            setting, architecture, self.default_recipe, self._space.constants(architecture)
        )


def draw_mutants(
    networks: NetworksOnly,
    centre: Candidate,
    most_macs: float,
    shares: Callable[[Architecture], Sequence[float]],
) -> Callable[[np.random.Generator], Architecture]:
    """Draws networks that the search may propose and that are a few decisions away from one.

    A supernet of minutes cannot train paths drawn from a whole space: where each layer is of any
    kind behind layers of any kind, some hundred updates leave them at chance. In a mutant of the
    network that every step trains, what is new learns among layers that are trained.

    Args:
        networks: The space.
        centre: What is mutated; it is drawn itself where no mutant fits.
        most_macs: Multiply-adds of the costliest network allowed.
        shares: How much of each limit a network uses.
    """

    def draw(rng: np.random.Generator) -> Architecture:
        for _ in range(TRIES):
            changes = int(rng.integers(1, MOST_CHANGES + 1))
            setting = networks.decisions.mutate(centre.decisions, rng, changes)
            found = networks.candidate(setting).architecture
            if found.macs <= most_macs and max(shares(found), default=0.0) <= 1.0:
                return found
        return centre.architecture

    return draw
