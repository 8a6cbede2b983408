import pytest

from autoarch.errors import InvalidInputError
from autoarch.search.budget import (
    ENOUGH_LOOKS,
    PATIENCE,
    RUNG_FACTOR,
    SEARCH_SHARE,
    Clock,
    make_plan,
    parse_duration,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("1.5h", 5400),
        ("1:30:00", 5400),
        ("5:00", 300),
        ("45", 45),
        (45, 45),
        (0.5, 0.5),
        (None, None),
        ("none", None),
    ],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "10x",
        "5 parsecs",
        "-3m",
        "0",
        -1,
        "m",
        "1:2:3:4",
        True,
        "nan",
        "inf",
        float("nan"),
    ],
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(InvalidInputError, match="`time` must be"):
        parse_duration(text)


def test_a_clock_counts_earlier_sittings():
    import time

    clock = Clock(100, spent_s=40, started=time.monotonic() - 10)
    assert clock.elapsed_s == pytest.approx(50, abs=0.5)
    assert clock.remaining_s == pytest.approx(50, abs=0.5)
    assert Clock(None).remaining_s == float("inf")


@pytest.mark.parametrize("limit_s", [60, 300, 3600])
@pytest.mark.parametrize("epoch_s", [0.05, 4.0, 300.0])
def test_a_plan_keeps_the_limit_and_leaves_time_for_closing(limit_s, epoch_s):
    plan = make_plan(Clock(limit_s), epoch_s)
    assert 0 < plan.search_until_s < plan.final_until_s <= limit_s - 9
    assert all(b == pytest.approx(a * RUNG_FACTOR) for a, b in zip(plan.rungs, plan.rungs[1:]))
    if len(plan.rungs) > 1:
        assert plan.rungs[-1] * epoch_s <= plan.search_until_s / 2


def test_without_a_limit_nothing_depends_on_the_speed():
    assert make_plan(Clock(None), 1.0).rungs == make_plan(Clock(None), 9.0).rungs
    assert make_plan(Clock(None), 1.0).final_until_s is None


def test_a_machine_that_starts_slowly_gets_more_time_for_closing():
    quick = make_plan(Clock(300), 4.0, start_s=2.0)
    slow = make_plan(Clock(300), 4.0, start_s=10.0)
    assert quick.final_until_s == pytest.approx(300 - 8 - 6, abs=0.1)
    assert slow.final_until_s == pytest.approx(300 - 27 - 6, abs=0.1)


def test_a_search_that_would_see_little_leaves_its_time_to_the_final_training():
    def searched(limit_s, **options):
        plan = make_plan(Clock(limit_s), 4.0, **options)
        return plan.search_until_s / plan.final_until_s, plan.first_looks

    shares, looks = zip(*(searched(limit_s) for limit_s in (60, 180, 300, 900, 3600)))
    assert looks[0] == 0.0 and looks[1] < 2 < looks[2]
    assert shares[0] < 0.1
    assert shares[1] < shares[2] < shares[3] <= shares[4]
    assert shares[-1] == pytest.approx(SEARCH_SHARE, abs=0.01) and looks[-1] > ENOUGH_LOOKS
    assert searched(60, search_whole=True)[0] == pytest.approx(SEARCH_SHARE, abs=0.01)


def test_only_a_search_that_was_not_asked_for_gives_up():
    assert make_plan(Clock(300), 4.0).patience == PATIENCE
    assert make_plan(Clock(300), 4.0, search_whole=True).patience is None
    assert make_plan(Clock(None), 4.0).patience is None


def test_whether_there_is_time_for_more_than_one_network():
    assert not make_plan(Clock(60), 4.0).searches
    assert make_plan(Clock(900), 4.0).searches and make_plan(Clock(None), 4.0).searches


def test_time_beyond_enough_looks_goes_to_more_splits():
    def planned(limit_s, epoch_s=0.2, folds=(1, 5)):
        return make_plan(Clock(limit_s), epoch_s, folds=folds)

    numbers = [planned(limit_s).folds for limit_s in (60, 300, 900, 3600)]
    assert numbers == sorted(numbers) and numbers[0] == 1 and numbers[-1] == 5
    assert all(planned(s).first_looks > ENOUGH_LOOKS - 1e-6 for s in (900, 3600))
    assert planned(900, epoch_s=8.0).folds == 1  # passes that cost much are not repeated
    assert planned(60, folds=(3, 3)).folds == 3
    assert planned(300, folds=(3, 3)).first_looks < planned(300).first_looks
    one, three = (planned(900, 8.0, folds=(k, k)) for k in (1, 3))
    assert len(three.rungs) <= len(one.rungs)
    assert make_plan(Clock(None), 1.0, folds=(1, 5)).folds == 1
    assert make_plan(Clock(None), 1.0, folds=(4, 4)).folds == 4
