"""The search: the oracle proposes, the evaluator measures, the log remembers.

The single step back in the way of the data, a finished trial to the oracle, is taken here.
"""

from __future__ import annotations

import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial

from autoarch.errors import RepeatedFailureError, TrialFailedError
from autoarch.evaluation.evaluator import Evaluator, StoppedError
from autoarch.objectives import Objective
from autoarch.oracles import SearchOracle
from autoarch.search.budget import Clock, Plan
from autoarch.search.front import front_merits, front_of
from autoarch.search.halving import ALIKE, best_trial, is_settled, next_promotion
from autoarch.search.heartbeat import Heartbeat
from autoarch.search.inheritance import nearest_parent
from autoarch.search.progress import Progress
from autoarch.spaces import Candidate, SearchSpace
from autoarch.trials import (
    Fidelity,
    Inherited,
    Measurement,
    TrialLog,
    TrialRecord,
    TrialStatus,
    events_of,
    replay,
)

FIRST_TRIALS = 8
"""Before the first promotion so many trials are measured: the best third of few says little."""

SAME_FAILURES = 3
"""So many equal failures from the start on mean that the fault is not the candidates'."""

MOST_KILLED = 3
"""A trial that was under way as often when the process was killed is not tried again: it may be
what killed it, by its memory."""

TOO_SLOW = 2.0
"""A trial is given up once it has taken so many times as long as trial 0 for the same epochs."""


