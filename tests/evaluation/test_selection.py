"""Greedy weights against the procedure written out with lists of models."""

import doctest

import numpy as np
import pytest

from autoarch.evaluation import selection
from autoarch.evaluation.selection import greedy_weights


def noisy(labels, skill, rng, classes=4):
    logits = rng.normal(size=(len(labels), classes))
    logits[np.arange(len(labels)), labels] += skill
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def loss_of(chosen, answers, labels):
    mean = np.mean([answers[i] for i in chosen], axis=0)
    return np.mean([-np.log(row[label]) for row, label in zip(mean, labels)])


def written_out(answers, labels, most, rounds):
    """Caruana et al.: a bag of models, one more at a time."""
    bag, best = [0], [0]
    for _ in range(rounds - 1):
        options = [i for i in range(len(answers)) if len({*bag, i}) <= most]
        bag = [*bag, min(options, key=lambda i: loss_of([*bag, i], answers, labels))]
        if loss_of(bag, answers, labels) < loss_of(best, answers, labels):
            best = bag
    return [best.count(i) / len(best) for i in range(len(answers))]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("most", [2, 3, 6])
def test_weights_are_those_of_the_procedure_written_out(seed, most):
    rng = np.random.default_rng(seed)
    labels = rng.integers(4, size=80)
    answers = [noisy(labels, skill, rng) for skill in rng.uniform(0.3, 1.5, size=6)]
    found = greedy_weights(answers, labels, most=most, rounds=8)
    assert found == pytest.approx(written_out(answers, labels, most, 8))
    assert sum(found) == pytest.approx(1)
    assert found[0] > 0 and np.count_nonzero(found) <= most
    together = np.average(answers, axis=0, weights=found)
    assert loss_of([0], [together], labels) <= loss_of([0], answers, labels)


def test_what_does_not_help_gets_no_weight():
    labels = np.arange(60) % 3
    sure = np.eye(3)[labels] * 0.97 + 0.01
    useless = np.full((60, 3), 1 / 3)
    assert greedy_weights([sure, useless, useless], labels, most=3) == [1.0, 0.0, 0.0]


def test_a_network_on_its_own_has_all_the_weight():
    labels = np.arange(10) % 2
    assert greedy_weights([np.full((10, 2), 0.5)], labels, most=4) == [1.0]


def test_examples_hold():
    assert doctest.testmod(selection).failed == 0
