"""Several objectives in the loop."""

import math

from autoarch.objectives import Objective, get_objective
from autoarch.search.front import front_merits, front_of
from autoarch.search.halving import next_promotion
from autoarch.trials import Measurement, TrialRecord, TrialStatus

OBJECTIVES = [get_objective("accuracy"), Objective("size", "min")]


def trial(number, accuracy, size, epochs=1.0):
    metrics = {"accuracy": accuracy, "size": size}
    measurement = Measurement(accuracy, metrics, epochs, 1.0, 1.0)
    return TrialRecord(number, {}, str(number), 1, 1, TrialStatus.COMPLETED, (measurement,))


TRIALS = [
    trial(0, 0.90, 1000),
    trial(1, 0.89, 150),
    trial(2, 0.60, 100),
    trial(3, 0.59, 400),  # worse than 1 in both
    trial(4, math.nan, 10),
]


def test_the_front_and_its_knee():
    front, knee = front_of(TRIALS, OBJECTIVES)
    assert [record.trial for record in front] == [0, 1, 2]
    assert knee.trial == 1
    assert front_of([], OBJECTIVES) == ([], None)


def test_a_trial_without_a_result_is_not_on_the_front():
    failed = TrialRecord(5, {}, "5", 1, 1, TrialStatus.FAILED)
    assert front_of([failed], OBJECTIVES) == ([], None)


def test_merits_go_by_front_and_then_by_room():
    merits = front_merits({t.trial: t.last for t in TRIALS}, OBJECTIVES)
    assert set(merits) == {0, 1, 2, 3}
    assert min(merits, key=merits.get) == 3
    assert merits[0] > merits[1] and merits[2] > merits[1]  # the ends are the loneliest


def test_promotions_go_by_the_front_and_not_by_the_metric_alone():
    trials = [trial(0, 0.80, 1000), trial(1, 0.79, 999), trial(2, 0.5, 10)]
    alone = next_promotion(trials, (1.0, 3.0), OBJECTIVES[0])
    assert alone[0].trial == 0

    def merits(measurements):
        return front_merits(measurements, [Objective("size", "min"), OBJECTIVES[0]])

    assert next_promotion(trials, (1.0, 3.0), OBJECTIVES[0], merits)[0].trial in (0, 2)
