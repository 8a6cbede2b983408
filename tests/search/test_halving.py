from dataclasses import replace

import pytest

from autoarch.objectives import get_objective, preferring
from autoarch.search.halving import best_trial, next_promotion, standard_error
from autoarch.trials import Inherited, Measurement, TrialRecord, TrialStatus

ACCURACY, LOSS = get_objective("accuracy"), get_objective("log_loss")
RUNGS = (1.0, 3.0, 9.0)


def trial(number, *scores, status=TrialStatus.COMPLETED):
    """A trial measured on the first rungs with these scores."""
    measurements = tuple(
        Measurement(score, {}, epochs, 1.0, 1.0) for score, epochs in zip(scores, RUNGS)
    )
    return TrialRecord(number, {}, str(number), 1, 1, status, measurements)


def test_nobody_is_promoted_among_two():
    assert next_promotion([trial(0, 0.5), trial(1, 0.6)], RUNGS, ACCURACY) is None


def test_the_best_of_three_is_promoted_from_where_it_stands():
    record, fidelity = next_promotion(
        [trial(0, 0.5), trial(1, 0.7), trial(2, 0.6)], RUNGS, ACCURACY
    )
    assert record.trial == 1
    assert (fidelity.done, fidelity.epochs) == (1.0, 3.0)


def test_the_lowest_loss_is_promoted_and_ties_go_to_the_earlier_trial():
    record, _ = next_promotion([trial(0, 0.5), trial(1, 0.4), trial(2, 0.4)], RUNGS, LOSS)
    assert record.trial == 1


def test_trial_0_goes_along_so_that_the_scores_compare():
    trials = [trial(0, 0.5), trial(1, 0.7, 0.8), trial(2, 0.6)]
    assert next_promotion(trials, RUNGS, ACCURACY)[0].trial == 0


def test_one_that_was_promoted_is_not_promoted_again():
    trials = [trial(0, 0.5, 0.6), trial(1, 0.7, 0.8), trial(2, 0.6)]
    assert next_promotion(trials, RUNGS, ACCURACY) is None
    more = [*trials, trial(3, 0.9), trial(4, 0.1), trial(5, 0.2)]
    assert next_promotion(more, RUNGS, ACCURACY)[0].trial == 3


def test_the_highest_rung_comes_first():
    trials = [trial(0, 0.5, 0.6), trial(1, 0.7, 0.8), trial(2, 0.6, 0.7), trial(3, 0.9)]
    record, fidelity = next_promotion(trials, RUNGS, ACCURACY)
    assert (record.trial, fidelity.epochs) == (1, 9.0)


def test_failed_trials_do_not_count():
    trials = [trial(0, 0.5), trial(1, 0.7), trial(2, status=TrialStatus.FAILED)]
    assert next_promotion(trials, RUNGS, ACCURACY) is None


def test_trial_0_is_replaced_only_by_a_clear_lead():
    def measured(number, score):
        counted = Measurement(score, {"n": 100}, 1.0, 1.0, 1.0)  # standard error: 0.05
        return TrialRecord(number, {}, str(number), 1, 1, TrialStatus.COMPLETED, (counted,))

    assert best_trial([measured(0, 0.5), measured(1, 0.59)], RUNGS, ACCURACY).trial == 0
    assert best_trial([measured(0, 0.5), measured(1, 0.61)], RUNGS, ACCURACY).trial == 1


def test_the_lead_is_twice_as_long_where_epochs_are_few_beside_the_final_ones():
    def winner(lead, final_epochs):
        rivals = [
            TrialRecord(
                number,
                {},
                str(number),
                1,
                1,
                TrialStatus.COMPLETED,
                (Measurement(score, {"n": 100}, 1.0, 1.0, 1.0),),  # standard error: 0.05
            )
            for number, score in enumerate((0.5, 0.5 + lead))
        ]
        return best_trial(rivals, RUNGS, ACCURACY, final_epochs=final_epochs).trial

    assert winner(0.11, 1.0) == 1 and winner(0.11, 2.0) == 0
    assert winner(0.16, 2.0) == 1 and winner(0.16, 100.0) == 0
    assert winner(0.21, 100.0) == 1


