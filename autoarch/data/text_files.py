"""Texts with labels out of files: tables (CSV, TSV, JSON lines) and folders of .txt by class."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoarch.data.formats import is_ignored, listed
from autoarch.data.split import SPLIT_OF_NAME
from autoarch.errors import DataError

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl")
TEXT_NAMES = ("text", "sentence", "review", "comment", "content", "question", "message", "tweet")
LABEL_NAMES = ("label", "class", "category", "target", "sentiment", "intent", "tag", "y")


@dataclass(frozen=True)
class Rows:
    """Texts with their labels, as they stand in a source.

    Args:
        texts, labels, names: Of one length; a name tells where the text stands.
        skipped: `(name, reason)` of the rows that are left out.
        notes: What was noticed.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    names: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def read_text(path: Path) -> tuple[str, tuple[str, ...]]:
    """A file's text in UTF-8 or UTF-16 (with its mark), else with a note in GB 18030 or Latin-1.

    Raises:
        DataError: It cannot be read.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; check the path.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return raw.decode("utf-16"), ()
        return raw.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        encoding, name = ("gb18030", "GB 18030") if _is_chinese(raw) else ("latin-1", "Latin-1")
        return raw.decode(encoding), (f"{path} is not UTF-8 and was read as {name}.",)


def _is_chinese(raw: bytes) -> bool:
    """Whether bytes are legal GB 18030 and most beyond ASCII lie where its common characters do.

    In Latin-1 such bytes rarely follow one another, and one before a space is not legal.
    """
    try:
        raw.decode("gb18030")
    except UnicodeDecodeError:
        return False
    common = 2 * len(re.findall(rb"[\xa1-\xf7][\xa1-\xfe]", raw))
    return common > 0.5 * sum(byte > 127 for byte in raw)


def list_texts(
    source: Path, text_column: str | None = None, label_column: str | None = None
) -> dict[str, Rows]:
    """The texts of a table or a folder by split: "train", and "valid" and "test" where they are.

    Args:
        source: A table; a folder of tables named train, valid, test; or a folder of class folders
            of .txt, with or without train/, valid/ and test/ above them.
        text_column: Name of the column of texts; several with commas, which are joined. Guessed
            where None.
        label_column: Name of the column of labels.

    Raises:
        DataError: Missing, empty, or without these columns.
    """
    if not source.is_dir():
        return _by_split(source, text_column, label_column)
    entries = sorted(entry for entry in source.iterdir() if not is_ignored(entry.name))
    tables = [entry for entry in entries if entry.suffix.lower() in TABLE_SUFFIXES]
    folders = [entry for entry in entries if entry.is_dir()]
    if tables:
        parts = _parts(source, tables)
        if not parts:
            raise DataError(
                f"{source} holds {listed([t.name for t in tables])} but no train.csv; name the "
                "parts train, valid and test, or give one table."
            )
        return {
            split: _table(table, text_column, label_column)[0] for split, table in parts.items()
        }
    parts = _parts(source, folders)
    if parts:
        return {split: _class_folders(folder) for split, folder in parts.items()}
    return {"train": _class_folders(source)}


def unlabelled_texts(path: Path, text_column: str | None = None) -> list[tuple[str, str]]:
    """Texts to be predicted, as `(name, text)`: a .txt file, a folder of them, or a table's rows.

    Raises:
        DataError: It cannot be read, or the table has no such column.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.txt") if not is_ignored(file.name))
        return [(str(file), read_text(file)[0]) for file in files]
    content, _ = read_text(path)
    if path.suffix.lower() not in TABLE_SUFFIXES:
        return [(str(path), content)]
    if not content.strip():
        raise DataError(f"{path} is empty; give rows with a text.")
    records, _ = records_of(path, content)
    columns = _names(records)
    names = text_columns(columns, str(path), text_column)
    return [(name, "\n".join(str(r.get(c) or "") for c in names).strip()) for name, r in records]


