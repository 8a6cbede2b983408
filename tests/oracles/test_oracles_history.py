"""The history: orders, states, constant-time revision."""

import math

import pytest

from autoarch.oracles.history import EventKind, History, TrialState


def filled():
    history = History()
    for number in range(5):
        history.propose({"x": number})
    history.finish(2, 0.5, metrics={"accuracy": 0.5})
    history.finish(0, 0.7)
    history.finish(1, None)
    history.finish(4, 0.7)
    return history


def test_trials_are_kept_by_proposal_and_by_end():
    history = filled()
    assert [trial.number for trial in history.trials] == [0, 1, 2, 3, 4]
    assert list(history.completed) == [2, 0, 4]
    assert list(history.failed) == [1]
    assert list(history.open) == [3]
    assert [trial.number for trial in history.latest(2)] == [0, 4]
    assert [trial.number for trial in history.latest(9)] == [2, 0, 4]
    assert [trial.number for trial in history.best(2)] == [0, 4]
    assert history.completed[2].metrics == {"accuracy": 0.5}


def test_a_revision_keeps_the_order_of_completion():
    history = filled()
    history.revise(2, 0.9, metrics={"accuracy": 0.9})
    assert list(history.completed) == [2, 0, 4]
    assert history.best()[0].number == 2
    assert history.trials[2].metrics == {"accuracy": 0.9}


def test_a_revision_can_make_a_trial_fail():
    history = filled()
    history.revise(0, math.nan)
    assert list(history.completed) == [2, 4]
    assert history.trials[0].state is TrialState.FAILED
    assert history.trials[0].utility == -math.inf


@pytest.mark.parametrize("utility", [None, math.nan, math.inf, -math.inf])
def test_what_is_not_a_finite_number_is_a_failure(utility):
    history = History()
    history.propose({})
    history.finish(0, utility)
    assert history.trials[0].state is TrialState.FAILED
    assert history.events[-1].utility is None


def test_events_tell_the_whole_story():
    history = filled()
    history.revise(2, 0.9)
    assert [(event.kind, event.number) for event in history.events] == [
        *((EventKind.PROPOSED, number) for number in range(5)),
        *((EventKind.FINISHED, number) for number in (2, 0, 1, 4)),
        (EventKind.REVISED, 2),
    ]


def test_results_are_only_accepted_where_they_are_due():
    history = filled()
    with pytest.raises(ValueError, match="Trial 0 is not open"):
        history.finish(0, 0.1)
    with pytest.raises(ValueError, match="Trial 7 is not open"):
        history.finish(7, 0.1)
    with pytest.raises(ValueError, match="Trial 3 cannot be revised"):
        history.revise(3, 0.1)
    with pytest.raises(ValueError, match="Trial 1 cannot be revised"):
        history.revise(1, 0.1)


def test_empty():
    history = History()
    assert len(history) == 0
    assert history.latest(3) == history.best(3) == []
