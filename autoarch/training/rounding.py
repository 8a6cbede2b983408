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
from autoarch.architecture.front_end import float_part, integer_part, integer_weights
from autoarch.architecture.inherit import Weights
from autoarch.training.fit import Array
from autoarch.training.schedule import warm_up_cosine
from autoarch.training.sliced_conv import slice_convolutions

LEARNING_RATE = 3e-3
"""Peak of the schedule, Adam, as a share of the largest weight of a channel: folding leaves kernels
of very different sizes."""

_NARROWEST = 1e-6


def _round(x: Any) -> Any:
    """Rounds a tensor to 256 steps between its smallest and its largest value, zero among them."""
    low = tf.minimum(tf.reduce_min(x), 0.0)
    high = tf.maximum(tf.reduce_max(x), low + _NARROWEST)
    return tf.quantization.fake_quant_with_min_max_vars(
        x, tf.stop_gradient(low), tf.stop_gradient(tf.maximum(high, 0.0))
    )


class _Rounded(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return _round(x)


class RoundedNetwork:
    """The folded network of an architecture with the rounding of int8.

    Args:
        architecture: The original, from pixels or waveforms to logits. Of one on waveforms the
            front-end, which the int8 file has not, stays as it is.
        weights: Its weights, in the order of `keras.Model.get_weights`.

    Raises:
        InvalidArchitectureError: The folded network cannot be turned back, see `unfold_weights`,
            or has no int8 form.
    """

    def __init__(self, architecture: Architecture, weights: Sequence[Array]):
        self._part = integer_part(architecture)
        self._on_pixels = self._part is architecture
        names = [weight.path for weight in architecture.build().weights]
        self._before = dict(zip(names, weights))
        inside = integer_weights(architecture, self._before)
        folded = fold_weights(self._part, inside, pixels=self._on_pixels)
        self._unfolded(folded)  # raises where that does not go
        if not self._on_pixels:
            self._front = float_part(architecture).build(name="front")
            self._front.set_weights([self._before[weight.path] for weight in self._front.weights])
        self._exact = fold(self._part, pixels=self._on_pixels).build(name="folded")
        self._exact.set_weights([folded[weight.path] for weight in self._exact.weights])
        self._network = rounding(self._exact)
        slice_convolutions(self._network)
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

    def logits(self, inputs: Any) -> Any:
        """Logits `(n, classes)` of pixels `(n, height, width, channels)` in [0, 255] or of
        waveforms `(n, samples)`."""
        return self._rounded_logits(self._features(inputs))

    def _features(self, inputs: Any) -> Any:
        """What the int8 file is given, before it is rounded."""
        x = tf.cast(inputs, tf.float32)
        if self._on_pixels:
            return x - CENTRE
        return tf.reshape(self._front(x, training=False), (-1, *self._part.input_shape))

    def _rounded_logits(self, features: Any) -> Any:
        rounded = [self._rounded(*given) for given in self._learned()]
        state = self._network.non_trainable_variables
        # centred pixels are whole numbers already
        x = features if self._on_pixels else _round(features)
        return self._network.stateless_call(rounded, state, x, training=False)[0]

    def _train_step(self, inputs: Any) -> Any:
        features = self._features(inputs)
        target = tf.nn.softmax(self._exact(features, training=False))
        with tf.GradientTape() as tape:
            losses = tf.nn.softmax_cross_entropy_with_logits(target, self._rounded_logits(features))
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
            batches: Of (inputs as for `logits`, anything).
            share_done: Share of the training done, given the steps; by steps or by the clock.

        Returns:
            The number of steps.
        """
        steps = 0
        for inputs, _ in batches:
            if (share := share_done(steps)) >= 1:
                break
            self._optimizer.learning_rate = LEARNING_RATE * warm_up_cosine(share)
            self._step(inputs)
            steps += 1
        return steps

    def weights(self) -> list[Array]:
        """Weights of the original architecture, in Keras's order, that fold to what was learned."""
        folded = {weight.path: np.asarray(weight) for weight in self._network.weights}
        folded |= {path: np.asarray(value) for path, value in self._learned()}
        found = {**self._before, **self._unfolded(folded)}
        # Kernels along a sequence have three axes, those on its picture of one row four.
        return [found[name].reshape(before.shape) for name, before in self._before.items()]

    def _unfolded(self, folded: Weights) -> dict[str, Array]:
        return unfold_weights(self._part, folded, pixels=self._on_pixels)


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
