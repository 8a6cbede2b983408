"""Where pictures come from: files or arrays, behind one contract.

Decoding is lazy and streams, so a source may be far larger than memory.
"""

from __future__ import annotations

import math
import os
import struct
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from autoarch.data.dataset import ImagePreprocessing, Pixels
from autoarch.data.formats import why_unreadable

# what Pillow raises on files that are damaged or no images
_PILLOW_ERRORS = (
    OSError,
    UnidentifiedImageError,
    ValueError,
    SyntaxError,
    struct.error,
    EOFError,
    Image.DecompressionBombError,
)
_GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "F"})
_THUMBNAIL = 128
_BATCH_BYTES = 1 << 22
_FEW = 32  # up to here, starting a pipeline takes longer than decoding


@dataclass(frozen=True)
class Unreadable:
    """Stands for a picture that could not be decoded."""

    reason: str


class Pictures(Protocol):
    """A sequence of pictures that can be looked at and decoded.

    `sizes` and `are_grey` look at the pictures at the given positions and cost little;
    `decode` yields every position once, in any order.
    """

    def __len__(self) -> int: ...

    def sizes(self, positions: Sequence[int]) -> list[tuple[int, int]]:
        """Upright (height, width) in pixels of those that can be opened."""

    def are_grey(self, positions: Sequence[int]) -> bool:
        """True where none of these has colour; False where none can be opened."""

    def decode(
        self, preprocessing: ImagePreprocessing
    ) -> Iterator[tuple[int, Pixels | Unreadable]]:
        """Yields `(position, uint8 (height, width, channels))`, or why there are no pixels."""


class FilePictures:
    """Pictures in files.

    Args:
        paths: Their paths.
    """

    def __init__(self, paths: Sequence[Path]):
        self._paths = tuple(paths)

    def __len__(self) -> int:
        return len(self._paths)

    def sizes(self, positions: Sequence[int]) -> list[tuple[int, int]]:
        found = (_upright_size(self._paths[i]) for i in positions)
        return [size for size in found if size is not None]

    def are_grey(self, positions: Sequence[int]) -> bool:
        looked_at = False
        for i in positions:
            grey = _is_grey(self._paths[i])
            if grey is False:
                return False
            looked_at = looked_at or grey is True
        return looked_at

    def decode(
        self, preprocessing: ImagePreprocessing
    ) -> Iterator[tuple[int, Pixels | Unreadable]]:
        """Decodes with `decode_image`; a file that fails does not stop the others."""
        if not self._paths:
            return
        done = np.zeros(len(self._paths), np.bool_)
        if len(self._paths) > _FEW:
            for positions, images in _decode_in_parallel(self._paths, preprocessing):
                done[positions] = True
                yield from zip(positions.tolist(), images)
        # few files; or one of many that failed and is tried openly, so that no bug can hide there
        for position in np.flatnonzero(~done).tolist():
            yield position, _decode_file(self._paths[position], preprocessing)


def _decode_in_parallel(
    paths: Sequence[Path], preprocessing: ImagePreprocessing
) -> Iterator[tuple[npt.NDArray[np.int64], Pixels]]:
    """Yields positions `(k,)` and pixels `(k, height, width, channels)`; skips what fails."""
    import tensorflow as tf

    from autoarch.data.image import compiled_decoder

    decode = compiled_decoder(preprocessing)

    def read(position: Any, path: Any) -> tuple[Any, Any]:
        return position, decode(tf.io.read_file(path))

    options = tf.data.Options()
    options.deterministic = False  # positions travel with the pixels
    options.autotune.enabled = False  # warms up too slowly for small sets
    encoded = np.array([os.fsencode(path) for path in paths], np.object_)
    batches: Iterator[tuple[npt.NDArray[np.int64], Pixels]] = (
        tf.data.Dataset.from_tensor_slices((np.arange(len(paths)), encoded))
        .map(read, num_parallel_calls=2 * (os.cpu_count() or 1))
        .ignore_errors()
        .batch(max(1, min(32, _BATCH_BYTES // math.prod(preprocessing.shape))))
        .prefetch(2)
        .with_options(options)
        .as_numpy_iterator()
    )
    yield from batches


def _decode_file(path: Path, preprocessing: ImagePreprocessing) -> Pixels | Unreadable:
    import tensorflow as tf

    from autoarch.data.image import compiled_decoder

    of_the_file = (
        tf.errors.InvalidArgumentError,
        tf.errors.NotFoundError,
        tf.errors.PermissionDeniedError,
        tf.errors.FailedPreconditionError,  # a folder
    )
    try:
        with tf.device("/CPU:0"):
            encoded = tf.io.read_file(os.fsencode(path))
            pixels: Pixels = compiled_decoder(preprocessing)(encoded).numpy()
    except of_the_file:
        return Unreadable(why_unreadable(path))
    return pixels


class JoinedPictures:
    """Several sources of pictures, one after the other."""

    def __init__(self, parts: Sequence[Pictures]):
        self._parts = tuple(parts)
        self._starts = np.cumsum([0] + [len(part) for part in parts])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def _by_part(self, positions: Sequence[int]) -> Iterator[tuple[Pictures, list[int]]]:
        for part, start, end in zip(self._parts, self._starts, self._starts[1:]):
            inside = [int(i - start) for i in positions if start <= i < end]
            if inside:
                yield part, inside

    def sizes(self, positions: Sequence[int]) -> list[tuple[int, int]]:
        return [size for part, inside in self._by_part(positions) for size in part.sizes(inside)]

    def are_grey(self, positions: Sequence[int]) -> bool:
        return all(part.are_grey(inside) for part, inside in self._by_part(positions))

    def decode(
        self, preprocessing: ImagePreprocessing
    ) -> Iterator[tuple[int, Pixels | Unreadable]]:
        for part, start in zip(self._parts, self._starts):
            for position, image in part.decode(preprocessing):
                yield int(start) + position, image


def _upright_size(path: Path) -> tuple[int, int] | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata; the header is enough here
        try:
            with Image.open(path) as image:
                width, height = image.size
                lies = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        except _PILLOW_ERRORS:
            return None
    return (width, height) if lies else (height, width)


def _is_grey(path: Path) -> bool | None:
    """Whether a file's picture has no colour; None where it cannot be opened."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path) as image:
                if image.mode in _GREY_MODES:
                    return True
                image.draft("RGB", (_THUMBNAIL, _THUMBNAIL))
                pixels = np.asarray(image.convert("RGB"))
        except _PILLOW_ERRORS:
            return None
    return bool((pixels == pixels[..., :1]).all())
