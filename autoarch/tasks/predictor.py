"""Answers of a trained model, from arrays or files, in float32."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from autoarch.data import read_images
from autoarch.export import TrainedModel
from autoarch.training.fit import Array, predict_in_batches


class Predictor:
    """Asks the float32 twin, which is what is exported; compiled once.

    Args:
        model: The trained model.
    """

    def __init__(self, model: TrainedModel):
        self.model = model
        network = model.serving_model()
        self._infer = tf.function(
            lambda x: network(x, training=False),
            input_signature=[tf.TensorSpec((None, *model.image_shape), tf.float32)],
            autograph=False,
            jit_compile=False,
        )

    def predict_proba(self, pixels: Array) -> npt.NDArray[np.float32]:
        """Probabilities `(n, classes)` of pixels `(n, h, w, c)` in the network's size."""
        return predict_in_batches(self._infer, pixels, len(self.model.classes))

    def predict_files(
        self, paths: Sequence[Path]
    ) -> tuple[npt.NDArray[np.float32], list[tuple[Path, str]]]:
        """Probabilities of picture files, decoded as in training.

        Returns:
            Probabilities `(n, classes)` of the files that can be read, in the order of `paths`;
            and the other files with the reasons.
        """
        read = read_images(list(paths), self.model.preprocessing)
        return self.predict_proba(read.images), [(Path(n), why) for n, why in read.unreadable]


def best_labels(probabilities: Array, classes: Sequence[Any]) -> Array:
    """The most probable class of each row, as the labels that the user gave."""
    return np.asarray(classes)[probabilities.argmax(axis=1)]


def as_given(names: Sequence[str], kind: str) -> tuple[Any, ...]:
    """Class names as the labels that they were: "str", "int" or "bool"."""
    if kind == "int":
        return tuple(int(name) for name in names)
    if kind == "bool":
        return tuple(name == "True" for name in names)
    return tuple(names)
