"""Networks and losses of policy gradients, against finite differences and plain loops."""

import math

import numpy as np
import pytest

from autoarch.oracles.policy import (
    Adam,
    Network,
    lambda_returns,
    log_softmax,
    policy_loss,
    value_loss,
)


def slopes(function, array, step=1e-6):
    """Central differences of a function of nothing with respect to an array it reads."""
    found = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        kept = array[place]
        array[place] = kept + step
        above = function()
        array[place] = kept - step
        below = function()
        array[place] = kept
        found[place] = (above - below) / (2 * step)
    return found


def batch_of_decisions(seed=0, n=12, actions=7):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, actions))
    legal = rng.random((n, actions)) < 0.6
    legal[:, :2] = True
    chosen = np.array([rng.choice(np.flatnonzero(row)) for row in legal])
    advantages = rng.normal(size=n)
    behaviour = np.log(rng.uniform(0.05, 0.9, size=n))
    return logits, legal, chosen, advantages, behaviour


@pytest.mark.parametrize("sizes", [(5, 3), (5, 8, 3), (5, 8, 6, 3)])
def test_backpropagation_agrees_with_finite_differences(sizes):
    rng = np.random.default_rng(0)
    network = Network(sizes, rng)
    network.parameters[-2][:] = rng.normal(size=network.parameters[-2].shape)
    x, target = rng.normal(size=(4, 5)), rng.normal(size=(4, 3))

    def loss():
        return float(np.sin(network.forward(x)[-1] - target).sum())

    layers = network.forward(x)
    gradients = network.backward(layers, np.cos(layers[-1] - target))
    assert len(gradients) == len(network.parameters)
    for parameter, gradient in zip(network.parameters, gradients):
        np.testing.assert_allclose(gradient, slopes(loss, parameter), atol=1e-7)


def test_a_new_network_says_zero():
    network = Network((4, 8, 3), np.random.default_rng(0))
    assert not network.forward(np.ones((2, 4)))[-1].any()


def test_adam_follows_the_paper():
    theta = np.array([1.0, -2.0])
    optimizer = Adam([theta], rate=0.1)
    expected, m, v = theta.copy(), np.zeros(2), np.zeros(2)
    for t in range(1, 6):
        gradient = 2 * expected + 1
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        expected -= 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        optimizer.step([2 * theta + 1])
        np.testing.assert_allclose(theta, expected, rtol=1e-12)


def test_probabilities_are_of_legal_actions_only():
    logits, legal, *_ = batch_of_decisions()
    p = np.exp(log_softmax(logits + 1000.0, legal))
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert not p[~legal].any()
    for row, mask, probabilities in zip(logits, legal, p):
        weights = [math.exp(z) for z in row[mask]]
        np.testing.assert_allclose(probabilities[mask], np.array(weights) / sum(weights))


@pytest.mark.parametrize("clip", [0.2, 0.5])
def test_the_ppo_loss_is_the_papers(clip):
    logits, legal, chosen, advantages, behaviour = batch_of_decisions()
    loss, _ = policy_loss(logits, legal, chosen, advantages, behaviour, entropy=0.3, clip=clip)
    total = 0.0
    for row, mask, action, advantage, old in zip(logits, legal, chosen, advantages, behaviour):
        p = {k: math.exp(row[k]) for k in np.flatnonzero(mask)}
        p = {k: weight / sum(p.values()) for k, weight in p.items()}
        ratio = p[action] / math.exp(old)
        clamped = min(max(ratio, 1 - clip), 1 + clip)
        total += min(ratio * advantage, clamped * advantage)
        total -= 0.3 * sum(q * math.log(q) for q in p.values())
    assert loss == pytest.approx(-total / len(chosen))


@pytest.mark.parametrize("entropy", [0.0, 0.3])
def test_the_ppo_gradient_agrees_with_finite_differences(entropy):
    logits, legal, *rest = batch_of_decisions(n=40)

    def loss():
        return policy_loss(logits, legal, *rest, entropy=entropy, clip=0.5)[0]

    _, gradient = policy_loss(logits, legal, *rest, entropy=entropy, clip=0.5)
    np.testing.assert_allclose(gradient, slopes(loss, logits), atol=1e-8)
    assert not gradient[~legal].any()
    if not entropy:  # some decisions are clipped, some are not
        assert 0 < np.count_nonzero(gradient.any(axis=1)) < 40


def test_the_reinforce_gradient_agrees_with_finite_differences():
    logits, legal, chosen, advantages, behaviour = batch_of_decisions(n=40)
    taken = np.arange(40), chosen
    weights = np.minimum(np.exp(log_softmax(logits, legal)[taken] - behaviour), 1.0)

    def loss():  # the weights are constants
        log_p = log_softmax(logits, legal)
        p = np.exp(log_p)
        entropies = -np.where(legal, p * np.where(legal, log_p, 0.0), 0.0).sum(axis=1)
        return -float(np.mean(weights * advantages * log_p[taken] + 0.1 * entropies))

    value, gradient = policy_loss(
        logits, legal, chosen, advantages, behaviour, entropy=0.1, clip=None
    )
    assert value == pytest.approx(loss())
    np.testing.assert_allclose(gradient, slopes(loss, logits), atol=1e-8)


def test_the_value_gradient_agrees_with_finite_differences():
    rng = np.random.default_rng(0)
    values, targets = rng.normal(size=(2, 9))
    _, gradient = value_loss(values, targets)
    np.testing.assert_allclose(
        gradient, slopes(lambda: value_loss(values, targets)[0], values), atol=1e-8
    )


@pytest.mark.parametrize(("discount", "trace"), [(1.0, 1.0), (0.9, 0.95), (0.8, 0.0)])
def test_lambda_returns_are_a_mix_of_all_steps(discount, trace):
    """Against the sum over n-step returns, episode by episode."""
    rng = np.random.default_rng(0)
    rewards, values = rng.normal(size=6), rng.normal(size=(6, 5))
    active = rng.random((6, 5)) < 0.7
    returns = lambda_returns(rewards, values, active, discount=discount, trace=trace)
    for episode in range(6):
        steps = np.flatnonzero(active[episode])
        for t, place in enumerate(steps):
            left = len(steps) - t - 1  # decisions after this one
            expected = trace**left * discount**left * rewards[episode]
            for n in range(1, left + 1):
                following = values[episode, steps[t + n]]
                expected += (1 - trace) * trace ** (n - 1) * discount**n * following
            assert returns[episode, place] == pytest.approx(expected)
    assert not returns[~active].any()
