"""Looking over a source of pictures before anything is decoded: classes, splits, sizes.

Nothing here imports TensorFlow, so bad input is told at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from autoarch.data.arrays import (
    ArrayPictures,
    ArraySurvey,
    check_images,
    find_pixel_range,
    survey_array,
)
from autoarch.data.dataset import Labels, PixelRange
from autoarch.data.demo import DEMO_PREFIX, DEMO_TEST_SHARE, load_demo
from autoarch.data.duplicates import digest_array, group_equal
from autoarch.data.fingerprint import fingerprint_examples, fingerprint_files, group_copies
from autoarch.data.formats import IMAGE_FILES, listed, why_unreadable
from autoarch.data.labels import EncodedLabels, encode_known, encode_labels
from autoarch.data.listed_parts import check_count, check_pair, class_indices, list_parts
from autoarch.data.listing import check_classes
from autoarch.data.pictures import FilePictures, JoinedPictures, Pictures
from autoarch.data.shares import Part, parse_part
from autoarch.data.split import TRAIN, VALID, Splits, assign_splits
from autoarch.data.tensors import DatasetPictures, DatasetSurvey, is_dataset, survey_dataset
from autoarch.errors import DataError
from autoarch.seeding import rng

_SIZE_SAMPLE = 256
_GREY_SAMPLE = 256


@dataclass(frozen=True, eq=False)
class ImageSource:
    """Pictures with labels and splits, not decoded yet.

    Args:
        pictures: Where they come from.
        labels: Class index of each, int64 `(n,)`.
        splits: TRAIN, VALID or TEST of each, int8 `(n,)`.
        names: Path of each file, or "train[12]".
        classes: Class names in the order of the labels.
        fingerprint: Changes when names, labels or sizes change; not when a folder is moved.
        sizes: Median (height, width) in pixels of a seeded sample, upright.
        valid_given: The valid split was given, not drawn.
        notes: What was noticed.
        pixel_range: For arrays, how numbers stand for brightness; None for files.
        label_kind: "str", "int" or "bool": what the user's labels were.
        seed: The user's seed.
    """

    pictures: Pictures
    labels: Labels
    splits: Splits
    names: tuple[str, ...]
    classes: tuple[str, ...]
    fingerprint: str
    sizes: tuple[int, int]
    valid_given: bool
    notes: tuple[str, ...] = ()
    pixel_range: PixelRange | None = None
    label_kind: str = "str"
    seed: int = 0

    @property
    def examples(self) -> Pictures:
        """The pictures."""
        return self.pictures

    @property
    def n(self) -> int:
        """Number of pictures in all splits."""
        return len(self.labels)


def scan_images(
    source: Any,
    labels: Any = None,
    *,
    valid: float | str | Path | None = None,
    test: float | str | Path | None = None,
    validation_data: Any = None,
    seed: int = 0,
) -> ImageSource:
    """Looks over a source and splits it; decodes nothing.

    Args:
        source: A folder (class folders, or train/, valid/ and test/ of them), a CSV manifest
            (columns path, label and, if wanted, split), "demo:digits", an array of images, or a
            `tf.data.Dataset` of (image, label).
        labels: For arrays only: strings, whole numbers, booleans or one-hot, `(n,)`.
        valid: Share of what test leaves, in (0, 0.5], or a folder of class folders. Default: the
            source's own, else 0.15.
        test: Share in [0, 0.5], 0 for nothing held out, or a folder. Default: the source's own,
            else 0.15 (0.2 for a demonstration set).
        validation_data: For arrays `(x, y)`, for datasets a dataset; instead of `valid`.
        seed: The split is drawn from it.

    Raises:
        DataError: The source cannot be used; one line that says why and what to do.
    """
    if isinstance(source, str) and source.startswith(DEMO_PREFIX):
        _refuse(labels, "labels", "a demonstration set")
        _refuse(validation_data, "validation_data", "a demonstration set")
        name, images, targets = load_demo(source)
        found = _scan_arrays(images, targets, None, valid, test, seed, DEMO_TEST_SHARE)
        names = tuple(f"{name}[{i}]" for i in range(found.n))
        return replace(found, names=names)
    if isinstance(source, str | Path):
        _refuse(labels, "labels", "files (their labels are the folders or the manifest)")
        _refuse(validation_data, "validation_data", "files; give valid=FOLDER")
        return _scan_files(Path(source), valid, test, seed)
    if is_dataset(source):
        _refuse(labels, "labels", "a tf.data.Dataset (it gives them itself)")
        return _scan_dataset(source, validation_data, valid, test, seed)
    if labels is None:
        raise DataError("Arrays need labels: give images x and labels y.")
    return _scan_arrays(source, labels, validation_data, valid, test, seed)


def infer_channels(source: ImageSource) -> int:
    """1 where a seeded sample of the pictures has no colour, else 3."""
    return 1 if source.pictures.are_grey(_sample(source, "channels", _GREY_SAMPLE)) else 3


def _refuse(value: Any, name: str, what: str) -> None:
    if value is not None:
        raise DataError(f"`{name}` does not go with {what}; leave it out.")


def _scan_files(
    path: Path, valid: float | str | Path | None, test: float | str | Path | None, seed: int
) -> ImageSource:
    parts = list_parts(path, IMAGE_FILES, valid, test)
    train = parts.train
    drawn = _split(
        class_indices(train.files, train.classes),
        group_copies(train.files),
        train.classes,
        parts.valid,
        parts.test,
        seed,
    )
    files, splits, notes = parts.joined(drawn)
    found = ImageSource(
        pictures=FilePictures([file.path for file in files]),
        labels=class_indices(files, train.classes),
        splits=splits,
        names=tuple(str(file.path) for file in files),
        classes=train.classes,
        fingerprint=fingerprint_files(parts.listings),
        sizes=(0, 0),
        valid_given="valid" in parts.listings,
        notes=notes,
        seed=seed,
    )
    return _with_sizes(found, lambda position: why_unreadable(files[position].path))


def _scan_arrays(
    images: Any,
    labels: Any,
    validation_data: Any,
    valid: float | str | Path | None,
    test: float | str | Path | None,
    seed: int,
    default_test: float | None = None,
) -> ImageSource:
    x = check_images(images, "x")
    encoded = encode_labels(labels, len(x))
    surveys = [survey_array(x, "x")]
    arrays, indices = [x], []
    if validation_data is not None:
        check_pair(validation_data, "images")
        valid_x = check_images(validation_data[0], "validation_data")
        _check_same_layout(x, valid_x)
        arrays.append(valid_x)
        indices.append(
            encode_known(validation_data[1], len(valid_x), encoded.classes, "validation_data")
        )
        surveys.append(survey_array(valid_x, "validation_data"))

    def pictures(pixel_range: PixelRange) -> list[Pictures]:
        return [ArrayPictures(array, pixel_range) for array in arrays]

    return _assemble(
        "x", x.dtype, surveys, encoded, indices, pictures, valid, test, seed, default_test
    )


def _scan_dataset(
    dataset: Any,
    validation_data: Any,
    valid: float | str | Path | None,
    test: float | str | Path | None,
    seed: int,
) -> ImageSource:
    surveys = [survey_dataset(dataset, "The dataset")]
    count = len(surveys[0].digests)
    encoded = encode_labels(surveys[0].labels, count)
    class_names = surveys[0].class_names
    if class_names is not None and encoded.kind == "int":
        encoded = _named(encoded, class_names)
    indices = []
    if validation_data is not None:
        if not is_dataset(validation_data):
            raise DataError("`validation_data` must be a tf.data.Dataset, as the training data is.")
        second = survey_dataset(validation_data, "The validation dataset")
        surveys.append(second)
        known = encoded.classes if class_names is None else _numbers(class_names)
        indices.append(
            encode_known(second.labels, len(second.digests), known, "The validation dataset")
        )

    def pictures(pixel_range: PixelRange) -> list[Pictures]:
        names = ("The dataset", "The validation dataset")
        return [DatasetPictures(s, pixel_range, name) for s, name in zip(surveys, names)]

    return _assemble(
        "the dataset", surveys[0].dtype, surveys, encoded, indices, pictures, valid, test, seed
    )


def _assemble(
    what: str,
    dtype: np.dtype[Any],
    surveys: list[ArraySurvey] | list[DatasetSurvey],
    encoded: EncodedLabels,
    valid_indices: list[Labels],
    pictures: Callable[[PixelRange], list[Pictures]],
    valid: float | str | Path | None,
    test: float | str | Path | None,
    seed: int,
    default_test: float | None = None,
) -> ImageSource:
    """Joins train and, where given, valid pictures that lie in memory or in datasets."""
    has_valid = len(surveys) > 1
    valid_part = parse_part("valid", valid, has_own=has_valid)
    test_part = parse_part("test", test, has_own=False, default=default_test)
    for name, part in (("valid", valid_part), ("test", test_part)):
        if part.folder is not None:
            raise DataError(f"`{name}` as a folder goes with files only; give a share, as 0.2.")
    count = len(surveys[0].digests)
    check_classes(encoded.classes, what)
    check_count(count, what, "image")
    groups = group_equal(digest_array(surveys[0].digests))
    splits = _split(encoded.indices, groups, encoded.classes, valid_part, test_part, seed)
    is_train = splits == TRAIN
    pixel_range, notes = find_pixel_range(
        dtype,
        float(surveys[0].lows[is_train].min()),
        float(surveys[0].highs[is_train].max()),
        what,
    )
    digests = [digest for survey in surveys for digest in survey.digests]
    all_labels = np.concatenate([encoded.indices, *valid_indices])
    valid_count = len(digests) - count
    all_splits = np.concatenate([splits, np.full(valid_count, VALID, np.int8)])
    names = [f"train[{i}]" for i in range(count)] + [f"valid[{i}]" for i in range(valid_count)]
    found = ImageSource(
        pictures=JoinedPictures(pictures(pixel_range)),
        labels=all_labels,
        splits=all_splits,
        names=tuple(names),
        classes=encoded.classes,
        fingerprint=fingerprint_examples(digests, all_labels, encoded.classes, count),
        sizes=(0, 0),
        valid_given=has_valid,
        notes=notes,
        pixel_range=pixel_range,
        label_kind=encoded.kind,
        seed=seed,
    )
    return _with_sizes(found, lambda position: "unreadable")


def _split(
    labels: Labels,
    groups: Labels,
    classes: tuple[str, ...],
    valid: Part,
    test: Part,
    seed: int,
) -> Splits:
    return assign_splits(
        labels, groups, classes, valid_share=valid.share, test_share=test.share, seed=seed
    )


def _check_same_layout(x: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> None:
    if (other.dtype == np.uint8) != (x.dtype == np.uint8):
        raise DataError(
            f"`validation_data` is {other.dtype} and `x` is {x.dtype}; give both in one type."
        )


def _numbers(class_names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(index) for index in range(len(class_names)))


def _named(encoded: EncodedLabels, class_names: tuple[str, ...]) -> EncodedLabels:
    """Puts the names that a dataset carries in the place of its numbers."""
    numbers = [int(name) for name in encoded.classes]
    if min(numbers) < 0 or max(numbers) >= len(class_names):
        raise DataError(
            f"The dataset has {len(class_names)} class names but labels from "
            f"{min(numbers)} to {max(numbers)}."
        )
    return EncodedLabels(np.array(numbers)[encoded.indices], class_names, "str")


def _sample(source: ImageSource, purpose: str, count: int) -> list[int]:
    random = rng("sample", purpose, seed=source.seed)
    return sorted(random.permutation(source.n)[:count].tolist())


def _with_sizes(source: ImageSource, why: Callable[[int], str]) -> ImageSource:
    """Fills in the median size.

    Raises:
        DataError: None of the sample can be opened.
    """
    sample = _sample(source, "sizes", _SIZE_SAMPLE)
    sizes = source.pictures.sizes(sample)
    if not sizes:
        examples = [f"{source.names[i]} ({why(i)})" for i in sample[:3]]
        raise DataError(
            f"None of {len(sample)} files looked at is a readable image: {listed(examples)}; "
            f"replace them."
        )
    height, width = np.median(np.array(sizes), axis=0)
    return replace(source, sizes=(int(height), int(width)))
