"""Adversarial training: of ids, on their vectors moved to where the loss grows fastest as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from autoarch.architecture import Architecture
from autoarch.architecture.ops.embedding_bag import SUM, EmbeddingBag

SLOWER = 1.5
"""Times as long as otherwise a pass takes, about: 1.3 to 1.8 on 2 cores."""


class Adversary:
    """Splits a network at the vectors of its ids, and moves them against it.

    Args:
        architecture: Some of its `EmbeddingBag`s may be learned; their results are what moves.
        learner: What is trained, see `Architecture.learner`.
        frequencies: How frequent each class is, `(classes,)`: what a guess goes by.

    Source: Miyato, Dai and Goodfellow (2017), "Adversarial training methods for semi-supervised
    text classification", section 3. They keep vectors from growing out of reach of a move of fixed
    length by normalising them; here the length grows with them.
    """

    def __init__(self, architecture: Architecture, learner: Any, frequencies: npt.NDArray[Any]):
        vectors = [learner.get_layer(name).output for name in vector_layers(architecture)]
        self._embed = keras.Model(learner.input, vectors)
        self._rest = keras.Model([learner.input, *vectors], learner.output)
        self._guess = tf.constant(np.log(np.maximum(frequencies, 1e-6)), tf.float32)

    def loss(
        self, x: tf.Tensor, radius: tf.Tensor, loss_of: Callable[[tf.Tensor], tf.Tensor]
    ) -> tf.Tensor:
        """Mean of the loss of the examples as they are and of that of the moved ones; the first
        alone where the second is worse than a guess.

        A network that lost by its answers would learn to give none: with moves of 0.14, two
        networks of three layers of convolutions ended at chance on sst2.

        Args:
            x: Ids `(n, rows, columns)`.
            radius: Length of the move of an example's vectors, in units of their own.
            loss_of: Sum over the examples, given logits that broadcast to `(n, classes)`.
        """
        vectors = tf.nest.flatten(self._embed(x, training=True))
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            plain = loss_of(self._rest([x, *vectors], training=True))
        steepest = tape.gradient(plain, vectors)
        moved = [_moved(*pair, radius) for pair in zip(vectors, steepest, strict=True)]
        hard = loss_of(self._rest([x, *moved], training=True))
        return tf.where(hard < loss_of(self._guess), (plain + hard) / 2, plain)


def growing(radius: float, share: float) -> float:
    """The radius at a share of the training: that of `Recipe.adversarial` from its half on.

    A network that has learned nothing yet learns nothing from moved examples either: three layers
    of convolutions stayed at chance on sst2 with moves of 0.1 from the first step on, and in two
    of three trainings of 8 passes with moves of 0.04.
    """
    return radius * min(1.0, 2.0 * share)


def vector_layers(architecture: Architecture) -> list[str]:
    """Layers of the built network that give learned vectors of ids; those of a linear model are
    answers already."""
    return [
        node.layer_name + SUM
        for node in architecture.live_nodes
        if isinstance(node.op, EmbeddingBag) and not (node.op.frozen or node.op.from_zero)
    ]


def _moved(vectors: tf.Tensor, steepest: tf.Tensor, radius: tf.Tensor) -> tf.Tensor:
    # What is learned is not how to have a harmless gradient.
    direction = tf.stop_gradient(steepest / (_length(steepest) + 1e-12))
    return vectors + radius * tf.stop_gradient(_length(vectors)) * direction


def _length(values: tf.Tensor) -> tf.Tensor:
    """Euclidean, of each example."""
    axes = tuple(range(1, len(values.shape)))
    return tf.sqrt(tf.reduce_sum(tf.square(values), axes, keepdims=True))
