"""Fine-tuning with the rounding of int8 in place, so that a network answers as well in int8.

Weights (one scale an output channel) and activations (one scale a tensor) are rounded in the
forward pass, as the int8 file rounds them; gradients pass as if they were not. The network learns
from its own answers before, not from labels: what is wanted is the same network in int8, and
there is nothing to overfit.

Source: Jacob et al. (2018), "Quantization and training of neural networks for efficient
integer-arithmetic-only inference", section 3; Bengio et al. (2013) for the straight-through
gradient; Hinton et al. (2015) for learning from answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autoarch.architecture import Architecture
from autoarch.architecture.fold import CENTRE, fold, fold_weights, unfold_weights
from autoarch.architecture.front_end import integer_part
from autoarch.errors import InvalidArchitectureError
from autoarch.training.fit import Array
from autoarch.training.schedule import warm_up_cosine

LEARNING_RATE = 3e-3
"""Peak of the schedule, Adam, as a share of the largest weight of a channel: folding leaves kernels
of very different sizes."""

_NARROWEST = 1e-6


class _Rounded(keras.layers.Layer):  # type: ignore[misc]
    """Rounds a tensor to 256 steps between its smallest and its largest value, zero among them."""

    def call(self, x: Any) -> Any:
        low = tf.minimum(tf.reduce_min(x), 0.0)
        high = tf.maximum(tf.reduce_max(x), low + _NARROWEST)
        return tf.quantization.fake_quant_with_min_max_vars(
            x, tf.stop_gradient(low), tf.stop_gradient(tf.maximum(high, 0.0))
        )


class RoundedNetwork:
    """The folded network of an architecture with the rounding of int8.

    Args:
        architecture: The original, from pixels to logits.
        weights: Its weights, in the order of `keras.Model.get_weights`.

    Raises:
        InvalidArchitectureError: The folded network cannot be turned back; see `unfold_weights`.
            Or it is a network on waveforms, which is not fine-tuned so far.
    """

    def __init__(self, architecture: Architecture, weights: Sequence[Array]):
        if integer_part(architecture) is not architecture:
            raise InvalidArchitectureError(
                "Networks on waveforms are not fine-tuned for int8 so far, only those on pictures."
            )
        self._architecture = architecture
        self._names = [weight.path for weight in architecture.build().weights]
        before = dict(zip(self._names, weights))
        folded = fold_weights(architecture, before)
        unfold_weights(architecture, folded)  # raises where that does not go
        self._exact = fold(architecture).build(name="folded")
        self._exact.set_weights([folded[weight.path] for weight in self._exact.weights])
        self._network = rounding(self._exact)
        self._network.set_weights(self._exact.get_weights())
        self._depthwise = {
            layer.kernel.path
            for layer in self._network.layers
            if isinstance(layer, keras.layers.DepthwiseConv2D)
        }
        self._start = [np.asarray(weight) for weight in self._network.trainable_variables]
        self._scales = [
            np.abs(self._by_channel(weight.path, start)).max(0) + _NARROWEST
            for weight, start in zip(self._network.trainable_variables, self._start)
        ]
        self._changes = [keras.Variable(np.zeros_like(start)) for start in self._start]
        self._optimizer = keras.optimizers.Adam(LEARNING_RATE)
        self._optimizer.build(self._changes)
        self._step = tf.function(self._train_step, autograph=False, jit_compile=False)

    def logits(self, pixels: Any) -> Any:
        """Logits `(n, classes)` of pixels `(n, height, width, channels)` in [0, 255]."""
        rounded = [self._rounded(*given) for given in self._learned()]
        state = self._network.non_trainable_variables
        x = tf.cast(pixels, tf.float32) - CENTRE
        return self._network.stateless_call(rounded, state, x, training=False)[0]

    def _train_step(self, pixels: Any) -> Any:
        target = tf.nn.softmax(self._exact(tf.cast(pixels, tf.float32) - CENTRE, training=False))
        with tf.GradientTape() as tape:
            losses = tf.nn.softmax_cross_entropy_with_logits(target, self.logits(pixels))
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, self._changes)
        self._optimizer.apply_gradients(zip(gradients, self._changes))
        return loss

    def _learned(self) -> list[tuple[str, Any]]:
        """The weights now, by path: where they were, and the changes in units of the scales."""
        paths = [weight.path for weight in self._network.trainable_variables]
        values = [
            start + tf.reshape(self._by_channel(path, change.value) * scale, start.shape)
            for path, start, change, scale in zip(paths, self._start, self._changes, self._scales)
        ]
        return list(zip(paths, values))

    def _by_channel(self, path: str, value: Any) -> Any:
        """A weight as a matrix whose columns are its output channels; biases as one column."""
        if not path.endswith("/kernel"):
            return tf.reshape(value, (-1, 1))
        # The channels of depthwise kernels, (height, width, channels, 1), are not last.
        return tf.reshape(value, (-1, value.shape[2 if path in self._depthwise else -1]))

    def _rounded(self, path: str, value: Any) -> Any:
        """Kernels in 255 steps around zero, each output channel by itself; biases as they are."""
        if not path.endswith("/kernel"):
            return value
        matrix = self._by_channel(path, value)
        largest = tf.stop_gradient(tf.reduce_max(tf.abs(matrix), axis=0)) + _NARROWEST
        rounded = tf.quantization.fake_quant_with_min_max_vars_per_channel(
            matrix, -largest, largest, narrow_range=True
        )
        return tf.reshape(rounded, value.shape)

    def train(self, batches: Iterable[Any], share_done: Callable[[int], float]) -> int:
        """Trains until `share_done` reaches 1.

        Args:
            batches: Of (pixels, anything).
            share_done: Share of the training done, given the steps; by steps or by the clock.

        Returns:
            The number of steps.
        """
        steps = 0
        for pixels, _ in batches:
            if (share := share_done(steps)) >= 1:
                break
            self._optimizer.learning_rate = LEARNING_RATE * warm_up_cosine(share)
            self._step(pixels)
            steps += 1
        return steps

    def weights(self) -> list[Array]:
        """Weights of the original architecture, in Keras's order, that fold to what was learned."""
        folded = {weight.path: np.asarray(weight) for weight in self._network.weights}
        folded |= {path: np.asarray(value) for path, value in self._learned()}
        found = unfold_weights(self._architecture, folded)
        return [found[name] for name in self._names]


def rounding(network: Any) -> Any:
    """A copy of a folded Keras network, with fresh weights, that rounds each activation.

    Not rounded: what goes into a relu or relu6, which int8 kernels apply before they round.
    """
    before: dict[int, tuple[Any, Any]] = {}  # by the identity of the first

    def call(layer: Any, *arguments: Any, **options: Any) -> Any:
        function = getattr(layer, "activation", None)
        if isinstance(layer, keras.layers.Activation) and function in (
            keras.activations.relu,
            keras.activations.relu6,
        ):
            arguments = (before[id(arguments[0])][1], *arguments[1:])
        exact = layer(*arguments, **options)
        if isinstance(layer, keras.layers.InputLayer):
            return exact
        rounded = _Rounded(name=f"{layer.name}_rounded", dtype="float32")(exact)
        before[id(rounded)] = rounded, exact
        return rounded

    copy = keras.models.clone_model(network, call_function=call)
    assert [w.path for w in copy.weights] == [w.path for w in network.weights]
    return copy
