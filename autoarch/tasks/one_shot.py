"""The evaluator "one-shot": shared weights say which networks are worth training alone.

1. Trial 0 is trained alone, as in every run.
2. A supernet is trained for a share of the search's time.
3. The oracle asks for as many scores with its weights as the time allows, in a log of its own.
4. The best of them, and some of lower ranks, are trials of the run: they are trained alone.
5. Their rank correlation says whether the shared weights deserve trust. If so the next best
   follow, else the oracle goes on as if there had been no supernet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from autoarch.costs.budgets import Budgets
from autoarch.errors import TrialFailedError
from autoarch.evaluation.shared_weights import SharedWeightsEvaluator
from autoarch.evaluation.train import TrainEvaluator
from autoarch.objectives import Objective
from autoarch.oracles import SearchOracle
from autoarch.search.budget import Clock, Plan
from autoarch.search.heartbeat import Heartbeat
from autoarch.search.loop import Search
from autoarch.search.progress import Progress
from autoarch.search.shared_scores import Agreement, agreement, chosen
from autoarch.spaces import Candidate, SearchSpace
from autoarch.supernet.networks import NetworksOnly, draw_mutants
from autoarch.supernet.training import Supernet
from autoarch.tasks.oracle_choice import most_macs
from autoarch.trials import RunDirectory, TrialLog, TrialRecord, load_arrays, save_arrays

SUPERNET_SHARE, SCORING_SHARE = 0.45, 0.1
"""Shares of the search's time for training the supernet and for scoring with it; the rest is for
training networks alone."""

FREE_EPOCHS, FREE_SCORES = 6.0, 200
"""Passes of the supernet over the data, and networks scored, where no clock decides."""

CHECKPOINT_EVERY_S = 20.0

SHARED_SETTINGS: dict[str, dict[str, Any]] = {
    # A score costs little, so the population can be large. It begins with mutants of trial 0, on
    # which the shared weights were trained.
    "evolution": {"population": 60, "warm_up": 1, "sample": 12, "second_mutation": 0.5},
}


@dataclass(frozen=True, kw_only=True)
class OneShot:
    """The search of one sitting; continues where an earlier one ended. See the module's text.

    Args:
        space: The run's space.
        baseline: Trial 0.
        objective: Of the search.
        budgets: The limits.
        evaluator: Trains networks alone; holds the data.
        run: The run's directory.
        log: Its log.
        clock: Its clock.
        plan: Its plan.
        progress: Who watches.
        phase: Begins a phase.
        interrupted: Whether the user wants to stop.
        make_oracle: As `choose_oracle`, from the space on.
        make_search: As `Search`, without what all searches of a run have in common.
    """

    space: SearchSpace
    baseline: Candidate
    objective: Objective
    budgets: Budgets
    evaluator: TrainEvaluator
    run: RunDirectory
    log: TrialLog
    clock: Clock
    plan: Plan
    progress: Progress
    phase: Callable[[str], None]
    interrupted: Callable[[], bool]
    make_oracle: Callable[..., SearchOracle]
    make_search: Callable[..., Search]

    def search(self, search: Search) -> None:
        """Runs the run's search through all stages."""
        if not _events(self.log, "shared"):
            search.run(trials=1)
            found = None if self.interrupted() else self._shared()
            if found is None:
                return
            self.log.append("shared", t=self.clock.elapsed_s, **found)
            if not found["checks"]:
                self.progress.note(
                    "Shared weights chose no network: there was no time to score any, or nothing "
                    "to choose from. Networks are trained alone."
                )
            self.phase("search")
        shared = _events(self.log, "shared")[0]
        if not _events(self.log, "agreement"):
            self._go_on(search, shared["checks"], trials=1 + len(shared["checks"]))
            if self.interrupted():
                return
            verdict = agreement(shared["scores"], search.trials, self.objective)
            self.log.append("agreement", t=self.clock.elapsed_s, **asdict(verdict))
            if shared["checks"]:
                self.progress.note(_verdict(verdict))
        event = _events(self.log, "agreement")[0]
        trusted = Agreement(event["tau"], event["networks"]).trusted
        self._go_on(search, [*shared["checks"], *(shared["followers"] if trusted else ())])

    def _go_on(
        self, search: Search, first: Sequence[Mapping[str, Any]], *, trials: int | None = None
    ) -> None:
        oracle = self.make_oracle(self.space, baseline=self.baseline, first=first)
        oracle.replay(self.log.events)
        search.go_on_with(oracle)
        search.run(trials=trials)

    def _shared(self) -> dict[str, Any] | None:
        """Trains a supernet and scores networks with it; None where the user stopped it."""
        networks = NetworksOnly(self.space)
        baseline = networks.of(self.baseline)
        times = self._times()
        supernet = self._supernet(networks, baseline)
        self.phase("supernet")
        try:
            self._train(supernet, times)
        except TrialFailedError as error:
            self.progress.note(f"No shared weights: {error.reason}.")
            return {"networks": 0, "checks": [], "followers": [], "scores": {}}
        if self.interrupted():
            return None
        self.phase("shared search")
        trials = self._score(networks, baseline, supernet, times["scoring_until_s"])
        if self.interrupted():
            return None
        return {
            "epochs": supernet.epochs,
            "weights": len(supernet.bank),
            "networks": len(trials),
            **chosen(trials, self.objective),
        }

    def _times(self) -> dict[str, Any]:
        """When training and scoring begin and end; the same in every sitting."""
        if not _events(self.log, "supernet"):
            now, end = self.clock.elapsed_s, self.plan.search_until_s
            until = scoring_until = None
            if end is not None:
                left = max(end - now, 0.0)
                until = now + SUPERNET_SHARE * left
                scoring_until = until + SCORING_SHARE * left
            self.log.append(
                "supernet", t=now, begin_s=now, until_s=until, scoring_until_s=scoring_until
            )
        return _events(self.log, "supernet")[0]

    def _supernet(self, networks: NetworksOnly, baseline: Candidate) -> Supernet:
        train = self.evaluator.train
        shares = self.budgets.shares if self.budgets else (lambda network: ())
        return Supernet(
            train,
            self.evaluator.augmenter(train),
            baseline.recipe,
            draw_mutants(networks, baseline, most_macs(networks, baseline), shares),
            largest=baseline.architecture,
            smallest=networks.cheapest(lambda network: network.macs).architecture,
            policy=self.evaluator.policy,
            seed=self.evaluator.seed,
            class_weights=self.evaluator.class_weights,
        )

    def _train(self, supernet: Supernet, times: Mapping[str, Any]) -> None:
        """Trains the supernet to its end, from its checkpoint where there is one."""
        file = self.run.supernet / "weights.npz"
        self.run.supernet.mkdir(exist_ok=True)
        if file.exists():
            supernet.restore(load_arrays(file))
        until, begin = times["until_s"], times["begin_s"]
        saved_s = self.clock.elapsed_s
        heartbeat = Heartbeat(self.log, self.clock)

        def progress(epochs: float) -> float:
            if until is None:
                return epochs / FREE_EPOCHS
            return float((self.clock.elapsed_s - begin) / max(until - begin, 1e-9))

        def should_stop() -> bool:
            nonlocal saved_s
            heartbeat()
            if self.clock.elapsed_s - saved_s >= CHECKPOINT_EVERY_S:
                save_arrays(file, **supernet.state())
                saved_s = self.clock.elapsed_s
            return self.interrupted()

        supernet.train(progress, planned_epochs=FREE_EPOCHS, should_stop=should_stop)
        save_arrays(file, **supernet.state())

    def _score(
        self,
        networks: NetworksOnly,
        baseline: Candidate,
        supernet: Supernet,
        until_s: float | None,
    ) -> list[TrialRecord]:
        """Lets the oracle search with shared weights; its trials have a log of their own."""
        evaluator = self.evaluator
        with TrialLog(self.run.supernet / "trials.jsonl") as log:
            oracle = self.make_oracle(
                networks, baseline=baseline, auto="evolution", tuned=SHARED_SETTINGS
            )
            oracle.replay(log.events)
            scoring = self.make_search(
                networks,
                oracle,
                SharedWeightsEvaluator(
                    supernet,
                    evaluator.train,
                    evaluator.valid,
                    evaluator.objective,
                    seed=evaluator.seed,
                ),
                log=log,
                plan=Plan((max(supernet.epochs, 1e-3),), until_s, until_s, 0.0, 0.05),
                progress=_Listener(Heartbeat(self.log, self.clock)),
                max_trials=FREE_SCORES if until_s is None else None,
            )
            scoring.run()
            return scoring.trials