class Search:
    """One search over one space.

    Args:
        space: Turns decisions into candidates.
        oracle: Chooses decisions; has been told of the trials in the log.
        evaluator: Measures candidates.
        objective: Which way is better.
        log: The run's log; trials in it are continued, not repeated.
        clock: The run's clock.
        plan: Rungs and deadlines.
        progress: Who watches.
        max_trials: Most trials to start, or None.
        interrupted: Asked often; True ends the search as soon as trial 0 is measured.
        inherit: Begins a trial with the weights of the nearest one before it, as
            `TrainEvaluator.inherit` does; None where all begin afresh.
        price: What a candidate costs beside what is measured of it; joins its metrics.
        objectives: Several objectives, `objective` and then costs; promotions and the best trial
            go by their front. Empty for `objective` alone.
        alike: Standard errors within which the cheaper of two trials wins; see `best_trial`.
    """

    def __init__(
        self,
        space: SearchSpace,
        oracle: SearchOracle,
        evaluator: Evaluator,
        objective: Objective,
        log: TrialLog,
        clock: Clock,
        plan: Plan,
        *,
        progress: Progress | None = None,
        max_trials: int | None = None,
        interrupted: Callable[[], bool] = lambda: False,
        inherit: Callable[..., float] | None = None,
        price: Callable[[Candidate], Mapping[str, float]] | None = None,
        objectives: Sequence[Objective] = (),
        alike: float = ALIKE,
    ):
        self._space = space
        self._oracle = oracle
        self._evaluator = evaluator
        self._objective = objective
        self._log = log
        self._clock = clock
        self._plan = plan
        self._progress = progress or Progress()
        self._max_trials = self._most_trials = max_trials
        self._interrupted = interrupted
        self._inherit = inherit
        self._price = price
        self._objectives = tuple(objectives)
        self._alike = alike
        self._heartbeat = Heartbeat(log, clock)
        self.trials: list[TrialRecord] = replay(log.events)
        self.training_s = sum(m.train_s for t in self.trials for m in t.measurements)
        self.bookkeeping_s = 0.0
        self._draws_before = 0

    @property
    def infeasible_draws(self) -> int:
        """Draws of the oracle that would not have fitted the budget or the machine."""
        return self._draws_before + self._oracle.infeasible_draws

    @property
    def best(self) -> TrialRecord | None:
        """The best trial so far, or None; of several objectives the knee of the front."""
        if self._objectives:
            return front_of(self.trials, self._objectives)[1]
        return best_trial(
            self.trials,
            self._plan.rungs,
            self._objective,
            alike=self._alike,
            final_epochs=self._plan.final_epochs,
        )

    def go_on_with(self, oracle: SearchOracle) -> None:
        """Lets another oracle choose from now on; it has been told of the trials in the log."""
        self._draws_before += self._oracle.infeasible_draws
        self._oracle = oracle

    def run(self, *, trials: int | None = None) -> None:
        """Searches until the time, the trials or the space is used up.

        Args:
            trials: Most trials for now, the earlier ones counted; None for `max_trials`.

        Raises:
            RepeatedFailureError: The first trials all failed in the same way.
        """
        given = [most for most in (self._max_trials, trials) if most is not None]
        self._most_trials = min(given, default=None)
        for record in [t for t in self.trials if t.status is TrialStatus.RUNNING]:
            if record.trial and self._sittings_since(record) >= MOST_KILLED:
                reason = f"the process was killed during it {MOST_KILLED} times"
                self._end(record, TrialStatus.FAILED, reason)
            else:
                self._measure(record, Fidelity(self._plan.rungs[0]))
        while not self._over():
            step = self._next_step()
            if step is None:
                break
            self._measure(*step)
        if is_settled(self.trials, self.best, self._plan.patience):
            self._progress.note(
                f"{self._plan.patience} networks in a row were no better than the best: the rest "
                "of the search's time goes to the final training."
            )

    def _sittings_since(self, record: TrialRecord) -> int:
        """How many sittings have come to their search since a trial was proposed, this one too."""
        proposed = events_of(self._log.events, "proposed")[record.trial]
        since = self._log.events[self._log.events.index(proposed) :]
        return sum(event["name"] == "search" for event in events_of(since, "phase"))

    def _next_step(self) -> tuple[TrialRecord, Fidelity] | None:
        """A promotion or a new trial, whichever the number of trials so far puts first."""
        if sum(t.status is TrialStatus.COMPLETED for t in self.trials) >= FIRST_TRIALS:
            return self._promotion() or self._new_trial()
        return self._new_trial() or self._promotion()

    def _promotion(self) -> tuple[TrialRecord, Fidelity] | None:
        with self._bookkeeping():
            merits = partial(front_merits, objectives=self._objectives)
            promotion = next_promotion(
                self.trials,
                self._plan.rungs,
                self._objective,
                merits if self._objectives else None,
            )
        return promotion if promotion is not None and self._affordable(*promotion) else None

    def _new_trial(self) -> tuple[TrialRecord, Fidelity] | None:
        if is_settled(self.trials, self.best, self._plan.patience):
            return None
        record = self._propose()
        return None if record is None else (record, Fidelity(self._plan.rungs[0]))

    def _over(self) -> bool:
        if self.best is None:
            return False
        if self._plan.known_only and len(self.trials) >= self._plan.members:
            return True
        limit = self._plan.search_until_s
        return self._interrupted() or (limit is not None and self._clock.elapsed_s >= limit)

    def _cost_s(self, record: TrialRecord, fidelity: Fidelity) -> float:
        """Expected seconds of a measurement: by the trial's own speed, else by the median of the
        first measurements so far, else by the probe."""
        epochs = fidelity.epochs - fidelity.done
        if record.measurements:
            return epochs * record.wall_s / (record.epochs - record.inherited_epochs)
        firsts = [
            t.measurements[0].wall_s / (t.measurements[0].epochs - t.inherited_epochs)
            for t in self.trials
            if t.measurements
        ]
        if not firsts:
            return epochs * self._plan.epoch_s * self._plan.folds
        return epochs * statistics.median(firsts)

    def _affordable(self, record: TrialRecord, fidelity: Fidelity) -> bool:
        limit = self._plan.search_until_s
        if limit is None:
            return True
        # A measurement cut off by the end of the search is lost, so it is begun only where it
        # is expected to end in time.
        return self._clock.elapsed_s + self._cost_s(record, fidelity) <= limit

    def _propose(self) -> TrialRecord | None:
        if self._most_trials is not None and len(self.trials) >= self._most_trials:
            return None
        first = Fidelity(self._plan.rungs[0])
        if self.trials and not self._affordable(replace(self.trials[0], measurements=()), first):
            return None
        with self._bookkeeping():
            proposal = self._oracle.propose()
            if proposal is None:
                return None
            candidate = self._space.candidate(proposal.values)
            architecture = candidate.architecture
            record = TrialRecord(
                trial=len(self.trials),
                decisions=candidate.decisions,
                key=candidate.key,
                params=architecture.params,
                macs=architecture.macs,
            )
            self.trials.append(record)
            self._append(
                "proposed",
                trial=record.trial,
                decisions=dict(record.decisions),
                key=record.key,
                params=record.params,
                macs=record.macs,
            )
        return record

    def _measure(self, record: TrialRecord, fidelity: Fidelity) -> None:
        candidate = self._space.candidate(record.decisions)
        if not record.measurements:
            record, fidelity = self._begun_as_child(candidate, record, fidelity)
        self._progress.trial_started(record, fidelity)
        try:
            measurement = self._evaluate(candidate, record, fidelity)
        except TrialFailedError as error:
            status = TrialStatus.INFEASIBLE if error.infeasible else TrialStatus.FAILED
            self._end(record, status, error.reason)
            self._check_repeated_failure()
        except StoppedError:
            if not record.measurements:
                self._end(record, TrialStatus.STOPPED, "the search ended first")
        else:
            self._record(record, measurement)

    def _begun_as_child(
        self, candidate: Candidate, record: TrialRecord, fidelity: Fidelity
    ) -> tuple[TrialRecord, Fidelity]:
        """Begins a new trial with its parent's weights, where trials inherit and it has one."""
        if self._inherit is None:
            return record, fidelity
        parent = nearest_parent(record.decisions, self.trials, self._plan.rungs, self._objective)
        if parent is None:
            return record, fidelity
        epochs = parent.measurements[0].epochs
        share = self._inherit(
            candidate,
            record.trial,
            self._space.candidate(parent.decisions),
            parent.trial,
            epochs=epochs,
        )
        inherited = Inherited(parent.trial, epochs, share)
        record = replace(record, inherited=inherited)
        self.trials[record.trial] = record
        self._append("inherited", trial=record.trial, **asdict(inherited))
        return record, Fidelity(epochs + fidelity.epochs, done=epochs)

    def _evaluate(
        self, candidate: Candidate, record: TrialRecord, fidelity: Fidelity
    ) -> Measurement:
        started: float | None = None
        allowed_s = max(6.0, TOO_SLOW * self._cost_s(self.trials[0], fidelity))
        is_baseline = record.trial == 0
        asked = 0

        def should_stop() -> bool:
            nonlocal asked, started
            self._heartbeat()
            asked += 1
            if asked == 2:
                # The first step traces, and weights may be fitted before it; trial 0 did both
                # while the machine was measured.
                started = time.perf_counter()
            if self._interrupted() and self.best is not None:
                return True
            if is_baseline:
                return False
            if self._plan.search_until_s is None:
                return False
            if started is not None and time.perf_counter() - started > allowed_s:
                raise TrialFailedError(
                    f"too slow: over {TOO_SLOW:g} times as long as trial 0", infeasible=True
                )
            return self._clock.elapsed_s > self._plan.search_until_s + allowed_s / TOO_SLOW

        def on_epoch(epochs: float, loss: float) -> None:
            self._progress.epoch(record, epoch=epochs, epochs=fidelity.epochs, loss=loss)

        prices = dict(self._price(candidate)) if self._price is not None else {}
        for cost, price in prices.items():
            if not math.isfinite(price):
                raise TrialFailedError(
                    f"its {cost} is not known: it has ops that were not measured", infeasible=True
                )
        measurement = self._evaluator.evaluate(
            candidate, record.trial, fidelity, should_stop=should_stop, on_epoch=on_epoch
        )
        if prices:
            metrics = {**measurement.metrics, **prices}
            measurement = replace(
                measurement, metrics=metrics, score=self._objective.score(metrics)
            )
        if not math.isfinite(measurement.score):
            name = self._objective.score_name
            raise TrialFailedError(f"its {name} is {measurement.score}", infeasible=True)
        return measurement

    def _record(self, record: TrialRecord, measurement: Measurement) -> None:
        with self._bookkeeping():
            first = not record.measurements
            record = replace(
                record,
                status=TrialStatus.COMPLETED,
                measurements=(*record.measurements, measurement),
            )
            self.trials[record.trial] = record
            self._append("measured", trial=record.trial, measurement=measurement.to_json())
            result: float | dict[str, float] = measurement.score
            if self._objectives:
                result = {o.name: measurement.metrics[o.name] for o in self._objectives}
            if first:
                self._oracle.tell(oracle_id(record), result)
            else:
                self._oracle.revise(oracle_id(record), result)
        self.training_s += measurement.train_s
        best = self.best
        assert best is not None
        self._progress.trial_measured(record, best)

    def _end(self, record: TrialRecord, status: TrialStatus, reason: str) -> None:
        record = replace(record, status=status, reason=reason)
        self.trials[record.trial] = record
        self._append("ended", trial=record.trial, status=str(status), reason=reason)
        if status is not TrialStatus.STOPPED:
            self._oracle.tell(oracle_id(record), None, failed=True)
        self._progress.trial_ended(record)

    def _check_repeated_failure(self) -> None:
        reasons = [
            (t.reason or "").split(" in epoch")[0].split(" (")[0]
            for t in self.trials
            if t.status in (TrialStatus.FAILED, TrialStatus.INFEASIBLE)
        ]
        if len(reasons) < SAME_FAILURES or len(reasons) < len(self.trials):
            return
        reason, times = Counter(reasons).most_common(1)[0]
        if times >= SAME_FAILURES:
            raise RepeatedFailureError(
                f"The first {len(self.trials)} trials all failed, {times} of them alike: {reason}."
            )

    def _append(self, event: str, **fields: object) -> None:
        self._log.append(event, t=self._heartbeat.heard(), **fields)

    @contextmanager
    def _bookkeeping(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.bookkeeping_s += time.perf_counter() - started


def oracle_id(record: TrialRecord) -> str:
    """The identifier under which the oracle knows a trial."""
    return f"{record.trial:04d}"
