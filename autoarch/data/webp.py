"""WebP pictures, decoded by TensorFlow graph functions; of an animation the first frame.

`tf.io.decode_webp` is trusted with still pictures only: of an animation it decodes every frame,
makes room for three channels where it writes four (which corrupts memory), and believes any
canvas size (seen in 2.21). So the first frame is taken out and made a still picture.

Source: WebP container specification, https://developers.google.com/speed/webp/docs/riff_container
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from autoarch.data.parts import NOT_FOUND, find_part, number, riff_part, take

_MAX_CANVAS_PIXELS = 1 << 26
_BYTES = tuple(bytes([value]) for value in range(256))

Flatten = Callable[[tf.Tensor], tf.Tensor]


def decode_webp(encoded: tf.Tensor, over_white: Flatten) -> tf.Tensor:
    """Decodes a WebP.

    Args:
        encoded: Scalar string, the file's bytes, at least 12.
        over_white: Makes opaque RGB `(h, w, 3)` of uint8 `(h, w, 3 | 4)`.

    Returns:
        uint8 `(height, width, 3)`.

    Raises:
        tf.errors.InvalidArgumentError: Truncated or damaged.
    """
    start = tf.io.decode_raw(tf.strings.substr(encoded, 0, 30), tf.uint8)
    header = take(start, tf.constant(0, tf.int64), 30)
    is_extended = tf.reduce_all(header[12:16] == list(b"VP8X"))
    has_animation = header[20] // 2 % 2 == 1

    def still() -> tf.Tensor:
        return over_white(tf.io.decode_webp(encoded, channels=0)[0])

    return tf.cond(
        is_extended & has_animation, lambda: _first_frame(encoded, header, over_white), still
    )


def _first_frame(encoded: tf.Tensor, header: tf.Tensor, over_white: Flatten) -> tf.Tensor:
    """The first frame in its place on the white canvas."""
    width = 1 + number(header[24:27], big_endian=False)
    height = 1 + number(header[27:30], big_endian=False)
    data = tf.io.decode_raw(encoded, tf.uint8)
    position = find_part(data, 12, lambda data, position: riff_part(data, position, b"ANMF"))
    # chunk header (8 bytes); x / 2, y / 2, width - 1, height - 1 (3 each); duration, flags
    frame = take(data, position, 24)
    size = number(frame[4:8], big_endian=False)
    left = 2 * number(frame[8:11], big_endian=False)
    top = 2 * number(frame[11:14], big_endian=False)
    checks = [
        tf.Assert(position != NOT_FOUND, ["WebP animation has no frame"]),
        tf.Assert(size > 16, ["WebP frame is damaged"]),
        tf.Assert(width * height <= _MAX_CANVAS_PIXELS, ["WebP animation is too large"]),
        tf.Assert(position + 8 + size <= tf.size(data, out_type=tf.int64), ["WebP is truncated"]),
    ]
    with tf.control_dependencies(checks):
        content = tf.strings.substr(encoded, position + 24, size - 16)
    # only a picture whose alpha lies in a chunk of its own needs the extended header
    has_alpha_chunk = tf.strings.substr(content, 0, 4) == b"ALPH"
    extended = tf.strings.join([b"VP8X\x0a\0\0\0\x10\0\0\0", _as_string(frame[14:20])])
    body = tf.strings.join([b"WEBP", tf.where(has_alpha_chunk, extended, b""), content])
    length = tf.bitwise.right_shift(tf.strings.length(body), [0, 8, 16, 24]) % 256
    still = tf.strings.join([b"RIFF", _as_string(length), body])
    image = over_white(tf.io.decode_webp(still, channels=0)[0])
    inside = (left + tf.shape(image, tf.int64)[1] <= width) & (
        top + tf.shape(image, tf.int64)[0] <= height
    )
    with tf.control_dependencies([tf.Assert(inside, ["WebP frame lies outside the canvas"])]):
        below = height - top - tf.shape(image, tf.int64)[0]
    beside = width - left - tf.shape(image, tf.int64)[1]
    return tf.pad(image, [[top, below], [left, beside], [0, 0]], constant_values=255)


def _as_string(digits: tf.Tensor) -> tf.Tensor:
    """The scalar string of byte values `(n,)`."""
    return tf.strings.reduce_join(tf.gather(tf.constant(_BYTES), digits))
