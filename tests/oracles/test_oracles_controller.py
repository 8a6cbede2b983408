"""The controller: what it sees, and what it learns."""

import math

import numpy as np
import pytest

from autoarch.errors import InvalidInputError
from autoarch.oracles import ControllerOracle
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
START = np.full(4, -1)


def controller(history, **settings):
    return ControllerOracle(**settings).learner(SPACE, history)


def searched(utility, trials=60, seed=0):
    """A history of random trials; `utility` gets the values."""
    history, rng = History(), np.random.default_rng(seed)
    for number in range(trials):
        values = SPACE.sample(rng)
        history.propose(values)
        history.finish(number, utility(values))
    return history


def test_a_state_is_the_place_and_the_actions_so_far():
    learner = controller(History())
    paths = np.array([[1, 2, 0, 1], [0, -1, 0, 1]])
    states = learner.states(paths)
    # one-hot place (4) | kind (2) | kernel (3) | classes (1) | act (2)
    assert states.shape == (2, 4, 12)
    assert states[0, 0].tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    assert states[0, 1].tolist() == [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert states[0, 3].tolist() == [0, 0, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0]
    assert states[1, 3].tolist() == [0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0]


def test_a_new_policy_is_uniform_over_the_values_of_its_decision():
    learner = controller(History())
    for place, count in enumerate((2, 3, 1, 2)):
        np.testing.assert_allclose(learner.probabilities(START, place), np.full(count, 1 / count))


def test_the_drawn_policy_is_the_trained_one():
    """What `draw` follows, one decision at a time, against the batch that `learn` works on."""
    learner = controller(searched(lambda values: float(values["act"] == "gelu")))
    learner.catch_up()
    path = np.array([1, 2, 0, 1])
    logits = learner.policy.forward(learner.states(path[None])[0])[-1]
    for place, (begin, end) in enumerate([(0, 2), (2, 5), (5, 6), (6, 8)]):
        so_far = np.where(np.arange(4) < place, path, -1)
        weights = [math.exp(logit) for logit in logits[place, begin:end]]
        expected = np.array(weights) / sum(weights)
        np.testing.assert_allclose(learner.probabilities(so_far, place), expected)


@pytest.mark.parametrize("algorithm", ["ppo", "reinforce"])
def test_it_learns_what_pays(algorithm):
    history = searched(lambda v: 1.0 * (v["act"] == "gelu") + 0.5 * (v.get("kernel") == 5))
    learner = controller(history, algorithm=algorithm)
    learner.catch_up()
    conv = np.array([1, -1, -1, -1])
    assert learner.probabilities(START, 0)[1] > 0.6
    assert learner.probabilities(conv, 1)[1] > 0.6
    assert learner.probabilities(np.array([1, 1, 0, -1]), 3)[1] > 0.8
    rng = np.random.default_rng(0)
    drawn = [learner.draw(rng, explore=0.0) for _ in range(200)]
    assert all(SPACE.contains(values) for values in drawn)
    assert np.mean([values["act"] == "gelu" for values in drawn]) > 0.8
    explored = [learner.draw(rng, explore=1.0) for _ in range(200)]
    assert 0.35 < np.mean([values["act"] == "gelu" for values in explored]) < 0.65


def test_an_earlier_decision_may_decide_what_pays_later():
    history = searched(lambda v: float((v["kind"] == "conv") == (v["act"] == "gelu")), trials=150)
    learner = controller(history)
    learner.catch_up()
    assert learner.probabilities(np.array([0, -1, 0, -1]), 3)[0] > 0.7
    assert learner.probabilities(np.array([1, 1, 0, -1]), 3)[1] > 0.7


def test_it_keeps_away_from_failures():
    learner = controller(searched(lambda v: None if v["kind"] == "conv" else 0.5))
    learner.catch_up()
    assert learner.probabilities(START, 0)[1] < 0.2


def test_the_value_network_expects_more_where_more_was_got():
    learner = controller(searched(lambda v: float(v["kind"] == "conv"), trials=100))
    learner.catch_up()
    states = learner.states(np.array([[1, 1, 0, 0], [0, -1, 0, 0]]))[:, 3]
    after_conv, after_dense = learner.value.forward(states)[-1][:, 0]
    assert after_conv > after_dense + 0.5


@pytest.mark.parametrize("algorithm", ["ppo", "reinforce"])
def test_a_larger_entropy_keeps_the_policy_open(algorithm):
    def surest(entropy):
        history, rng = History(), np.random.default_rng(0)
        learner = controller(history, algorithm=algorithm, entropy=entropy)
        for number in range(80):  # a search of its own, in which repetitions are allowed
            values = learner.draw(rng, explore=0.0)
            history.propose(values)
            history.finish(number, float(values["act"] == "gelu"))
            learner.catch_up()
        return learner.probabilities(np.array([0, -1, 0, -1]), 3).max()

    assert surest(0.0) > 0.9
    assert surest(1.0) < 0.8


def test_settings_are_checked():
    with pytest.raises(InvalidInputError, match="`algorithm` of ControllerOracle"):
        ControllerOracle(algorithm="sarsa")
    for name in ("hidden", "steps", "batch", "bins", "learning_rate", "clip"):
        with pytest.raises(InvalidInputError, match=f"`{name}` of ControllerOracle"):
            ControllerOracle(**{name: 0})
    for name in ("discount", "trace", "entropy"):
        with pytest.raises(InvalidInputError, match=f"`{name}` of ControllerOracle"):
            ControllerOracle(**{name: -0.1})
