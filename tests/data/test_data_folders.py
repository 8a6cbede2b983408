"""Folders of pictures, good and bad."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from autoarch.data.folders import scan_class_folders, scan_folder
from autoarch.errors import DataError

MakeFolder = Callable[..., Path]


def refusal(root: Path) -> str:
    """The one line that a folder is refused with."""
    with pytest.raises(DataError) as caught:
        scan_folder(root)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_class_folders(make_folder: MakeFolder) -> None:
    root = make_folder({"dog": 3, "cat": 2})
    listings = scan_folder(root)
    assert list(listings) == ["train"]
    assert listings["train"].classes == ("cat", "dog")
    assert [file.relative for file in listings["train"].files][:3] == [
        "cat/000.png",
        "cat/001.png",
        "dog/000.png",
    ]
    first = listings["train"].files[0]
    assert (first.label, first.path) == ("cat", root / "cat/000.png")
    assert first.size_bytes == first.path.stat().st_size


def test_whole_numbers_are_ordered_as_numbers(make_folder: MakeFolder) -> None:
    root = make_folder({"10": 1, "2": 1, "0": 1})
    assert scan_folder(root)["train"].classes == ("0", "2", "10")


@pytest.mark.parametrize(
    ("train", "valid", "test"),
    [
        ("train", "valid", "test"),
        ("Training", "val", "Testing"),
        ("train", "validation", "test"),
        ("train", "Dev", "test"),
    ],
)
def test_split_folders(make_folder: MakeFolder, train: str, valid: str, test: str) -> None:
    for inside, count in ((train, 3), (valid, 2), (test, 1)):
        root = make_folder({"cat": count, "dog": count}, inside=inside)
    listings = scan_folder(root)
    assert {split: len(listing.files) for split, listing in listings.items()} == {
        "train": 6,
        "valid": 4,
        "test": 2,
    }
    assert listings["test"].files[0].relative == f"{test}/cat/000.png"


def test_train_may_be_a_class(make_folder: MakeFolder) -> None:
    assert scan_folder(make_folder({"bus": 1, "train": 1}))["train"].classes == ("bus", "train")


def test_names_with_spaces_and_other_scripts(make_folder: MakeFolder) -> None:
    root = make_folder({"große Katze": 1, "犬": 1})
    assert scan_folder(root)["train"].classes == ("große Katze", "犬")


def test_litter_is_ignored_and_other_files_are_noted(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 2, "dog": 2})
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._000.png"):
        (root / "cat" / name).write_bytes(b"x")
    (root / ".git").mkdir()
    (root / "__MACOSX").mkdir()
    assert scan_folder(root)["train"].notes == ()
    (root / "cat" / "notes.txt").write_text("hello")
    (root / "list.xml").write_text("hello")
    (root / "loose.png").write_bytes(b"x")
    notes = scan_folder(root)["train"].notes
    assert "2 files of other kinds (.xml, .txt)" in notes[0]
    assert "1 images that lie in no class folder" in notes[1]


def test_pictures_without_a_suffix_are_found(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 2, "dog": 2})
    (root / "cat/000.png").rename(root / "cat/000")
    (root / "cat/README").write_text("no picture")
    listing = scan_folder(root)["train"]
    assert listing.files[0].relative == "cat/000"
    assert "1 file of other kinds (no suffix)" in listing.notes[0]


def test_links_are_followed_and_broken_ones_are_kept_for_the_report(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    root = make_folder({"cat": 2, "dog": 2})
    (root / "wolf").symlink_to(root / "dog", target_is_directory=True)
    (root / "cat/linked.png").symlink_to(root / "dog/000.png")
    (root / "cat/broken.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(root / "cat/pipe.png")
    listing = scan_folder(root)["train"]
    assert listing.classes == ("cat", "dog", "wolf")
    names = [file.path.name for file in listing.files if file.label == "cat"]
    assert names == ["000.png", "001.png", "broken.png", "linked.png"]


def test_missing_folder(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "nowhere")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    assert "is a file" in refusal(tmp_path / "photo.jpg")


def test_empty_folder(tmp_path: Path) -> None:
    assert "is empty" in refusal(tmp_path)


def test_flat_folder(make_folder: MakeFolder) -> None:
    assert "3 images but no class folders" in refusal(make_folder({"cat": 3}) / "cat")


def test_no_images_at_all(tmp_path: Path) -> None:
    (tmp_path / "readme.md").write_text("hello")
    assert "holds no images, but 1 other files (.md)" in refusal(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a/scan.tiff").write_bytes(b"II*\0")
    assert "no images (JPEG, PNG, BMP, GIF or WebP)" in refusal(tmp_path)


def test_empty_class_folder(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 2, "dog": 2})
    (root / "wolf").mkdir()
    assert "without an image" in refusal(root)
    assert "'wolf'" in refusal(root)
    assert scan_class_folders(root).classes == ("cat", "dog", "wolf")  # as valid= or test=


def test_nested_class_folders(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 2, "dog": 2})
    make_folder({"small": 2}, inside="cat")
    message = refusal(root)
    assert "'small'" in message
    assert "move its images up into 'cat'" in message
    # only sub-folders
    for file in (root / "cat").glob("*.png"):
        file.unlink()
    assert "'small'" in refusal(root)


def test_empty_sub_folders_do_no_harm(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 2, "dog": 2})
    (root / "cat/old").mkdir()
    assert len(scan_folder(root)["train"].files) == 4


def test_one_folder_too_high(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 2, "dog": 2}, inside="inner")
    assert f"holds only the folder 'inner'; give {root / 'inner'}" in refusal(root)


def test_different_classes_in_train_and_test(make_folder: MakeFolder) -> None:
    make_folder({"cat": 2, "dog": 2}, inside="train")
    root = make_folder({"cat": 2, "wolf": 2}, inside="test")
    message = refusal(root)
    assert "test/ has 'wolf', which train lacks" in message
    assert "test/ lacks 'dog', which train has" in message


def test_a_class_may_be_absent_from_test_if_its_folder_is_there(make_folder: MakeFolder) -> None:
    make_folder({"cat": 2, "dog": 2}, inside="train")
    root = make_folder({"cat": 2}, inside="test")
    (root / "test/dog").mkdir()
    assert "no image of 'dog'" in scan_folder(root)["test"].notes[0]


def test_test_without_train(make_folder: MakeFolder) -> None:
    assert "no train/" in refusal(make_folder({"cat": 2, "dog": 2}, inside="test"))


def test_two_names_for_valid(make_folder: MakeFolder) -> None:
    for inside in ("train", "val", "validation"):
        root = make_folder({"cat": 2, "dog": 2}, inside=inside)
    assert "both val/ and validation/" in refusal(root)


def test_splits_beside_class_folders(make_folder: MakeFolder) -> None:
    make_folder({"cat": 2, "dog": 2}, inside="train")
    assert "'wolf' beside train/" in refusal(make_folder({"wolf": 2}))


def test_splits_without_class_folders(make_folder: MakeFolder) -> None:
    assert "without class folders" in refusal(make_folder({"train": 2, "test": 2}))


def test_a_folder_that_may_not_be_read(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder({"cat": 2, "dog": 2})
    scandir = os.scandir  # the tests may run as root, whom permissions do not stop

    def refusing(path: Path) -> object:
        if Path(path).name == "dog":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert f"Folder {root / 'dog'} cannot be read: permission denied" in refusal(root)
