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

    def get(self, key: str, make: Callable[[], Any]) -> Any:
        if key not in self.cells:
            self.cells[key] = make()
            with self.path.open("a") as file:
                file.write(json.dumps([key, self.cells[key]]) + "\n")
        return self.cells[key]
