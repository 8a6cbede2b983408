"""The evaluator "one-shot": shared weights say which networks are worth training alone.

A supernet is trained for a share of the search's time; the oracle asks for as many scores with its
weights as the time allows, in a log of its own; the best of them, and some of lower ranks, are
trained alone. For what comes before and after see `autoarch.tasks.cheap_first`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.errors import TrialFailedError
from autoarch.evaluation.shared_weights import SharedWeightsEvaluator
from autoarch.search.budget import Plan
from autoarch.search.shared_scores import chosen
from autoarch.spaces import Candidate
from autoarch.supernet.networks import NetworksOnly, draw_mutants
from autoarch.supernet.training import Supernet
from autoarch.tasks.cheap_first import FREE_EPOCHS, CheapFirst
from autoarch.tasks.oracle_choice import most_macs
from autoarch.trials import TrialRecord, load_arrays, save_arrays

FREE_SCORES = 200
"""Networks scored where no clock decides."""

CHECKPOINT_EVERY_S = 20.0

SHARED_SETTINGS: dict[str, dict[str, Any]] = {
    # A score costs little, so the population can be large. It begins with mutants of trial 0, on
    # which the shared weights were trained.
    "evolution": {"population": 60, "warm_up": 1, "sample": 12, "second_mutation": 0.5},
}


@dataclass(frozen=True, kw_only=True)
class OneShot(CheapFirst):
    """See the module's text."""

    scores: ClassVar[str] = "Shared and stand-alone scores"
    # Much of what is shared has been learned by trial 0.
    training_share: ClassVar[float] = 0.3
    scoring_share: ClassVar[float] = 0.25

    def cheap_look(self) -> dict[str, Any] | None:
        """See `CheapFirst.cheap_look`: trains a supernet and scores networks with it."""
        networks = NetworksOnly(self.space)
        baseline = networks.of(self.baseline)
        times = self._times()
        supernet = self._supernet(networks, baseline)
        self.sitting.phase("supernet")
        self._train(supernet, times)
        if self.sitting.interrupted():
            return None
        self.sitting.phase("shared search")
        trials = self._score(networks, baseline, supernet, times["scoring_until_s"])
        if self.sitting.interrupted():
            return None
        found = chosen(trials, self.objective)
        if not found["checks"]:
            raise TrialFailedError(
                "shared weights chose no network: there was no time to score any, or nothing to "
                "choose from"
            )
        facts = {
            "name": "one-shot",
            "supernet_epochs": round(supernet.epochs, 2),
            "shared_weights": len(supernet.bank),
            "networks_scored": len(trials),
        }
        return {**found, "facts": facts}

    def _supernet(self, networks: NetworksOnly, baseline: Candidate) -> Supernet:
        evaluator = self.evaluator
        shares = self.budgets.shares if self.budgets else (lambda network: ())
        supernet = Supernet(
            evaluator.train,
            evaluator.augmenter(evaluator.train),
            baseline.recipe,
            draw_mutants(networks, baseline, most_macs(networks, baseline), shares),
            largest=baseline.architecture,
            smallest=networks.cheapest(lambda network: network.macs).architecture,
            policy=evaluator.policy,
            seed=evaluator.seed,
            class_weights=evaluator.class_weights,
        )
        measured = self.measured_baseline
        if measured:
            weights = evaluator.weights(self.baseline, 0, done=measured["epochs"])
            supernet.begin_with(baseline.architecture, weights)
        return supernet

    def _train(self, supernet: Supernet, times: Mapping[str, Any]) -> None:
        """Trains the supernet to its end, from its checkpoint where there is one."""
        file = self.sitting.run.supernet / "weights.npz"
        self.sitting.run.supernet.mkdir(exist_ok=True)
        if file.exists():
            supernet.restore(load_arrays(file))
        saved_s = self.sitting.clock.elapsed_s
        heartbeat = self.sitting.heartbeat()

        def should_stop() -> bool:
            nonlocal saved_s
            heartbeat()
            if self.sitting.clock.elapsed_s - saved_s >= CHECKPOINT_EVERY_S:
                save_arrays(file, **supernet.state())
                saved_s = self.sitting.clock.elapsed_s
            return self.sitting.interrupted()

        progress = self._share_done(times["begin_s"])
        supernet.train(progress, planned_epochs=FREE_EPOCHS, should_stop=should_stop)
        save_arrays(file, **supernet.state())

    def _score(
        self,
        networks: NetworksOnly,
        baseline: Candidate,
        supernet: Supernet,
        until_s: float | None,
    ) -> list[TrialRecord]:
        """Lets the oracle search with shared weights."""
        evaluator = self.evaluator
        shared = SharedWeightsEvaluator(
            supernet, evaluator.train, evaluator.valid, evaluator.objective, seed=evaluator.seed
        )
        return self._scored(
            networks,
            baseline,
            shared,
            self.sitting.run.supernet / "trials.jsonl",
            plan=Plan((max(supernet.epochs, 1e-3),), until_s, until_s, 0.0, 0.05),
            most=FREE_SCORES if until_s is None else None,
            tuned=SHARED_SETTINGS,
        )
