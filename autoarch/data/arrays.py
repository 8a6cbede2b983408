"""Pictures in NumPy arrays: their layout, and what their numbers mean."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autoarch.data.dataset import ImagePreprocessing, PixelRange, Pixels
from autoarch.data.duplicates import digest
from autoarch.data.pictures import Unreadable
from autoarch.errors import DataError

Array = npt.NDArray[Any]

_CHUNK_BYTES = 1 << 25
_ROUNDING = 1e-3


class ArrayPictures:
    """Pictures in one array.

    Args:
        images: From `check_images`, `(n, h, w)` or `(n, h, w, 1 | 3 | 4)`; a memory map is fine.
        pixel_range: How its numbers stand for brightness.
    """

    def __init__(self, images: Array, pixel_range: PixelRange):
        self._images = images
        self._range = pixel_range

    def __len__(self) -> int:
        return len(self._images)

    def sizes(self, positions: Sequence[int]) -> list[tuple[int, int]]:
        height, width = self._images.shape[1:3]
        return [(int(height), int(width))] * len(positions)

    def are_grey(self, positions: Sequence[int]) -> bool:
        return all(is_grey(self._images[i]) for i in positions)

    def decode(
        self, preprocessing: ImagePreprocessing
    ) -> Iterator[tuple[int, Pixels | Unreadable]]:
        # scaling makes float32 of the result
        for start, chunk in chunks(self._images, 4 * math.prod(preprocessing.shape)):
            resized = to_input(chunk, self._range, preprocessing)
            yield from enumerate(resized, start)


def is_grey(image: Array) -> bool:
    """True for `(h, w)`, `(h, w, 1)` and for colours that are all equal."""
    if image.ndim == 2 or image.shape[-1] == 1:
        return True
    return bool((image[..., :3] == image[..., :1]).all())


def chunks(images: Array, result_bytes: int = 0) -> Iterator[tuple[int, Array]]:
    """Yields `(first row, rows)` of up to 32 MB, so that a memory map is never read whole.

    Args:
        images: Any array.
        result_bytes: What is made of one row, where that is larger than the row.
    """
    rows = max(1, _CHUNK_BYTES // max(1, images[:1].nbytes, result_bytes))
    for start in range(0, len(images), rows):
        yield start, images[start : start + rows]


def to_input(images: Array, pixel_range: PixelRange, preprocessing: ImagePreprocessing) -> Pixels:
    """Turns raw array pictures into the network's input.

    Args:
        images: `(n, h, w)` or `(n, h, w, 1 | 3 | 4)`, any number type; alpha is laid
            over white.
        pixel_range: How the numbers stand for brightness.
        preprocessing: Target height, width and channels.

    Returns:
        uint8 `(n, height, width, channels)`.
    """
    pixels = pixel_range.to_uint8(images)
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    if pixels.shape[-1] == 4:
        wide = pixels.astype(np.int32)
        alpha = wide[..., 3:]
        pixels = ((wide[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    if pixels.shape[1:] == preprocessing.shape:
        return pixels  # scaling to the same size changes nothing

    import tensorflow as tf

    from autoarch.data.image import resize_image

    with tf.device("/CPU:0"):
        resized: Pixels = resize_image(tf.convert_to_tensor(pixels), preprocessing).numpy()
    return resized


def check_images(images: Any, name: str) -> Array:
    """Makes an array of pictures and checks its layout; the values are looked at later.

    Args:
        images: Array-like; memory maps stay on disk.
        name: "x", for messages.

    Raises:
        DataError: Empty, of different sizes, channels first, not numbers, or another rank.
    """
    try:
        array = images if isinstance(images, np.ndarray) else np.asarray(images)
    except ValueError as error:  # NumPy refuses ragged lists
        raise DataError(_DIFFERENT_SIZES.format(name=name)) from error
    if array.dtype.kind == "O":
        raise DataError(_DIFFERENT_SIZES.format(name=name))
    if array.dtype.kind not in "buif":
        raise DataError(f"`{name}` has the type {array.dtype}; give images as numbers.")
    if array.ndim not in (3, 4):
        raise DataError(
            f"`{name}` has the shape {array.shape}; give images as (n, height, width) or "
            f"(n, height, width, channels)."
        )
    if 0 in array.shape:
        raise DataError(f"`{name}` is empty (shape {array.shape}); give some images.")
    if array.ndim == 4 and array.shape[-1] not in (1, 3, 4):
        if array.shape[1] in (1, 3, 4):
            raise DataError(
                f"`{name}` has the shape {array.shape}, channels first; "
                f"transpose it: {name}.transpose(0, 2, 3, 1)."
            )
        raise DataError(
            f"`{name}` has {array.shape[-1]} channels (shape {array.shape}); "
            f"images have 1 (grey), 3 (colour) or 4 (with alpha)."
        )
    return array


_DIFFERENT_SIZES = (
    "`{name}` holds images of different sizes; give one array of equal sizes, "
    "a folder, or a tf.data.Dataset."
)


@dataclass(frozen=True, eq=False)
class ArraySurvey:
    """What one reading of an array found.

    Args:
        digests: 16 bytes a picture.
        lows, highs: Smallest and largest number of each picture, float64 `(n,)`.
    """

    digests: tuple[bytes, ...]
    lows: npt.NDArray[np.float64]
    highs: npt.NDArray[np.float64]


def survey_array(images: Array, name: str) -> ArraySurvey:
    """Reads an array from `check_images` once, in chunks.

    Raises:
        DataError: NaN or infinity in it; the message says in which image.
    """
    digests: list[bytes] = []
    lows, highs = np.empty(len(images)), np.empty(len(images))
    for start, chunk in chunks(images):
        flat = chunk.reshape(len(chunk), -1)
        lows[start : start + len(chunk)] = flat.min(axis=1)
        highs[start : start + len(chunk)] = flat.max(axis=1)
        digests += [digest(np.ascontiguousarray(image).tobytes()) for image in chunk]
    finite = np.isfinite(lows) & np.isfinite(highs)
    if not finite.all():
        first = int(np.flatnonzero(~finite)[0])
        raise DataError(f"`{name}` holds NaN or infinity, first in image {first}; clean it.")
    return ArraySurvey(tuple(digests), lows, highs)


def find_pixel_range(
    dtype: np.dtype[Any], low: float, high: float, name: str
) -> tuple[PixelRange, tuple[str, ...]]:
    """Guesses what the numbers mean from their type and limits.

    uint8 is taken as it is. Other types: [0, 1], [-1, 1] and [0, 255] are recognised; any other
    range is stretched so that its limits are black and white, with a note.

    Returns:
        The range and the notes.

    Raises:
        DataError: All numbers are equal.
    """
    if low == high:
        raise DataError(f"`{name}` holds one number only ({low:g}); the images are all the same.")
    if dtype == np.uint8:
        notes = (f"`{name}` is uint8 but goes up to {high:g} only: dark images, of 0..255.",)
        return PixelRange(0.0, 255.0), notes if high < 32 else ()
    if low >= -_ROUNDING and high <= 1 + _ROUNDING:
        return PixelRange(0.0, 1.0), ()
    if low >= -1 - _ROUNDING and high <= 1 + _ROUNDING:
        return PixelRange(-1.0, 1.0), ()
    # [0, 16], for instance, is no dark [0, 255]
    if low >= -_ROUNDING and 128 <= high <= 255 + _ROUNDING:
        return PixelRange(0.0, 255.0), ()
    note = f"`{name}` has values from {low:g} to {high:g}; these were made black and white."
    return PixelRange(low, high), (note,)
