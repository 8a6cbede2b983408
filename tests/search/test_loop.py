"""The search loop with an evaluator that looks scores up: milliseconds, no training."""

import math
import zlib
from contextlib import ExitStack
from dataclasses import replace

import pytest

from autoarch.errors import RepeatedFailureError, TrialFailedError
from autoarch.evaluation.evaluator import StoppedError
from autoarch.objectives import Objective, get_objective
from autoarch.oracles import make_oracle
from autoarch.search.budget import Clock, Plan
from autoarch.search.loop import Search
from autoarch.search.progress import Progress
from autoarch.spaces import ResidualSpace
from autoarch.trials import Measurement, TrialLog, TrialStatus, read_events, replay

ACCURACY = get_objective("accuracy")
PLAN = Plan((1.0, 3.0), None, None, 9.0, 0.01)


class Killed(BaseException):
    """Stands for `kill -9`: nothing handles it."""


class LookUp:
    """An evaluator whose scores depend on the architecture's key and the epochs alone."""

    def __init__(self, fails=lambda trial: None, kill_at=None):
        self.fails = fails
        self.kill_at = kill_at
        self.calls = []

    def evaluate(self, candidate, trial, fidelity, *, should_stop, on_epoch):
        self.calls.append((trial, fidelity.done, fidelity.epochs))
        if len(self.calls) == self.kill_at:
            raise Killed
        if any(should_stop() for _ in range(3)):  # once a step
            raise StoppedError
        if error := self.fails(trial):
            raise error
        score = zlib.crc32(candidate.architecture.key.encode()) / 2**32
        score += 0.01 * fidelity.epochs
        return Measurement(score, {"accuracy": score}, fidelity.epochs, 0.001, 0.002)

    def inherit(self, candidate, trial, parent, parent_trial, *, epochs):
        return 0.5


@pytest.fixture
def search():
    """Makes searches, and closes their logs in the end."""
    with ExitStack() as stack:

        def make(path, evaluator, **options):
            return make_search(stack.enter_context(TrialLog(path)), evaluator, **options)

        yield make


def make_search(
    log,
    evaluator,
    *,
    trials=9,
    name="evolution",
    interrupted=lambda: False,
    plan=PLAN,
    progress=None,
    inherit=False,
    **options,
):
    space = ResidualSpace((8, 8, 1), 3, width=8)
    oracle = make_oracle(
        name,
        objective=ACCURACY,
        max_trials=None,
        seed=1,
        hyperparameters=space.hyperparameters(),
        initial=[space.candidate({}).decisions],
        key=lambda decisions: space.candidate(decisions).architecture.key,
    )
    oracle.replay(log.events)
    return Search(
        space,
        oracle,
        evaluator,
        ACCURACY,
        log,
        Clock(None, spent_s=log.spent_s),
        plan,
        max_trials=trials,
        interrupted=interrupted,
        progress=progress,
        inherit=evaluator.inherit if inherit else None,
        **options,
    )


@pytest.mark.parametrize("name", ["random", "evolution"])
def test_trials_are_distinct_and_the_best_third_is_promoted(search, tmp_path, name):
    evaluator = LookUp()
    found = search(tmp_path / "log", evaluator, name=name)
    found.run()
    assert len(found.trials) == len({t.key for t in found.trials}) == 9
    assert found.trials[0].decisions == ResidualSpace((8, 8, 1), 3, width=8).candidate({}).decisions
    promoted = [trial for trial, done, _ in evaluator.calls if done]
    assert len(promoted) == len(set(promoted))
    assert 3 <= len(promoted) <= 4  # the best third, and trial 0 beside them
    assert found.best.epochs == 3.0
    assert found.best.score == max(t.score for t in found.trials if t.epochs == 3.0)


def test_the_log_alone_rebuilds_the_trials(search, tmp_path):
    found = search(tmp_path / "log", LookUp())
    found.run()
    assert replay(read_events(tmp_path / "log")) == found.trials


