"""Weights that do not begin at random: those that the data or another training gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt


def set_weights(model: Any, weights: Mapping[str, npt.NDArray[Any]]) -> None:
    """Puts weights into a Keras model.

    Args:
        model: A `keras.Model`.
        weights: Arrays by the path of the weight; the network need not hold them all.
    """
    for variable in model.weights:
        if variable.path in weights:
            variable.assign(weights[variable.path])


def set_constants(model: Any, constants: Mapping[str, npt.NDArray[Any]]) -> None:
    """Puts weights into a Keras model that training then leaves alone; see `set_weights`."""
    set_weights(model, constants)
    for variable in model.weights:
        if variable.path in constants:
            variable.trainable = False
