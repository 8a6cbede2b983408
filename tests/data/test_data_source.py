"""Scanning: what is settled about a source before anything is decoded."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from autoarch.data import PixelRange, infer_channels, scan_images
from autoarch.data.split import TEST, TRAIN, VALID
from autoarch.errors import DataError

MakeFolder = Callable[..., Path]
Photo = Callable[..., np.ndarray]


def counts(source: Any) -> list[int]:
    return np.bincount(source.splits, minlength=3).tolist()


def arrays(n: int = 40, channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).integers(0, 256, (n, 6, 5, channels), np.uint8)
    return x, np.arange(n) % 2


def refusal(*args: Any, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        scan_images(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_own_split(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 20, "dog": 40})
    source = scan_images(root, seed=5)
    assert source.classes == ("cat", "dog")
    assert (source.n, source.sizes, source.valid_given) == (60, (24, 32), False)
    assert counts(source) == [43, 8, 9]
    assert source.names[0] == str(root / "cat/000.png")
    again = scan_images(str(root), seed=5)
    assert np.array_equal(source.splits, again.splits)
    assert not np.array_equal(source.splits, scan_images(root, seed=6).splits)
    assert counts(scan_images(root, valid=0.5, test=0)) == [30, 30, 0]
    assert counts(scan_images(root, valid="0.25", test="0.2")) == [36, 12, 12]


def test_given_splits(make_folder: MakeFolder) -> None:
    make_folder({"cat": 10, "dog": 10}, inside="train")
    root = make_folder({"cat": 3, "dog": 4}, inside="test")
    source = scan_images(root)
    assert counts(source) == [16, 4, 7]
    assert all("/test/" in source.names[i] for i in np.flatnonzero(source.splits == TEST))
    assert all("/train/" in source.names[i] for i in np.flatnonzero(source.splits == VALID))
    without = scan_images(root, test=0)
    assert counts(without) == [16, 4, 0]
    assert "test split was left out" in without.notes[0]
    assert "has its own test split" in refusal(root, test=0.2)
    make_folder({"cat": 2, "dog": 2}, inside="val")
    source = scan_images(root)
    assert counts(source) == [20, 4, 7]
    assert source.valid_given


def test_valid_and_test_from_other_folders(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"cat": 10, "dog": 10})
    other = tmp_path / "other"
    shutil.copytree(root, other)
    source = scan_images(root, valid=other)
    assert counts(source) == [16, 20, 4]
    assert source.valid_given
    assert counts(scan_images(root, valid=str(other), test=other)) == [20, 20, 20]
    shutil.rmtree(other / "cat")
    assert "lacks 'cat', which train has" in refusal(root, test=other)
    assert "does not exist" in refusal(root, test=tmp_path / "nowhere")


def test_manifest(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 10, "dog": 10})
    lines = [f"{file.relative_to(root)},{file.parent.name}" for file in root.rglob("*.png")]
    (root / "list.csv").write_text("path,label\n" + "\n".join(lines))
    source = scan_images(root / "list.csv")
    folders = scan_images(root)
    assert source.names == folders.names
    assert np.array_equal(source.splits, folders.splits)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"valid": 0}, "`valid` must be a share in (0, 0.5]"),
        ({"valid": 0.6}, "`valid` must be a share"),
        ({"test": -0.1}, "`test` must be a share in [0, 0.5]"),
        ({"test": float("nan")}, "`test` must be a share"),
        ({"test": True}, "must be a number"),
        ({"labels": [1]}, "`labels` does not go with files"),
        ({"validation_data": ([], [])}, "`validation_data` does not go with files"),
    ],
)
def test_bad_arguments(make_folder: MakeFolder, options: dict[str, Any], message: str) -> None:
    assert message in refusal(make_folder({"cat": 10, "dog": 10}), **options)


def test_too_little(make_folder: MakeFolder) -> None:
    assert "only the class 'cat'" in refusal(make_folder({"cat": 20}))
    assert "Class 'dog' has one image" in refusal(make_folder({"dog": 1}))
    shutil.rmtree(make_folder({}) / "cat")
    assert "holds 5 images; at least 10" in refusal(make_folder({"dog": 2, "ant": 3}))


def test_no_readable_header(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(6):
            (tmp_path / name / f"{i}.jpg").write_text(f"hello {i}")
    message = refusal(tmp_path)
    assert "None of 12 files looked at is a readable image" in message
    assert "0.jpg (not an image)" in message


def test_copies_of_a_file_are_not_split(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 10, "dog": 10})
    for i in range(10):
        for copy in range(3):
            shutil.copy(root / f"cat/{i:03d}.png", root / f"cat/{i:03d}_{copy}.png")
    source = scan_images(root)
    for i in range(10):
        of_one = [s for s, n in zip(source.splits, source.names) if f"cat/{i:03d}" in n]
        assert len(of_one) == 4
        assert len(set(of_one)) == 1


def test_fingerprint(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"cat": 10, "dog": 10})
    fingerprint = scan_images(root).fingerprint
    assert scan_images(root, seed=9, valid=0.3).fingerprint == fingerprint
    moved = tmp_path / "elsewhere"
    shutil.copytree(root, moved)
    assert scan_images(moved).fingerprint == fingerprint
    code = "import sys; from autoarch.data import scan_images; "
    code += "print(scan_images(sys.argv[1]).fingerprint, 'tensorflow' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == [fingerprint, "False"]

    (moved / "cat/000.png").rename(moved / "cat/zero.png")
    assert scan_images(moved).fingerprint != fingerprint
    (moved / "cat/zero.png").rename(moved / "cat/000.png")
    assert scan_images(moved).fingerprint == fingerprint
    (moved / "cat/000.png").rename(moved / "dog/zero.png")
    assert scan_images(moved).fingerprint != fingerprint
    shutil.copy(moved / "dog/zero.png", moved / "cat/000.png")
    (moved / "dog/zero.png").unlink()
    with (moved / "cat/000.png").open("ab") as file:
        file.write(b"\0")
    assert scan_images(moved).fingerprint != fingerprint


def test_median_size_is_upright(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 10, "dog": 10}, suffix=".jpg")
    for file in root.rglob("*.jpg"):
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.open(file).save(file, exif=exif)
    assert scan_images(root).sizes == (32, 24)


def test_channels_of_files(make_folder: MakeFolder, photo: Photo) -> None:
    root = make_folder({"cat": 10, "dog": 10})
    assert infer_channels(scan_images(root)) == 3
    for index, file in enumerate(sorted(root.rglob("*.png"))):
        grey = Image.fromarray(photo(index)).convert("L")
        grey.convert(("L", "RGB", "RGBA", "P", "LA")[index % 5]).save(file)
    assert infer_channels(scan_images(root)) == 1
    (root / "cat/000.png").write_text("no picture")
    assert infer_channels(scan_images(root)) == 1
    Image.fromarray(photo(0)).save(root / "cat/001.png")
    assert infer_channels(scan_images(root)) == 3


def test_arrays() -> None:
    x, y = arrays()
    source = scan_images(x, y)
    assert source.classes == ("0", "1")
    assert (source.label_kind, source.sizes) == ("int", (6, 5))
    assert counts(source) == [28, 6, 6]
    assert source.names[3] == "train[3]"
    assert source.pixel_range == PixelRange(0, 255)
    assert source.fingerprint == scan_images(x.copy(), y.tolist(), seed=3).fingerprint
    assert source.fingerprint != scan_images(x, 1 - y).fingerprint
    assert infer_channels(source) == 3
    assert infer_channels(scan_images(x[..., 0], y)) == 1
    assert infer_channels(scan_images(x[..., :1], y)) == 1
    assert infer_channels(scan_images(np.repeat(x[..., :1], 3, axis=-1), y)) == 1


def test_arrays_with_validation_data() -> None:
    x, y = arrays()
    labels = np.array(["ant", "bee"])[y]
    source = scan_images(x, labels, validation_data=(x[:5], labels[:5]))
    assert counts(source) == [34, 5, 6]
    assert source.names[-1] == "valid[4]"
    assert source.labels[-5:].tolist() == y[:5].tolist()
    assert source.valid_given
    assert "validation_data has 'cow'" in refusal(x, labels, validation_data=(x[:1], ["cow"]))
    assert "its own valid split" in refusal(x, y, validation_data=(x, y), valid=0.2)
    assert "pair (x, y)" in refusal(x, y, validation_data=x)
    assert "one type" in refusal(x, y, validation_data=(x / 255, y))


@pytest.mark.parametrize(
    ("make", "expected", "noted"),
    [
        (lambda x: x / 255, PixelRange(0, 1), False),
        (lambda x: (x / 255).astype(np.float16), PixelRange(0, 1), False),
        (lambda x: x > 127, PixelRange(0, 1), False),
        (lambda x: x / 127.5 - 1, PixelRange(-1, 1), False),
        (lambda x: x.astype(np.float32), PixelRange(0, 255), False),
        (lambda x: x.astype(np.int64), PixelRange(0, 255), False),
        (lambda x: x / 16, None, True),
        (lambda x: x.astype(np.uint16) * 257, None, True),
        (lambda x: x // 16, PixelRange(0, 255), True),
    ],
)
def test_ranges_of_numbers(
    make: Callable[[np.ndarray], np.ndarray], expected: PixelRange | None, noted: bool
) -> None:
    x, y = arrays()
    values = make(x)
    source = scan_images(values, y)
    if expected is None:  # stretched over what train holds
        train = values[source.splits == TRAIN]
        expected = PixelRange(float(train.min()), float(train.max()))
    assert source.pixel_range == expected
    assert bool(source.notes) is noted


def with_value(value: float) -> np.ndarray:
    x = arrays()[0].astype(np.float32)
    x[7, 0, 0, 0] = value
    return x


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (with_value(np.nan), "NaN or infinity, first in image 7"),
        (with_value(np.inf), "NaN or infinity, first in image 7"),
        (np.zeros((40, 6, 5)), "Class '0' has 20 copies of one image"),
        (np.zeros((40, 3, 6, 5)), "channels first"),
        (np.zeros((40, 6, 5, 2)), "2 channels"),
        (np.zeros((40, 30)), "shape (40, 30)"),
        (np.zeros((0, 6, 5)), "is empty"),
        ([np.zeros((i + 1, 5)) for i in range(40)], "different sizes"),
        (np.full((40, 6, 5), "a"), "give images as numbers"),
    ],
)
def test_bad_arrays(x: Any, message: str) -> None:
    assert message in refusal(x, arrays()[1])


def test_bad_labels_of_arrays() -> None:
    x, y = arrays()
    assert "Arrays need labels" in refusal(x)
    assert "40 examples but 39 labels" in refusal(x, y[1:])
    assert "only the class '0'" in refusal(x, y * 0)
    assert "regression is not supported" in refusal(x, y / 3)
    assert "as a folder goes with files only" in refusal(x, y, test="folder")


def test_digits() -> None:
    source = scan_images("demo:digits")
    assert source.classes == tuple("0123456789")
    assert (source.n, source.sizes) == (1797, (8, 8))
    assert counts(source)[TEST] == pytest.approx(0.2 * 1797, abs=10)
    assert source.names[12] == "digits[12]"
    assert infer_channels(source) == 1
    assert "there is demo:digits" in refusal("demo:letters")
    assert "`labels` does not go with a demonstration set" in refusal("demo:digits", [1])
