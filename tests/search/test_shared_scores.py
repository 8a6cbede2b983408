"""Who is trained alone, and Kendall's tau against counting pairs."""

import itertools

import numpy as np
import pytest

from autoarch.objectives import get_objective
from autoarch.search.shared_scores import BEST, FOLLOWERS, Agreement, agreement, chosen
from autoarch.trials import Measurement, TrialRecord, TrialStatus

ACCURACY = get_objective("accuracy")


def record(trial, score, params=None, promoted=False):
    return TrialRecord(
        trial,
        {"width": trial},
        f"key{trial}",
        params or 1000 + trial,
        5000,
        TrialStatus.COMPLETED,
        tuple(
            Measurement(value, {}, epochs, 0.0, 0.0)
            for value, epochs in ((score, 1.0), (0.0, 3.0))[: 1 + promoted]
        ),
    )


def by_pairs(a, b):
    """Tau-b, by its definition."""
    signs = [
        (np.sign(a[i] - a[j]), np.sign(b[i] - b[j]))
        for i, j in itertools.combinations(range(len(a)), 2)
    ]
    ties = [sum(s[side] != 0 for s in signs) for side in (0, 1)]
    return sum(s * t for s, t in signs) / np.sqrt(ties[0] * ties[1])


@pytest.mark.parametrize("name", ["accuracy", "log_loss"])
def test_tau_counts_pairs_of_first_measurements(name):
    random = np.random.default_rng(0)
    alone, cheap = random.random(9), random.random(9)
    cheap[3] = cheap[5]
    trials = [record(trial, score, promoted=True) for trial, score in enumerate(alone)]
    scores = {f"key{trial}": score for trial, score in enumerate(cheap)}
    found = agreement(scores, [*trials, record(99, 0.5)], get_objective(name))
    assert found.networks == 9
    assert found.tau == pytest.approx(by_pairs(alone, cheap))


def test_what_cannot_be_said_is_not_said():
    assert agreement({}, [record(0, 0.5)], ACCURACY) == Agreement(None, 0)
    equal = agreement({"key0": 1, "key1": 1}, [record(0, 0.5), record(1, 0.6)], ACCURACY)
    assert equal == Agreement(None, 2)
    assert equal.trusted  # two networks tell nothing against the scores
    assert not Agreement(None, 9).trusted
    assert not Agreement(0.19, 9).trusted and Agreement(0.2, 9).trusted


def test_the_best_and_some_lower_ranks_are_trained_alone():
    trials = [record(trial, 0.5 + 0.001 * trial) for trial in range(101)]
    found = chosen(trials, ACCURACY)
    ranks = [100 - decisions["width"] for decisions in found["checks"]]
    assert sorted(ranks) == [0, 1, 2, 3, 4, 24, 49, 74]
    assert ranks[0] == 0 and ranks[1] == 49  # a short time still gives both kinds
    followers = [100 - decisions["width"] for decisions in found["followers"]]
    assert followers == [rank for rank in range(BEST, BEST + FOLLOWERS) if rank != 24]
    assert found["scores"]["key0"] == 0.5
    assert len(found["scores"]) == 1 + len(ranks) + len(followers)


def test_networks_that_share_a_score_by_nature_are_taken_once():
    trials = [record(0, 0.5), *(record(t, 0.9, params=7) for t in (1, 2, 3)), record(4, 0.8)]
    found = chosen(trials, ACCURACY)
    assert [d["width"] for d in found["checks"]] == [1, 4]
    unlike = [record(0, 0.5), *(record(t, 0.9 - t / 100, params=7) for t in (1, 2))]
    assert [d["width"] for d in chosen(unlike, ACCURACY)["checks"]] == [1, 2]
    assert chosen(trials[:1], ACCURACY)["checks"] == []


def test_the_worse_part_is_left_out_but_for_a_lower_rank():
    trials = [record(trial, 0.5 + 0.001 * trial) for trial in range(41)]
    found = chosen(trials, ACCURACY, kept=0.5)
    ranks = [40 - decisions["width"] for decisions in [*found["checks"], *found["followers"]]]
    assert sorted(ranks) == [*range(20), 29]
    few = chosen(trials[:5], ACCURACY, kept=0.5)
    assert sorted(4 - decisions["width"] for decisions in few["checks"]) == [0, 1, 2]
    assert few["followers"] == []
