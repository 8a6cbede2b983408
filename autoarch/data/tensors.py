"""Pictures in a `tf.data.Dataset`, which may be larger than memory and may change its order.

The dataset is read twice: once to know labels, sizes and a digest of each picture, once to
decode. Pictures are known by their digest, so a shuffling dataset gives the same split each time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autoarch.data.arrays import is_grey, to_input
from autoarch.data.dataset import ImagePreprocessing, PixelRange, Pixels
from autoarch.data.duplicates import digest
from autoarch.data.pictures import Unreadable
from autoarch.errors import DataError

Array = npt.NDArray[Any]


def is_dataset(source: Any) -> bool:
    """Whether this is a `tf.data.Dataset`; does not import TensorFlow."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(source, tensorflow.data.Dataset)


@dataclass(frozen=True, eq=False)
class DatasetSurvey:
    """What the first reading found; the pictures are sorted by digest.

    Args:
        dataset: What was read.
        digests: 16 bytes a picture.
        labels: As given: `(n,)`, or one-hot `(n, classes)`.
        shapes: `(height, width)` a picture.
        grey: Whether each is without colour, bool `(n,)`.
        dtype: Type of the numbers.
        lows, highs: Smallest and largest number of each, float64 `(n,)`.
        class_names: As `keras.utils.image_dataset_from_directory` attaches them, or None.
    """

    dataset: Any
    digests: tuple[bytes, ...]
    labels: Array
    shapes: tuple[tuple[int, int], ...]
    grey: npt.NDArray[np.bool_]
    dtype: np.dtype[Any]
    lows: npt.NDArray[np.float64]
    highs: npt.NDArray[np.float64]
    class_names: tuple[str, ...] | None


def survey_dataset(dataset: Any, name: str) -> DatasetSurvey:
    """Reads a dataset of (image, label), batched or not, once.

    Raises:
        DataError: Infinite, empty, no such pairs, or NaN among the pixels.
    """
    _check_elements(dataset, name)
    found: list[tuple[bytes, str, Array, tuple[int, int], bool, float, float]] = []
    dtype = np.dtype(dataset.element_spec[0].dtype.as_numpy_dtype)
    for image, label in _pairs(dataset):
        low, high = float(image.min()), float(image.max())
        if not np.isfinite([low, high]).all():
            raise DataError(f"{name} holds NaN or infinity, first in image {len(found)}; clean it.")
        if image.ndim == 3 and image.shape[-1] not in (1, 3, 4):
            raise DataError(
                f"{name} gives an image of the shape {image.shape}; "
                f"images have 1 (grey), 3 (colour) or 4 (with alpha) channels, the last axis."
            )
        size = (int(image.shape[0]), int(image.shape[1]))
        found.append((_digest(image), _key(label), label, size, is_grey(image), low, high))
    if not found:
        raise DataError(f"{name} is empty; give some images.")
    found.sort(key=lambda entry: entry[:2])
    digests, _, labels, shapes, grey, lows, highs = zip(*found)
    names = getattr(dataset, "class_names", None)
    return DatasetSurvey(
        dataset=dataset,
        digests=digests,
        labels=np.stack(labels),
        shapes=shapes,
        grey=np.array(grey),
        dtype=dtype,
        lows=np.array(lows),
        highs=np.array(highs),
        class_names=tuple(names) if names else None,
    )


