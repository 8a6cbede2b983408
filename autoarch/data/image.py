"""From a picture's bytes to the network's input: TensorFlow graph functions.

Training decodes with these functions and the exported model carries the same ones, so what is
served is what was trained on. They are pure: usable in `tf.data` maps and inside `tf.function`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from autoarch.data.bmp import decode_bmp
from autoarch.data.dataset import ImagePreprocessing
from autoarch.data.exif import may_have_orientation, orient, read_orientation
from autoarch.data.preprocessing import Signature
from autoarch.data.webp import decode_webp

# A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where at least this many pixels are left for
# each pixel of the result: phone photos load in half the time and a tenth of the memory.
_OVERSAMPLING = 2


@tf.autograph.experimental.do_not_convert
def decode_image(encoded: tf.Tensor, preprocessing: ImagePreprocessing) -> tf.Tensor:
    """Decodes one JPEG, PNG, GIF (first frame), BMP or WebP (first frame), told by its content.

    Grey, colour, palette, 16-bit and CMYK pictures become 8-bit RGB; transparency is laid over
    white (a GIF's shows black, as TensorFlow decodes it); EXIF orientation of JPEG, PNG and WebP
    is applied; then `resize_image`.

    Args:
        encoded: Scalar string, the file's bytes.
        preprocessing: Target height, width and channels.

    Returns:
        uint8 `(height, width, channels)`.

    Raises:
        tf.errors.InvalidArgumentError: When run: not an image, truncated, or damaged.
    """

    def jpeg() -> tf.Tensor:
        return _decode_jpeg(encoded, preprocessing)

    def png() -> tf.Tensor:
        # channels=4 would be shorter, but gives 1- to 4-bit pictures an alpha of 1 to 15
        return _over_white(tf.io.decode_png(encoded, channels=0))

    def gif() -> tf.Tensor:
        return tf.io.decode_gif(encoded)[0]

    def bmp() -> tf.Tensor:
        return _over_white(decode_bmp(encoded))

    def webp() -> tf.Tensor:
        return decode_webp(encoded, _over_white)

    def nothing() -> tf.Tensor:
        with tf.control_dependencies([tf.Assert(False, ["not an image"])]):
            return tf.zeros((1, 1, 3), tf.uint8)

    head = tf.strings.join([tf.strings.substr(encoded, 0, 12), b"\0" * 12])
    is_kind = [
        tf.strings.substr(head, 0, 3) == b"\xff\xd8\xff",
        tf.strings.substr(head, 0, 8) == b"\x89PNG\r\n\x1a\n",
        tf.strings.substr(head, 0, 4) == b"GIF8",
        tf.strings.substr(head, 0, 2) == b"BM",
        (tf.strings.substr(head, 0, 4) == b"RIFF") & (tf.strings.substr(head, 8, 4) == b"WEBP"),
        tf.constant(True),
    ]
    kind = tf.argmax(tf.cast(tf.stack(is_kind), tf.int32), output_type=tf.int32)
    image = tf.switch_case(kind, [jpeg, png, gif, bmp, webp, nothing])
    image = tf.cond(
        may_have_orientation(encoded),
        lambda: orient(image, read_orientation(encoded)),
        lambda: image,
    )
    return resize_image(tf.ensure_shape(image, (None, None, 3)), preprocessing)


@functools.lru_cache(maxsize=8)
def compiled_decoder(preprocessing: ImagePreprocessing) -> Callable[[tf.Tensor], tf.Tensor]:
    """`decode_image` for one preprocessing, traced once in a process, which takes a second."""
    signature = [tf.TensorSpec((), tf.string)]
    compiled: Callable[[tf.Tensor], tf.Tensor] = tf.function(
        lambda encoded: decode_image(encoded, preprocessing),
        input_signature=signature,
        autograph=False,
    )
    return compiled


@tf.autograph.experimental.do_not_convert
def resize_image(image: tf.Tensor, preprocessing: ImagePreprocessing) -> tf.Tensor:
    """Scales decoded pixels to the network's input; the aspect ratio is not kept.

    Bilinear with antialiasing, then rounded and clipped. Colour becomes luma (ITU-R BT.601) for
    one channel; grey is repeated for three.

    Args:
        image: uint8 or float in [0, 255], `(h, w, c)` or `(batch, h, w, c)`, c 1 or 3 (static).
        preprocessing: Target height, width and channels.

    Returns:
        uint8 `(..., height, width, channels)`.
    """
    size = (preprocessing.height, preprocessing.width)
    scaled = tf.cast(tf.image.resize(image, size, method="bilinear", antialias=True), tf.float32)
    if preprocessing.channels == 1 and image.shape[-1] == 3:
        scaled = tf.image.rgb_to_grayscale(scaled)
    elif preprocessing.channels == 3 and image.shape[-1] == 1:
        scaled = tf.image.grayscale_to_rgb(scaled)
    return tf.cast(tf.clip_by_value(tf.round(scaled), 0.0, 255.0), tf.uint8)


def _decode_jpeg(encoded: tf.Tensor, preprocessing: ImagePreprocessing) -> tf.Tensor:
    """RGB `(h, w, 3)`, at a fraction of the size where the picture is far larger than needed."""
    shape = tf.io.extract_jpeg_shape(encoded)
    needed = _OVERSAMPLING * max(preprocessing.height, preprocessing.width)
    # by the shorter side: whether the camera stood upright is not known yet
    spare = tf.minimum(shape[0], shape[1]) // needed
    level = tf.reduce_sum(tf.cast(spare >= [2, 4, 8], tf.int32))

    def at(ratio: int) -> tf.Tensor:
        return tf.io.decode_jpeg(encoded, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE")

    return tf.switch_case(level, [lambda: at(1), lambda: at(2), lambda: at(4), lambda: at(8)])


def _over_white(image: tf.Tensor) -> tf.Tensor:
    """uint8 `(h, w, 1..4)` of grey or RGB, with or without alpha, to opaque `(h, w, 3)`."""

    def blended(colour: tf.Tensor) -> tf.Tensor:
        wide = tf.cast(image, tf.int32)
        alpha = wide[..., -1:]
        mixed = tf.cast(colour, tf.int32) * alpha + 255 * (255 - alpha)
        return tf.cast((mixed + 127) // 255, tf.uint8)  # exactly rounded

    def grey() -> tf.Tensor:
        return tf.repeat(image[..., :1], 3, axis=-1)

    def grey_alpha() -> tf.Tensor:
        return tf.repeat(blended(image[..., :1]), 3, axis=-1)

    def colour() -> tf.Tensor:
        return image[..., :3]

    def colour_alpha() -> tf.Tensor:
        return blended(image[..., :3])

    return tf.switch_case(tf.shape(image)[-1] - 1, [grey, grey_alpha, colour, colour_alpha])


def image_signatures(preprocessing: ImagePreprocessing) -> dict[str, Signature]:
    """Whole image files of any size, or arrays of one size, `(batch, any, any, channels)`."""
    prepared = tf.TensorSpec(preprocessing.shape, tf.uint8)
    files = tf.TensorSpec((None,), tf.string, name="image_bytes")
    arrays = tf.TensorSpec((None, None, None, preprocessing.channels), tf.uint8, name="images")

    def from_files(image_bytes: tf.Tensor) -> tf.Tensor:
        return tf.map_fn(
            lambda encoded: decode_image(encoded, preprocessing),
            image_bytes,
            fn_output_signature=prepared,
        )

    def from_arrays(images: tf.Tensor) -> tf.Tensor:
        return resize_image(images, preprocessing)

    return {
        "serving_default": Signature(files, from_files),
        "serving_arrays": Signature(arrays, from_arrays),
    }