@pytest.mark.parametrize("name", ["random", "evolution"])
@pytest.mark.parametrize(
    ("inherit", "kill_at"),
    [(False, n) for n in range(1, 12)] + [(True, n) for n in range(1, 11)],
)
def test_a_killed_search_goes_on_as_if_it_had_not_been(search, tmp_path, name, inherit, kill_at):
    options = {"name": name, "inherit": inherit}
    whole = search(tmp_path / "whole", LookUp(), **options)
    whole.run()
    with pytest.raises(Killed):
        search(tmp_path / "log", LookUp(kill_at=kill_at), **options).run()
    resumed = search(tmp_path / "log", LookUp(), **options)
    resumed.run()

    def essence(trials):
        return [(t.key, t.score, t.epochs, t.status, t.inherited) for t in trials]

    assert essence(resumed.trials) == essence(whole.trials)


def test_failures_are_recorded_with_their_reason_and_the_search_goes_on(search, tmp_path):
    def fails(trial):
        if trial == 2:
            return TrialFailedError("the loss became nan in epoch 1.0")
        if trial == 3:
            return TrialFailedError("out of memory at a batch of 8", infeasible=True)
        return None

    found = search(tmp_path / "log", LookUp(fails))
    found.run()
    assert found.trials[2].status is TrialStatus.FAILED
    assert found.trials[2].reason == "the loss became nan in epoch 1.0"
    assert found.trials[3].status is TrialStatus.INFEASIBLE
    assert sum(t.status is TrialStatus.COMPLETED for t in found.trials) == 7


def test_a_trial_whose_cost_is_no_number_does_not_fit(search, tmp_path):
    costs = iter([1.0, 1.0, math.inf, *[1.0] * 20])
    options = {"objectives": (ACCURACY, Objective("latency", "min"))}
    price = {"price": lambda candidate: {"latency": next(costs)}}
    found = search(tmp_path / "log", LookUp(), trials=4, **price, **options)
    found.run()
    assert found.trials[2].status is TrialStatus.INFEASIBLE
    assert found.trials[2].reason.startswith("its latency is not known")
    assert search(tmp_path / "log", LookUp(), trials=4, **price, **options).trials == found.trials


def test_a_trial_that_kills_the_process_is_given_up(search, tmp_path):
    def sitting():
        with TrialLog(tmp_path / "log") as log:
            log.append("phase", t=0.0, name="search")
            evaluator = LookUp(kill_at=1 if log.events[1:] else 2)
            make_search(log, evaluator).run()

    for _ in range(3):
        with pytest.raises(Killed):
            sitting()
    with TrialLog(tmp_path / "log") as log:
        log.append("phase", t=0.0, name="search")
        found = make_search(log, LookUp())
        found.run()
    assert found.trials[1].status is TrialStatus.FAILED
    assert found.trials[1].reason == "the process was killed during it 3 times"
    assert sum(t.status is TrialStatus.COMPLETED for t in found.trials) == 8


def test_seconds_of_training_are_those_of_all_sittings(search, tmp_path):
    first = search(tmp_path / "log", LookUp(), trials=3)
    first.run()
    again = search(tmp_path / "log", LookUp(), trials=5)
    assert again.training_s == pytest.approx(first.training_s) and first.training_s > 0
    again.run()
    assert again.training_s > first.training_s


def test_three_equal_failures_from_the_start_stop_the_search(search, tmp_path):
    found = search(
        tmp_path / "log", LookUp(lambda trial: TrialFailedError(f"NaN in epoch {trial}"))
    )
    with pytest.raises(
        RepeatedFailureError, match="first 3 trials all failed, 3 of them alike: NaN"
    ):
        found.run()
    assert len(found.trials) == 3


def test_a_bug_is_not_taken_for_a_failed_trial(search, tmp_path):
    found = search(
        tmp_path / "log", LookUp(lambda trial: ZeroDivisionError() if trial == 1 else None)
    )
    with pytest.raises(ZeroDivisionError):
        found.run()


