"""Weights out of the files that Keras writes: .h5 of old, .weights.h5 and .keras."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autoarch.errors import InvalidInputError

Array = npt.NDArray[Any]
LayerWeights = dict[str, list[tuple[Array, ...]]]
"""By kind of layer, `conv2d`, `depthwise_conv2d`, `batch_normalization` or `dense`: the weights of
each such layer, in their order in the network."""

WEIGHT_FILES = (".h5", ".hdf5", ".keras")
"""Endings of files with weights."""


def read_weights_file(path: Path) -> LayerWeights:
    """Reads a file of weights; nothing in it is run.

    Args:
        path: A file of Keras 3 (.weights.h5 or .keras), or one of older ones (.h5).

    Raises:
        InvalidInputError: It is missing, or no such file.
    """
    import h5py

    if not path.is_file():
        raise InvalidInputError(f"{path} is no file; give a Keras file of weights.")
    try:
        with h5py.File(_opened(path), "r") as file:
            root = file.get("model_weights", file)
            layers = list(_of_old(root) if "layer_names" in root.attrs else _of_keras3(root))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InvalidInputError(
            f"{path} is no Keras file of weights ({error}); give one such as *.weights.h5, *.keras "
            "or *_notop.h5."
        ) from error
    found: LayerWeights = {}
    for kind, weights in layers:
        found.setdefault(kind, []).append(weights)
    return found


def _opened(path: Path) -> Path | io.BytesIO:
    """What h5py opens: the file, or the weights within a .keras archive."""
    if not zipfile.is_zipfile(path):
        return path
    with zipfile.ZipFile(path) as archive:
        return io.BytesIO(archive.read("model.weights.h5"))


def _of_old(root: Any) -> Iterator[tuple[str, tuple[Array, ...]]]:
    """Layers by their names in order, each with the names of its weights."""
    for layer in root.attrs["layer_names"]:
        group = root[_text(layer)]
        names = [_text(name) for name in group.attrs["weight_names"]]
        if names:
            weights = tuple(np.asarray(group[name], np.float32) for name in names)
            yield _kind(weights), weights


def _of_keras3(root: Any) -> Iterator[tuple[str, tuple[Array, ...]]]:
    """Layers by kind and number, such as `layers/conv2d_1/vars/0`; their order is per kind."""
    groups: list[str] = []
    root.visit(lambda name: groups.append(name) if name.split("/")[-1] == "vars" else None)
    for name in sorted(groups, key=_natural):
        if name.startswith("optimizer"):
            continue
        variables = root[name]
        weights = tuple(
            np.asarray(variables[number], np.float32) for number in sorted(variables, key=_natural)
        )
        if weights and weights[0].ndim:  # not the state of a random generator
            yield _kind(weights), weights


def _kind(weights: tuple[Array, ...]) -> str:
    """By the shapes: names differ between versions of Keras."""
    shape = weights[0].shape
    if len(shape) == 4:
        return "depthwise_conv2d" if shape[2] > shape[3] == 1 else "conv2d"
    return "batch_normalization" if len(shape) == 1 and len(weights) == 4 else "dense"


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts conv2d, conv2d_2, conv2d_10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
