"""How the time of the final training is shared, and what a later sitting makes of it."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from autoarch.data.dataset import ExampleSet
from autoarch.search.budget import Plan
from autoarch.search.progress import Progress
from autoarch.tasks import final_phase
from autoarch.tasks.final_phase import FinalPhase
from autoarch.tasks.sitting import Sitting
from autoarch.training.adversarial import SLOWER
from autoarch.training.recipe import Recipe
from autoarch.trials import TrialLog

TIMED = Plan((1.0, 3.0), 40.0, 160.0, 33.0, 4.0)
FREE = Plan((2.0, 6.0), None, None, 30.0, 2.0)
CANDIDATE = SimpleNamespace(recipe=Recipe(batch_size=64))
RECORD = {"epochs": 3.0, "inherited_epochs": 0.0, "wall_s": 30.0}
NETWORKS = [(CANDIDATE, SimpleNamespace(trial=n, **RECORD)) for n in (4, 0, 7)]


@pytest.fixture
def phase(tmp_path, monkeypatch):
    """Makes a phase whose trainings take `takes_s` each and are written down in `asked`."""

    class Made:
        now = SimpleNamespace(elapsed_s=40.0)
        asked, stop, takes_s, epoch_steps = [], False, 0.0, 1000

        def train(self, networks, plan=TIMED, enough=math.inf, **more):
            with TrialLog(tmp_path / "trials.jsonl") as log:
                return replace(self.phase(log, plan), enough_epochs=enough).train(networks, **more)

        def teach(self, *given, plan=TIMED):
            with TrialLog(tmp_path / "trials.jsonl") as log:
                return self.phase(log, plan).teach(*given)

        def phase(self, log, plan):
            return FinalPhase(
                evaluator=None,
                data=SimpleNamespace(
                    can_be_joined=False,
                    fits_memory=True,
                    classes=("a", "b"),
                    train=range(64 * self.epoch_steps),
                ),
                space_of=None,
                objective=None,
                plan=plan,
                sitting=Sitting(None, log, self.now, Progress(), lambda: self.stop),
            )

    made = Made()
    made.asked = []

    def train_final(evaluator, candidate, record, run, *, share_done, **more):
        shares = [share_done(record.epochs)]
        made.now.elapsed_s += made.takes_s
        shares.append(share_done(more["planned_epochs"]))
        made.asked.append(SimpleNamespace(trial=record.trial, shares=shares, **more))
        return record.trial

    monkeypatch.setattr(final_phase, "train_final", train_final)
    return made


def test_a_single_network_has_all_the_time(phase):
    phase.takes_s = 60.0
    assert phase.train(NETWORKS[:1]) == [4]
    (asked,) = phase.asked
    assert asked.shares == [0.0, 0.5] and asked.planned_epochs == 33.0
    assert asked.smaller_first and asked.checkpoint == "final.npz"


def test_several_networks_have_equal_shares(phase):
    phase.takes_s = 40.0
    assert phase.train(NETWORKS) == [4, 0, 7]
    assert [a.shares for a in phase.asked] == [[0.0, pytest.approx(1.0)]] * 3
    assert [a.planned_epochs for a in phase.asked] == [pytest.approx(3 + 30 / 3)] * 3
    files = [a.checkpoint for a in phase.asked]
    assert files == ["final.npz", "final-00000.npz", "final-00007.npz"]


def test_one_that_took_too_long_leaves_the_next_one_less(phase):
    phase.takes_s = 50.0  # ten more than its share
    phase.train(NETWORKS)
    first, second, _ = phase.asked
    assert first.shares[1] == pytest.approx(50 / 40)
    assert second.shares[1] == pytest.approx(50 / (120 - 90))  # it began at 90


def test_another_sitting_goes_on_in_the_share_that_was_begun(phase):
    phase.takes_s = 40.0
    phase.train(NETWORKS[:2])  # begun at 40 and at 80
    phase.asked.clear()
    phase.now.elapsed_s = 100.0
    phase.takes_s = 0.0
    phase.train(NETWORKS[:2])
    assert phase.asked[1].shares[0] == pytest.approx((100 - 80) / (160 - 80))
    assert phase.asked[0].shares[0] == pytest.approx((100 - 40) / (100 - 40))


def test_without_a_clock_each_gets_all_its_epochs(phase):
    phase.train(NETWORKS[:2], plan=FREE)
    assert [a.shares for a in phase.asked] == [[0.0, 1.0]] * 2
    assert [a.planned_epochs for a in phase.asked] == [30.0, 30.0]


def test_networks_that_have_had_enough_end_before_their_time(phase):
    phase.takes_s = 32.0  # eight passes at the plan's four seconds each
    phase.train(NETWORKS[:2], enough=8.0)
    assert [a.shares for a in phase.asked] == [[0.0, pytest.approx(1.0)]] * 2
    assert [a.planned_epochs for a in phase.asked] == [pytest.approx(3 + 8)] * 2
    phase.asked.clear()
    phase.now.elapsed_s, phase.takes_s = 80.0, 0.0  # the later sitting keeps to it
    phase.train(NETWORKS[:2], enough=8.0)
    assert phase.asked[1].shares[0] == pytest.approx((80 - 72) / (104 - 72))


def test_a_network_that_went_faster_than_the_probe_gets_no_more_than_enough(phase):
    quick = [(CANDIDATE, SimpleNamespace(**{**vars(NETWORKS[0][1]), "wall_s": 6.0}))]
    phase.takes_s = 16.0  # eight passes at its own two seconds each
    phase.train(quick, enough=8.0)
    (asked,) = phase.asked
    assert asked.shares == [0.0, pytest.approx(1.0)] and asked.planned_epochs == pytest.approx(11)


def test_moves_against_a_network_make_its_passes_fewer(phase):
    moved = [(SimpleNamespace(recipe=Recipe(adversarial=0.1)), NETWORKS[0][1])]
    phase.train(moved)
    assert phase.asked[0].planned_epochs == pytest.approx(3 + 30 / SLOWER)


def test_nothing_ends_early_that_has_no_time_for_enough(phase):
    phase.takes_s = 60.0
    phase.train(NETWORKS[:2], enough=16.0)
    assert [a.shares for a in phase.asked] == [[0.0, pytest.approx(1.0)]] * 2


def test_of_little_data_enough_are_many_passes(phase):
    phase.epoch_steps, phase.takes_s = 200, 100.0
    phase.train(NETWORKS[:1], enough=8.0)  # 5,000 steps are 25 passes of 4 s
    assert phase.asked[0].shares == [0.0, pytest.approx(1.0)]


def test_whoever_wants_to_stop_waits_for_no_further_network(phase):
    phase.stop = True
    assert phase.train(NETWORKS) == [4]


def test_who_is_taught_has_the_time_that_the_teachers_leave(phase):
    phase.takes_s = 30.0
    assert phase.train(NETWORKS[:2], share=0.5) == [4, 0]
    assert [a.shares for a in phase.asked] == [[0.0, pytest.approx(1.0)]] * 2
    assert [a.planned_epochs for a in phase.asked] == [pytest.approx(3 + 30 / 4)] * 2
    before = SimpleNamespace(trainer=SimpleNamespace(epochs=10.5))
    phase.takes_s = 60.0
    phase.teach(NETWORKS[0], before, 2, lambda inputs: None)
    taught = phase.asked[-1]
    assert (taught.trial, taught.checkpoint, taught.before) == (4, "student.npz", before)
    assert taught.shares == [0.0, pytest.approx(1.0)]  # from 100 to 160
    assert taught.planned_epochs == pytest.approx(10.5 + 30 / 2)
    assert not taught.smaller_first


def test_without_a_clock_who_is_taught_gets_as_many_epochs_again(phase):
    phase.train(NETWORKS[:2], plan=FREE, share=0.5)
    before = SimpleNamespace(trainer=SimpleNamespace(epochs=30.0))
    phase.teach(NETWORKS[0], before, 2, lambda inputs: None, plan=FREE)
    assert [a.planned_epochs for a in phase.asked] == [30.0, 30.0, 57.0]


def test_half_of_what_is_learned_is_the_teachers_answer(phase):
    phase.train(NETWORKS[:2], share=0.5)
    before = SimpleNamespace(trainer=SimpleNamespace(epochs=10.5))
    told = np.array([[0.2, 0.8], [0.6, 0.4]], np.float32)
    phase.teach(NETWORKS[0], before, 2, lambda inputs: told[: len(inputs)])
    examples = ExampleSet(np.zeros((2, 3)), np.array([1, 1]), ("", ""))
    found = phase.asked[-1].targets(examples)
    np.testing.assert_allclose(found, [[0.1, 0.9], [0.3, 0.7]], rtol=1e-6)
