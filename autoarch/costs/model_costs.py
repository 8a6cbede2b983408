"""Costs of an architecture in closed form; neither Keras nor TensorFlow is involved."""

from __future__ import annotations

import math
from dataclasses import dataclass

from autoarch.architecture import Architecture

FLOAT_BYTES = 4
_KEPT_FOR_GRADIENTS = 2
"""Training keeps each node's result and, at the peak, about as much again in gradients."""


@dataclass(frozen=True)
class ModelCosts:
    """What a network costs.

    Args:
        params: Number of weights.
        macs: Multiply-adds of one forward pass of one example, each counted once.
        float_bytes: Bytes of the weights in float32.
        activation_elements: Numbers that all nodes together make for one example.
    """

    params: int
    macs: int
    float_bytes: int
    activation_elements: int

    def training_bytes(self, batch_size: int) -> int:
        """Rough memory of a training step: weights with two optimizer slots and gradients,
        and the activations of a batch with their gradients."""
        activations = _KEPT_FOR_GRADIENTS * self.activation_elements * batch_size
        return FLOAT_BYTES * (4 * self.params + activations)


def model_costs(architecture: Architecture) -> ModelCosts:
    """Prices an architecture.

    Example:
        >>> from autoarch.architecture import INPUT, Node
        >>> from autoarch.architecture.ops.dense import Dense
        >>> model_costs(Architecture((8,), (Node("logits", Dense(3), (INPUT,)),))).float_bytes
        108
    """
    elements = sum(math.prod(architecture.shapes[node.name]) for node in architecture.live_nodes)
    return ModelCosts(
        params=architecture.params,
        macs=architecture.macs,
        float_bytes=FLOAT_BYTES * architecture.params,
        activation_elements=elements,
    )
