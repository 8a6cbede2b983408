"""Answers of a trained model, in float32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from autoarch.export import TrainedModel
from autoarch.training.fit import Array, input_spec, predict_in_batches


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
            input_signature=[input_spec(model.architecture)],
            autograph=False,
            jit_compile=False,
        )

    def predict_proba(self, inputs: Array) -> npt.NDArray[np.float32]:
        """Probabilities `(n, classes)` of inputs `(n, ...)` in the network's form."""
        return predict_in_batches(self._infer, inputs, self.model.architecture)


def best_labels(probabilities: Array, classes: Sequence[Any]) -> Array:
    """The most probable class of each row, as the labels that the user gave."""
    labels: Array = np.asarray(classes)[probabilities.argmax(axis=1)]
    return labels


def as_given(names: Sequence[str], kind: str) -> tuple[Any, ...]:
    """Class names as the labels that they were: "str", "int" or "bool"."""
    if kind == "int":
        return tuple(int(name) for name in names)
    if kind == "bool":
        return tuple(name == "True" for name in names)
    return tuple(names)