def _parts(source: Path, entries: Sequence[Path]) -> dict[str, Path]:
    """Those that are named as parts, by split; none where there is no train: they are classes."""
    names = [entry.name if entry.is_dir() else entry.stem for entry in entries]
    named = [(SPLIT_OF_NAME.get(name.lower()), entry) for name, entry in zip(names, entries)]
    found: dict[str, Path] = {}
    if all(split != "train" for split, _ in named):
        return found
    for split, entry in named:
        if split is None:
            continue
        if split in found:
            raise DataError(
                f"{source} has both {found[split].name} and {entry.name}; keep one of them."
            )
        found[split] = entry
    return found


def _class_folders(folder: Path) -> Rows:
    texts, labels, names, skipped = [], [], [], []
    notes: tuple[str, ...] = ()
    # each class by itself: `walk` goes into a link that it is given, and into no other
    classes = sorted(e for e in folder.iterdir() if e.is_dir() and not is_ignored(e.name))
    for directory, inner, files in (step for path in classes for step in os.walk(path)):
        inner[:] = sorted(name for name in inner if not is_ignored(name))
        where = Path(directory)
        for name in sorted(files):
            if is_ignored(name) or not name.lower().endswith(".txt"):
                continue
            content, said = read_text(where / name)
            notes = notes or said
            if not content.strip():
                skipped.append((str(where / name), "empty"))
                continue
            texts.append(content)
            labels.append(where.relative_to(folder).parts[0])
            names.append(str(where / name))
    if not texts:
        raise DataError(
            f"{folder} holds no texts; give a table (CSV, TSV, JSON lines) or a folder with one "
            "folder of .txt files per class."
        )
    return Rows(tuple(texts), tuple(labels), tuple(names), tuple(skipped), notes)


def _by_split(path: Path, text_column: str | None, label_column: str | None) -> dict[str, Rows]:
    rows, splits = _table(path, text_column, label_column)
    if splits is None:
        return {"train": rows}
    found: dict[str, list[int]] = {}
    for position, name in enumerate(splits):
        split = SPLIT_OF_NAME.get(name.lower() or "train")
        if split is None:
            raise DataError(
                f"{rows.names[position]}: split is {name!r}; write train, valid or test."
            )
        found.setdefault(split, []).append(position)
    if "train" not in found:
        raise DataError(f"{path} has no row whose split is train; add some.")
    return {
        split: Rows(
            tuple(rows.texts[i] for i in members),
            tuple(rows.labels[i] for i in members),
            tuple(rows.names[i] for i in members),
            rows.skipped if split == "train" else (),
            rows.notes if split == "train" else (),
        )
        for split, members in found.items()
    }


def _table(
    path: Path, text_column: str | None, label_column: str | None
) -> tuple[Rows, list[str] | None]:
    """The rows of a table, and each one's split where there is such a column."""
    content, notes = read_text(path)
    if not content.strip():
        raise DataError(f"{path} is empty; give rows with a text and a label.")
    records, skipped = records_of(path, content)
    if not records:
        raise DataError(f"{path} has a header but no rows; give rows with a text and a label.")
    columns = _names(records)
    text_names, label_name = choose_columns(columns, str(path), text_column, label_column)
    texts, labels, names, splits = [], [], [], []
    for name, record in records:
        text = "\n".join(str(record.get(column) or "") for column in text_names).strip()
        label = record.get(label_name)
        label = "" if label is None else str(label).strip()
        if not text or not label:
            skipped.append((name, "no text" if not text else "no label"))
            continue
        texts.append(text)
        labels.append(label)
        names.append(name)
        splits.append(str(record.get("split") or "").strip())
    if not texts:
        name, reason = skipped[0]
        raise DataError(f"{path} has no row with a text and a label; {name}: {reason}.")
    rows = Rows(tuple(texts), tuple(labels), tuple(names), tuple(skipped), notes)
    has_split = "split" in columns and "split" not in (*text_names, label_name)
    return rows, splits if has_split else None


