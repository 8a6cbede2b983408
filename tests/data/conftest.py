"""Small pictures, made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

MakeFolder = Callable[..., Path]


def photo(seed: int, height: int = 24, width: int = 32, cell: int = 8) -> np.ndarray:
    """A colourful uint8 picture `(height, width, 3)` of flat cells, different for each seed."""
    random = np.random.default_rng(seed)
    cells = random.integers(0, 256, (-(-height // cell), -(-width // cell), 3), np.uint8)
    return np.kron(cells, np.ones((cell, cell, 1), np.uint8))[:height, :width]


@pytest.fixture(name="photo")
def _photo() -> Callable[..., np.ndarray]:
    return photo


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Writes class folders: `make_folder({"cat": 6, "dog": 6}, inside="train")`."""

    def make(
        counts: dict[str, int], *, inside: str = "", suffix: str = ".png", seed: int = 0
    ) -> Path:
        root = tmp_path / "pets"
        for index, (name, count) in enumerate(counts.items()):
            folder = root / inside / name
            folder.mkdir(parents=True, exist_ok=True)
            for i in range(count):
                pixels = photo(seed + 1000 * index + i)
                Image.fromarray(pixels).save(folder / f"{i:03d}{suffix}")
        return root

    return make
