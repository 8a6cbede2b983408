"""Walking through the parts (segments, chunks) of a picture file, as TensorFlow graph functions."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

NOT_FOUND = 0
_MAX_PARTS = 100_000

# of one part of a file: does the walk go on, is this the one, where is the next part
Part = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


def take(data: tf.Tensor, position: tf.Tensor, count: int) -> tf.Tensor:
    """`count` bytes as int64 from `position` on; zeros beyond the end of the file."""
    piece = tf.cast(data[position : position + count], tf.int64)
    return tf.ensure_shape(tf.pad(piece, [[0, count - tf.size(piece)]]), (count,))


def number(digits: tf.Tensor, *, big_endian: bool | tf.Tensor) -> tf.Tensor:
    """The int64 that the last axis of bytes spells."""
    count = digits.shape[-1]
    rising = tf.constant([256**i for i in range(count)], tf.int64)
    weights = tf.where(big_endian, rising[::-1], rising)
    return tf.reduce_sum(digits * weights, axis=-1)


def find_part(
    data: tf.Tensor, start: int, part: Callable[[tf.Tensor, tf.Tensor], Part]
) -> tf.Tensor:
    """Position (int64) of the part that is looked for, or NOT_FOUND.

    Args:
        data: The file, uint8 `(size,)`.
        start: Position of the first part.
        part: Describes the part at a position of the file.
    """
    size = tf.size(data, out_type=tf.int64)

    def unfinished(position: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
        return (found == NOT_FOUND) & (position < size)

    def walk(position: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        goes_on, is_found, following = part(data, position)
        return tf.where(goes_on, following, size), tf.where(is_found, position, found)

    nothing = tf.constant(NOT_FOUND, tf.int64)
    _, found = tf.while_loop(
        unfinished,
        walk,
        (tf.constant(start, tf.int64), nothing),
        maximum_iterations=_MAX_PARTS,
        parallel_iterations=1,
    )
    return found


def riff_part(data: tf.Tensor, position: tf.Tensor, name: bytes) -> Part:
    """Describes a chunk of a RIFF file (WebP); the one looked for is called `name`."""
    header = take(data, position, 8)
    is_found = tf.reduce_all(header[:4] == list(name))
    length = number(header[4:], big_endian=False)
    return tf.constant(True), is_found, position + 8 + length + length % 2
