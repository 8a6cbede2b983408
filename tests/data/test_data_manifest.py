"""CSV manifests, good and bad."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from autoarch.data.manifest import scan_manifest
from autoarch.errors import DataError

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a manifest beside four files a.png ... d.png."""
    for name in "abcd":
        (tmp_path / f"{name}.png").write_bytes(b"picture " + name.encode())

    def write_text(text: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / "list.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return write_text


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        scan_manifest(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_path_and_label(write: Write, tmp_path: Path) -> None:
    path = write("path,label,comment\nb.png,dog,x\na.png,cat,y\n")
    listing = scan_manifest(path)["train"]
    assert [(file.relative, file.label) for file in listing.files] == [
        ("a.png", "cat"),
        ("b.png", "dog"),
    ]
    assert listing.classes == ("cat", "dog")
    assert listing.files[0].path == tmp_path / "a.png"
    assert listing.files[0].size_bytes == 9


def test_splits(write: Write) -> None:
    path = write(
        "label,path,split\n1,a.png,train\n2,b.png,\n1,c.png,VAL\n2,c.png,valid\n"
        "1,d.png,test\n2,a.png,test\n"
    )
    listings = scan_manifest(path)
    assert {split: len(listing.files) for split, listing in listings.items()} == {
        "train": 2,
        "valid": 2,
        "test": 2,
    }


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters(write: Write, delimiter: str) -> None:
    rows = [("Path", "Label"), ("a.png", "cat"), ("b.png", "dog, small")]
    path = write("\n".join(delimiter.join(row) for row in rows))
    assert scan_manifest(path)["train"].classes == ("cat", "dog, small")


def test_encodings(write: Write) -> None:
    text = "path,label\na.png,Kätzchen\nb.png,dog\n"
    for encoding in ("utf-8", "utf-8-sig"):
        assert scan_manifest(write(text, encoding))["train"].classes == ("Kätzchen", "dog")
    listing = scan_manifest(write(text, "latin-1"))["train"]
    assert listing.classes == ("Kätzchen", "dog")
    assert "Latin-1" in listing.notes[0]


def test_quoted_names_windows_lines_and_blank_lines(write: Write, tmp_path: Path) -> None:
    (tmp_path / 'odd, "name".png').write_bytes(b"x")
    path = write('path,label\r\n"odd, ""name"".png",cat\r\n\r\nb.png , dog \r\n')
    files = scan_manifest(path)["train"].files
    assert {(file.relative, file.label) for file in files} == {
        ('odd, "name".png', "cat"),
        ("b.png", "dog"),
    }


def test_paths_may_lead_elsewhere(write: Write, tmp_path: Path) -> None:
    inner = tmp_path / "lists"
    inner.mkdir()
    manifest = inner / "list.csv"
    manifest.write_text(f"path,label\n../a.png,cat\n{tmp_path / 'b.png'},dog\n")
    assert len(scan_manifest(manifest)["train"].files) == 2


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff", ",,,\n,,,\n"])
def test_empty(write: Write, text: str) -> None:
    assert "is empty" in refusal(write(text))


def test_header_only(write: Write) -> None:
    assert "names no images" in refusal(write("path,label\n"))


def test_missing_columns(write: Write) -> None:
    message = refusal(write("file,class\na.png,cat\n"))
    assert "no column 'path', 'label'; it has 'file', 'class'" in message
    assert "no column 'path', 'label'" in refusal(write(b"\0" * 9))


def test_fractions_are_no_classes(write: Write) -> None:
    says = refusal(write("path,label\na.png,0.5\nb.png,2\n"))
    assert "such as 0.5; regression is not supported yet" in says
    assert scan_manifest(write("path,label\na.png,1.0\nb.png,2\n"))["train"].classes
    assert scan_manifest(write("path,label\na.png,1.5\nb.png,v2\n"))["train"].classes


def test_missing_files(write: Write) -> None:
    message = refusal(write("path,label\na.png,cat\nlost.png,dog\n"))
    assert "names a file that does not exist ('line 3: lost.png')" in message
    message = refusal(write("path,label\n" + "".join(f"lost{i}.png,dog\n" for i in range(5))))
    assert "names 5 files that do not exist" in message


@pytest.mark.parametrize("row", ["a.png,", "a.png", ",cat"])
def test_incomplete_rows(write: Write, row: str) -> None:
    assert "line 3: no " in refusal(write(f"path,label\nb.png,dog\n{row}\n"))


def test_unknown_split(write: Write) -> None:
    assert "line 2: split is 'holdout'" in refusal(write("path,label,split\na.png,cat,holdout\n"))


def test_no_training_rows(write: Write) -> None:
    assert "no line whose split is train" in refusal(write("path,label,split\na.png,cat,test\n"))


def test_different_classes(write: Write) -> None:
    path = write("path,label,split\na.png,cat,\nb.png,dog,\nc.png,cat,test\nd.png,wolf,test\n")
    assert "test has 'wolf', which train lacks" in refusal(path)


def test_a_zero_byte_in_a_name(write: Write) -> None:
    assert "does not exist" in refusal(write(b"path,label\na\0.png,cat\n"))


def test_no_csv(write: Write) -> None:
    assert "is not CSV" in refusal(write('path,label\n"a.png,cat\n'))


def test_missing_manifest(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "nowhere.csv")
