"""`model.keras`: for `keras.models.load_model`; takes what the network takes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoarch.export.formats import Convert, Writing

NAME = "keras"
FILE = "model.keras"
BESIDE: tuple[str, ...] = ()
TOLERANCE = 1e-3
DIFFERENCE = "largest"
NEEDS = ("tensorflow",)
CONVERTS = False


def write(writing: Writing, path: Path, convert: Convert) -> None:
    shutil.copyfile(writing.keras_file, path)


def answers(path: str, questions: Any) -> dict[str, Any]:
    import keras
    import numpy as np

    model = keras.models.load_model(path)
    inputs = questions["inputs"]
    batches = [inputs[start : start + 32] for start in range(0, len(inputs), 32)]
    probabilities = [np.asarray(model(batch, training=False)) for batch in batches]
    return {"inputs": np.concatenate(probabilities)}
