"""The evaluators "darts", "fbnet" and "proxyless": gradients say which networks are worth training.

A relaxed network is trained for a share of the search's time; the networks that its choices stood
for on the way are trained alone, the last one first. For what comes before and after see
`autoarch.tasks.cheap_first`. A sitting that ends during the relaxation leaves nothing: the next one
begins it again.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from autoarch.architecture import Architecture
from autoarch.errors import TrialFailedError
from autoarch.oracles.decisions import DecisionSpace
from autoarch.oracles.domains import Finite
from autoarch.seeding import rng
from autoarch.spaces import Candidate, CellSpace, MobileSpace
from autoarch.supernet.differentiable import LOOKS, METHODS, Relaxation, relaxed_shape
from autoarch.supernet.pace import step_s
from autoarch.supernet.relaxed import Relaxed
from autoarch.supernet.relaxed_cells import RelaxedCells
from autoarch.supernet.relaxed_mobile import RelaxedMobile
from autoarch.tasks.cheap_first import FREE_EPOCHS, CheapFirst
from autoarch.tasks.oracle_choice import most_macs

WIDTH, CELLS = 4, 3
"""Of the relaxed networks: the narrowest, and the fewest cells that halve the picture twice."""

SIZES = ("width", "cells")
"""Decisions about the size of a network that is as the relaxed one says."""

SLOWEST = 1.5
"""A network's step may take so many times as long as trial 0's, each op on its own."""

FEWEST_MOVES = 30
"""With fewer steps choices are what chance began them with: at `CHOICES_RATE` none has moved by
more than 0.75, twice the weight against the others."""

LEARNED = 0.95
"""A loss above this share of that of answers by chance is of a network that learned nothing yet."""

SCORED_ON = 256
"""Most validation examples that a network is scored on with the relaxed network's weights."""


@dataclass(frozen=True, kw_only=True)
class Differentiable(CheapFirst):
    """See the module's text.

    Args:
        method: A key of `METHODS`.
    """

    method: str

    scores: ClassVar[str] = "Scores with the relaxed network's weights, and stand-alone ones,"
    scoring_share: ClassVar[float] = 0.1
    checks: ClassVar[int] = LOOKS

    def cheap_look(self) -> dict[str, Any] | None:
        """See `CheapFirst.cheap_look`: relaxes the space."""
        relaxed = self._relaxed()
        self._times(anew=True)  # what an earlier sitting began is lost, and its time with it
        self.sitting.phase("relaxation")
        relaxation, loss = self._trained(relaxed)
        if self.sitting.interrupted():
            return None
        if relaxation.moves < FEWEST_MOVES:
            raise TrialFailedError(
                f"the relaxed network came to {relaxation.steps} steps in its time, too few to "
                "choose by"
            )
        chance = math.log(relaxed.classes)
        if not loss <= LEARNED * chance:
            raise TrialFailedError(
                f"the relaxed network learned next to nothing in {relaxation.steps} steps (loss "
                f"{loss:.2f}, chance {chance:.2f}), so its choices say nothing"
            )
        if not relaxation.found:
            raise TrialFailedError(
                "each network that the relaxation found had collapsed to skip connections"
            )
        # Not sorted: batches of one class have statistics of one class.
        valid = self.evaluator.valid
        drawn = rng("scored", seed=self.evaluator.seed).permutation(len(valid))[:SCORED_ON]
        examples = valid.at(drawn)
        until = self._times()["scoring_until_s"]
        checks: dict[str, dict[str, Any]] = {}
        scores: dict[str, float] = {}
        for gates in reversed(relaxation.found):
            candidate = self._fitting(relaxed.decisions(gates))
            if candidate is None or candidate.key in {*checks, self.baseline.key}:
                continue
            checks[candidate.key] = dict(candidate.decisions)
            if until is None or self.sitting.clock.elapsed_s < until:
                scores[candidate.key] = relaxation.score(gates, examples, self.evaluator.objective)
        if not checks:
            raise TrialFailedError(
                "no network that the relaxation found fits the limits and the time"
            )
        facts = {
            "name": self.method,
            "relaxed_steps": relaxation.steps,
            "relaxed_epochs": round(relaxation.epochs, 2),
            "networks_found": len(checks),
            "collapsed": relaxation.collapsed,
        }
        return {
            "checks": list(checks.values()),
            "followers": [],
            "scores": scores,
            "facts": facts,
        }

    def _relaxed(self) -> Relaxed:
        space = self.space
        if isinstance(space, MobileSpace):
            return RelaxedMobile(space, self.baseline.decisions, width=WIDTH, price=self._price)
        assert isinstance(space, CellSpace)  # see `RELAXED_SPACES`
        shape = relaxed_shape(space.input_shape)
        return RelaxedCells(_decisions(space), shape, space.classes, width=WIDTH, cells=CELLS)

    def _price(self, network: Architecture) -> float:
        """Microseconds, or multiply-adds where no table of latencies is at hand."""
        table = self.budgets.latency
        if table is None or table.missing(network):
            return float(network.macs)
        return 1e6 * table.predict_s(network)

    def _trained(self, relaxed: Relaxed) -> tuple[Relaxation, float]:
        """The relaxation at its end, and its loss."""
        evaluator = self.evaluator
        relaxation = Relaxation(
            relaxed,
            evaluator.train,
            evaluator.augmenter(evaluator.train),
            self.baseline.recipe,
            METHODS[self.method],
            policy=evaluator.policy,
            seed=evaluator.seed,
            class_weights=evaluator.class_weights,
        )
        progress = self._share_done(self.sitting.clock.elapsed_s)
        heartbeat = self.sitting.heartbeat()

        def should_stop() -> bool:
            heartbeat()
            return self.sitting.interrupted()

        loss = relaxation.train(progress, planned_epochs=FREE_EPOCHS, should_stop=should_stop)
        return relaxation, loss

    def _fitting(self, found: Mapping[str, Any]) -> Candidate | None:
        """The network at trial 0's size, or the largest below that may be proposed.

        Where there is a clock, its steps may not take much longer than trial 0's either: cells of
        separable convolutions have few multiply-adds, and slow ones.
        """
        most = most_macs(self.space, self.baseline)
        for candidate in self._sizes(found):
            network = candidate.architecture
            if network.macs > most or not self.budgets.keep(network):
                continue
            if self.plan.search_until_s is None:
                return candidate
            slower = step_s(network) / self._step_s
            if slower <= SLOWEST:
                return candidate
            most = network.macs * SLOWEST / slower
        return None

    def _sizes(self, found: Mapping[str, Any]) -> list[Candidate]:
        """The network at trial 0's size and at all smaller ones, those of most work first."""
        known = _decisions(self.space)
        legal: dict[str, Sequence[Any]] = {}
        for decision in known.decisions:
            if decision.name in SIZES:
                largest = self.baseline.decisions[decision.name]
                values = decision.domain.values if isinstance(decision.domain, Finite) else ()
                legal[decision.name] = [v for v in values if v <= largest] or [largest]
        setting = {**self.baseline.decisions, **found}
        candidates = [
            self.space.candidate(known.activate({**setting, **dict(zip(legal, sizes))}))
            for sizes in itertools.product(*legal.values())
        ]
        return sorted(candidates, key=lambda candidate: -candidate.architecture.macs)

    @cached_property
    def _step_s(self) -> float:
        return step_s(self.baseline.architecture)


def _decisions(space: Any) -> DecisionSpace:
    return DecisionSpace.from_hyperparameters(space.hyperparameters())
