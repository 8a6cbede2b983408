"""BMP pictures, decoded by TensorFlow graph functions.

`tf.io.decode_bmp` returns the palette's indices as if they were grey, takes the unused fourth
byte of 32-bit pixels for alpha, and refuses a file with a byte too many; so it is not used.
"""

from __future__ import annotations

import tensorflow as tf

_PALETTE_BITS = (1, 4, 8)
_TRUE_COLOUR_BITS = (24, 32)


def decode_bmp(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes an uncompressed BMP of 1, 4, 8 (palette), 24 or 32 bits a pixel.

    Args:
        encoded: Scalar string, the file's bytes.

    Returns:
        uint8 `(height, width, 4)`, red, green, blue, alpha; opaque unless the header has an
        alpha mask.

    Raises:
        tf.errors.InvalidArgumentError: Truncated, compressed, or of another depth.
    """
    data = tf.io.decode_raw(encoded, tf.uint8)
    long_enough = tf.Assert(tf.size(data) >= 58, ["BMP is truncated"])
    with tf.control_dependencies([long_enough]):
        header = tf.cast(data[:54], tf.int64)
    offset = _integer(header, 10, 4)
    header_size = _integer(header, 14, 4)
    width = _integer(header, 18, 4)
    signed_height = _integer(header, 22, 4)
    signed_height -= tf.where(signed_height >= 2**31, tf.constant(2**32, tf.int64), 0)
    height = tf.abs(signed_height)
    bits = _integer(header, 28, 2)
    compression = _integer(header, 30, 4)

    depths = tf.constant(_PALETTE_BITS + _TRUE_COLOUR_BITS, tf.int64)
    # with masks, only the usual order: blue in the lowest byte
    has_masks = (compression == 3) & (bits == 32) & tf.reduce_all(data[54:58] == [0, 0, 255, 0])
    plain = (compression == 0) | has_masks
    stride = (width * bits + 31) // 32 * 4
    checks = [
        tf.Assert(plain & tf.reduce_any(bits == depths), ["BMP of an unsupported kind"]),
        tf.Assert((header_size >= 40) & (width > 0) & (height > 0), ["BMP header is damaged"]),
        tf.Assert(
            offset + stride * height <= tf.size(data, out_type=tf.int64), ["BMP is truncated"]
        ),
    ]
    with tf.control_dependencies(checks):
        rows = tf.reshape(data[offset : offset + stride * height], (height, stride))

    def from_palette() -> tf.Tensor:
        per_byte = 8 // bits
        shifts = (per_byte - 1 - tf.range(per_byte)) * bits
        packed = tf.cast(rows[:, :, None], tf.int32)
        mask = tf.bitwise.left_shift(1, tf.cast(bits, tf.int32)) - 1
        indices = tf.bitwise.bitwise_and(
            tf.bitwise.right_shift(packed, tf.cast(shifts, tf.int32)), mask
        )
        indices = tf.reshape(indices, (height, stride * per_byte))[:, :width]
        start = 14 + header_size
        entries = data[start : tf.minimum(start + 4 * 256, offset)]
        colours = tf.reshape(entries[: tf.size(entries) // 4 * 4], (-1, 4))
        return _opaque(tf.gather(colours, indices)[..., 2::-1])

    def from_24_bits() -> tf.Tensor:
        return _opaque(tf.reshape(rows[:, : width * 3], (height, width, 3))[..., ::-1])

    def from_32_bits() -> tf.Tensor:
        pixels = tf.reshape(rows, (height, width, 4))
        has_alpha = has_masks & (header_size >= 56) & tf.reduce_any(data[66:70] != 0)
        alpha = tf.where(has_alpha, pixels[..., 3:], tf.constant(255, tf.uint8))
        return tf.concat([pixels[..., 2::-1], alpha], axis=-1)

    image = tf.case([(bits == 24, from_24_bits), (bits == 32, from_32_bits)], default=from_palette)
    return tf.where(signed_height > 0, image[::-1], image)


def _integer(data: tf.Tensor, position: int, count: int) -> tf.Tensor:
    """The unsigned little-endian number at `position`, int64."""
    weights = tf.constant([256**i for i in range(count)], tf.int64)
    return tf.reduce_sum(tf.cast(data[position : position + count], tf.int64) * weights)


def _opaque(colour: tf.Tensor) -> tf.Tensor:
    alpha = tf.fill(tf.concat([tf.shape(colour)[:2], [1]], axis=0), tf.constant(255, tf.uint8))
    return tf.concat([colour, alpha], axis=-1)
