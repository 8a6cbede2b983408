"""The evaluator "zero-cost": scores without training say which networks are worth training at all.

The oracle asks for scores for a share of the search's time, in a log of its own, trial 0 first; the
worse half is left out, and the better one is trained alone, the best first. One of the worse half
is trained, too, so that the run can say how well the two orders agree. For what comes before and
after see `autoarch.tasks.cheap_first`.

Source: Abdelfattah et al. (2021), "Zero-cost proxies for lightweight NAS", section 3.3 (warm-up).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.errors import RepeatedFailureError, TrialFailedError
from autoarch.evaluation.zero_cost import ZeroCostEvaluator
from autoarch.search.budget import Plan
from autoarch.search.shared_scores import chosen
from autoarch.supernet.networks import NetworksOnly
from autoarch.tasks.cheap_first import CheapFirst

MOST_SCORES = 100
"""Networks scored at most, with a clock or without. More would make the score choose among the
better half, of which it says little: about as many as half of these are trained."""

KEPT = 0.5
"""Share of the networks that deserves training."""

ZERO_COST_SETTINGS: dict[str, dict[str, Any]] = {
    # Children of trial 0 rather than random networks, of which few learn within minutes; and as
    # little greed as a tournament can have, lest the score does more than drop the worse of two.
    "evolution": {
        "population": MOST_SCORES,
        "warm_up": 1,
        "sample": 2,
        "children": 1,
        "second_mutation": 0.5,
    },
}


@dataclass(frozen=True, kw_only=True)
class ZeroCostFirst(CheapFirst):
    """See the module's text."""

    scores: ClassVar[str] = "Scores without training and after it"
    training_share: ClassVar[float] = 0.0
    scoring_share: ClassVar[float] = 0.1

    def cheap_look(self) -> dict[str, Any] | None:
        """See `CheapFirst.cheap_look`: scores networks and leaves out the worse half."""
        self.sitting.phase("zero-cost")
        networks = NetworksOnly(self.space)
        # How a network is preferred for its costs is no business of a filter for those that learn.
        objective = self.evaluator.objective
        until_s = self._times()["scoring_until_s"]
        try:
            trials = self._scored(
                networks,
                networks.of(self.baseline),
                ZeroCostEvaluator(self.evaluator.train, objective, seed=self.evaluator.seed),
                self.sitting.run.zero_cost_file,
                plan=Plan((1.0,), until_s, until_s, 0.0, 0.05),
                most=MOST_SCORES,
                tuned=ZERO_COST_SETTINGS,
                objective=objective,
            )
        except RepeatedFailureError as error:
            raise TrialFailedError("networks could not be scored without training") from error
        if self.sitting.interrupted():
            return None
        found = chosen(trials, objective, kept=KEPT)
        if not found["checks"]:
            raise TrialFailedError(
                "scores without training chose no network: there was no time to score any, or "
                "nothing to choose from"
            )
        facts = {
            "name": "zero-cost",
            "proxy": ZeroCostEvaluator.proxy,
            "networks_scored": len(trials),
        }
        return {**found, "facts": facts}
