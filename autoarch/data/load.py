"""From a source to the three splits: decoded once, duplicates out of train, findings told."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from autoarch.data.cache import FileRows, MemoryRows, read_rows
from autoarch.data.dataset import (
    ExampleSet,
    Findings,
    HeldOut,
    ImageData,
    ImagePreprocessing,
    ImageSet,
    Labels,
    PixelRange,
)
from autoarch.data.duplicates import (
    DIGEST_BYTES,
    digest,
    find_duplicates,
    group_equal,
    notes_on_copies,
)
from autoarch.data.formats import listed
from autoarch.data.pictures import Unreadable
from autoarch.data.preprocessing import Array, Preprocessing
from autoarch.data.source import ImageSource
from autoarch.data.split import SPLIT_NAMES, TEST, TRAIN, VALID, Splits
from autoarch.errors import DataError

DEFAULT_IN_MEMORY_BYTES = 1 << 30
MAX_UNREADABLE_SHARE = 0.2
_CACHE_VERSION = 1
_PROGRESS_EVERY = 32

Record = dict[str, Any]


class Source(Protocol):
    """What was found by looking, as `ImageSource` has it."""

    @property
    def splits(self) -> Splits: ...

    @property
    def labels(self) -> Labels: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    @property
    def valid_given(self) -> bool: ...

    @property
    def label_kind(self) -> str: ...

    @property
    def examples(self) -> Any:
        """Its `decode(preprocessing)` yields each position once, with a row or why not."""

    @property
    def pixel_range(self) -> PixelRange | None:
        """For arrays of pictures, how numbers stand for brightness."""

    @property
    def n(self) -> int:
        """Number of examples in all splits."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """Decoded examples in their splits."""

    sets: dict[int, ExampleSet]
    findings: Findings

    def common(self, source: Source) -> dict[str, Any]:
        """What every kind of `TaskData` takes but the preprocessing."""
        return {
            "train": self.sets[TRAIN],
            "valid": self.sets[VALID],
            "held_out": HeldOut(self.sets[TEST]),
            "classes": source.classes,
            "findings": self.findings,
            "fingerprint": source.fingerprint,
            "label_kind": source.label_kind,
            "valid_given": source.valid_given,
        }


def load_images(
    source: ImageSource,
    preprocessing: ImagePreprocessing,
    *,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    in_memory_bytes: int = DEFAULT_IN_MEMORY_BYTES,
) -> ImageData:
    """Decodes every picture once. See `load_examples`."""
    loaded = load_examples(
        source,
        preprocessing,
        ImageSet,
        cache=cache,
        progress=progress,
        in_memory_bytes=in_memory_bytes,
    )
    return ImageData(
        **loaded.common(source), preprocessing=preprocessing, pixel_range=source.pixel_range
    )


def load_examples(
    source: Source,
    preprocessing: Preprocessing,
    kind: type[ExampleSet] = ExampleSet,
    *,
    dtype: str = "uint8",
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    in_memory_bytes: int = DEFAULT_IN_MEMORY_BYTES,
) -> Loaded:
    """Decodes every example once.

    Args:
        source: What was found by looking.
        preprocessing: The network's input.
        kind: Of the sets that are made.
        dtype: Of a decoded example.
        cache: Folder for the decoded examples. They are kept there and used again when the same
            source is loaded in the same way; from `in_memory_bytes` on they are memory-mapped.
            Without it everything is held in memory.
        progress: Called now and then with (done, total).
        in_memory_bytes: Size in bytes from which the examples stay on disk.

    Raises:
        DataError: More than 20 % unreadable, a class without readable training examples, equal
            examples everywhere, or a full disk.
    """
    key = _cache_key(source, preprocessing)
    found = read_rows(cache, key, in_memory_bytes) if cache is not None else None
    if found is None:
        store = _store(source, preprocessing, dtype, cache, in_memory_bytes)
        rows, record = _decode(source, preprocessing, key, store, progress)
    else:
        rows, record = found
        if progress is not None:
            progress(source.n, source.n)
    return _assemble(source, preprocessing, rows, record, kind)


def _store(
    source: Source,
    preprocessing: Preprocessing,
    dtype: str,
    cache: Path | None,
    in_memory_bytes: int,
) -> MemoryRows | FileRows:
    shape = (source.n, *preprocessing.shape)
    if cache is None:
        return MemoryRows(shape, dtype)
    return FileRows(cache, shape, in_memory_bytes, dtype, preprocessing.noun)


def _cache_key(source: Source, preprocessing: Preprocessing) -> str:
    parts = {
        "version": _CACHE_VERSION,
        "fingerprint": source.fingerprint,
        "preprocessing": preprocessing.to_json(),
        "pixel_range": source.pixel_range and source.pixel_range.to_json(),
        "splits": hashlib.sha256(source.splits.tobytes()).hexdigest(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _row_order(source: Source) -> npt.NDArray[np.int64]:
    """Positions in the order of the rows: train, valid, test, so that each split is one block."""
    return np.argsort(source.splits, kind="stable")


def _decode(
    source: Source,
    preprocessing: Preprocessing,
    key: str,
    store: MemoryRows | FileRows,
    progress: Callable[[int, int], None] | None,
) -> tuple[Array, Record]:
    order = _row_order(source)
    row_of = np.empty(source.n, np.int64)
    row_of[order] = np.arange(source.n)
    try:
        digests = np.zeros((source.n, DIGEST_BYTES), np.uint8)
        unreadable: dict[int, str] = {}
        for done, (position, example) in enumerate(source.examples.decode(preprocessing), 1):
            if isinstance(example, Unreadable):
                unreadable[position] = example.reason
            else:
                store.write(int(row_of[position]), example)
                digests[position] = np.frombuffer(digest(example.tobytes()), np.uint8)
            if progress is not None and (done % _PROGRESS_EVERY == 0 or done == source.n):
                progress(done, source.n)
        record = {"key": key, **_examine(source, digests, unreadable, preprocessing.noun)}
        kept = order[_kept_mask(source, record)[order]]
        return store.finish(row_of[kept].tolist(), record), record
    except BaseException:
        store.discard()
        raise


def _examine(
    source: Source, digests: npt.NDArray[np.uint8], unreadable: dict[int, str], noun: str
) -> Record:
    """Finds duplicates and checks that enough is left; the record is JSON."""
    _check_unreadable(source, unreadable, noun)
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
    _check_what_is_left(source, record, noun)
    return record


def _check_unreadable(source: Source, unreadable: dict[int, str], noun: str) -> None:
    if len(unreadable) <= MAX_UNREADABLE_SHARE * source.n:
        return
    examples = [f"{source.names[i]} ({unreadable[i]})" for i in sorted(unreadable)]
    raise DataError(
        f"{len(unreadable)} of {source.n} {noun}s cannot be read "
        f"({len(unreadable) / source.n:.0%}): {listed(examples)}; replace or remove them."
    )


def _kept_mask(source: Source, record: Record) -> npt.NDArray[np.bool_]:
    mask = np.ones(source.n, np.bool_)
    mask[[position for position, _ in record["unreadable"]]] = False
    mask[[position for _, position in record["dropped"]]] = False
    return mask


def _check_what_is_left(source: Source, record: Record, noun: str) -> None:
    mask = _kept_mask(source, record)
    left = np.bincount(
        source.labels[mask & (source.splits == TRAIN)], minlength=len(source.classes)
    )
    lost = [name for name, count in zip(source.classes, left) if count == 0]
    if lost:
        raise DataError(
            f"No training {noun} is left of class {listed(lost)}: the others are unreadable or "
            f"copies of held-out {noun}s; add different {noun}s."
        )
    if not (mask & (source.splits == VALID)).any():
        raise DataError(
            f"No validation {noun} is left: they are unreadable or copies of test {noun}s; "
            f"add different {noun}s."
        )


def _assemble(
    source: Source,
    preprocessing: Preprocessing,
    rows: Array,
    record: Record,
    kind: type[ExampleSet],
) -> Loaded:
    order = _row_order(source)
    kept = order[_kept_mask(source, record)[order]]
    sets = {}
    start = 0
    for split in (TRAIN, VALID, TEST):
        positions = kept[source.splits[kept] == split]
        end = start + len(positions)
        sets[split] = kind(
            inputs=rows[start:end],
            labels=source.labels[positions],
            names=tuple(source.names[i] for i in positions),
        )
        start = end
    return Loaded(sets, _findings(source, record, sets, preprocessing.noun))


def _findings(source: Source, record: Record, sets: dict[int, ExampleSet], noun: str) -> Findings:
    counts = {}
    for split, name in enumerate(SPLIT_NAMES):
        tally = Counter(sets[split].labels.tolist())
        counts[name] = {cls: tally[index] for index, cls in enumerate(source.classes)}
    copies = notes_on_copies(record["valid_in_test"], record["conflicting"], noun)
    return Findings(
        class_counts=counts,
        duplicates=tuple((source.names[a], source.names[b]) for a, b in record["dropped"]),
        duplicates_within=record["within_train"],
        unreadable=tuple((source.names[i], reason) for i, reason in record["unreadable"]),
        notes=(*source.notes, *copies),
    )
