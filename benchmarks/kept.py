"""What a benchmark has finished, so that an interrupted one goes on."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Kept:
    """Finished cells by key, each a line of a file, with the day on which it was made."""

    def __init__(self, path: Path):
        self.path = path
        self.cells: dict[str, Any] = {}
        self._days: dict[str, str] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                key, cell, *day = json.loads(line)
                self.cells[key] = cell
                self._days[key] = day[0] if day else ""

    def get(
        self,
        key: str,
        make: Callable[[], Any],
        *,
        lasts: Callable[[Any], bool] = lambda cell: True,
    ) -> Any:
        """The cell, made where it is not there yet.

        Args:
            key: Its name.
            make: Makes it.
            lasts: Whether a cell is kept; another one is made again next time.
        """
        if key in self.cells:
            return self.cells[key]
        cell = make()
        if lasts(cell):
            self.cells[key] = cell
            self._days[key] = str(datetime.date.today())
            # Beside and renamed: a kill in the middle leaves no half line behind.
            beside = self.path.with_suffix(".part")
            lines = [json.dumps([k, cell, self._days[k]]) + "\n" for k, cell in self.cells.items()]
            beside.write_text("".join(lines))
            beside.replace(self.path)
        return cell

    @property
    def days(self) -> str:
        """When the cells were made: the first day, and the last where it is another."""
        days = sorted(day for day in self._days.values() if day)
        return " to ".join(dict.fromkeys([*days[:1], *days[-1:]]))
