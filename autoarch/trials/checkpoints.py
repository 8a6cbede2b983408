"""Lists of arrays (weights, optimizer state) as files: atomic, and never pickled."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def save_arrays(path: Path, **groups: Sequence[Array]) -> None:
    """Writes named lists of arrays into one `.npz`, complete or not at all.

    Args:
        path: Target; an existing file is replaced by rename, so a reader sees the old or the new.
        groups: For instance `weights=model.get_weights()`. Dtypes are kept, except bfloat16 and
            other types that NumPy lacks: convert them first.
    """
    named = {
        f"{group}/{index:05d}": np.asarray(array)
        for group, arrays in groups.items()
        for index, array in enumerate(arrays)
    }
    beside = path.with_name(path.name + ".part")
    with beside.open("wb") as file:
        np.savez(file, allow_pickle=False, **named)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def load_arrays(path: Path) -> dict[str, list[Array]]:
    """Reads what `save_arrays` wrote: a list of arrays for each group that is not empty."""
    groups: dict[str, list[Array]] = {}
    # Opened here, so that it is closed even where it is torn.
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        for name in sorted(file.files):
            groups.setdefault(name.rsplit("/", 1)[0], []).append(file[name])
    return groups
