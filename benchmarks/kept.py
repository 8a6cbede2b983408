"""What a benchmark has finished, so that an interrupted one goes on."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from fitting import machine


class Made(NamedTuple):
    """Of a cell: on which day and machine."""

    day: str
    machine: str


class Kept:
    """Finished cells by key, each a line of a file, with the day and machine that made it."""

    def __init__(self, path: Path):
        self.path = path
        self.cells: dict[str, Any] = {}
        self.made: dict[str, Made] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                key, cell, *made = json.loads(line)
                self.cells[key] = cell
                self.made[key] = Made(*made)

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
            self.made[key] = Made(str(datetime.date.today()), machine())
            # Beside and renamed: a kill in the middle leaves no half line behind.
            beside = self.path.with_suffix(".part")
            lines = [json.dumps([k, cell, *self.made[k]]) + "\n" for k, cell in self.cells.items()]
            beside.write_text("".join(lines))
            beside.replace(self.path)
        return cell

    @property
    def told(self) -> str:
        """When and where the cells were made: the first day and the last, and all machines."""
        days = sorted(made.day for made in self.made.values())
        span = " to ".join(dict.fromkeys([*days[:1], *days[-1:]]))
        machines = sorted({made.machine for made in self.made.values()})
        return ", ".join(filter(None, [span, "; ".join(machines)]))
