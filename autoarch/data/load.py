"""From a source to the three splits: decoded once, duplicates out of train, findings told."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autoarch.data.cache import FileRows, MemoryRows, read_rows
from autoarch.data.dataset import (
    Findings,
    HeldOut,
    ImageData,
    ImagePreprocessing,
    ImageSet,
    Pixels,
)
from autoarch.data.duplicates import DIGEST_BYTES, digest, find_duplicates, group_equal
from autoarch.data.formats import listed
from autoarch.data.pictures import Unreadable
from autoarch.data.source import ImageSource
from autoarch.data.split import SPLIT_NAMES, TEST, TRAIN, VALID
from autoarch.errors import DataError

DEFAULT_IN_MEMORY_BYTES = 1 << 30
MAX_UNREADABLE_SHARE = 0.2
_CACHE_VERSION = 1
_PROGRESS_EVERY = 32

Record = dict[str, Any]


def load_images(
    source: ImageSource,
    preprocessing: ImagePreprocessing,
    *,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    in_memory_bytes: int = DEFAULT_IN_MEMORY_BYTES,
) -> ImageData:
    """Decodes every picture once.

    Args:
        source: From `scan_images`.
        preprocessing: The network's input.
        cache: Folder for the decoded pictures. They are kept there and used again when the same
            source is loaded in the same way; from `in_memory_bytes` on they are memory-mapped.
            Without it everything is held in memory.
        progress: Called now and then with (done, total).
        in_memory_bytes: Size in bytes from which the pictures stay on disk.

    Raises:
        DataError: More than 20 % unreadable, a class without readable training images, equal
            pictures everywhere, or a full disk.
    """
    key = _cache_key(source, preprocessing)
    found = read_rows(cache, key, in_memory_bytes) if cache is not None else None
    if found is None:
        rows, record = _decode(source, preprocessing, key, cache, in_memory_bytes, progress)
    else:
        rows, record = found
        if progress is not None:
            progress(source.n, source.n)
    return _assemble(source, preprocessing, rows, record)


def _cache_key(source: ImageSource, preprocessing: ImagePreprocessing) -> str:
    parts = {
        "version": _CACHE_VERSION,
        "fingerprint": source.fingerprint,
        "preprocessing": preprocessing.to_json(),
        "pixel_range": source.pixel_range and source.pixel_range.to_json(),
        "splits": hashlib.sha256(source.splits.tobytes()).hexdigest(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _row_order(source: ImageSource) -> npt.NDArray[np.int64]:
    """Positions in the order of the rows: train, valid, test, so that each split is one block."""
    return np.argsort(source.splits, kind="stable")


def _decode(
    source: ImageSource,
    preprocessing: ImagePreprocessing,
    key: str,
    cache: Path | None,
    in_memory_bytes: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[Pixels, Record]:
    order = _row_order(source)
    row_of = np.empty(source.n, np.int64)
    row_of[order] = np.arange(source.n)
    shape = (source.n, *preprocessing.shape)
    store = MemoryRows(shape) if cache is None else FileRows(cache, shape, in_memory_bytes)
    try:
        digests = np.zeros((source.n, DIGEST_BYTES), np.uint8)
        unreadable: dict[int, str] = {}
        for done, (position, image) in enumerate(source.pictures.decode(preprocessing), 1):
            if isinstance(image, Unreadable):
                unreadable[position] = image.reason
            else:
                store.write(int(row_of[position]), image)
                digests[position] = np.frombuffer(digest(image.tobytes()), np.uint8)
            if progress is not None and (done % _PROGRESS_EVERY == 0 or done == source.n):
                progress(done, source.n)
        record = {"key": key, **_examine(source, digests, unreadable)}
        kept = order[_kept_mask(source, record)[order]]
        return store.finish(row_of[kept].tolist(), record), record
    except BaseException:
        store.discard()
        raise


def _examine(
    source: ImageSource, digests: npt.NDArray[np.uint8], unreadable: dict[int, str]
) -> Record:
    """Finds duplicates and checks that enough is left; the record is JSON."""
    _check_unreadable(source, unreadable)
    readable = np.array([i for i in range(source.n) if i not in unreadable], np.int64)
    groups = group_equal(digests[readable].reshape(-1).view(f"V{DIGEST_BYTES}"))
    duplicates = find_duplicates(
        groups,
        source.splits[readable],
        source.labels[readable],
        valid_given=source.valid_given,
    )
    record: Record = {
        "unreadable": [[position, unreadable[position]] for position in sorted(unreadable)],
        "dropped": [[int(readable[a]), int(readable[b])] for a, b in duplicates.dropped],
        "within_train": duplicates.within_train,
        "valid_in_test": duplicates.valid_in_test,
        "conflicting": duplicates.conflicting,
    }
    _check_what_is_left(source, record)
    return record


def _check_unreadable(source: ImageSource, unreadable: dict[int, str]) -> None:
    if len(unreadable) <= MAX_UNREADABLE_SHARE * source.n:
        return
    examples = [f"{source.names[i]} ({unreadable[i]})" for i in sorted(unreadable)]
    raise DataError(
        f"{len(unreadable)} of {source.n} images cannot be read "
        f"({len(unreadable) / source.n:.0%}): {listed(examples)}; replace or remove them."
    )


def _kept_mask(source: ImageSource, record: Record) -> npt.NDArray[np.bool_]:
    mask = np.ones(source.n, np.bool_)
    mask[[position for position, _ in record["unreadable"]]] = False
    mask[[position for _, position in record["dropped"]]] = False
    return mask


def _check_what_is_left(source: ImageSource, record: Record) -> None:
    mask = _kept_mask(source, record)
    left = np.bincount(
        source.labels[mask & (source.splits == TRAIN)], minlength=len(source.classes)
    )
    lost = [name for name, count in zip(source.classes, left) if count == 0]
    if lost:
        raise DataError(
            f"No training image is left of class {listed(lost)}: the others are unreadable or "
            f"copies of held-out images; add different images."
        )
    if not (mask & (source.splits == VALID)).any():
        raise DataError(
            "No validation image is left: they are unreadable or copies of test images; "
            "add different images."
        )


def _assemble(
    source: ImageSource, preprocessing: ImagePreprocessing, rows: Pixels, record: Record
) -> ImageData:
    order = _row_order(source)
    kept = order[_kept_mask(source, record)[order]]
    sets = {}
    start = 0
    for split in (TRAIN, VALID, TEST):
        positions = kept[source.splits[kept] == split]
        end = start + len(positions)
        sets[split] = ImageSet(
            inputs=rows[start:end],
            labels=source.labels[positions],
            names=tuple(source.names[i] for i in positions),
        )
        start = end
    return ImageData(
        train=sets[TRAIN],
        valid=sets[VALID],
        held_out=HeldOut(sets[TEST]),
        classes=source.classes,
        preprocessing=preprocessing,
        findings=_findings(source, record, sets),
        fingerprint=source.fingerprint,
        pixel_range=source.pixel_range,
        label_kind=source.label_kind,
        valid_given=source.valid_given,
    )


def _findings(source: ImageSource, record: Record, sets: dict[int, ImageSet]) -> Findings:
    counts = {}
    for split, name in enumerate(SPLIT_NAMES):
        tally = Counter(sets[split].labels.tolist())
        counts[name] = {cls: tally[index] for index, cls in enumerate(source.classes)}
    notes = list(source.notes)
    if record["valid_in_test"]:
        notes.append(f"{record['valid_in_test']} images of valid are also in test.")
    if record["conflicting"]:
        notes.append(f"{record['conflicting']} images occur with different labels.")
    return Findings(
        class_counts=counts,
        duplicates=tuple((source.names[a], source.names[b]) for a, b in record["dropped"]),
        duplicates_within=record["within_train"],
        unreadable=tuple((source.names[i], reason) for i, reason in record["unreadable"]),
        notes=tuple(notes),
    )
