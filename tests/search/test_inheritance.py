from autoarch.objectives import get_objective
from autoarch.search.inheritance import nearest_parent
from autoarch.trials import Measurement, TrialRecord, TrialStatus

ACCURACY, LOSS = get_objective("accuracy"), get_objective("log_loss")
RUNGS = (1.0, 3.0)


def trial(number, score, epochs=1.0, status=TrialStatus.COMPLETED, **decisions):
    measured = (Measurement(score, {}, epochs, 1.0, 1.0),)
    return TrialRecord(number, decisions, str(number), 1, 1, status, measured)


def parent(decisions, *trials, rungs=RUNGS, objective=ACCURACY):
    found = nearest_parent(decisions, trials, rungs, objective)
    return None if found is None else found.trial


def test_the_one_with_fewest_other_decisions_is_the_parent():
    trials = trial(0, 0.9, a=1, b=1), trial(1, 0.5, a=2, b=1)
    assert parent({"a": 2, "b": 2}, *trials) == 1
    assert parent({"a": 1, "b": 2}, *trials) == 0
    # a decision that only one of them has is another one, too
    assert parent({"a": 1}, trial(0, 0.9, a=1, b=1, c=1), trial(1, 0.5, a=1, b=1)) == 1


def test_of_equals_the_better_then_the_earlier():
    trials = trial(0, 0.5, a=1), trial(1, 0.7, a=2), trial(2, 0.7, a=3)
    assert parent({"a": 4}, *trials) == 1
    assert parent({"a": 4}, *trials, objective=LOSS) == 0


def test_only_measured_trials_with_epochs_to_spare_are_parents():
    assert parent({"a": 1}) is None
    failed = TrialRecord(0, {"a": 1}, "0", 1, 1, TrialStatus.FAILED)
    assert parent({"a": 1}, failed) is None
    assert parent({"a": 1}, trial(0, 0.5, 2.0, a=1)) == 0  # the child is measured at 3 epochs
    assert parent({"a": 1}, trial(0, 0.5, 3.0, a=1)) is None
    assert parent({"a": 1}, trial(0, 0.5, 1.0, a=1), rungs=(1.0,)) is None
