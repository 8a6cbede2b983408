"""Loading: decoded once, split, duplicates out of train, findings told, cached."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from autoarch.data import (
    ImageData,
    ImagePreprocessing,
    decode_image,
    load_images,
    scan_images,
)
from autoarch.errors import DataError

MakeFolder = Callable[..., Path]
Photo = Callable[..., np.ndarray]

SMALL = ImagePreprocessing(12, 16, 3)


def load(root: Path, preprocessing: ImagePreprocessing = SMALL, **options: Any) -> ImageData:
    scan = {name: options.pop(name) for name in ("valid", "test", "seed") if name in options}
    return load_images(scan_images(root, **scan), preprocessing, **options)


def refusal(root: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        load(root, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def all_sets(data: ImageData) -> list[Any]:
    return [data.train, data.valid, data.held_out.reveal()]


def assert_same(one: ImageData, other: ImageData) -> None:
    for left, right in zip(all_sets(one), all_sets(other)):
        assert np.array_equal(left.images, right.images)
        assert np.array_equal(left.labels, right.labels)
        assert left.names == right.names
    assert one.findings == other.findings


def test_pictures_are_those_of_decode_image(make_folder: MakeFolder) -> None:
    data = load(make_folder({"cat": 12, "dog": 24}))
    assert [len(part) for part in all_sets(data)] == [25, 5, 6]
    for part in all_sets(data):
        assert part.images.dtype == np.uint8
        assert part.images.shape[1:] == (12, 16, 3)
        for image, label, name in zip(part.images, part.labels, part.names):
            assert np.array_equal(image, decode_image(tf.io.read_file(name), SMALL).numpy())
            assert data.classes[label] == Path(name).parent.name
    assert data.findings.class_counts == {
        "train": {"cat": 8, "dog": 17},
        "valid": {"cat": 2, "dog": 3},
        "test": {"cat": 2, "dog": 4},
    }
    assert data.findings.to_json()["unreadable"] == []


def test_progress(make_folder: MakeFolder) -> None:
    seen: list[tuple[int, int]] = []
    load(make_folder({"cat": 40, "dog": 40}), progress=lambda *step: seen.append(step))
    assert seen == [(32, 80), (64, 80), (80, 80)]


def test_unreadable_files_are_skipped_counted_and_named(
    make_folder: MakeFolder, photo: Photo, tmp_path: Path
) -> None:
    root = make_folder({"cat": 30, "dog": 30})
    noise = photo(99, cell=1)
    Image.fromarray(noise).save(root / "cat/000.jpg")
    whole = (root / "cat/000.jpg").read_bytes()
    (root / "cat/000.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "cat/text.jpg").write_text("this is a text file")
    (root / "dog/empty.png").write_bytes(b"")
    (root / "dog/scan.png").write_bytes(b"II*\0" + bytes(100))
    (root / "dog/broken.png").symlink_to(tmp_path / "nowhere.png")
    damaged = bytearray((root / "dog/000.png").read_bytes())
    damaged[60:70] = bytes(10)
    (root / "dog/damaged.png").write_bytes(damaged)
    data = load(root)
    assert {Path(name).name: reason for name, reason in data.findings.unreadable} == {
        "000.jpg": "truncated",
        "text.jpg": "not an image",
        "empty.png": "empty file",
        "scan.png": "TIFF, which is not supported",
        "broken.png": "broken link",
        "damaged.png": "damaged PNG",
    }
    assert sum(len(part) for part in all_sets(data)) == 60
    for part in all_sets(data):
        for image, name in zip(part.images, part.names):
            assert np.array_equal(image, decode_image(tf.io.read_file(name), SMALL).numpy())


def test_more_than_a_fifth_unreadable(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"cat": 15, "dog": 15})
    for i in range(7):
        (root / f"dog/text{i}.jpg").write_text(f"text {i}")
    assert len(load(root, cache=tmp_path / "cache").findings.unreadable) == 7
    (root / "dog/text7.jpg").write_text("text 7")
    message = refusal(root, cache=tmp_path / "cache")
    assert "8 of 38 images cannot be read (21%)" in message
    assert "text0.jpg (not an image)" in message
    assert [file.name for file in (tmp_path / "cache").iterdir()] == ["images.npy"]


def test_a_class_that_cannot_be_read(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 30, "dog": 2})
    for file in (root / "dog").iterdir():
        file.write_text("text of " + file.name)
    assert "No training image is left of class 'dog'" in refusal(root)


def test_duplicates_across_given_splits_leave_train(make_folder: MakeFolder) -> None:
    for inside, seed in (("train", 0), ("valid", 100), ("test", 200)):
        root = make_folder({"cat": 8, "dog": 8}, inside=inside, seed=seed)
    # the same file, the same pixels in another format, the same under another label
    shutil.copy(root / "test/cat/000.png", root / "train/cat/same.png")
    Image.open(root / "valid/dog/001.png").save(root / "train/dog/same.bmp")
    shutil.copy(root / "test/dog/002.png", root / "train/cat/other.png")
    shutil.copy(root / "train/cat/003.png", root / "train/cat/within.png")
    shutil.copy(root / "test/cat/004.png", root / "valid/cat/both.png")
    data = load(root)
    assert {(Path(a).name, Path(b).name) for a, b in data.findings.duplicates} == {
        ("000.png", "same.png"),
        ("001.png", "same.bmp"),
        ("002.png", "other.png"),
    }
    assert data.findings.duplicates_within == 1
    assert [len(part) for part in all_sets(data)] == [17, 17, 16]
    assert any("1 images of valid are also in test" in note for note in data.findings.notes)
    assert any("1 images occur with different labels" in note for note in data.findings.notes)
    names = {Path(name).name for name in data.train.names}
    assert not names & {"same.png", "same.bmp", "other.png"}
    assert "within.png" in names


def test_own_split_has_no_duplicates_across(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 20, "dog": 20})
    for file in list(root.rglob("*.png")):
        shutil.copy(file, file.with_name("copy" + file.name))
        Image.open(file).save(file.with_suffix(".bmp"))  # other bytes, same pixels
    data = load(root)
    seen = [{image.tobytes() for image in part.images} for part in all_sets(data)]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]
    assert len(data.valid)
    assert len(data.held_out)
    assert data.findings.duplicates


def test_one_pixel_apart_is_no_duplicate(make_folder: MakeFolder, photo: Photo) -> None:
    make_folder({"cat": 8, "dog": 8}, inside="train")
    root = make_folder({"cat": 8, "dog": 8}, inside="test", seed=500)
    pixels = np.asarray(Image.open(root / "test/cat/000.png")).copy()
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(root / "train/cat/near.png")
    assert load(root, ImagePreprocessing(24, 32, 3)).findings.duplicates == ()


def test_everything_held_out_too(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 8, "dog": 8}, inside="train")
    shutil.copytree(root / "train", root / "test")
    assert "No training image is left of class 'cat', 'dog'" in refusal(root)


def test_nothing_held_out(make_folder: MakeFolder) -> None:
    data = load(make_folder({"cat": 12, "dog": 12}), test=0)
    assert len(data.held_out) == 0
    assert data.held_out.reveal().images.shape == (0, 12, 16, 3)


def test_every_format_at_once(tmp_path: Path, photo: Photo) -> None:
    modes = {".jpg": "CMYK", ".png": "RGBA", ".bmp": "P", ".gif": "P", ".webp": "RGB"}
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        for i in range(15):
            suffix, mode = list(modes.items())[i % 5]
            image = Image.fromarray(photo(100 * label + i)).convert(mode)
            image.save(tmp_path / name / f"{i}{suffix}")
    data = load(tmp_path)
    assert data.findings.unreadable == ()
    assert sum(len(part) for part in all_sets(data)) == 30


def test_cache_is_used_again(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"cat": 12, "dog": 12})
    (root / "cat/text.png").write_text("no picture")
    shutil.copy(root / "cat/000.png", root / "dog/000copy.png")
    source = scan_images(root)
    in_memory = load_images(source, SMALL)
    written = load_images(source, SMALL, cache=tmp_path / "cache")
    assert_same(in_memory, written)
    assert not isinstance(written.train.images, np.memmap)
    shutil.rmtree(root)  # a second decoding would fail
    seen: list[tuple[int, int]] = []
    again = load_images(
        source, SMALL, cache=tmp_path / "cache", progress=lambda *step: seen.append(step)
    )
    assert_same(in_memory, again)
    assert seen == [(26, 26)]
    assert sorted(file.name for file in (tmp_path / "cache").iterdir()) == [
        "images.json",
        "images.npy",
    ]


def test_large_sets_stay_on_disk(make_folder: MakeFolder, tmp_path: Path) -> None:
    source = scan_images(make_folder({"cat": 12, "dog": 12}))
    mapped = load_images(source, SMALL, cache=tmp_path, in_memory_bytes=1000)
    assert all(isinstance(part.images, np.memmap) for part in all_sets(mapped))
    assert not mapped.train.images.flags.writeable
    assert_same(load_images(source, SMALL), mapped)
    assert isinstance(
        load_images(source, SMALL, cache=tmp_path, in_memory_bytes=1000).train.images, np.memmap
    )


def test_cache_of_something_else_is_replaced(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"cat": 12, "dog": 12})
    load(root, cache=tmp_path / "cache")
    other = ImagePreprocessing(8, 8, 1)
    assert load(root, other, cache=tmp_path / "cache").train.images.shape[1:] == (8, 8, 1)
    seeded = load(root, cache=tmp_path / "cache", seed=1)
    assert_same(seeded, load(root, seed=1))
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(root / "cat/000.png")
    assert_same(load(root, cache=tmp_path / "cache"), load(root))


@pytest.mark.parametrize("harm", ["shorter", "no rows", "bad json", "no record"])
def test_an_incomplete_cache_is_not_taken(
    make_folder: MakeFolder, tmp_path: Path, harm: str
) -> None:
    root = make_folder({"cat": 12, "dog": 12})
    cache = tmp_path / "cache"
    expected = load(root, cache=cache)
    if harm == "shorter":
        (cache / "images.npy").write_bytes((cache / "images.npy").read_bytes()[:-5])
    elif harm == "no rows":
        (cache / "images.npy").unlink()
    elif harm == "bad json":
        (cache / "images.json").write_text('{"key": ')
    else:
        (cache / "images.json").unlink()
        (cache / "images.npy.part").write_bytes(b"half a cache")
    assert_same(load(root, cache=cache), expected)
    assert json.loads((cache / "images.json").read_text())["shape"] == [24, 12, 16, 3]


def test_a_killed_run_leaves_no_cache(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"cat": 40, "dog": 40})
    cache = tmp_path / "cache"
    code = """
