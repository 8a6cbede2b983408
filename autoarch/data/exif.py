"""The orientation that a camera wrote into a picture, read by TensorFlow graph functions.

TensorFlow's decoders ignore EXIF, so a portrait photo would lie on its side. Orientation is
looked up in JPEG (APP1 segment), PNG (`eXIf` chunk) and WebP (`EXIF` chunk) by walking the file's
parts; these functions are exported with the model, so serving turns pictures as training did.

Source: CIPA DC-008 (EXIF 2.32), tag 0x0112; TIFF 6.0 for the directory that holds it.
"""

from __future__ import annotations

import tensorflow as tf

from autoarch.data.parts import NOT_FOUND, Part, find_part, number, riff_part, take

_JPEG_FRONT = 1 << 18


def may_have_orientation(encoded: tf.Tensor) -> tf.Tensor:
    """Cheap and never wrongly False: most files carry no EXIF and need no walk.

    Args:
        encoded: Scalar string, the file's bytes.

    Returns:
        Scalar bool.
    """
    # a JPEG has it in front; the other formats may have it at the end
    is_jpeg = tf.strings.substr(encoded, 0, 2) == b"\xff\xd8"
    searched = tf.strings.substr(encoded, 0, tf.where(is_jpeg, _JPEG_FRONT, 2**31 - 1))
    return tf.strings.regex_full_match(searched, r"(?si)\C*exif\C*")


def read_orientation(encoded: tf.Tensor) -> tf.Tensor:
    """Orientation 1..8 of a JPEG, PNG or WebP; 1 (upright) where none is found.

    Args:
        encoded: Scalar string, the file's bytes.

    Returns:
        Scalar int32.
    """
    data = tf.io.decode_raw(encoded, tf.uint8)
    first = take(data, 0, 1)[0]
    return tf.case(
        [
            (first == 0xFF, lambda: _read_tag(data, find_part(data, 2, _jpeg_part), 10)),
            (first == 0x89, lambda: _read_tag(data, find_part(data, 8, _png_part), 8)),
            (first == ord("R"), lambda: _read_tag(data, find_part(data, 12, _webp_part), 8)),
        ],
        default=lambda: tf.constant(1),
    )


def orient(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns and mirrors a picture `(h, w, c)` so that it stands upright.

    Args:
        image: Any dtype; height and width swap for orientations 5 to 8.
        orientation: Scalar int32, 1..8.
    """

    def upright() -> tf.Tensor:
        return image

    def mirrored() -> tf.Tensor:
        return image[:, ::-1]

    def upside_down() -> tf.Tensor:
        return image[::-1, ::-1]

    def flipped() -> tf.Tensor:
        return image[::-1]

    def transposed() -> tf.Tensor:
        return tf.transpose(image, (1, 0, 2))

    def turned_right() -> tf.Tensor:
        return tf.transpose(image, (1, 0, 2))[:, ::-1]

    def transversed() -> tf.Tensor:
        return tf.transpose(image, (1, 0, 2))[::-1, ::-1]

    def turned_left() -> tf.Tensor:
        return tf.transpose(image, (1, 0, 2))[::-1]

    branches = [
        upright,
        mirrored,
        upside_down,
        flipped,
        transposed,
        turned_right,
        transversed,
        turned_left,
    ]
    return tf.switch_case(orientation - 1, branches)


def _jpeg_part(data: tf.Tensor, position: tf.Tensor) -> Part:
    header = take(data, position, 8)
    marker = header[1]
    goes_on = (header[0] == 0xFF) & (marker != 0xDA) & (marker != 0xD9)
    is_exif = (marker == 0xE1) & tf.reduce_all(header[4:] == list(b"Exif"))
    # 0xFF before a marker is padding; every other marker is followed by its length
    padding = tf.constant(-1, tf.int64)
    length = tf.where(marker == 0xFF, padding, number(header[2:4], big_endian=True))
    return goes_on, is_exif, position + 2 + length


def _png_part(data: tf.Tensor, position: tf.Tensor) -> Part:
    header = take(data, position, 8)
    goes_on = tf.reduce_any(header[4:] != list(b"IEND"))
    is_exif = tf.reduce_all(header[4:] == list(b"eXIf"))
    return goes_on, is_exif, position + 12 + number(header[:4], big_endian=True)


def _webp_part(data: tf.Tensor, position: tf.Tensor) -> Part:
    return riff_part(data, position, b"EXIF")


def _read_tag(data: tf.Tensor, position: tf.Tensor, header_size: int) -> tf.Tensor:
    """The orientation in the TIFF block `header_size` bytes after `position`; else 1.

    Some writers put JPEG's "Exif\\0\\0" in front of the block in the other formats too.
    """

    def read() -> tf.Tensor:
        block = data[position + header_size :]
        repeats = tf.reduce_all(take(block, 0, 4) == list(b"Exif"))
        tiff = block[tf.where(repeats, 6, 0) :]
        big_endian = tf.reduce_all(take(tiff, 0, 2) == list(b"MM"))
        directory = number(take(tiff, 4, 4), big_endian=big_endian)
        count = number(take(tiff, directory, 2), big_endian=big_endian)
        raw = tiff[directory + 2 : directory + 2 + 12 * count]
        entries = tf.cast(tf.reshape(raw[: tf.size(raw) // 12 * 12], (-1, 12)), tf.int64)
        tags = number(entries[:, 0:2], big_endian=big_endian)
        is_long = number(entries[:, 2:4], big_endian=big_endian) == 4
        short = number(entries[:, 8:10], big_endian=big_endian)
        values = tf.where(is_long, number(entries[:, 8:12], big_endian=big_endian), short)
        legal = (tags == 0x0112) & (values >= 1) & (values <= 8)
        # the maximum over no entries at all is the smallest int64
        return tf.cast(tf.maximum(tf.reduce_max(tf.where(legal, values, 1)), 1), tf.int32)

    return tf.cond(position == NOT_FOUND, lambda: tf.constant(1), read)
