"""The gradient of a choice: how the loss on one half of the data depends on what was chosen, when
weights are what training on the other half makes of them.

Source: Liu et al. (2019), "DARTS", section 2.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Gradients = Callable[[Any, Any, Any], tuple[Any, Any, Any]]
"""(weights, choices, batch) -> loss, its gradient by the weights, its gradient by the choices.
Weights and choices are tensors of any shape."""

STEP_NORM = 0.01
"""Length of the step of the finite difference, as in DARTS's footnote 2."""


def first_order(gradients: Gradients, weights: Any, choices: Any, valid: Any) -> tuple[Any, Any]:
    """The loss on the batch `valid` and its gradient by the choices, with weights as they are."""
    loss, _, by_choices = gradients(weights, choices, valid)
    return loss, by_choices


def second_order(
    gradients: Gradients, weights: Any, choices: Any, valid: Any, train: Any, rate: float
) -> tuple[Any, Any]:
    """The same with weights one step of gradient descent further, a step that choices change.

    Args:
        gradients: See `Gradients`; is asked four times.
        weights: As they are.
        choices: As they are.
        valid: Batch of the loss.
        train: Batch of the step.
        rate: Learning rate of the step.

    Source: Liu et al. (2019), "DARTS", equations 7 and 8.
    """
    _, descent, _ = gradients(weights, choices, train)
    ahead = weights - rate * descent
    loss, by_weights, by_choices = gradients(ahead, choices, valid)
    step = STEP_NORM / tf.maximum(tf.norm(by_weights), 1e-12)
    _, _, above = gradients(weights + step * by_weights, choices, train)
    _, _, below = gradients(weights - step * by_weights, choices, train)
    return loss, by_choices - rate * (above - below) / (2 * step)
