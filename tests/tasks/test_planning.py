"""How a run's time is planned, and planned anew where a later sitting has another limit."""

from types import SimpleNamespace

import pytest

from autoarch import ImageSearch
from autoarch.search.budget import closing_s
from autoarch.search.progress import Progress
from autoarch.tasks.planning import plan_time
from autoarch.tasks.sitting import Sitting
from autoarch.trials import TrialLog

OPENING_S = 5.0
MEMBER_EPOCHS = 8.0


@pytest.fixture
def plan(tmp_path):
    """Plans one more sitting of a run with so much time, in which an epoch takes `epoch_s`."""

    def made(
        limit_s, epoch_s, *, progress=None, search_whole=False, companions=0, events=(), **wishes
    ):
        clock = SimpleNamespace(limit_s=limit_s, elapsed_s=OPENING_S)
        with TrialLog(tmp_path / "trials.jsonl") as log:
            sitting = Sitting(None, log, clock, progress or Progress(), lambda: False)
            sitting.phase("probe")
            for name, facts in events:
                sitting.append(name, **facts)
            return plan_time(
                sitting,
                ImageSearch(limit_s, **wishes)._settings(),
                measure_epoch_s=lambda: epoch_s,
                folds=(1, 3),
                search_whole=search_whole,
                companions=companions,
                member_epochs=MEMBER_EPOCHS,
            )

    return made


def test_a_sitting_with_the_same_time_keeps_the_plan(plan):
    assert plan(600.0, epoch_s=0.1) == plan(600.0, epoch_s=9.0)


def test_another_time_moves_the_deadlines_and_leaves_looks_as_they_were(plan):
    before, after = plan(600.0, epoch_s=0.1), plan(1200.0, epoch_s=0.1)
    assert (after.rungs, after.folds) == (before.rungs, before.folds) and before.folds == 3
    for limit_s, made in ((600.0, before), (1200.0, after)):
        assert made.final_until_s == limit_s - closing_s(limit_s, OPENING_S)
    assert before.search_until_s < after.search_until_s < after.final_until_s
    assert plan(1200.0, epoch_s=9.0) == after


@pytest.mark.parametrize(
    ("limit_s", "given", "told"),
    [
        (60.0, {}, True),
        (60.0, {"search_whole": True}, False),
        (60.0, {"trials": 1}, False),
        (60.0, {"architecture": "resnet8"}, False),
        (900.0, {}, False),
    ],
)
def test_it_is_told_where_there_is_no_time_for_a_search(plan, limit_s, given, told):
    progress, said = Progress(), []
    progress.note = said.append
    made = plan(limit_s, epoch_s=1.0, progress=progress, **given)
    assert [text.startswith("The known network gets the whole time") for text in said] == [
        True
    ] * told
    assert made.searches == (limit_s > 60 or "search_whole" in given)


@pytest.mark.parametrize(("epoch_s", "members"), [(0.7, 3), (1.2, 2), (3.0, 1)])
def test_known_networks_are_averaged_where_each_gets_passes_enough(plan, epoch_s, members):
    progress, said = Progress(), []
    progress.note = said.append
    made = plan(60.0, epoch_s, progress=progress, companions=2)
    assert made.members == members and not made.searches
    assert made.final_epochs >= members * MEMBER_EPOCHS
    known = (
        "The known network gets" if members == 1 else f"{members} known networks, to be averaged"
    )
    assert said[0].startswith(known)
    # each is looked at before the final training, and its files take time in the end
    assert made.known_only
    looks_s = members * made.rungs[0] * epoch_s
    assert (made.search_until_s - OPENING_S >= looks_s) == (members > 1)
    assert (made.final_until_s < 60.0 - closing_s(60.0, OPENING_S)) == (members > 1)


@pytest.mark.parametrize("limit_s", [40.0, 60.0, 600.0])
@pytest.mark.parametrize("members", [1, 2, 3])
def test_who_is_in_training_stays_so_with_another_time(plan, limit_s, members):
    progress, said = Progress(), []
    progress.note = said.append
    weights = {str(trial): 1 / members for trial in range(members)}
    events = [("ensemble", {"weights": weights})] * (members > 1) + [("final", {"trial": 0})]
    made = plan(limit_s, 1.0, progress=progress, companions=2, events=events)
    assert made.members == members and not said


@pytest.mark.parametrize(
    ("wishes", "may"),
    [
        ({}, True),
        ({"time": None}, False),
        ({"trials": 3}, False),
        ({"ensemble": 1}, False),
        ({"ensemble": 3}, False),
        ({"architecture": "resnet8"}, False),
        ({"fixed": {"width": 16}}, False),
        ({"constraints": {"max_size": "100KB"}}, False),
        ({"space": "mobile"}, False),
        ({"inherit": True}, False),
    ],
)
def test_nobody_gets_an_average_who_said_what_is_wanted(wishes, may):
    settings = ImageSearch(**{"time": 60.0, **wishes})._settings()
    assert settings.may_average == may
    assert settings.averages == (wishes.get("ensemble") == 3)


@pytest.mark.parametrize(
    ("wishes", "asked"),
    [
        ({}, False),
        ({"trials": 1}, False),
        ({"oracle": "random"}, False),
        ({"space": "residual"}, False),
        ({"constraints": {"max_size": "100KB"}}, False),  # whether it binds is seen later
        ({"trials": 9}, True),
        ({"space": "chain"}, True),
        ({"prefer": {"size": "100KB"}}, True),
        ({"objectives": "accuracy,size"}, True),
        ({"ensemble": 3}, True),
        ({"ensemble": 1}, False),
        ({"space": "mobile", "evaluator": "one-shot"}, True),
    ],
)
def test_who_asks_for_other_networks_gets_a_search_however_short(wishes, asked):
    assert ImageSearch(60.0, **wishes)._settings().asks_for_search == asked
