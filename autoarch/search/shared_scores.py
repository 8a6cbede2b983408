"""What cheap scores of networks are worth: who is trained alone, and whether the orders agree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import kendalltau

from autoarch.objectives import Objective
from autoarch.trials import TrialRecord, TrialStatus

BEST, LOWER = 5, (0.5, 0.75, 0.25)
"""Networks trained alone before the cheap scores are trusted: so many of the best, and those at
these ranks among all, since a rank correlation needs bad ones as well."""

FOLLOWERS = 24
"""The next best so many may follow once the cheap scores are trusted."""

LEAST_TAU = 0.2
"""Below this rank correlation cheap scores are not worth following."""

FEWEST = 4
"""With fewer networks a rank correlation says nothing: of four in random order it exceeds
`LEAST_TAU` in three cases of eight."""


@dataclass(frozen=True)
class Agreement:
    """How well two scores of the same networks agree.

    Args:
        tau: Kendall's rank correlation (tau-b) in [-1, 1]; None where it is not defined: fewer
            than two networks, or all equal in one of the scores.
        networks: Number of networks.
    """

    tau: float | None
    networks: int

    @property
    def trusted(self) -> bool:
        """Whether the cheap score is to be followed; yes where too few networks tell."""
        return self.networks < FEWEST or (self.tau is not None and self.tau >= LEAST_TAU)


def agreement(
    cheap: Mapping[str, float], trials: Sequence[TrialRecord], objective: Objective
) -> Agreement:
    """Compares cheap scores with the first measurements of trials.

    Args:
        cheap: Scores by the network's key.
        trials: Networks trained alone; those without a cheap score or a measurement are left out.
        objective: Of both.

    Source: Kendall (1945), "The treatment of ties in ranking problems", for tau-b.
    """
    pairs = [
        (objective.utility(cheap[t.key]), objective.utility(t.measurements[0].score))
        for t in trials
        if t.key in cheap and t.measurements
    ]
    if len(pairs) < 2:
        return Agreement(None, len(pairs))
    tau = float(kendalltau(*zip(*pairs)).statistic)
    return Agreement(tau if math.isfinite(tau) else None, len(pairs))


def chosen(
    trials: Sequence[TrialRecord], objective: Objective, *, kept: float = 1.0
) -> dict[str, Any]:
    """The networks to train alone, by their cheap scores.

    Args:
        trials: Of the scoring; the first is trial 0.
        objective: Which way is better.
        kept: Share of the networks, the best, out of which all are taken but those of lower ranks.

    Returns:
        `checks`: decisions of the best few and of some lower ranks, in the order in which they
        are trained; `followers`: of the next best; `scores` by key of all these and of trial 0.
    """
    done = [t for t in trials if t.status is TrialStatus.COMPLETED and t.score is not None]
    ranked = sorted(done, key=lambda t: -objective.utility(t.score or 0.0))
    # Networks that differ in dropout alone have one score here: the first stands for all.
    distinct: dict[tuple[int, int, float | None], TrialRecord] = {}
    for record in ranked:
        distinct.setdefault((record.params, record.macs, record.score), record)
    others = [t for t in distinct.values() if not trials or t.key != trials[0].key]
    deserving = others[: math.ceil(kept * len(others))]
    best = deserving[:BEST]
    lower = [others[int(share * (len(others) - 1))] for share in LOWER] if others else []
    lower = [t for place, t in enumerate(lower) if t not in best and t not in lower[:place]]
    mixed = [t for pair in zip(best, lower) for t in pair]
    checks = [*mixed, *(t for t in [*best, *lower] if t not in mixed)]
    followers = [t for t in deserving[: BEST + FOLLOWERS] if t not in checks]
    return {
        "checks": [dict(t.decisions) for t in checks],
        "followers": [dict(t.decisions) for t in followers],
        "scores": {t.key: t.score for t in [*done[:1], *checks, *followers]},
    }
