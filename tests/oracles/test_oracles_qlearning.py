"""Q-learning: its updates by hand, its exploration, its states."""

import numpy as np
import pytest

from autoarch.errors import InvalidInputError
from autoarch.oracles import QLearningOracle
from autoarch.oracles.decisions import Condition, Decision, DecisionSpace
from autoarch.oracles.domains import Finite
from autoarch.oracles.history import History

SPACE = DecisionSpace(
    [
        Decision("kind", Finite(("dense", "conv"), ordered=False), "dense"),
        Decision(
            "kernel", Finite((3, 5, 7), ordered=True), 3, (Condition("kind", frozenset({"conv"})),)
        ),
        Decision("classes", Finite((10,), ordered=False), 10),
        Decision("act", Finite(("relu", "gelu"), ordered=False), "relu"),
    ]
)
CONV = {"kind": "conv", "kernel": 5, "classes": 10, "act": "gelu"}
DENSE = {"kind": "dense", "classes": 10, "act": "relu"}


def table(history, **settings):
    return QLearningOracle(**settings).learner(SPACE, history)


def told(*results):
    history = History()
    for number, (values, utility) in enumerate(results):
        history.propose(values)
        history.finish(number, utility)
    return history


def test_one_update_by_hand():
    # The first trial's quantile is 0.5, as is all that is unknown; the second one's is 0.75.
    learner = table(
        told((DENSE, 0.1), (CONV, 0.2)), replay=0, learning_rate=0.4, discount=0.9, trace=0.25
    )
    learner.catch_up()
    path = learner.actions.path(CONV)
    act = 0.5 + 0.4 * (0.75 - 0.5)
    kernel_target = 0.9 * (0.75 * act + 0.25 * 0.75)
    kernel = 0.5 + 0.4 * (kernel_target - 0.5)
    kind_target = 0.9 * (0.75 * max(kernel, 0.5) + 0.25 * kernel_target)
    assert learner.worth(path, 3).tolist() == pytest.approx([0.5, act])
    assert learner.worth(path, 1).tolist() == pytest.approx([0.5, kernel, 0.5])
    dense_target = 0.9 * (0.75 * 0.5 + 0.25 * 0.5)
    dense = 0.5 + 0.4 * (dense_target - 0.5)
    assert learner.worth(path, 0).tolist() == pytest.approx(
        [dense, 0.5 + 0.4 * (kind_target - 0.5)]
    )


def test_replay_converges_on_the_rewards():
    learner = table(told((DENSE, 0.1), (CONV, 0.2)), replay=2000, trace=1.0)
    learner.catch_up()
    for values, reward in ((DENSE, 0.25), (CONV, 0.75)):
        path = learner.actions.path(values)
        for place in np.flatnonzero(path >= 0):
            expected = reward if learner.actions.counts[place] > 1 else 0.5
            assert learner.worth(path, place)[path[place]] == pytest.approx(expected, abs=1e-6)


def test_a_state_remembers_so_many_decisions():
    learner = table(History(), context=1)
    after_kernel_3, after_kernel_5 = np.array([1, 0, 0, -1]), np.array([1, 1, 0, -1])
    after_dense = np.array([0, -1, 0, -1])
    learner.worth(after_kernel_3, 3)[0] = 0.9
    assert learner.worth(after_kernel_3, 3)[0] == 0.9  # "classes" is no decision
    assert learner.worth(after_kernel_5, 3)[0] == learner.worth(after_dense, 3)[0] == 0.5
    learner = table(History(), context=0)
    learner.worth(after_kernel_3, 3)[0] = 0.9
    assert learner.worth(after_dense, 3)[0] == 0.9


def test_exploration_falls_to_what_remains():
    how = QLearningOracle(warm_up=10, cool_down=20, epsilon=0.2).how
    assert [how.exploration(n) for n in (0, 10, 20, 30, 99)] == pytest.approx(
        [1.0, 1.0, 0.6, 0.2, 0.2]
    )


def test_without_exploration_it_repeats_the_best_it_knows():
    history = told((DENSE, 0.1), (CONV, 0.9), ({**CONV, "kernel": 3}, 0.5))
    learner = table(history, replay=200, warm_up=0, cool_down=1, epsilon=0.0)
    learner.catch_up()
    rng = np.random.default_rng(0)
    assert all(learner.draw(rng, explore=0.0) == CONV for _ in range(20))
    drawn = [learner.draw(rng, explore=1.0) for _ in range(200)]
    assert 60 < sum(values["kind"] == "dense" for values in drawn) < 140


def test_settings_are_checked():
    for name in ("context", "replay", "warm_up", "cool_down", "bins", "learning_rate", "epsilon"):
        with pytest.raises(InvalidInputError, match=f"`{name}` of QLearningOracle"):
            QLearningOracle(**{name: -1})
    for name in ("discount", "trace"):
        with pytest.raises(InvalidInputError, match=f"`{name}` of QLearningOracle"):
            QLearningOracle(**{name: 1.5})
