"""What changes the weights: AdamW, and Muon for the kernels of convolutions."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
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

    Unlike Keras's optimizers it knows of no replicas. Their sum of gradients has a gradient of its
    own, which TensorFlow keeps for ever, and the traced graph with it: 8 MB for each network
    trained; and half of what it takes to trace an update is machinery for them, and scalars made
    anew for each variable. Each step of AdamW is TensorFlow's one kernel for Adam, which passes
    over the weights once, not ten times: what counts where tables of embeddings hold millions.

    Variables are float32.

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

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        if self.weight_decay is None:
            return
        share = tf.convert_to_tensor(self.learning_rate) * self.weight_decay
        for variable in map(_stored, variables):
            if self._use_weight_decay(variable):
                variable.assign_sub(variable * share)

    def _backend_update_step(
        self, grads: Sequence[Any], trainable_variables: Sequence[Any], learning_rate: Any
    ) -> None:
        rate = tf.convert_to_tensor(learning_rate)
        step = tf.cast(self.iterations + 1, tf.float32)
        betas = tf.constant(self.beta_1), tf.constant(self.beta_2)
        adam = {
            "beta1_power": tf.pow(betas[0], step),
            "beta2_power": tf.pow(betas[1], step),
            "lr": rate,
            "beta1": betas[0],
            "beta2": betas[1],
            "epsilon": tf.constant(self.epsilon),
        }
        for gradient, variable in zip(grads, map(_stored, trainable_variables)):
            index = self._get_variable_index(variable)
            momentum = self._momentums[index].value
            if self._trainable_variables[index].path in self._orthogonal:
                self._move_along_orthogonal(variable, gradient, momentum, rate)
                continue
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=momentum.handle,
                v=self._velocities[index].value.handle,
                grad=tf.convert_to_tensor(gradient),
                **adam,
            )

    def _move_along_orthogonal(
        self, variable: Any, gradient: Any, momentum: Any, rate: tf.Tensor
    ) -> None:
        moved = MOMENTUM * momentum + gradient
        momentum.assign(moved)
        rows = math.prod(variable.shape[:-1])
        matrix = tf.reshape(gradient + MOMENTUM * moved, (rows, variable.shape[-1]))
        size = RMS * math.sqrt(max(matrix.shape)) * self._rate
        change = tf.reshape(nearest_orthogonal(matrix), variable.shape)
        variable.assign_sub(size * rate * change)


def _stored(variable: Any) -> Any:
    """TensorFlow's variable behind one of Keras's."""
    return variable.value if isinstance(variable, keras.Variable) else variable


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
    one = tf.eye(gram.shape[0])
    product = factor = _factor(gram, one)
    for _ in range(ITERATIONS - 1):
        gram = tf.matmul(factor, tf.matmul(gram, factor))
        factor = _factor(gram, one)
        product = tf.matmul(factor, product)
    return tf.matmul(matrix, product) if tall else tf.matmul(product, matrix)


def _factor(gram: tf.Tensor, one: tf.Tensor) -> tf.Tensor:
    """What an iteration multiplies a matrix of this Gram matrix with."""
    a, b, c = COEFFICIENTS
    return a * one + tf.matmul(gram, b * one + c * gram)


def orthogonal_kernels(model: Any) -> list[str]:
    """Paths of the kernels of a `keras.Model`'s dense convolutions, without that on the input
    itself and without those of layers that are networks of their own."""
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