def test_of_trials_within_a_standard_error_the_cheapest_wins():
    def measured(number, score, macs, epochs=1.0):
        counted = Measurement(score, {"n": 100}, epochs, 1.0, 1.0)  # standard error: about 0.046
        return TrialRecord(number, {}, str(number), 1, macs, TrialStatus.COMPLETED, (counted,))

    known, best = measured(0, 0.5, 90), measured(1, 0.7, 100)

    def chosen(*others):
        return best_trial([known, best, *others], RUNGS, ACCURACY).trial

    assert chosen(measured(2, 0.66, 99)) == 2
    assert chosen(measured(2, 0.65, 99)) == 1  # more than a standard error below
    assert chosen(measured(2, 0.66, 101)) == 1  # costs more
    assert chosen(measured(2, 0.66, 50), measured(3, 0.67, 50)) == 3  # as cheap, and better
    assert best_trial([known, best, measured(2, 0.69, 9)], RUNGS, ACCURACY, alike=0).trial == 1
    low = measured(1, 0.62, 100)  # trial 0 leads nobody, but 0.59 does not lead it clearly either
    assert best_trial([known, low, measured(2, 0.59, 10)], RUNGS, ACCURACY).trial == 1


def test_the_standard_error_of_a_weighed_score_is_that_of_its_metric_weighed():
    reward = preferring(ACCURACY, {"size": 100.0})
    metrics = {"accuracy": 0.9, "size": 10.0, "n": 100}
    weighed = Measurement(reward.score(metrics), metrics, 1.0, 1.0, 1.0)
    assert weighed.score > 1
    assert standard_error(weighed, reward) == pytest.approx(0.03 * weighed.score / 0.9)


def test_without_standard_errors_only_equal_scores_are_alike():
    cheap = replace(trial(2, 0.7), macs=0)
    assert best_trial([trial(0, 0.5), trial(1, 0.7), cheap], RUNGS, ACCURACY).trial == 2
    worse = replace(trial(2, 0.69), macs=0)
    assert best_trial([trial(0, 0.5), trial(1, 0.7), worse], RUNGS, ACCURACY).trial == 1


def test_a_trial_that_inherited_wins_only_where_trial_0_has_seen_as_much():
    measured = tuple(Measurement(s, {}, epochs, 1.0, 1.0) for s, epochs in ((0.8, 2.0), (0.9, 3.0)))
    child = replace(trial(1, 0.0), measurements=measured[:1], inherited=Inherited(0, 1.0, 0.9))
    assert best_trial([trial(0, 0.5), child], RUNGS, ACCURACY).trial == 0
    promoted = replace(child, measurements=measured)
    assert best_trial([trial(0, 0.5), promoted], RUNGS, ACCURACY).trial == 0
    assert best_trial([trial(0, 0.5, 0.7), promoted], RUNGS, ACCURACY).trial == 1


def test_best_prefers_the_higher_rung_then_the_score():
    assert best_trial([trial(1, 0.9), trial(2, 0.5, 0.6)], RUNGS, ACCURACY).trial == 2
    assert best_trial([trial(0, 0.5, 0.6), trial(1, 0.5, 0.7)], RUNGS, ACCURACY).trial == 1
    assert best_trial([trial(0, 0.5), trial(1, 0.5)], RUNGS, ACCURACY).trial == 0
    assert best_trial([trial(0, status=TrialStatus.FAILED)], RUNGS, ACCURACY) is None
    assert best_trial([], RUNGS, ACCURACY) is None


def test_a_promotion_without_trial_0_beside_it_is_no_victory():
    """The time may be over before trial 0 follows: the rung that both have decides."""
    assert best_trial([trial(0, 0.5), trial(1, 0.6, 0.7)], RUNGS, ACCURACY).trial == 1
    assert best_trial([trial(0, 0.6), trial(1, 0.5, 0.9)], RUNGS, ACCURACY).trial == 0
    contenders = [trial(0, 0.6), trial(1, 0.5, 0.9), trial(2, 0.7, 0.8)]
    assert best_trial(contenders, RUNGS, ACCURACY).trial == 2
