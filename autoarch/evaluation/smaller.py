"""Smaller pictures for the first part of a training: more passes in the same minutes.

Convolutions followed by global pooling have the same weights at every size of the input, so a
network can begin on small pictures, where a step costs half, and end on those of full size.

Source: Howard et al. (2018), DAWNBench entry of fast.ai ("progressive resizing"); Tan and Le
(2021), "EfficientNetV2", section 4.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from autoarch.architecture import Architecture
from autoarch.data.dataset import ExampleSet, ImageSet
from autoarch.errors import InvalidArchitectureError

SHARE = 0.5
"""Share of the final training that is done on smaller pictures."""

SCALE = 0.75
SMALLEST_SIDE = 20
"""Below this side there is too little left to see."""

_ROWS = 512


def smaller_network(architecture: Architecture) -> Architecture | None:
    """The same network for pictures of `SCALE` times the side, or None where there is none.

    None for pictures that would become too small, and for networks whose weights depend on the
    size of the input.
    """
    if len(architecture.input_shape) != 3:
        return None
    height, width, channels = architecture.input_shape
    shape = (round(SCALE * height), round(SCALE * width), channels)
    if min(shape[:2]) < SMALLEST_SIDE:
        return None
    try:
        found = Architecture(shape, architecture.nodes)
    except InvalidArchitectureError:
        return None
    return found if found.params == architecture.params else None


def shrunk(data: ExampleSet, height: int, width: int) -> ImageSet:
    """The pictures resized, with smoothing, to uint8 `(n, height, width, channels)`."""
    parts = []
    for first in range(0, len(data), _ROWS):
        rows = tf.cast(data.inputs[first : first + _ROWS], tf.float32)
        resized = tf.round(tf.image.resize(rows, (height, width), antialias=True))
        parts.append(tf.cast(tf.clip_by_value(resized, 0, 255), tf.uint8).numpy())
    return ImageSet(np.concatenate(parts), data.labels, data.names, targets=data.targets)
