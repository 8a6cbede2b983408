"""Small networks in plain NumPy, and the losses of policy gradients with their derivatives.

Nothing here knows of architectures: `controller` puts these parts together.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


class Network:
    """A multilayer perceptron with tanh units and a linear output.

    The output's weights begin at zero: a policy begins uniform, a value at zero.

    Args:
        sizes: Numbers of units, input and output included.
        rng: Draws the weights of the hidden layers, with variance 1 / inputs.

    Attributes:
        parameters: Weights (inputs, units) and biases (units,) of each layer in turn.
    """

    def __init__(self, sizes: Sequence[int], rng: np.random.Generator):
        self.parameters: list[Array] = []
        for inputs, units in pairwise(sizes):
            self.parameters.append(rng.normal(0.0, inputs**-0.5, (inputs, units)))
            self.parameters.append(np.zeros(units))
        self.parameters[-2][:] = 0.0

    def forward(self, x: Array) -> list[Array]:
        """The activations of all layers for inputs (n, inputs): `x` first, the output last."""
        layers = [x]
        for place in range(0, len(self.parameters), 2):
            weights, bias = self.parameters[place : place + 2]
            y = layers[-1] @ weights + bias
            layers.append(y if place + 2 == len(self.parameters) else np.tanh(y))
        return layers

    def backward(self, layers: Sequence[Array], gradient: Array) -> list[Array]:
        """The gradients of all parameters.

        Args:
            layers: What `forward` returned.
            gradient: Derivative of the loss with respect to the output.
        """
        gradients: list[Array] = []
        for place in reversed(range(0, len(self.parameters), 2)):
            below = layers[place // 2]
            gradients = [below.T @ gradient, gradient.sum(axis=0), *gradients]
            gradient = (gradient @ self.parameters[place].T) * (1.0 - below**2)
        return gradients


class Adam:
    """Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1.

    Args:
        parameters: Changed in place by `step`.
        rate: Step size.
    """

    def __init__(self, parameters: Sequence[Array], rate: float):
        self._parameters = parameters
        self._rate = rate
        self._means = [np.zeros_like(p) for p in parameters]
        self._squares = [np.zeros_like(p) for p in parameters]
        self._steps = 0

    def step(self, gradients: Sequence[Array]) -> None:
        """One step down the gradients, which are those of `parameters` in their order."""
        decay, square_decay = 0.9, 0.999
        self._steps += 1
        unbiased = 1.0 - decay**self._steps
        unbiased_square = 1.0 - square_decay**self._steps
        for parameter, mean, square, gradient in zip(
            self._parameters, self._means, self._squares, gradients
        ):
            mean += (1.0 - decay) * (gradient - mean)
            square += (1.0 - square_decay) * (gradient**2 - square)
            parameter -= self._rate * (mean / unbiased) / (np.sqrt(square / unbiased_square) + 1e-8)


def log_softmax(logits: Array, legal: Mask) -> Array:
    """Log-probabilities (n, actions) of a policy; minus infinity where an action is not legal."""
    masked = np.where(legal, logits, -np.inf)
    shifted: Array = masked - masked.max(axis=-1, keepdims=True)
    log_sum: Array = np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted - log_sum


def policy_loss(
    logits: Array,
    legal: Mask,
    chosen: IntArray,
    advantages: Array,
    behaviour: Array,
    *,
    entropy: float,
    clip: float | None,
) -> tuple[float, Array]:
    """The negative objective of the policy, mean over n decisions, and its derivative.

    With r the probability ratio of the policy and the one that has decided, and A the advantage,
    the objective of a decision is

        min(r A, clamp(r, 1 - clip, 1 + clip) A) + entropy * H     PPO
        min(r, 1) A log(probability) + entropy * H                 REINFORCE

    where min(r, 1), a truncated importance weight, counts as a constant: it is 1 for decisions of
    the policy itself, and less for those that it would hardly repeat.

    Args:
        logits: (n, actions).
        legal: (n, actions), which of them could be chosen.
        chosen: (n,), which one was.
        advantages: (n,), A.
        behaviour: (n,), log-probability of the chosen one under the policy that chose it.
        entropy: Weight of the policy's entropy H.
        clip: PPO's range; None for REINFORCE.

    Returns:
        The loss, and its derivative with respect to `logits`.
    """
    log_p = log_softmax(logits, legal)
    p = np.exp(log_p)
    rows = np.arange(len(chosen))
    log_chosen = log_p[rows, chosen]
    ratio = np.exp(log_chosen - behaviour)
    if clip is None:
        weight = np.minimum(ratio, 1.0) * advantages
        objective = weight * log_chosen
    else:
        clamped = np.clip(ratio, 1.0 - clip, 1.0 + clip) * advantages
        objective = np.minimum(ratio * advantages, clamped)
        weight = np.where(ratio * advantages <= clamped, ratio * advantages, 0.0)
    log_p = np.where(legal, log_p, 0.0)
    entropies = -(p * log_p).sum(axis=-1)
    # d log p[chosen] / d logits = onehot(chosen) - p;  dH / d logits = -p (log p + H)
    gradient = weight[:, None] * p + entropy * p * (log_p + entropies[:, None])
    gradient[rows, chosen] -= weight
    return -float(np.mean(objective + entropy * entropies)), gradient / len(chosen)


def value_loss(values: Array, targets: Array) -> tuple[float, Array]:
    """Half the mean squared error of (n,) values, and its derivative."""
    error = values - targets
    return 0.5 * float(np.mean(error**2)), error / len(error)


def lambda_returns(
    rewards: Array, values: Array, active: Mask, *, discount: float, trace: float
) -> Array:
    """What follows each decision: a mix of the final reward and of the values in between.

    With a reward R at the end only, over the active decisions t = 1 .. T,

        G_T = R,    G_t = discount * ((1 - trace) V_{t+1} + trace * G_{t+1})

    Minus V_t, this is generalised advantage estimation (Schulman et al., "High-Dimensional
    Continuous Control Using Generalized Advantage Estimation", ICLR 2016, equation 16).

    Args:
        rewards: (n,), R of each episode.
        values: (n, places), V before each decision.
        active: (n, places), where there was a decision.
        discount: Per decision.
        trace: The lambda: 1 trusts the reward alone, 0 the next value alone.

    Returns:
        (n, places); 0 where nothing was decided.
    """
    returns = np.zeros_like(values)
    follows = rewards.copy()  # what the decision before would be credited with
    for place in reversed(range(values.shape[1])):
        here = active[:, place]
        returns[here, place] = follows[here]
        mixed = discount * ((1.0 - trace) * values[:, place] + trace * returns[:, place])
        follows = np.where(here, mixed, follows)
    return returns
