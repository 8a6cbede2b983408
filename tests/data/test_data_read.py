"""Reading after training, and which task a source is for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from autoarch.data import (
    ImagePreprocessing,
    PixelRange,
    decode_image,
    detect_task,
    load_labelled,
    read_images,
)
from autoarch.data.pictures import FilePictures, Unreadable
from autoarch.errors import DataError

MakeFolder = Callable[..., Path]
SMALL = ImagePreprocessing(12, 16, 3)


@pytest.mark.parametrize("count", [3, 50])  # one by one, and in parallel
def test_files_keep_their_order(make_folder: MakeFolder, count: int) -> None:
    root = make_folder({"cat": count})
    files = sorted(root.rglob("*.png"), reverse=True)
    bad = root / "bad.png"
    bad.write_text("no picture")
    read = read_images([*files[:2], bad, root, root / "lost.png", *map(str, files[2:])], SMALL)
    assert read.names == tuple(map(str, files))
    assert read.unreadable == (
        (str(bad), "not an image"),
        (str(root), "is a directory"),
        (str(root / "lost.png"), "missing"),
    )
    for image, file in zip(read.images, files):
        assert np.array_equal(image, decode_image(tf.io.read_file(str(file)), SMALL).numpy())


def test_one_file_and_none(make_folder: MakeFolder) -> None:
    file = make_folder({"cat": 1}) / "cat/000.png"
    assert read_images(str(file), SMALL).images.shape == (1, 12, 16, 3)
    assert read_images([], SMALL).images.shape == (0, 12, 16, 3)


def test_what_fails_in_parallel_is_tried_openly(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sorted(make_folder({"cat": 40}).rglob("*.png"))
    monkeypatch.setattr("autoarch.data.pictures._decode_in_parallel", lambda *_: iter(()))
    decoded = list(FilePictures(files).decode(SMALL))
    assert [position for position, _ in decoded] == list(range(40))
    assert not any(isinstance(image, Unreadable) for _, image in decoded)

    def broken(preprocessing: ImagePreprocessing) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("autoarch.data.image.compiled_decoder", broken)
    with pytest.raises(ZeroDivisionError):
        list(FilePictures(files).decode(SMALL))


def test_arrays() -> None:
    x = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), np.uint8)
    same = ImagePreprocessing(6, 5, 3)
    assert np.array_equal(read_images(x, same).images, x)
    assert np.array_equal(read_images(x / 255, same, pixel_range=PixelRange(0, 1)).images, x)
    assert read_images(x, same).names[3] == "x[3]"
    with pytest.raises(DataError, match="shape"):
        read_images(x[0, 0], same)
    with pytest.raises(DataError, match="NaN"):
        read_images(np.where(x > 250, np.nan, x), same)


def test_labelled_folder(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 3, "dog": 4})
    (root / "cat/bad.png").write_text("no picture")
    images, unreadable = load_labelled(root, classes=("ant", "cat", "dog"), preprocessing=SMALL)
    assert images.labels.tolist() == [1] * 3 + [2] * 4
    assert unreadable == ((str(root / "cat/bad.png"), "not an image"),)
    with pytest.raises(DataError, match="has 'dog', which the model does not know"):
        load_labelled(root, classes=("ant", "cat"), preprocessing=SMALL)


def test_labelled_folder_with_a_test_split(make_folder: MakeFolder) -> None:
    make_folder({"cat": 3, "dog": 4}, inside="train")
    root = make_folder({"cat": 1, "dog": 2}, inside="test")
    seen: list[tuple[int, int]] = []
    images, _ = load_labelled(
        root,
        classes=("cat", "dog"),
        preprocessing=SMALL,
        progress=lambda *step: seen.append(step),
    )
    assert (len(images), seen) == (3, [(3, 3)])
    assert all("/test/" in name for name in images.names)


def test_labelled_arrays_and_datasets() -> None:
    x = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), np.uint8)
    y = ["dog", "cat", "dog", "dog"]
    options: Any = {"classes": ("cat", "dog"), "preprocessing": ImagePreprocessing(6, 5, 3)}
    images, _ = load_labelled(x, y, **options)
    assert images.labels.tolist() == [1, 0, 1, 1]
    found, _ = load_labelled(tf.data.Dataset.from_tensor_slices((x, y)).batch(3), **options)
    expected = {(image.tobytes(), label) for image, label in zip(x, images.labels)}
    assert {
        (image.tobytes(), label) for image, label in zip(found.images, found.labels)
    } == expected
    with pytest.raises(DataError, match="Arrays need labels"):
        load_labelled(x, **options)


def test_labelled_digits() -> None:
    classes = tuple("0123456789")
    images, _ = load_labelled(
        "demo:digits", classes=classes, preprocessing=ImagePreprocessing(8, 8, 1)
    )
    assert len(images) == 1797


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["cat/1.jpg", "dog/2.PNG", "notes.txt", "more.txt", "yet.txt"], "image"),
        (["yes/1.wav", "no/2.flac", "readme.txt"], "speech"),
        (["yes/1.au", "no/2.au"], "speech"),
        (["pos/1.txt", "neg/2.txt"], "text"),
        ([".git/1.txt", "cat/1.webp"], "image"),
        ([], "image"),
    ],
)
def test_task_of_a_folder(tmp_path: Path, files: list[str], expected: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert detect_task(tmp_path) == expected
    assert detect_task(str(tmp_path)) == expected


def test_links_to_class_folders_are_followed(tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    for name in ("yes", "no"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.wav").write_bytes(b"x")
        (tmp_path / "words" / name).symlink_to(tmp_path / name, target_is_directory=True)
    assert detect_task(tmp_path / "words") == "speech"


def test_links_in_a_circle_count_their_files_once(tmp_path: Path) -> None:
    for name in ("cat/1.png", "cat/2.png", "noise/1.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "noise/again").symlink_to(tmp_path / "noise", target_is_directory=True)
    assert detect_task(tmp_path) == "image"


def test_an_empty_table_beside_pictures_does_no_harm(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 2, "dog": 2})
    (root / "notes.csv").write_text("")
    assert detect_task(root) == "image"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("path,label\na.jpg,cat\n", "image"),
        ("path,label\na.wav,yes\nb.wav,no\n", "speech"),
        ("text,label\nhello,pos\n", "text"),
    ],
)
def test_task_of_a_manifest(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "train.csv").write_text(text)
    assert detect_task(tmp_path / "train.csv") == expected
    assert detect_task(tmp_path) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("demo:digits", "image"),
        ("nowhere/sound.wav", "image"),  # a missing folder, as far as one can tell
        (np.zeros((4, 8, 8)), "image"),
        (np.zeros((4, 8, 8, 3), np.uint8), "image"),
        ([np.zeros((i + 1, 8)) for i in range(4)], "image"),
        (["a text", "another"], "text"),
        (np.array(["a text", "another"], object), "text"),
        (np.zeros((4, 16_000), np.float32), "speech"),
        (tf.data.Dataset.from_tensor_slices((np.zeros((4, 8, 8)), np.zeros(4))), "image"),
        (tf.data.Dataset.from_tensor_slices((["a", "b"], [0, 1])), "text"),
        (tf.data.Dataset.from_tensor_slices((np.zeros((4, 900)), np.zeros(4))), "speech"),
        (tf.data.Dataset.from_tensor_slices((np.zeros((4, 900)), np.zeros(4))).batch(2), "speech"),
    ],
)
def test_task_of_other_sources(source: Any, expected: str) -> None:
    assert detect_task(source) == expected


def test_tables_are_no_task() -> None:
    with pytest.raises(DataError, match="tables are not supported"):
        detect_task(np.zeros((100, 12)))


def test_real_folders(shared_data: Path) -> None:
    expected = {"clothing10": "image", "fsdd": "speech", "sst2": "text"}
    assert {name: detect_task(shared_data / name) for name in expected} == expected


def test_the_room_opens_without_tensorflow() -> None:
    code = "import sys, autoarch.data; print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["False", "False"]
