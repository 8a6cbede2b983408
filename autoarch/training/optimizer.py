"""What changes the weights: AdamW, and Muon for the kernels of convolutions."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import keras
import tensorflow as tf

MOMENTUM = 0.95
ITERATIONS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of x, x^3 and x^5 in an iteration: singular values from 0.003 on end between 0.68 and 1.21."""

RMS = 0.2
"""Root mean square of an update at a learning rate of 1, about that of AdamW's."""

FASTER = 10 / 3
"""Times the recipe's learning rate that networks have in which `is_normalised`: the scale of a
kernel with a batch norm behind it means nothing, so large steps do no harm."""

FEWEST_CHANNELS = 4
"""Kernels that see fewer channels look at pixels; Muon is meant for hidden layers."""


class MuonAdamW(keras.optimizers.AdamW):
    """AdamW, except for matrices that Muon moves: along the orthogonal matrix that is nearest to
    their momentum, so that all directions are learned at one rate, not the few that most of the
    gradient lies in.

    Unlike Keras's optimizers it does not sum gradients over replicas, of which there is one:
    that sum has a gradient of its own, which TensorFlow keeps for ever, and the traced graph with
    it: 8 MB for each network trained. Each step of AdamW is TensorFlow's one kernel for Adam, which
    passes over the weights once, not ten times: what counts where tables of embeddings hold
    millions.

    Args:
        *args, **kwargs: Those of `keras.optimizers.AdamW`.
        orthogonal: Names (paths) of the variables that Muon moves. All axes but the last are the
            rows of their matrix.
        rate: Learning rate of these, in units of that of the others.

    Source: Jordan et al. (2024), "Muon: an optimizer for hidden layers in neural networks"; Liu
    et al. (2025), "Muon is scalable for LLM training", section 2.2, for the scale of an update.
    """

    def __init__(
        self, *args: Any, orthogonal: Collection[str] = (), rate: float = 1.0, **kwargs: Any
    ):
        super().__init__(*args, **kwargs)
        self._orthogonal = frozenset(orthogonal)
        self._rate = rate

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        return grads_and_vars

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        momentum = self._momentums[index].value
        if self._trainable_variables[index].path in self._orthogonal:
            momentum.assign(MOMENTUM * momentum + gradient)
            ahead = gradient + MOMENTUM * momentum
            rows = math.prod(variable.shape[:-1])
            matrix = tf.reshape(ahead, (rows, variable.shape[-1]))
            size = RMS * math.sqrt(max(matrix.shape)) * self._rate * learning_rate
            change = tf.reshape(nearest_orthogonal(matrix), variable.shape)
            variable.assign_sub(tf.cast(size, variable.dtype) * change)
            return
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=momentum.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, variable.dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, variable.dtype), step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=tf.cast(self.beta_1, variable.dtype),
            beta2=tf.cast(self.beta_2, variable.dtype),
            epsilon=tf.cast(self.epsilon, variable.dtype),
            grad=tf.convert_to_tensor(gradient),
        )


def nearest_orthogonal(matrix: tf.Tensor) -> tf.Tensor:
    """About U V^T where the matrix is U S V^T: its singular values are set to 1, roughly.

    Newton and Schulz's iteration with a polynomial of degree 5, on the smaller of the two Gram
    matrices: that is `ITERATIONS` times fewer products with the whole matrix.

    Args:
        matrix: float32 `(rows, columns)`, both known.

    Returns:
        Of the same shape; zeros where the matrix is zeros.

    Source: Jordan et al. (2024), "Muon", for the coefficients.

    Example:
        >>> nearest_orthogonal(tf.constant([[3.0, 0.0], [0.0, 4.0]])).numpy().round(1)
        array([[0.7, 0. ],
               [0. , 1.1]], dtype=float32)
    """
    tall = matrix.shape[0] > matrix.shape[1]
    matrix = matrix / (tf.norm(matrix) + 1e-7)
    gram = tf.matmul(matrix, matrix, transpose_a=tall, transpose_b=not tall)
    product = factor = _factor(gram)
    for _ in range(ITERATIONS - 1):
        gram = tf.matmul(factor, tf.matmul(gram, factor))
        factor = _factor(gram)
        product = tf.matmul(factor, product)
    return tf.matmul(matrix, product) if tall else tf.matmul(product, matrix)


def _factor(gram: tf.Tensor) -> tf.Tensor:
    """What an iteration multiplies a matrix of this Gram matrix with."""
    a, b, c = COEFFICIENTS
    return a * tf.eye(gram.shape[0]) + b * gram + c * tf.matmul(gram, gram)


def orthogonal_kernels(model: Any) -> list[str]:
    """Paths of the kernels of a `keras.Model`'s dense convolutions, without that on the input
    itself and without those of layers that are networks of their own, such as pretrained ones."""
    return [
        layer.kernel.path
        for layer in model.layers
        if type(layer) is keras.layers.Conv2D
        and layer.groups == 1
        and layer.kernel.shape[2] >= FEWEST_CHANNELS
        and layer.kernel.trainable
    ]


def is_normalised(model: Any) -> bool:
    """Whether whatever learns in a `keras.Model` is kernels, and each but the last has a batch norm
    behind it, by their numbers."""
    learning = [layer for layer in model.layers if layer.trainable_weights]
    norms = [layer for layer in learning if isinstance(layer, keras.layers.BatchNormalization)]
    kernels = [layer for layer in learning if hasattr(layer, "kernel")]
    return len(norms) + len(kernels) == len(learning) and 0 < len(kernels) <= len(norms) + 1