class _Listener(Progress):
    """Hears of each score, and tells that time passes."""

    def __init__(self, heartbeat: Callable[[], None]):
        self._heartbeat = heartbeat

    def trial_measured(self, record: TrialRecord, best: TrialRecord) -> None:
        self._heartbeat()


def _events(log: TrialLog, kind: str) -> list[dict[str, Any]]:
    return [event for event in log.events if event["event"] == kind]


def _verdict(found: Agreement) -> str:
    tau = "undefined" if found.tau is None else f"{found.tau:.2f}"
    text = f"Shared and stand-alone scores of {found.networks} networks: Kendall's tau {tau}"
    return text + ("." if found.trusted else "; too low, so the supernet is not followed.")


def facts_of(log: TrialLog) -> dict[str, Any] | None:
    """What the result says of shared weights; None where there were none."""
    shared, found = _events(log, "shared"), _events(log, "agreement")
    if not shared or not shared[0]["checks"]:
        return None
    verdict = Agreement(found[0]["tau"], found[0]["networks"]) if found else Agreement(None, 0)
    return {
        "name": "one-shot",
        "supernet_epochs": round(shared[0]["epochs"], 2),
        "shared_weights": shared[0]["weights"],
        "networks_scored": shared[0]["networks"],
        "tau": verdict.tau,
        "tau_networks": verdict.networks,
        "fell_back": bool(found) and not verdict.trusted,
    }
