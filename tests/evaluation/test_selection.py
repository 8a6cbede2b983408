"""Greedy weights against the procedure written out with lists of models."""

import numpy as np
import pytest

from autoarch.evaluation.selection import greedy_weights
from autoarch.objectives import get_objective

ACCURACY = get_objective("accuracy")


def noisy(labels, skill, rng, classes=4):
    logits = rng.normal(size=(len(labels), classes))
    logits[np.arange(len(labels)), labels] += skill
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def demerit(answers, labels):
    """Share of wrong answers, or balanced by class, then the log loss; written out."""
    mean = np.mean(answers, axis=0)
    hits = mean.argmax(axis=1) == labels
    return {
        "accuracy": 1 - hits.mean(),
        "balanced_accuracy": 1 - np.mean([hits[labels == c].mean() for c in set(labels)]),
        "log_loss": np.mean([-np.log(row[label]) for row, label in zip(mean, labels)]),
    }


def written_out(answers, labels, name, most, rounds):
    """Caruana et al.: a bag of models, one more at a time."""

    def rank(bag):
        found = demerit([answers[i] for i in bag], labels)
        return round(found[name], 9), found["log_loss"]

    bag, best = [0], [0]
    for _ in range(rounds - 1):
        options = [i for i in range(len(answers)) if len({*bag, i}) <= most]
        bag = [*bag, min(options, key=lambda i: rank([*bag, i]))]
        if rank(bag) < rank(best):
            best = bag
    return [best.count(i) / len(best) for i in range(len(answers))]


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "log_loss"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("most", [2, 6])
def test_weights_are_those_of_the_procedure_written_out(name, seed, most):
    rng = np.random.default_rng(seed)
    labels = rng.integers(4, size=80)
    answers = [noisy(labels, skill, rng) for skill in rng.uniform(0.3, 1.5, size=6)]
    found = greedy_weights(answers, labels, get_objective(name), most=most, rounds=8)
    assert found == pytest.approx(written_out(answers, labels, name, most, 8))
    assert sum(found) == pytest.approx(1)
    assert found[0] > 0 and np.count_nonzero(found) <= most
    together = np.average(answers, axis=0, weights=found)
    assert demerit([together], labels)[name] <= demerit(answers[:1], labels)[name]


def test_what_does_not_help_gets_no_weight():
    labels = np.arange(60) % 3
    sure = np.eye(3)[labels] * 0.97 + 0.01
    useless = np.full((60, 3), 1 / 3)
    assert greedy_weights([sure, useless, useless], labels, ACCURACY, most=3) == [1.0, 0.0, 0.0]


def test_being_right_counts_more_than_being_well_calibrated():
    labels = np.arange(100) % 2
    hesitant = np.where(np.eye(2)[labels] == 1, 0.51, 0.49)  # always right, and hardly sure
    sure = np.where(np.eye(2)[labels] == 1, 0.97, 0.03)
    sure[:10] = sure[:10, ::-1]  # wrong on ten
    answers = [hesitant, sure]
    assert greedy_weights(answers, labels, ACCURACY, most=2, rounds=4) == [1.0, 0.0]
    assert greedy_weights(answers, labels, get_objective("log_loss"), most=2, rounds=4)[1] > 0.5


def test_a_network_on_its_own_has_all_the_weight():
    labels = np.arange(10) % 2
    assert greedy_weights([np.full((10, 2), 0.5)], labels, ACCURACY, most=4) == [1.0]
