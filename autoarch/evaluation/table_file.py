"""The file of a benchmark table: its cells, what they mean, and what may be wrong with them."""

from __future__ import annotations

import csv
import gzip
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autoarch.errors import DataError

FloatArray = npt.NDArray[np.float64]
Value = Any  # int, float or str


def read_csv(path: Path) -> tuple[dict[str, list[str]], list[int]]:
    """The cells of each column, and the line that each row ends in."""
    try:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            rows = [(reader.line_num, row) for row in reader if row]
    except FileNotFoundError as error:
        raise DataError(f"There is no table at {path}.") from error
    except (OSError, EOFError, UnicodeError, csv.Error, zlib.error) as error:
        raise DataError(f"{path} cannot be read as a CSV file: {error}") from error
    if len(rows) < 2:
        raise DataError(f"{path} must have a header and at least one row.")
    (_, header), *rows = rows
    names = [name.strip() for name in header]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{path} has two columns `{name}`.")
    for line, row in rows:
        if len(row) != len(names):
            raise DataError(
                f"{path}, line {line}: {len(row)} cells where there are {len(names)} columns."
            )
    columns = zip(*(row for _, row in rows), strict=True)
    cells = {name: [cell.strip() for cell in column] for name, column in zip(names, columns)}
    return cells, [line for line, _ in rows]


def check_names(
    path: Path,
    cells: Mapping[str, list[str]],
    decisions: Sequence[str],
    columns: Sequence[str],
    categorical: Sequence[str],
) -> None:
    """Makes sure that each column is there and has one role."""
    for name in (*decisions, *columns):
        if name not in cells:
            raise DataError(f"{path} has no column `{name}`; there are: {', '.join(cells)}.")
    for name in categorical:
        if name not in decisions:
            raise DataError(f"`{name}` is categorical, but no decision: {', '.join(decisions)}.")
    if both := set(decisions) & set(columns):
        raise DataError(f"`{min(both)}` cannot be a decision and be measured.")
    if not decisions:
        raise DataError(f"{path} has no column that could be a decision.")


def check_no_gaps(
    path: Path, cells: Mapping[str, list[str]], decisions: Sequence[str], lines: list[int]
) -> None:
    """Makes sure that every row says what it decided."""
    for name in decisions:
        if "" in cells[name]:
            line = lines[cells[name].index("")]
            raise DataError(f"{path}, line {line}: decision `{name}` is empty.")


def number_rows(
    path: Path, values: Mapping[str, list[Value]], lines: list[int]
) -> dict[tuple[Value, ...], int]:
    """The row of each setting; there must be one only."""
    rows: dict[tuple[Value, ...], int] = {}
    for row, setting in enumerate(zip(*values.values(), strict=True)):
        first = rows.setdefault(setting, row)
        if first != row:
            raise DataError(
                f"{path}, lines {lines[first]} and {lines[row]} are of the same setting; name "
                "more decisions, or average what was measured repeatedly."
            )
    return rows


def parse_decision(cells: list[str]) -> list[Value]:
    """The cells as integers where all are, else as finite floats, else as they stand."""
    distinct = set(cells)
    if any(re.match(r"[+-]?0\d", cell) for cell in distinct):
        return list(cells)
    for kind in (int, float):
        try:
            known: dict[str, Value] = {cell: kind(cell) for cell in distinct}
        except ValueError:
            continue
        if all(map(math.isfinite, known.values())):
            return [known[cell] for cell in cells]
    return list(cells)


def parse_numbers(path: Path, name: str, cells: list[str], lines: list[int]) -> FloatArray:
    """A column of numbers; NaN where a cell is empty."""
    numbers = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        try:
            numbers[row] = float(cell) if cell else math.nan
        except ValueError as error:
            raise DataError(
                f"{path}, line {lines[row]}: `{name}` must be a number; got {cell!r}."
            ) from error
    return numbers
