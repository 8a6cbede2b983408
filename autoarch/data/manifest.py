"""CSV manifests: columns path, label and, if wanted, split; paths are relative to the file."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from autoarch.data.formats import listed
from autoarch.data.labels import refuse_fractions
from autoarch.data.listing import ImageFile, Listing, check_same_classes, ordered_classes
from autoarch.data.split import SPLIT_OF_NAME
from autoarch.errors import DataError


def scan_manifest(path: Path, noun: str = "image") -> dict[str, Listing]:
    """Lists the files that a manifest names.

    UTF-8 (with or without a byte order mark), else Latin-1; comma, semicolon or tab.

    Returns:
        `{"train": ...}`, with "valid" and "test" where the column `split` names them.

    Raises:
        DataError: Unreadable, empty, columns missing, a row incomplete, files missing, or labels
            that are fractions.
    """
    columns, rows, notes = read_table(path)
    required = [name for name in ("path", "label") if name not in columns]
    if required:
        raise DataError(
            f"Manifest {path} has no column {listed(required)}; it has {listed(columns, 6)}. "
            "A table of texts is told by the name of their column: --text-column."
        )
    if not rows:
        raise DataError(f"Manifest {path} names no {noun}s; add a line for each {noun}.")
    files: dict[str, list[ImageFile]] = {}
    missing: list[str] = []
    for line, row in rows:
        label = row.get("label", "")
        name = row.get("path", "")
        if not label or not name:
            lacking = "label" if not label else "path"
            raise DataError(f"Manifest {path}, line {line}: no {lacking}; complete the line.")
        split = SPLIT_OF_NAME.get(row.get("split", "").lower() or "train")
        if split is None:
            raise DataError(
                f"Manifest {path}, line {line}: split is {row['split']!r}; "
                f"write train, valid or test."
            )
        file = path.parent / name
        try:
            size_bytes = file.stat().st_size if file.is_file() else None
        except (OSError, ValueError):  # a folder that may not be entered; a zero byte in the name
            size_bytes = None
        if size_bytes is None:
            missing.append(f"line {line}: {name}")
        else:
            files.setdefault(split, []).append(ImageFile(file, name, label, size_bytes, row))
    if missing:
        count = "a file that does" if len(missing) == 1 else f"{len(missing)} files that do"
        raise DataError(
            f"Manifest {path} names {count} not exist ({listed(missing, 2)}); "
            f"paths are relative to the manifest's folder."
        )
    if "train" not in files:
        raise DataError(f"Manifest {path} has no line whose split is train; add some.")
    refuse_fractions(
        [file.label for members in files.values() for file in members], f"Manifest {path}", noun
    )
    listings = {
        split: Listing(
            tuple(sorted(members, key=lambda file: (file.relative, file.label))),
            ordered_classes(file.label for file in members),
            notes if split == "train" else (),
        )
        for split, members in files.items()
    }
    for split in ("valid", "test"):
        if split in listings:
            check_same_classes(listings["train"].classes, listings[split].classes, split)
    return listings


def read_table(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]], tuple[str, ...]]:
    """Reads a CSV file whole.

    Returns:
        Column names in lower case, the rows as `(line number, {column: stripped value})`, notes.

    Raises:
        DataError: The file cannot be read, is empty, or is not CSV.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"Manifest {path} does not exist; check the path.") from error
    except OSError as error:
        raise DataError(f"Manifest {path} cannot be read: {error.strerror}.") from error
    notes: tuple[str, ...] = ()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
        notes = (f"{path} is not UTF-8 and was read as Latin-1.",)
    lines = text.splitlines()
    if not any(line.strip() for line in lines):
        raise DataError(f"Manifest {path} is empty; it needs the columns path and label.")
    header = next(line for line in lines if line.strip())
    delimiter = max(",;\t", key=header.count) if not header.count(",") else ","
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        records = [(reader.line_num, record) for record in reader if any(record)]
    except csv.Error as error:
        raise DataError(f"Manifest {path} is not CSV: {error}.") from error
    if not records:
        raise DataError(f"Manifest {path} is empty; it needs the columns path and label.")
    columns = [name.strip().lower() for name in records[0][1]]
    rows = [
        (line, {name: value.strip() for name, value in zip(columns, record)})
        for line, record in records[1:]
    ]
    return columns, rows, notes
