"""Pointwise convolutions that skip pixels, computed on the pixels that they read.

With oneDNN and one thread an op (what a machine of two cores gets here) TensorFlow 2.21 writes
where it must not in the gradient of a convolution of 1x1 with a stride whose input has fewer than
eight channels: each of 21 processes with 1, 3 or 4 channels and a side of 16 or 32 ended in a
segmentation fault or an abort, and none of 24 with 8, 12 or 16 channels, a side of 15, a kernel of
3 or a stride of 1.
"""

from __future__ import annotations

from typing import Any

import keras

FEWEST_CHANNELS = 8
"""From so many on TensorFlow's own gradient holds."""


class SlicedConv2D(keras.layers.Conv2D):
    """As Keras's layer, on every `strides`-th pixel alone. Made by `slice_convolutions`.

    It has no state of its own, so that a layer of a built network can become one, and is never
    saved: what is exported is built anew from the architecture.
    """

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        down, across = self.strides
        return keras.ops.conv(
            inputs[:, ::down, ::across], kernel, padding="valid", data_format=self.data_format
        )


def slice_convolutions(model: Any) -> None:
    """Lets no gradient of a built `keras.Model` end the process; its answers stay the same."""
    for layer in model.layers:
        if type(layer) is keras.layers.Conv2D and _is_at_risk(layer):
            layer.__class__ = SlicedConv2D


def _is_at_risk(layer: Any) -> bool:
    skips = tuple(layer.kernel_size) == (1, 1) and max(layer.strides) > 1
    # channels are those of a group's kernel
    few = layer.kernel.shape[2] < FEWEST_CHANNELS
    return skips and few and layer.data_format == "channels_last"
