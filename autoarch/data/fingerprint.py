"""Fingerprints: the same data is the same, wherever it lies and whoever reads it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from autoarch.data.dataset import Labels
from autoarch.data.duplicates import digest
from autoarch.data.formats import read_head
from autoarch.data.listing import ImageFile, Listing

_LOOKED_INTO = 64
_HEAD_BYTES = 4096


def fingerprint_files(listings: Mapping[str, Listing]) -> str:
    """SHA-256 (hex) over splits, relative names, labels, sizes, and the heads of a few files."""
    files = sorted(
        ((split, file) for split, listing in listings.items() for file in listing.files),
        key=lambda entry: (entry[0], entry[1].relative, entry[1].label),
    )
    lines: list[object] = [["classes", *listings["train"].classes]]
    lines += [[split, file.relative, file.label, file.size_bytes] for split, file in files]
    for index in np.linspace(0, len(files) - 1, min(_LOOKED_INTO, len(files))).astype(int):
        lines.append(digest(read_head(files[index][1].path, _HEAD_BYTES)).hex())
    return _hashed(lines)


def fingerprint_examples(
    digests: Sequence[bytes], labels: Labels, classes: tuple[str, ...], train: int
) -> str:
    """SHA-256 (hex) over the pixels and labels of arrays; `train` of them are not valid."""
    content = digest(b"".join(digests)).hex()
    return _hashed([["classes", *classes], content, labels.tolist(), train])


def group_copies(files: Sequence[ImageFile]) -> npt.NDArray[np.int64]:
    """Numbers such that files of equal bytes, and only they, have equal numbers, `(n,)`.

    Only files of equal size are read.
    """
    same_size = Counter(file.size_bytes for file in files)
    numbers: dict[object, int] = {}
    groups = np.empty(len(files), np.int64)
    for index, file in enumerate(files):
        key: object = index
        if same_size[file.size_bytes] > 1:
            content = _content(file.path)
            key = index if content is None else digest(content)
        groups[index] = numbers.setdefault(key, len(numbers))
    return groups


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None  # decoding reports it by name


def _hashed(lines: Iterable[object]) -> str:
    whole = hashlib.sha256()
    for line in lines:
        whole.update(json.dumps(line, ensure_ascii=True).encode() + b"\n")
    return whole.hexdigest()
