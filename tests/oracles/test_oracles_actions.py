"""Settings as paths of actions, and back."""

import numpy as np
import pytest

from autoarch.oracles.actions import ActionSpace
from autoarch.oracles.decisions import Condition, Decision, DecisionSpace
from autoarch.oracles.domains import Finite, Interval

SPACE = DecisionSpace(
    [
        Decision("kind", Finite(("dense", "conv"), ordered=False), "dense"),
        Decision("op", Finite(tuple("abcdefghijkl"), ordered=False), "a"),
        Decision(
            "kernel",
            Finite((3, 5, 7), ordered=True),
            3,
            (Condition("kind", frozenset({"conv"})),),
        ),
        Decision("classes", Finite((10,), ordered=False), 10),
        Decision("width", Finite(range(1, 101), ordered=True), 1),
        Decision("rate", Interval(1e-4, 1e-1, sampling="log"), 1e-3),
        Decision("steps", Finite(range(1, 1001), ordered=True, sampling="log"), 1),
    ]
)


def test_kinds_keep_all_their_values_and_ranges_are_binned():
    assert ActionSpace(SPACE, bins=4).counts == (2, 12, 3, 1, 4, 4, 4)


def test_the_path_of_a_setting():
    actions = ActionSpace(SPACE, bins=4)
    setting = {
        "kind": "conv", "op": "c", "kernel": 7, "classes": 10,
        "width": 100, "rate": 1e-1, "steps": 1,
    }  # fmt: skip
    assert actions.path(setting).tolist() == [1, 2, 2, 0, 3, 3, 0]
    del setting["kernel"]
    assert actions.path({**setting, "kind": "dense"}).tolist() == [0, 2, -1, 0, 3, 3, 0]
    assert actions.path({}).tolist() == [0, 0, -1, 0, 0, 1, 0]  # the defaults


def test_a_walk_leads_where_its_path_says():
    actions = ActionSpace(SPACE, bins=4)
    rng = np.random.default_rng(0)
    for _ in range(200):
        asked = {}

        def choose(path, place, asked=asked):
            assert (path[place:] == -1).all()
            assert actions.counts[place] > 1
            asked[place] = int(rng.integers(actions.counts[place]))
            return asked[place]

        setting = actions.walk(choose, rng)
        assert SPACE.contains(setting)
        path = actions.path(setting)
        assert (2 in asked) == (setting["kind"] == "conv") == (path[2] >= 0)
        for place in set(asked) - {6}:  # an integer on a logarithmic range may straddle two bins
            assert path[place] == asked[place]
        assert abs(path[6] - asked[6]) <= 1


def test_values_fill_their_bins():
    actions = ActionSpace(SPACE, bins=4)
    rng = np.random.default_rng(0)
    drawn = [actions.walk(lambda path, place: 1, rng) for _ in range(2000)]
    assert {setting["width"] for setting in drawn} == set(range(26, 51))
    exponents = np.log10([setting["rate"] for setting in drawn])
    assert exponents.min() == pytest.approx(-3.25, abs=0.01)
    assert exponents.max() == pytest.approx(-2.5, abs=0.01)
