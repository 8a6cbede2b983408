"""Weights that the data gives, such as inverse document frequencies and pretrained vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt


def set_constants(model: Any, constants: Mapping[str, npt.NDArray[Any]]) -> None:
    """Puts weights into a Keras model.

    Args:
        model: A `keras.Model`.
        constants: Arrays by the path of the weight; the network need not hold them all.
    """
    for variable in model.weights:
        if variable.path in constants:
            variable.assign(constants[variable.path])
