from types import SimpleNamespace

import numpy as np
import pytest

from autoarch.data.dataset import ImageSet
from autoarch.evaluation.final import train_final
from autoarch.evaluation.train import TrainEvaluator
from autoarch.objectives import get_objective
from autoarch.spaces import ResidualSpace
from autoarch.trials import Fidelity, RunDirectory, load_arrays


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=96)
    images = rng.integers(0, 60, (96, 8, 8, 1)).astype(np.uint8)
    for image, label in zip(images, labels):
        image[2 * label : 2 * label + 3, 2:6] += 150
    return ImageSet(images, labels.astype(np.int64), ("",) * 96)


def test_a_child_begins_where_its_parent_was_first_measured(data, tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.create({})
    evaluator = TrainEvaluator(
        data, data, get_objective("accuracy"), run, classes=3, seed=1, inherit=True
    )
    space = ResidualSpace((8, 8, 1), 3, width=8)
    parent, child = space.candidate({}), space.candidate({"width": 16})
    first = evaluator.evaluate(parent, 0, Fidelity(6))
    then = evaluator.evaluate(parent, 0, Fidelity(8, done=first.epochs))  # a promotion

    share = evaluator.inherit(child, 1, parent, 0, epochs=first.epochs)
    trainer = evaluator.trainer(child, 1, done=first.epochs)
    assert share == 1.0 and trainer.epochs == first.epochs
    begun = evaluator.measure(trainer)
    assert begun["log_loss"] == pytest.approx(first.metrics["log_loss"], abs=1e-4)
    assert begun["log_loss"] != pytest.approx(then.metrics["log_loss"], abs=1e-3)

    measured = evaluator.evaluate(child, 1, Fidelity(first.epochs + 2, done=first.epochs))
    assert measured.epochs == first.epochs + 2
    assert evaluator.trainer(child, 1, done=measured.epochs) is trainer


def test_first_weights_are_kept_for_children_only(data, tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.create({})
    evaluator = TrainEvaluator(data, data, get_objective("accuracy"), run, classes=3)
    evaluator.evaluate(ResidualSpace((8, 8, 1), 3, width=8).candidate({}), 0, Fidelity(0.5))
    assert {path.name for path in run.checkpoints.iterdir()} == {
        run.checkpoint_file(0).name,
        run.architecture_file(0).name,
    }


def test_a_promotion_whose_checkpoint_is_newer_than_the_log_is_only_measured(data, tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.create({})
    candidate = ResidualSpace((8, 8, 1), 3, width=8).candidate({})

    def evaluator():
        return TrainEvaluator(data, data, get_objective("accuracy"), run, classes=3, seed=1)

    first = evaluator().evaluate(candidate, 0, Fidelity(1))
    promotion = Fidelity(3, done=first.epochs)
    done = evaluator().evaluate(candidate, 0, promotion)
    again = evaluator().evaluate(candidate, 0, promotion)  # as after a kill before the log's line
    assert (again.score, again.epochs, again.train_s) == (done.score, done.epochs, 0.0)


def test_a_final_training_that_is_stopped_early_waits_while_the_trial_is_used(data, tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.create({})
    accuracy = get_objective("accuracy")
    evaluator = TrainEvaluator(data, data, accuracy, run, classes=3)
    candidate = ResidualSpace((8, 8, 1), 3, width=8).candidate({})
    measured = evaluator.evaluate(candidate, 0, Fidelity(1))
    answers = iter([False, False, True])
    final = train_final(
        evaluator,
        candidate,
        SimpleNamespace(trial=0, epochs=measured.epochs, last=measured),
        run,
        objective=accuracy,
        share_done=lambda epochs: (epochs - measured.epochs) / 20,
        planned_epochs=21.0,
        should_stop=lambda: next(answers),
        on_epoch=lambda epochs, loss: None,
        elapsed=lambda: 0.0,
    )
    trial = load_arrays(run.checkpoint_file(0))["weights"]
    assert not final.kept and final.trainer.epochs == measured.epochs
    assert all((a == b).all() for a, b in zip(final.trainer.weights(), trial, strict=True))
    waiting = load_arrays(final.file)
    assert waiting["progress"][1] > measured.epochs
    assert any((a != b).any() for a, b in zip(waiting["weights"], trial, strict=True))


@pytest.mark.parametrize("step_s, timed", [(0.11, 7), (2.0, 3)])
def test_an_epoch_is_timed_without_tracing_and_hiccups_and_trial_0_begins_afresh(
    data, tmp_path, monkeypatch, step_s, timed
):
    run = RunDirectory(tmp_path / "run")
    run.create({})
    evaluator = TrainEvaluator(data, data, get_objective("accuracy"), run, classes=3, seed=1)
    now, taken = [0.0], []

    def train(progress, schedule, *, should_stop, **more):
        assert progress(5.0) < 1  # a set of few steps is gone through again
        while not should_stop():
            seconds = {0: 5.0, 2: step_s + 0.3}.get(len(taken), step_s)
            taken.append(seconds)
            now[0] += seconds

    restored = []
    fake = SimpleNamespace(
        state=lambda: "fresh", restore=restored.append, train=train, epoch_steps=7
    )
    monkeypatch.setattr(evaluator, "trainer", lambda *args, **more: fake)
    monkeypatch.setattr(
        "autoarch.evaluation.train.time", SimpleNamespace(perf_counter=lambda: now[0])
    )
    assert evaluator.seconds_per_epoch(None) == pytest.approx(7 * step_s)
    assert restored == ["fresh"]
    assert len(taken) == 1 + timed  # the first one is traced
