"""Augmentation of pictures: all geometry in one projection, and cutmix."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

SHIFT = 4
SMALLEST_AREA = 0.4


def geometry(count: Any, stored: int, side: int) -> Any:
    """Random projections, `(count, 8)`, from places of the result to places of the source.

    Pictures kept at the size of the result are mirrored and shifted by whole pixels; larger ones
    are mirrored and cropped at random.
    """
    zero, one = tf.zeros(count), tf.ones(count)
    sign = tf.where(tf.random.uniform((count,)) < 0.5, -one, one)
    if stored == side:
        across, down = (
            tf.round(tf.random.uniform((count,), -SHIFT - 0.5, SHIFT + 0.5)) for _ in range(2)
        )
        begin = tf.where(sign < 0, one * (side - 1), zero) + across
        return tf.stack([sign, zero, begin, zero, one, down, zero, zero], 1)
    area = tf.random.uniform((count,), SMALLEST_AREA, 1.0)
    ratio = tf.exp(tf.random.uniform((count,), -0.29, 0.29))
    width = tf.minimum(tf.sqrt(area * ratio), 1.0) * stored
    height = tf.minimum(tf.sqrt(area / ratio), 1.0) * stored
    left = tf.random.uniform((count,)) * (stored - width)
    top = tf.random.uniform((count,)) * (stored - height)
    across, down = width / side, height / side
    # Centres of pixels lie half a pixel from their corner.
    begin = tf.where(sign > 0, left + across / 2, left + width - across / 2) - 0.5
    return tf.stack([sign * across, zero, begin, zero, down, top + down / 2 - 0.5, zero, zero], 1)


def cut_mixed(pictures: Any, targets: Any) -> tuple[Any, Any]:
    """On half of the batches, a box of each picture taken from another, and the targets mixed.

    Source: Yun et al. (2019), CutMix.
    """
    side = pictures.shape[1]
    kept = tf.random.uniform(())
    length = tf.sqrt(1 - kept) * side
    centre = tf.random.uniform((2,)) * side
    low = tf.round(tf.clip_by_value(centre - length / 2, 0, side))
    high = tf.round(tf.clip_by_value(centre + length / 2, 0, side))
    places = tf.range(side, dtype=tf.float32)
    rows = (places >= low[0]) & (places < high[0])
    columns = (places >= low[1]) & (places < high[1])
    box = (rows[:, None] & columns[None, :]) & (tf.random.uniform(()) < 0.5)
    share = tf.reduce_mean(tf.cast(box, tf.float32))
    pictures = tf.where(box[None, :, :, None], tf.roll(pictures, 1, 0), pictures)
    return pictures, (1 - share) * targets + share * tf.roll(targets, 1, 0)
