"""`tf.data.Dataset`s as a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from autoarch.data import ImagePreprocessing, infer_channels, load_images, scan_images
from autoarch.errors import DataError

X = np.random.default_rng(0).integers(0, 256, (48, 6, 5, 3), np.uint8)
Y = np.arange(48) % 2
SAME = ImagePreprocessing(6, 5, 3)


def dataset(x: Any = X, y: Any = Y) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((x, y))


def content(source: Any, preprocessing: ImagePreprocessing = SAME) -> list[set[tuple[bytes, str]]]:
    """What each split holds, in no order: pixels with class names."""
    data = load_images(source, preprocessing)
    return [
        {(image.tobytes(), data.classes[label]) for image, label in zip(part.images, part.labels)}
        for part in (data.train, data.valid, data.held_out.reveal())
    ]


EXPECTED = {(image.tobytes(), str(label)) for image, label in zip(X, Y)}


@pytest.mark.parametrize(
    "make",
    [
        dataset,
        lambda: dataset().batch(7),
        lambda: dataset(X / 255).batch(7),
        lambda: dataset(X.astype(np.float32)),
        lambda: dataset(X, Y[:, None]).batch(7),
        lambda: dataset(X, np.eye(2)[Y]).batch(7),
        lambda: dataset(X, np.eye(2)[Y]),
        lambda: dataset(X, Y.astype(str)).batch(7),
    ],
)
def test_batched_or_not(make: Callable[[], tf.data.Dataset]) -> None:
    source = scan_images(make())
    assert (source.n, source.sizes, source.classes) == (48, (6, 5), ("0", "1"))
    splits = content(source)
    assert [len(split) for split in splits] == [34, 6, 8]
    assert set.union(*splits) == EXPECTED


def test_order_does_not_matter() -> None:
    plain = scan_images(dataset())
    shuffled = scan_images(dataset().shuffle(48, reshuffle_each_iteration=True).batch(5))
    assert shuffled.fingerprint == plain.fingerprint
    assert content(shuffled) == content(plain)


@pytest.mark.parametrize("batched", [True, False])
def test_grey(batched: bool) -> None:
    grey = dataset(X[..., 0])
    source = scan_images(grey.batch(4) if batched else grey)
    assert infer_channels(source) == 1
    data = load_images(source, ImagePreprocessing(6, 5, 1))
    assert {image.tobytes() for image in data.train.images} <= {
        image[..., 0].tobytes() for image in X
    }
    assert infer_channels(scan_images(dataset())) == 3


def test_pictures_of_different_sizes() -> None:
    def pictures() -> Iterator[tuple[np.ndarray, int]]:
        for i in range(20):
            yield X[i, : 3 + i % 4], i % 2

    signature = (tf.TensorSpec((None, 5, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    source = scan_images(tf.data.Dataset.from_generator(pictures, output_signature=signature))
    assert source.sizes == (4, 5)
    assert sum(len(split) for split in content(source)) == 20


def test_validation_dataset() -> None:
    source = scan_images(dataset(), validation_data=dataset(X[:4] // 2, Y[:4]).batch(2))
    assert source.valid_given
    data = load_images(source, SAME)
    assert (len(data.train), len(data.valid), len(data.held_out)) == (40, 4, 8)
    assert data.valid.names[0] == "valid[0]"
    with pytest.raises(DataError, match=r"must be a tf\.data\.Dataset"):
        scan_images(dataset(), validation_data=(X, Y))


def test_folders_read_by_keras_keep_their_class_names(
    make_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_folder({"cat": 8, "dog": 8})
    source = scan_images(keras.utils.image_dataset_from_directory(root, image_size=(24, 32)))
    assert (source.classes, source.label_kind) == (("cat", "dog"), "str")
    pixels = ImagePreprocessing(24, 32, 3)
    assert set.union(*content(source, pixels)) == set.union(*content(scan_images(root), pixels))


def test_equal_pictures_with_different_labels() -> None:
    y = Y.copy()
    source = scan_images(dataset(np.concatenate([X, X[:1]]), np.append(y, 1 - y[0])))
    data = load_images(source, SAME)
    assert sum(map(len, (data.train, data.valid, data.held_out))) == 49
    assert "1 images occur with different labels" in data.findings.notes[0]


def augmented() -> tf.data.Dataset:
    # A generator has a state; `tf.random.uniform` would repeat itself on each pass once anything
    # in this process, such as a training before this test, has set TensorFlow's global seed.
    noise = tf.random.Generator.from_seed(0)
    return dataset().map(lambda x, y: (tf.cast(x, tf.float32) + noise.uniform(()), y))


def test_random_augmentation_is_refused() -> None:
    with pytest.raises(DataError, match="other images each time"):
        load_images(scan_images(augmented()), SAME)


def test_a_dataset_that_gives_less_the_second_time_is_refused() -> None:
    calls = []

    def fewer() -> Iterator[tuple[np.ndarray, int]]:
        calls.append(None)
        for i in range(40 if len(calls) == 1 else 39):
            yield X[i], Y[i]

    signature = (tf.TensorSpec((6, 5, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    source = scan_images(tf.data.Dataset.from_generator(fewer, output_signature=signature))
    with pytest.raises(DataError, match="other images each time"):
        load_images(source, SAME)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dataset().repeat(), "is infinite"),
        (lambda: dataset().take(0), "is empty"),
        (lambda: tf.data.Dataset.from_tensor_slices(X), "(image, label) pairs"),
        (lambda: tf.data.Dataset.from_tensor_slices((X, Y, Y)), "(image, label) pairs"),
        (lambda: dataset(Y.astype(str), Y), "images as numbers"),
        (lambda: dataset(X[:, 0, 0]), "must give images (h, w)"),
        (lambda: dataset(X, {"a": Y}), "one tensor of labels"),
        (lambda: dataset(np.where(X > 250, np.nan, X / 255)), "NaN or infinity"),
        (lambda: dataset(X[..., :2]), "1 (grey), 3 (colour) or 4"),
        (lambda: dataset(X, Y / 3), "regression is not supported"),
    ],
)
def test_bad_datasets(make: Callable[[], tf.data.Dataset], message: str) -> None:
    with pytest.raises(DataError) as caught:
        scan_images(make())
    assert message in str(caught.value)


def test_labels_come_with_the_dataset() -> None:
    with pytest.raises(DataError, match="`labels` does not go with"):
        scan_images(dataset(), Y)