import os, signal, sys
from pathlib import Path
from autoarch.data import ImagePreprocessing, load_images, scan_images

def die(done, total):
    os.kill(os.getpid(), signal.SIGKILL)

source = scan_images(sys.argv[1])
load_images(source, ImagePreprocessing(12, 16, 3), cache=Path(sys.argv[2]), progress=die)
"""
    done = subprocess.run([sys.executable, "-c", code, str(root), str(cache)], capture_output=True)
    assert done.returncode == -9
    assert [file.name for file in cache.iterdir()] == ["images.npy.part"]
    assert_same(load(root, cache=cache), load(root))
    assert not (cache / "images.npy.part").exists()


@pytest.mark.parametrize("call", ["posix_fallocate", "fsync"])
def test_full_disk(
    make_folder: MakeFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    message = refusal(make_folder({"cat": 12, "dog": 12}), cache=tmp_path / "cache")
    assert message.startswith("The disk is full: the decoded images take 0 MB in ")
    assert list((tmp_path / "cache").iterdir()) == []


def test_no_place_for_the_cache(make_folder: MakeFolder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    message = refusal(make_folder({"cat": 12, "dog": 12}), cache=tmp_path / "file/cache")
    assert "cannot be written to" in message
    assert "not a directory" in message


@pytest.mark.parametrize("kind", ["uint8", "float"])
def test_arrays(kind: str) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (60, 6, 5, 3), np.uint8)
    x = pixels if kind == "uint8" else pixels / 255
    y = np.array(["ant", "bee", "cow"])[np.arange(60) % 3]
    source = scan_images(x, y)
    data = load_images(source, ImagePreprocessing(6, 5, 3))
    for part in all_sets(data):
        for image, label, name in zip(part.images, part.labels, part.names):
            index = int(name.removeprefix("train[").removesuffix("]"))
            assert np.array_equal(image, pixels[index])
            assert data.classes[label] == y[index]
    scaled = load_images(source, ImagePreprocessing(12, 10, 1))
    assert scaled.train.images.shape == (42, 12, 10, 1)


def test_arrays_with_alpha_are_laid_over_white() -> None:
    x = np.random.default_rng(1).integers(0, 256, (20, 6, 5, 4), np.uint8)
    data = load_images(scan_images(x, np.arange(20) % 2), ImagePreprocessing(6, 5, 3))
    index = int(data.train.names[0][len("train[") : -1])
    image = Image.alpha_composite(Image.new("RGBA", (5, 6), "white"), Image.fromarray(x[index]))
    assert np.array_equal(data.train.images[0], np.asarray(image.convert("RGB")))


def test_duplicates_in_arrays() -> None:
    x = np.random.default_rng(1).integers(0, 256, (40, 6, 5), np.uint8)
    y = np.arange(40) % 2
    source = scan_images(x, y, validation_data=(x[:3], y[:3]), test=0)
    data = load_images(source, ImagePreprocessing(6, 5, 1))
    assert data.findings.duplicates == tuple((f"valid[{i}]", f"train[{i}]") for i in range(3))
    assert (len(data.train), len(data.valid)) == (37, 3)


def test_arrays_on_disk_are_read_in_pieces(tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).random((50, 32, 32, 3), np.float32)
    np.save(tmp_path / "x.npy", pixels)
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    data = load_images(scan_images(x, np.arange(50) % 2), ImagePreprocessing(32, 32, 3))
    index = int(data.train.names[0][len("train[") : -1])
    assert np.array_equal(data.train.images[0], np.rint(pixels[index] * 255).astype(np.uint8))


def test_digits() -> None:
    data = load_images(scan_images("demo:digits"), ImagePreprocessing(8, 8, 1))
    assert data.classes == tuple("0123456789")
    assert data.train.images.max() == 255
    assert sum(len(part) for part in all_sets(data)) == 1797
    assert len(data.held_out) == pytest.approx(359, abs=10)


def test_memory_does_not_grow_with_the_set(make_folder: MakeFolder, tmp_path: Path) -> None:
    """After a small set, ten times as many pictures (276 MB of pixels) need little more memory."""
    root = make_folder({"cat": 200, "dog": 200}, suffix=".jpg")
    few = [f"{name}/{i:03d}.jpg,{name}" for name in ("cat", "dog") for i in range(20)]
    (root / "few.csv").write_text("path,label\n" + "\n".join(few))
    code = """
