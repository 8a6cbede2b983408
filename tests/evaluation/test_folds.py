"""Trials that are measured on several splits, against one evaluator a split."""

import numpy as np
import pytest

from autoarch.data.dataset import ImageSet
from autoarch.data.folds import Fold
from autoarch.evaluation.evaluator import StoppedError
from autoarch.evaluation.train import TrainEvaluator
from autoarch.objectives import classification_metrics, get_objective
from autoarch.spaces import ResidualSpace
from autoarch.trials import Fidelity, RunDirectory

# Without dropout, whose masks depend on how many were drawn before.
CANDIDATE = ResidualSpace((8, 8, 1), 3, width=8).candidate({"dropout": 0.0})


def squares(seed, n=96):
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    images = rng.integers(0, 60, (n, 8, 8, 1)).astype(np.uint8)
    for image, label in zip(images, labels):
        image[2 * label : 2 * label + 3, 2:6] += 90
    return ImageSet(images, labels.astype(np.int64), ("",) * n)


FOLDS = [Fold(squares(2 * k), squares(2 * k + 1, n=24 + k)) for k in range(3)]


@pytest.fixture
def evaluator(tmp_path):
    def make(name, fold=FOLDS[0], folds=()):
        run = RunDirectory(tmp_path / name)
        if not run.exists():
            run.create({})
        made = TrainEvaluator(
            fold.train, fold.valid, get_objective("accuracy"), run, classes=3, seed=1
        )
        made.folds = [(other, lambda architecture: {}) for other in folds]
        return made

    return make


def go_on(evaluator, *, told=None, stop=lambda: False):
    """A first measurement and a promotion; both."""
    on_epoch = (lambda epochs, loss: told.append(epochs)) if told is not None else print
    first = evaluator.evaluate(CANDIDATE, 0, Fidelity(1), should_stop=stop, on_epoch=on_epoch)
    promotion = Fidelity(3, done=first.epochs)
    return first, evaluator.evaluate(CANDIDATE, 0, promotion, should_stop=stop, on_epoch=on_epoch)


def test_a_score_is_that_of_all_parts_together(evaluator):
    told = []
    together = go_on(evaluator("run", folds=FOLDS[1:]), told=told)
    alone = [evaluator(f"fold {k}", fold) for k, fold in enumerate(FOLDS)]
    separate = [go_on(one) for one in alone]
    for stage, found in enumerate(together):
        assert found.metrics["n"] == 24 + 25 + 26
        hits = sum(pair[stage].metrics["accuracy"] * pair[stage].metrics["n"] for pair in separate)
        assert found.metrics["accuracy"] == pytest.approx(hits / 75)
        losses = [pair[stage].metrics["log_loss"] * pair[stage].metrics["n"] for pair in separate]
        assert found.metrics["log_loss"] == pytest.approx(sum(losses) / 75, rel=1e-4)
        assert found.score == found.metrics["accuracy"]
        assert found.epochs == separate[0][stage].epochs
    assert told == sorted(told) and told[-1] == 3
    assert len(told) == 3 * (1 + 2)  # whole epochs of each part


def test_what_is_carried_on_is_what_the_own_part_taught(evaluator):
    folded, plain = evaluator("run", folds=FOLDS[1:]), evaluator("plain")
    go_on(folded)
    go_on(plain)
    mine, its = (e.trainer(CANDIDATE, 0, done=3.0) for e in (folded, plain))
    assert mine.data is FOLDS[0].train
    for a, b in zip(mine.weights(), its.weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    answers = mine.predict_proba(FOLDS[0].valid.inputs)
    metrics = classification_metrics(FOLDS[0].valid.labels, answers)
    assert metrics["log_loss"] == pytest.approx(plain.measure(its)["log_loss"], rel=1e-5)


def test_a_promotion_goes_on_in_another_process(evaluator):
    whole = go_on(evaluator("whole", folds=FOLDS[1:]))
    evaluator("cut", folds=FOLDS[1:]).evaluate(CANDIDATE, 0, Fidelity(1))
    again = evaluator("cut", folds=FOLDS[1:]).evaluate(CANDIDATE, 0, Fidelity(3, done=1.0))
    assert again.metrics["log_loss"] == pytest.approx(whole[1].metrics["log_loss"], rel=1e-4)


def test_who_is_stopped_on_another_split_is_not_measured(evaluator):
    folded, asked = evaluator("run", folds=FOLDS[1:]), []
    steps = folded.trainer(CANDIDATE, 0, done=0).epoch_steps

    def stop():
        asked.append(None)
        return len(asked) > steps  # on the second split

    with pytest.raises(StoppedError):
        go_on(folded, stop=stop)
    assert not folded._run.checkpoint_file(0).exists()
    trainer = folded.trainer(CANDIDATE, 0, done=0)
    assert trainer.epochs == 0 and trainer.data is FOLDS[0].train
