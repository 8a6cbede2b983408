"""Reading pictures after training: to predict on them, or to measure on labelled ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoarch.data.arrays import ArrayPictures, check_images, survey_array
from autoarch.data.dataset import ImagePreprocessing, ImageSet, Labels, PixelRange, Pixels
from autoarch.data.demo import DEMO_PREFIX, load_demo
from autoarch.data.formats import listed
from autoarch.data.labels import encode_known
from autoarch.data.listed_parts import list_files
from autoarch.data.pictures import FilePictures, Pictures, Unreadable
from autoarch.data.tensors import DatasetPictures, is_dataset, survey_dataset
from autoarch.errors import DataError

_UINT8_RANGE = PixelRange(0.0, 255.0)


@dataclass(frozen=True, eq=False)
class ReadImages:
    """Decoded pictures, in the order in which they were given.

    Args:
        images: uint8 `(n, height, width, channels)` of those that could be read.
        names: Their paths, or "x[12]".
        unreadable: `(name, reason)` of the others.
    """

    images: Pixels
    names: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]


def read_images(
    source: Any,
    preprocessing: ImagePreprocessing,
    *,
    pixel_range: PixelRange | None = None,
) -> ReadImages:
    """Reads pictures without labels, into memory.

    Args:
        source: Paths of files, or an array of images.
        preprocessing: The network's input.
        pixel_range: What training found for arrays; None takes numbers as 0..255.

    Raises:
        DataError: The array is no array of images. A file that cannot be read is reported in the
            result instead.
    """
    if isinstance(source, str | Path):
        source = [source]
    pictures: Pictures
    if _are_paths(source):
        paths = [Path(path) for path in source]
        names = tuple(str(path) for path in paths)
        pictures = FilePictures(paths)
    else:
        array = check_images(source, "x")
        survey_array(array, "x")
        names = tuple(f"x[{i}]" for i in range(len(array)))
        pictures = ArrayPictures(array, pixel_range or _UINT8_RANGE)
    images, unreadable = _decode(pictures, preprocessing, None)
    readable = [i for i in range(len(names)) if i not in unreadable]
    return ReadImages(
        images=images[readable] if unreadable else images,
        names=tuple(names[i] for i in readable),
        unreadable=tuple((names[i], unreadable[i]) for i in sorted(unreadable)),
    )


def load_labelled(
    source: Any,
    labels: Any = None,
    *,
    classes: tuple[str, ...],
    preprocessing: ImagePreprocessing,
    pixel_range: PixelRange | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[ImageSet, tuple[tuple[str, str], ...]]:
    """Reads labelled pictures to measure a trained model on, into memory.

    Args:
        source: As for `scan_images`; of a folder or manifest with a test split, that split only.
        labels: For arrays.
        classes: The model's classes; the source may lack some.
        preprocessing: The network's input.
        pixel_range: What training found for arrays.
        progress: Called now and then with (done, total).

    Returns:
        The pictures, and `(name, reason)` of the files that cannot be read.

    Raises:
        DataError: As `scan_images`; or the source has classes that the model does not know.
    """
    pictures, indices, names = _labelled(source, labels, classes, pixel_range or _UINT8_RANGE)
    images, unreadable = _decode(pictures, preprocessing, progress)
    readable = np.array([i for i in range(len(names)) if i not in unreadable], np.int64)
    if not len(readable):
        raise DataError("None of the images can be read; replace them.")
    found = ImageSet(
        inputs=images[readable] if unreadable else images,
        labels=indices[readable],
        names=tuple(names[i] for i in readable),
    )
    return found, tuple((names[i], unreadable[i]) for i in sorted(unreadable))


def _labelled(
    source: Any, labels: Any, classes: tuple[str, ...], pixel_range: PixelRange
) -> tuple[Pictures, Labels, tuple[str, ...]]:
    if isinstance(source, str) and source.startswith(DEMO_PREFIX):
        name, source, labels = load_demo(source)
        indices = encode_known(labels, len(source), classes, name)
        names = tuple(f"{name}[{i}]" for i in range(len(source)))
        return ArrayPictures(source, pixel_range), indices, names
    if isinstance(source, str | Path):
        listings = list_files(Path(source))
        listing = listings.get("test", listings["train"])
        unknown = [name for name in listing.classes if name not in classes]
        if unknown:
            raise DataError(f"{source} has {listed(unknown)}, which the model does not know.")
        indices = np.array([classes.index(file.label) for file in listing.files], np.int64)
        names = tuple(str(file.path) for file in listing.files)
        return FilePictures([file.path for file in listing.files]), indices, names
    if is_dataset(source):
        survey = survey_dataset(source, "The dataset")
        count = len(survey.digests)
        known = classes
        if survey.class_names is not None and survey.labels.dtype.kind in "iuf":
            if survey.class_names != classes:
                raise DataError("The dataset's class names are not those of the model.")
            known = tuple(str(index) for index in range(len(classes)))
        indices = encode_known(survey.labels, count, known, "The dataset")
        names = tuple(f"x[{i}]" for i in range(count))
        return DatasetPictures(survey, pixel_range, "The dataset"), indices, names
    if labels is None:
        raise DataError("Arrays need labels: give images x and labels y.")
    array = check_images(source, "x")
    survey_array(array, "x")
    names = tuple(f"x[{i}]" for i in range(len(array)))
    return ArrayPictures(array, pixel_range), encode_known(labels, len(array), classes, "y"), names


def _decode(
    pictures: Pictures,
    preprocessing: ImagePreprocessing,
    progress: Callable[[int, int], None] | None,
) -> tuple[Pixels, dict[int, str]]:
    images = np.zeros((len(pictures), *preprocessing.shape), np.uint8)
    unreadable: dict[int, str] = {}
    for done, (position, image) in enumerate(pictures.decode(preprocessing), 1):
        if isinstance(image, Unreadable):
            unreadable[position] = image.reason
        else:
            images[position] = image
        if progress is not None and (done % 32 == 0 or done == len(pictures)):
            progress(done, len(pictures))
    return images, unreadable


def _are_paths(source: Any) -> bool:
    return isinstance(source, Sequence) and all(isinstance(path, str | Path) for path in source)
