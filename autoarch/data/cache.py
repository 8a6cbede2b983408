"""Decoded examples as rows, in memory or in a file; a file is complete or not there.

CACHE/ images.npy (the rows, of whatever kind) | images.json (what they are of; written last)
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from autoarch.data.preprocessing import Array
from autoarch.errors import DataError
from autoarch.trials.run_directory import write_json

Shape = tuple[int, ...]


class MemoryRows:
    """Rows in memory.

    Args:
        shape: `(n, ...)`.
        dtype: Of the rows.
    """

    def __init__(self, shape: Shape, dtype: str = "uint8"):
        self._rows = np.zeros(shape, dtype)

    def write(self, row: int, image: Array) -> None:
        self._rows[row] = image

    def finish(self, keep: Sequence[int], record: Mapping[str, Any]) -> Array:
        """Returns the rows to keep (rising numbers), moved together."""
        for target, row in enumerate(keep):
            if target != row:
                self._rows[target] = self._rows[row]
        return self._rows[: len(keep)]

    def discard(self) -> None:
        """Nothing lies on the disk."""


class FileRows:
    """Rows in a file, written in any order without holding them.

    Args:
        directory: Made if need be.
        shape: `(n, ...)`.
        in_memory_bytes: Below this size the finished rows are read into memory.
        dtype: Of the rows.
        noun: What a row is called in errors.

    Raises:
        DataError: From here and from every method: the disk is full or cannot be written.
    """

    def __init__(
        self,
        directory: Path,
        shape: Shape,
        in_memory_bytes: int,
        dtype: str = "uint8",
        noun: str = "image",
    ):
        self._noun = noun
        self._dtype = np.dtype(dtype)
        self._directory = directory
        self._shape = shape
        self._in_memory_bytes = in_memory_bytes
        self._row_bytes = int(np.prod(shape[1:])) * self._dtype.itemsize
        self._part = _rows_file(directory).with_name("images.npy.part")
        with self._told():
            directory.mkdir(parents=True, exist_ok=True)
            # what is there describes other rows from now on
            _record_file(directory).unlink(missing_ok=True)
            self._file = self._part.open("w+b")
            self._write_header(shape[0])
            self._start = self._file.tell()
            self._file.flush()
        try:
            with self._told():
                self._reserve(self._start + shape[0] * self._row_bytes)
        except DataError:
            self.discard()
            raise

    def write(self, row: int, image: Array) -> None:
        with self._told():
            self._file.seek(self._start + row * self._row_bytes)
            self._file.write(image.tobytes())

    def finish(self, keep: Sequence[int], record: Mapping[str, Any]) -> Array:
        """Moves the rows to keep (rising numbers) together and makes the file the cache.

        Args:
            keep: Rows that stay.
            record: JSON to find again with `read_rows`; holds "key".

        Returns:
            Rows `(len(keep), ...)`, read-only memory map where large.
        """
        with self._told():
            for target, row in enumerate(keep):
                if target != row:
                    self._file.seek(self._start + row * self._row_bytes)
                    content = self._file.read(self._row_bytes)
                    self._file.seek(self._start + target * self._row_bytes)
                    self._file.write(content)
            self._file.truncate(self._start + len(keep) * self._row_bytes)
            self._file.seek(0)
            self._write_header(len(keep))
            assert self._file.tell() == self._start, "NumPy pads headers for any length"
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(_rows_file(self._directory))
            shape = [len(keep), *self._shape[1:]]
            write_json(_record_file(self._directory), {**record, "shape": shape})
        return _open_rows(self._directory, self._in_memory_bytes)

    def discard(self) -> None:
        """Removes what was written so far."""
        with suppress(OSError):  # closing flushes, and the disk may be full
            self._file.close()
        self._part.unlink(missing_ok=True)

    def _write_header(self, rows: int) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (rows, *self._shape[1:]),
        }
        np.lib.format.write_array_header_1_0(self._file, header)

    def _reserve(self, size_bytes: int) -> None:
        """Asks for the space first, so that a full disk is known before the decoding."""
        if not hasattr(os, "posix_fallocate"):
            return
        try:
            os.posix_fallocate(self._file.fileno(), 0, size_bytes)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise  # those two: this file system cannot reserve, so writing will tell

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turns an error of the file system into one line."""
        try:
            yield
        except OSError as error:
            needed = self._shape[0] * self._row_bytes / 1e6
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                free = shutil.disk_usage(_existing_parent(self._directory)).free / 1e6
                raise DataError(
                    f"The disk is full: the decoded {self._noun}s take {needed:.0f} MB in "
                    f"{self._directory}, where {free:.0f} MB are free; free some space or choose "
                    f"a smaller {self._noun} size."
                ) from error
            raise DataError(
                f"Decoded {self._noun}s cannot be written to {self._directory}: "
                f"{(error.strerror or str(error)).lower()}; choose another place."
            ) from error


def read_rows(
    directory: Path, key: str, in_memory_bytes: int
) -> tuple[Array, dict[str, Any]] | None:
    """The finished rows and record of a cache, or None where it is missing or of something else.

    Args:
        directory: The cache.
        key: Stands for the source and its preprocessing.
        in_memory_bytes: Below this size the rows are read into memory, else memory-mapped.
    """
    try:
        record = json.loads(_record_file(directory).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("key") != key:
        return None
    try:
        rows = _open_rows(directory, in_memory_bytes)
    except (OSError, ValueError, EOFError):
        return None
    return (rows, record) if list(rows.shape) == record["shape"] else None


def _open_rows(directory: Path, in_memory_bytes: int) -> Array:
    path = _rows_file(directory)
    is_large = path.stat().st_size >= in_memory_bytes
    rows: Array = np.load(path, mmap_mode="r" if is_large else None, allow_pickle=False)
    return rows


def _rows_file(directory: Path) -> Path:
    return directory / "images.npy"


def _record_file(directory: Path) -> Path:
    return directory / "images.json"


def _existing_parent(path: Path) -> Path:
    return next(folder for folder in (path, *path.absolute().parents) if folder.exists())
