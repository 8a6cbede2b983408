"""What a benchmark has finished, so that an interrupted one goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Kept:
    """Finished cells by key, each a line of a file."""

    def __init__(self, path: Path):
        self.path = path
        self.cells: dict[str, Any] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                self.cells.update([json.loads(line)])

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
            # Beside and renamed: a kill in the middle leaves no half line behind.
            beside = self.path.with_suffix(".part")
            lines = [json.dumps([key, cell]) + "\n" for key, cell in self.cells.items()]
            beside.write_text("".join(lines))
            beside.replace(self.path)
        return cell