def test_a_wish_to_stop_waits_for_trial_0_and_keeps_what_there_is(search, tmp_path):
    evaluator = LookUp()
    found = search(tmp_path / "log", evaluator, interrupted=lambda: True)
    found.run()
    assert [t.status for t in found.trials] == [TrialStatus.COMPLETED]

    wish = []
    evaluator = LookUp(lambda trial: wish.append(trial) if trial == 3 else None)
    found = search(tmp_path / "other", evaluator, interrupted=lambda: 3 in wish)
    found.run()
    assert len(found.trials) == 4 and found.best is not None


def test_the_time_limit_ends_the_search_but_not_before_trial_0(search, tmp_path):
    plan = Plan((1.0, 3.0), 0.0, 10.0, 9.0, 0.01)
    found = search(tmp_path / "log", LookUp(), plan=plan)
    found.run()
    assert [t.status for t in found.trials] == [TrialStatus.COMPLETED]


@pytest.mark.parametrize("best", [0, 3])
def test_a_search_ends_once_networks_in_a_row_were_no_better(search, tmp_path, best):
    class OneIsBest(LookUp):
        def evaluate(self, candidate, trial, fidelity, **watchers):
            measured = super().evaluate(candidate, trial, fidelity, **watchers)
            return replace(measured, score=0.9 if trial == best else 0.1)

    progress, said = Progress(), []
    progress.note = said.append
    plan = Plan((1.0, 3.0), 100.0, 200.0, 9.0, 0.001, patience=4)
    found = search(tmp_path / "log", OneIsBest(), trials=50, plan=plan, progress=progress)
    found.run()
    # four after the best; before the eighth nobody is promoted, and promotions are not new networks
    assert len(found.trials) == best + 1 + 4 and found.best.trial == best
    assert len(said) == 1 and said[0].startswith("4 networks in a row")
    again = search(tmp_path / "log", OneIsBest(), trials=50, plan=plan)
    again.run()
    assert len(again.trials) == len(found.trials)
    patient = search(
        tmp_path / "b", OneIsBest(), trials=12, plan=Plan(PLAN.rungs, None, None, 9.0, 0.001)
    )
    patient.run()
    assert len(patient.trials) == 12


def test_a_slow_trial_is_given_up(search, tmp_path, monkeypatch):
    from autoarch.search import loop

    ticks = iter(x * 100.0 for x in range(10_000))
    monkeypatch.setattr(loop.time, "perf_counter", lambda: next(ticks))
    plan = Plan((1.0, 3.0), 10.0, 20.0, 9.0, 0.01)
    found = search(tmp_path / "log", LookUp(), plan=plan, trials=2)
    found.run()
    assert found.trials[1].status is TrialStatus.INFEASIBLE
    assert "too slow" in found.trials[1].reason


def test_whoever_watches_is_told(search, tmp_path):
    class Watcher(Progress):
        def __init__(self):
            self.told = []

        def trial_started(self, record, fidelity):
            self.told.append(("started", record.trial))

        def trial_measured(self, record, best):
            self.told.append(("measured", record.trial, best.trial))
            assert math.isfinite(record.score)

    watcher = Watcher()
    search(tmp_path / "log", LookUp(), trials=2, progress=watcher).run()
    assert watcher.told[:2] == [("started", 0), ("measured", 0, 0)]
    assert watcher.told[2] == ("started", 1)


def test_children_begin_where_their_parents_were_first_measured(search, tmp_path):
    evaluator = LookUp()
    found = search(tmp_path / "log", evaluator, inherit=True)
    found.run()
    assert replay(read_events(tmp_path / "log")) == found.trials
    assert found.trials[0].inherited is None
    for record in found.trials[1:]:
        parent = found.trials[record.inherited.parent]
        assert parent.trial < record.trial and record.inherited.share == 0.5
        assert record.inherited_epochs == parent.measurements[0].epochs
        assert record.measurements[0].epochs == record.inherited_epochs + PLAN.rungs[0]
        assert (record.trial, record.inherited_epochs) in {call[:2] for call in evaluator.calls}
    # so trial 0 can be measured with as many epochs as any child
    assert max(t.epochs for t in found.trials) == PLAN.rungs[-1]
