"""Which kind of task a source is for: images, text or speech."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from autoarch.data.demo import DEMO_PREFIX
from autoarch.data.formats import (
    AUDIO_SUFFIXES,
    IMAGE_SUFFIXES,
    READ_AUDIO_SUFFIXES,
    TEXT_SUFFIXES,
    is_ignored,
)
from autoarch.data.manifest import read_table
from autoarch.data.tensors import is_dataset
from autoarch.data.text_files import TEXT_NAMES, columns_of, read_text
from autoarch.errors import DataError

_SOUNDS = AUDIO_SUFFIXES | READ_AUDIO_SUFFIXES
_LOOKED_AT = 2000
_WAVEFORM_SAMPLES = 1000


def detect_task(source: Any) -> str:
    """Tells "image", "text" or "speech" by file names, a manifest's columns, or an array's shape.

    A folder is what most of its files are; where there are only tables, of columns that tell
    nothing, "text", else "image": the reader then says what is wrong.

    Raises:
        DataError: An array that is none of these, or a manifest that cannot be read.
    """
    if isinstance(source, str) and source.startswith(DEMO_PREFIX):
        return "image"
    if isinstance(source, str | Path):
        path = Path(source)
        return _of_file(path) if path.is_file() else _of_folder(path)
    if is_dataset(source):
        return _of_dataset(source)
    return _of_array(source)


def _of_file(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        # without a column of paths there are no pictures; the reader says what it lacks
        return _of_table(path) or "image"
    if suffix in _SOUNDS:
        return "speech"
    return "text" if suffix in TEXT_SUFFIXES else "image"


def _of_table(path: Path) -> str | None:
    """By the columns of a table: a manifest of files, or texts; None where they tell nothing."""
    content, _ = read_text(path)
    if not content.strip():
        raise DataError(f"{path} is empty; give rows, and a header that names their columns.")
    columns = [name.lower() for name in columns_of(path, content)]
    if "path" in columns:
        _, rows, _ = read_table(path)
        named = Counter(Path(row.get("path", "")).suffix.lower() in _SOUNDS for _, row in rows)
        return "speech" if named[True] > named[False] else "image"
    return "text" if set(columns) & set(TEXT_NAMES) else None


def _of_folder(path: Path) -> str:
    kinds: Counter[str | None] = Counter()
    for looked_at, file in enumerate(_files(path)):
        if looked_at == _LOOKED_AT:
            break
        suffix = file.suffix.lower()
        if suffix in IMAGE_SUFFIXES:
            kinds["image"] += 1
        elif suffix in _SOUNDS:
            kinds["speech"] += 1
        elif suffix in TEXT_SUFFIXES:
            kinds["text"] += 1
        elif suffix == ".csv":
            with suppress(DataError):  # whatever it is, the reader of the folder says what it needs
                kinds[_of_table(file)] += 1
    tables = kinds.pop(None, 0)
    if not kinds:
        return "text" if tables else "image"
    # a tie, or notes beside the pictures: pictures and sounds come before text
    if kinds["image"] or kinds["speech"]:
        return "image" if kinds["image"] >= kinds["speech"] else "speech"
    return "text"


def _files(folder: Path) -> Iterator[Path]:
    seen: set[tuple[int, int]] = set()  # links are followed, round in a circle only once
    for directory, folders, names in os.walk(folder, followlinks=True):
        about = Path(directory).stat()
        if (about.st_dev, about.st_ino) in seen:
            folders.clear()
            continue
        seen.add((about.st_dev, about.st_ino))
        folders[:] = sorted(name for name in folders if not is_ignored(name))
        for name in sorted(names):
            if not is_ignored(name):
                yield Path(directory) / name


def _of_dataset(dataset: Any) -> str:
    spec = dataset.element_spec
    inputs = spec[0] if isinstance(spec, tuple) and spec else spec
    if not hasattr(inputs, "dtype"):
        raise DataError(f"The dataset must give (input, label) pairs; got elements {spec}.")
    if inputs.dtype.name == "string":
        return "text"
    rank = inputs.shape.rank
    labels = spec[1] if isinstance(spec, tuple) and len(spec) > 1 else None
    label_rank = 0 if labels is None else labels.shape.rank
    is_waveform = rank == 1 or (rank == 2 and label_rank == 1 and inputs.dtype.is_floating)
    return "speech" if is_waveform else "image"


def _of_array(source: Any) -> str:
    try:
        array = source if isinstance(source, np.ndarray) else np.asarray(source)
    except ValueError:
        return "image"  # pictures of different sizes; the reader says so
    if array.dtype.kind in "US" or (array.dtype.kind == "O" and _holds_text(array)):
        return "text"
    if array.ndim in (3, 4) or array.dtype.kind == "O":
        return "image"
    if array.ndim == 2 and array.dtype.kind in "fi" and array.shape[1] >= _WAVEFORM_SAMPLES:
        return "speech"
    raise DataError(
        f"An array of the shape {array.shape} and type {array.dtype} is neither images "
        f"(n, height, width[, channels]) nor text; tables are not supported."
    )


def _holds_text(array: Any) -> bool:
    return array.size > 0 and isinstance(array.ravel()[0], str | bytes)
