"""Soft targets and knees, against the formulas written out."""

import math

import numpy as np
import pytest

from autoarch.errors import InvalidInputError
from autoarch.objectives import Objective, get_objective, knee_point, pareto_front, preferring


def test_the_reward_of_mnasnet():
    reward = preferring(get_objective("accuracy"), {"latency": 0.080})
    assert reward.score({"accuracy": 0.75, "latency": 0.080}) == 0.75
    # The paper's reason for -0.07: twice as slow and 5 % more accurate is about as good.
    slow = reward.score({"accuracy": 0.75 * 1.05, "latency": 0.160})
    assert slow == pytest.approx(0.75, rel=0.001)
    expected = 0.75 * math.exp(-0.07 * math.log(0.02 / 0.08))
    assert reward.score({"accuracy": 0.75, "latency": 0.02}) == pytest.approx(expected)


def test_a_loss_grows_with_the_cost():
    reward = preferring(get_objective("log_loss"), {"size": 100.0})
    assert reward.score({"log_loss": 1.0, "size": 200.0}) == pytest.approx(2**0.07)
    assert reward.better(
        reward.score({"log_loss": 1.0, "size": 50.0}), reward.score({"log_loss": 1.0, "size": 60.0})
    )


def test_several_targets_multiply_and_none_changes_nothing():
    reward = preferring(get_objective("macro_f1"), {"size": 10.0, "macs": 5.0})
    assert reward.counts_classes_equally
    found = reward.score({"macro_f1": 0.5, "size": 40.0, "macs": 20.0})
    assert found == pytest.approx(0.5 * 16**-0.07)
    assert preferring(get_objective("auc"), {}) is get_objective("auc")
    assert math.isnan(reward.score({"macro_f1": math.nan, "size": 1.0, "macs": 1.0}))


@pytest.mark.parametrize("target", [0.0, -1.0, math.nan, math.inf])
def test_a_target_is_positive(target):
    with pytest.raises(InvalidInputError, match="`size` must be positive"):
        preferring(Objective("accuracy", "max"), {"size": target})


def test_the_knee_is_farthest_from_the_line_between_the_ends():
    rng = np.random.default_rng(0)
    for _ in range(50):
        points = rng.random((30, 2)) * [1.0, 1e6]
        front = points[pareto_front(points)]
        span = np.ptp(front, axis=0)
        if len(front) < 3:
            continue
        scaled = (front - front.min(axis=0)) / span
        first, last = scaled[scaled[:, 0].argmin()], scaled[scaled[:, 0].argmax()]
        along = (last - first) / np.linalg.norm(last - first)
        normal = np.array([-along[1], along[0]])
        normal *= np.sign(normal.sum())  # away from the origin: better in both
        assert knee_point(front) == int(np.argmax((scaled - first) @ normal))


def test_the_knee_of_short_fronts():
    assert knee_point([[0.9, -5.0]]) == 0
    assert knee_point([[0.9, -5.0], [0.8, -1.0]]) == 0
    assert knee_point([[0.5, 1.0, 1.0], [0.5, 2.0, 0.0]]) == 0
    for bad in ([], [[math.nan, 1.0]], [1.0, 2.0]):
        with pytest.raises(ValueError, match="points"):
            knee_point(bad)