def records_of(
    path: Path, content: str
) -> tuple[list[tuple[str, dict[str, Any]]], list[tuple[str, str]]]:
    """Rows as `(name, {column: value})`, and `(name, reason)` of broken ones."""
    skipped: list[tuple[str, str]] = []
    found: list[tuple[str, dict[str, Any]]] = []
    if path.suffix.lower() == ".jsonl":
        for number, line in enumerate(content.split("\n"), 1):
            if not line.strip():
                continue
            name = f"{path}, line {number}"
            try:
                record = json.loads(line, parse_constant=lambda _: None)  # NaN is no value
            except ValueError:
                record = None
            if isinstance(record, dict):
                found.append((name, record))
            else:
                skipped.append((name, "no JSON object"))
        return found, skipped
    columns = columns_of(path, content)
    for number, row in _rows_of(path, content, len(columns))[1:]:
        name = f"{path}, line {number}"
        if len(row) != len(columns):
            skipped.append((name, f"{len(row)} fields where the header has {len(columns)}"))
            continue
        found.append((name, dict(zip(columns, row))))
    return found, skipped


def columns_of(path: Path, content: str) -> list[str]:
    """Names of the columns of a CSV or TSV file, as its first line has them."""
    csv.field_size_limit(1 << 30)  # for the rows as well: some are a megabyte long
    header = _header(content)
    (names,) = csv.reader([header], delimiter=_delimiter(path, header))
    return [name.strip() for name in names]


def _header(content: str) -> str:
    lines = content.replace("\0", "").splitlines()
    return next((line for line in lines if line.strip()), "")


def _delimiter(path: Path, header: str) -> str:
    return "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=header.count)


def _rows_of(path: Path, content: str, columns: int) -> list[tuple[int, list[str]]]:
    """The lines of a CSV or TSV file with their numbers.

    Where a quote opens a field and none closes it, quotes may be part of the texts: they are where
    more rows have as many fields as there are columns.
    """
    delimiter = _delimiter(path, _header(content))
    content = content.replace("\0", "")

    def read(*, quoted: bool, strict: bool = False) -> list[tuple[int, list[str]]]:
        reader = csv.reader(
            io.StringIO(content, newline=""),
            delimiter=delimiter,
            quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
            strict=strict,
        )
        return [(reader.line_num, row) for row in reader if any(row)]

    def whole(rows: list[tuple[int, list[str]]]) -> int:
        return sum(len(row) == columns for _, row in rows)

    if '"' not in content:
        return read(quoted=False)
    try:
        return read(quoted=True, strict=True)
    except csv.Error:
        return max(read(quoted=True), read(quoted=False), key=whole)


def _names(records: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """The columns of all records; lines of JSON may lack some."""
    return list(dict.fromkeys(name for _, record in records for name in record))


def choose_columns(
    columns: Sequence[str], where: str, text_column: str | None, label_column: str | None
) -> tuple[list[str], str]:
    """Names of the text columns and of the label column, as given or guessed.

    Raises:
        DataError: There is no such column; the message says which there are.
    """
    label = _column(columns, where, label_column, LABEL_NAMES, "label")
    texts = text_columns(columns, where, text_column)
    if label in texts:
        raise DataError(f"{where}: column {label!r} cannot be both a text and the label.")
    return texts, label


def text_columns(columns: Sequence[str], where: str, text_column: str | None) -> list[str]:
    """Names of the text columns; see `choose_columns`."""
    names = text_column.split(",") if text_column else [None]
    return [_column(columns, where, name, TEXT_NAMES, "text") for name in names]


def _column(
    columns: Sequence[str], where: str, given: str | None, usual: Sequence[str], what: str
) -> str:
    lower = {name.strip().lower(): name for name in columns}
    for name in usual if given is None else [given.strip().lower()]:
        if name in lower:
            return lower[name]
    if given is None:
        files = "; a table of files has a column 'path'" if what == "text" else ""
        raise DataError(
            f"{where} has no column named {usual[0]!r} or the like; it has {listed(columns, 8)}. "
            f"Say which with --{what}-column{files}."
        )
    raise DataError(f"{where} has no {what} column {given.strip()!r}; it has {listed(columns, 8)}.")