import resource, sys
from pathlib import Path
from autoarch.data import ImagePreprocessing, load_images, scan_images

def load(source, cache):
    size = ImagePreprocessing(480, 480, 3)
    return load_images(scan_images(source), size, cache=Path(cache), in_memory_bytes=1000)

root, caches = sys.argv[1:]
load(root + "/few.csv", caches + "/few")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
data = load(root, caches + "/many")
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) * 1024)
"""
    told = subprocess.run(
        [sys.executable, "-c", code, str(root), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    size_bytes = (tmp_path / "many/images.npy").stat().st_size
    assert size_bytes > 270e6
    assert int(told.stdout) < 0.3 * size_bytes


def test_real_pictures(shared_data: Path) -> None:
    root = shared_data / "cifar10-mini"
    source = scan_images(root)
    assert (source.n, source.sizes) == (6000, (32, 32))
    started = time.perf_counter()
    data = load_images(source, ImagePreprocessing(32, 32, 3))
    assert time.perf_counter() - started < 60  # 2.6 s on two idle cores
    assert [len(part) for part in all_sets(data)] == [4250, 750, 1000]
    assert set(data.findings.class_counts["valid"].values()) == {75}
    assert (data.findings.duplicates, data.findings.unreadable) == ((), ())
    reference = np.asarray(Image.open(data.train.names[0]).convert("RGB")).astype(int)
    assert np.abs(data.train.images[0] - reference).max() <= 4