class DatasetPictures:
    """Pictures of a dataset, in the order of its survey.

    Args:
        survey: What the first reading found.
        pixel_range: How the numbers stand for brightness.
        name: For messages.
    """

    def __init__(self, survey: DatasetSurvey, pixel_range: PixelRange, name: str):
        self._survey = survey
        self._range = pixel_range
        self._name = name

    def __len__(self) -> int:
        return len(self._survey.digests)

    def sizes(self, positions: Sequence[int]) -> list[tuple[int, int]]:
        return [self._survey.shapes[i] for i in positions]

    def are_grey(self, positions: Sequence[int]) -> bool:
        return bool(self._survey.grey[list(positions)].all())

    def decode(
        self, preprocessing: ImagePreprocessing
    ) -> Iterator[tuple[int, Pixels | Unreadable]]:
        """Reads the dataset again.

        Raises:
            DataError: It gives other pictures than the first time (random augmentation).
        """
        # by label too: equal pictures may carry different labels
        waiting: dict[tuple[bytes, str], list[int]] = {}
        for position, found in enumerate(zip(self._survey.digests, self._survey.labels)):
            waiting.setdefault((found[0], _key(found[1])), []).append(position)
        for images, labels in _runs(self._survey.dataset):
            pixels = to_input(np.stack(images), self._range, preprocessing)
            for image, label, decoded in zip(images, labels, pixels):
                positions = waiting.get((_digest(image), _key(label)))
                if not positions:
                    raise self._changed()
                yield positions.pop(), decoded
        if any(waiting.values()):
            raise self._changed()

    def _changed(self) -> DataError:
        return DataError(
            f"{self._name} gives other images each time it is read; "
            f"leave random augmentation out, the search adds its own."
        )


def _digest(image: Array) -> bytes:
    return digest(f"{image.shape}".encode() + np.ascontiguousarray(image).tobytes())


def _key(label: Any) -> str:
    return repr(np.asarray(label).tolist())


def _runs(dataset: Any) -> Iterator[tuple[list[Array], list[Array]]]:
    """Yields neighbours of one shape together, up to 32, since scaling many at once is faster."""
    images: list[Array] = []
    labels: list[Array] = []
    for image, label in _pairs(dataset):
        if images and (len(images) == 32 or images[0].shape != image.shape):
            yield images, labels
            images, labels = [], []
        images.append(image)
        labels.append(label)
    if images:
        yield images, labels


def _check_elements(dataset: Any, name: str) -> None:
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) != 2:
        raise DataError(f"{name} must give (image, label) pairs; got elements {spec}.")
    image, label = spec
    if not hasattr(image, "dtype") or not (image.dtype.is_floating or image.dtype.is_integer):
        raise DataError(f"{name} must give images as numbers; got {image}.")
    if not hasattr(label, "dtype"):
        raise DataError(f"{name} must give one tensor of labels; got {label}.")
    if image.shape.rank is None or label.shape.rank is None:
        raise DataError(f"{name} gives tensors of unknown rank; set their shapes.")
    if int(dataset.cardinality()) == -1:
        raise DataError(f"{name} is infinite; remove repeat().")
    if _is_batched(spec) is None:
        raise DataError(
            f"{name} must give images (h, w), (h, w, c) or batches of them; "
            f"got images {image.shape} with labels {label.shape}."
        )


def _is_batched(spec: Any) -> bool | None:
    """Whether the elements are batches; None where they are no images."""
    image, label = spec
    rank, channels = image.shape.rank, image.shape[-1] if image.shape.rank else None
    if rank == 4:
        return True if label.shape.rank in (1, 2) else None
    if rank == 2:
        return False if label.shape.rank in (0, 1) else None
    if rank != 3:
        return None
    if label.shape.rank == 0:
        return False
    # (h, w, c) with a one-hot label, or a batch of grey (h, w) with a column of labels
    return not (label.shape.rank == 1 and channels in (1, 3, 4))


def _pairs(dataset: Any) -> Iterator[tuple[Array, Array]]:
    """Yields single pictures `(h, w)` or `(h, w, c)` with their label as an array."""
    batched = _is_batched(dataset.element_spec)
    for image, label in dataset.as_numpy_iterator():
        if not batched:
            yield image, _label(label)
            continue
        for one, its_label in zip(image, label):
            yield one, _label(its_label)


def _label(value: Any) -> Array:
    array = np.asarray(value)
    if array.dtype.kind == "O":  # TensorFlow's strings arrive as objects
        array = np.asarray(array.item().decode("utf-8", "replace"))
    return array[0] if array.shape == (1,) else array
