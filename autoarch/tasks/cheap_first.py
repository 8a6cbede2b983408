"""Searches in which something cheap says first which networks are worth training alone.

1. Trial 0 is trained alone, as in every run.
2. Something cheap scores networks, or finds some: `cheap_look`, of a subclass.
3. Those it names are trials of the run: they are trained alone.
4. The rank correlation of both scores says whether the cheap one deserves trust. If so what it
   would have next follows, else the oracle goes on as if there had been nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from autoarch.costs.budgets import Budgets
from autoarch.errors import TrialFailedError
from autoarch.evaluation.evaluator import Evaluator
from autoarch.evaluation.train import TrainEvaluator
from autoarch.objectives import Objective
from autoarch.oracles import SearchOracle
from autoarch.search.budget import Plan
from autoarch.search.loop import Search
from autoarch.search.progress import Progress
from autoarch.search.shared_scores import BEST, LOWER, Agreement, agreement
from autoarch.spaces import Candidate, SearchSpace
from autoarch.tasks.sitting import Sitting
from autoarch.trials import TrialLog, TrialRecord, events_of

ALONE = "Networks are trained alone."

FREE_EPOCHS = 6.0
"""Passes over the data of what is cheap, where no clock decides."""

LEAST = 0.3
"""The part of its share that what is cheap gets in any case."""

NOTHING: dict[str, Any] = {"checks": [], "followers": [], "scores": {}, "facts": {}}
"""What a look that came to nothing found."""


@dataclass(frozen=True, kw_only=True)
class CheapFirst(ABC):
    """The search of one sitting; continues where an earlier one ended. See the module's text.

    Args:
        space: The run's space.
        baseline: Trial 0.
        objective: Of the search.
        budgets: The limits.
        evaluator: Trains networks alone; holds the data.
        plan: How the run's time is split.
        sitting: What all phases work with.
        make_oracle: As `choose_oracle`, from the space on.
        make_search: As `Search`, without what all searches of a run have in common.
    """

    space: SearchSpace
    baseline: Candidate
    objective: Objective
    budgets: Budgets
    evaluator: TrainEvaluator
    plan: Plan
    sitting: Sitting
    make_oracle: Callable[..., SearchOracle]
    make_search: Callable[..., Search]

    scores: ClassVar[str]
    """Which two scores are compared in the end, for the note."""
    training_share: ClassVar[float] = 0.45
    scoring_share: ClassVar[float]
    """Shares of the search's time for training what is cheap, and for scoring with it; less where
    the networks that it names could not all be trained alone in the rest."""
    checks: ClassVar[int] = BEST + len(LOWER)
    """How many it names."""

    def search(self, search: Search) -> None:
        """Runs the run's search through all stages."""
        if not self.sitting.events("shared"):
            search.run(trials=1)
            found = None if self.sitting.interrupted() else self._look()
            if found is None:
                return
            self.sitting.append("shared", **found)
            self.sitting.phase("search")
        shared = self.sitting.events("shared")[0]
        if not self.sitting.events("agreement"):
            self._go_on(search, shared["checks"], trials=1 + len(shared["checks"]))
            if self.sitting.interrupted():
                return
            verdict = agreement(shared["scores"], search.trials, self.objective)
            self.sitting.append("agreement", **asdict(verdict))
            if shared["checks"]:
                self.sitting.note(self._verdict(verdict, shared["followers"]))
        event = self.sitting.events("agreement")[0]
        trusted = Agreement(event["tau"], event["networks"]).trusted
        followers = shared["followers"] if trusted else ()
        self._go_on(search, shared["checks"], followers=followers, cheap=shared["scores"])

    def _go_on(
        self,
        search: Search,
        first: Sequence[Mapping[str, Any]],
        *,
        trials: int | None = None,
        **more: Any,
    ) -> None:
        oracle = self.make_oracle(self.space, baseline=self.baseline, first=first, **more)
        oracle.replay(self.sitting.log.events)
        search.go_on_with(oracle)
        search.run(trials=trials)

    def _look(self) -> dict[str, Any] | None:
        try:
            return self.cheap_look()
        except TrialFailedError as error:
            self.sitting.note(f"{error.reason[0].upper()}{error.reason[1:]}. {ALONE}")
            return NOTHING

    @abstractmethod
    def cheap_look(self) -> dict[str, Any] | None:
        """What is worth training alone; None where the user stopped it.

        Returns:
            `checks`: decisions of networks to be trained alone first; `followers`: of those that
            follow if the cheap scores deserve trust; `scores` by key; `facts` for the result.

        Raises:
            TrialFailedError: Nothing came of it.
        """

    def _times(self, *, anew: bool = False) -> dict[str, Any]:
        """When training and scoring begin and end; the same in every sitting unless begun anew, or
        planned for another time since."""
        planned = max((e["t"] for e in self.sitting.events("plan")), default=0.0)
        known = [e for e in self.sitting.events("supernet") if e["t"] >= planned]
        if anew or not known:
            now, end = self.sitting.clock.elapsed_s, self.plan.search_until_s
            until = scoring_until = None
            if end is not None:
                left = max(end - now, 0.0)
                share = self.training_share + self.scoring_share
                needed_s = min(self.checks * self._alone_s(), (1 - LEAST * share) * left)
                cheap_s = min(share * left, left - needed_s)
                until = now + cheap_s * self.training_share / share
                scoring_until = now + cheap_s
            self.sitting.log.append(
                "supernet", t=now, begin_s=now, until_s=until, scoring_until_s=scoring_until
            )
        return self.sitting.events("supernet")[-1]

    @property
    def measured_baseline(self) -> dict[str, Any] | None:
        """Trial 0's measurement; None where it failed."""
        found = [e["measurement"] for e in self.sitting.events("measured") if e["trial"] == 0]
        return found[-1] if found else None

    def _alone_s(self) -> float:
        """Seconds to train a network alone, about: what trial 0 took, whose step was traced when
        the machine was measured."""
        measured = self.measured_baseline
        planned = min((e["t"] for e in self.sitting.events("plan")), default=0.0)
        probes = [e["t"] for e in self.sitting.events("phase") if e["name"] == "probe"]
        traced_s = planned - max((t for t in probes if t <= planned), default=planned)
        return traced_s + (measured["wall_s"] if measured else 0.0)

    def _scored(
        self,
        networks: SearchSpace,
        baseline: Candidate,
        evaluator: Evaluator,
        log_file: Path,
        *,
        plan: Plan,
        most: int | None,
        tuned: Mapping[str, Mapping[str, Any]],
        **others: Any,
    ) -> list[TrialRecord]:
        """Lets the oracle search with cheap scores; its trials have a log of their own.

        Args:
            networks: What is searched.
            baseline: Trial 0 there; it is scored first.
            evaluator: Scores.
            log_file: Of the scores; what is in it is not scored again.
            plan: When the time for scoring ends.
            most: Most networks, or None.
            tuned: Settings of oracles by name; what "auto" stands for is evolution.
            **others: As `Search` takes them, in place of those of the run.
        """
        with TrialLog(log_file) as log:
            oracle = self.make_oracle(networks, baseline=baseline, auto="evolution", tuned=tuned)
            oracle.replay(log.events)
            scoring = self.make_search(
                networks,
                oracle,
                evaluator,
                log=log,
                plan=plan,
                progress=_Listener(self.sitting.heartbeat()),
                max_trials=most,
                **others,
            )
            scoring.run()
            return scoring.trials

    def _share_done(self, begin_s: float) -> Callable[[float], float]:
        """From the epochs of what is cheap to the share of its training that is done.

        Args:
            begin_s: Time budget spent at which that training began.
        """
        until_s = self._times()["until_s"]

        def share_done(epochs: float) -> float:
            if until_s is None:
                return epochs / FREE_EPOCHS
            return float((self.sitting.clock.elapsed_s - begin_s) / max(until_s - begin_s, 1e-9))

        return share_done

    def _verdict(self, found: Agreement, followers: Sequence[Any]) -> str:
        tau = "undefined" if found.tau is None else f"{found.tau:.2f}"
        text = f"{self.scores} of {found.networks} networks: Kendall's tau {tau}"
        given_up = followers and not found.trusted
        return text + ("; too low, so the cheap ones are not followed." if given_up else ".")


class _Listener(Progress):
    """Hears of each score, and tells that time passes."""

    def __init__(self, heartbeat: Callable[[], None]):
        self._heartbeat = heartbeat

    def trial_measured(self, record: TrialRecord, best: TrialRecord) -> None:
        self._heartbeat()


def facts_of(log: TrialLog) -> dict[str, Any] | None:
    """What the result says of the cheap look; None where nothing came of it."""
    shared, found = events_of(log.events, "shared"), events_of(log.events, "agreement")
    if not shared or not shared[0]["checks"]:
        return None
    verdict = Agreement(found[0]["tau"], found[0]["networks"]) if found else Agreement(None, 0)
    return {
        **shared[0]["facts"],
        "tau": verdict.tau,
        "tau_networks": verdict.networks,
        "fell_back": bool(found and shared[0]["followers"]) and not verdict.trusted,
    }
