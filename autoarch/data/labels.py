"""Labels as people give them in arrays, to class names and indices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autoarch.data.dataset import Labels
from autoarch.data.formats import listed
from autoarch.errors import DataError

Array = npt.NDArray[Any]

FEW_CLASSES = 10
"""So many different labels are classes, however few examples there are."""


@dataclass(frozen=True, eq=False)
class EncodedLabels:
    """Class indices with what they stand for.

    Args:
        indices: int64 `(n,)`.
        classes: Names in order.
        kind: "str", "int" or "bool": what was given.
    """

    indices: Labels
    classes: tuple[str, ...]
    kind: str


def encode_labels(labels: Any, count: int) -> EncodedLabels:
    """Makes classes of labels: strings, whole numbers, booleans, or one-hot rows.

    Args:
        labels: Array-like, `(n,)`, `(n, 1)` or one-hot `(n, classes)`.
        count: Number of examples that they are for.

    Raises:
        DataError: Another length, missing values, fractions (regression), or several classes a row.
    """
    values = _as_column(labels, count)
    if values.ndim == 2:
        return _from_one_hot(values)
    if values.dtype.kind == "b":
        return EncodedLabels(values.astype(np.int64), ("False", "True"), "bool")
    if values.dtype.kind in "iu":
        numbers, indices = np.unique(values, return_inverse=True)
        return EncodedLabels(
            indices.astype(np.int64), tuple(str(int(number)) for number in numbers), "int"
        )
    names, indices = np.unique(values, return_inverse=True)
    return EncodedLabels(indices.astype(np.int64), tuple(str(name) for name in names), "str")


def refuse_fractions(labels: Iterable[str], where: str, noun: str) -> None:
    """Labels such as 0.37 are numbers to be predicted, not classes.

    Args:
        labels: As they are written.
        where: What they were read from, for the message.
        noun: What has a label.

    Raises:
        DataError: All are numbers, and not all are whole.
    """
    try:
        numbers = [float(label) for label in labels]
    except ValueError:
        return
    fraction = next((n for n in numbers if not n.is_integer()), None)
    if fraction is not None:
        raise DataError(
            f"{where}: labels are fractions, such as {fraction:g}; regression is not supported "
            f"yet, give one class for each {noun}."
        )


def refuse_free_text(labels: Sequence[str], where: str, noun: str) -> None:
    """Labels nearly all of which differ are no classes: texts, names or numbers of rows.

    Args:
        labels: As they are written.
        where: What they were read from, for the message.
        noun: What has a label.

    Raises:
        DataError: There are more than half as many different labels as examples, and not a few.
    """
    different = len(set(labels))
    if different > max(FEW_CLASSES, len(labels) / 2):
        raise DataError(
            f"{where}: the labels of {len(labels):,} {noun}s have {different:,} different values, "
            "so they are no classes; name the column of the classes with `label_column`."
        )


def encode_known(labels: Any, count: int, classes: tuple[str, ...], where: str) -> Labels:
    """Class indices of labels whose classes are settled already.

    Args:
        labels: As for `encode_labels`; one-hot rows must have one column a class.
        count: Number of examples that they are for.
        classes: The settled names.
        where: What the labels are of, for the message.

    Raises:
        DataError: As for `encode_labels`, or a class that is not among `classes`.
    """
    values = _as_column(labels, count)
    if values.ndim == 2 and values.shape[1] == len(classes):
        return _from_one_hot(values).indices
    encoded = encode_labels(values, count)
    occurring = np.unique(encoded.indices)
    names = [encoded.classes[i] for i in occurring]
    unknown = [name for name in names if name not in classes]
    if unknown:
        raise DataError(
            f"{where} has {listed(unknown)}, which train lacks; give both the same classes."
        )
    positions = np.full(len(encoded.classes), -1, np.int64)
    positions[occurring] = [classes.index(name) for name in names]
    return positions[encoded.indices]


def _as_column(labels: Any, count: int) -> Array:
    """Labels as an array of strings, integers or booleans `(n,)`, or numbers `(n, k)`."""
    try:
        values = np.asarray(labels)
    except ValueError as error:
        raise DataError("Labels are lists of unequal length; give one class an example.") from error
    if values.ndim == 0 or len(values) != count:
        given = "one label" if values.ndim == 0 else f"{len(values)} labels"
        raise DataError(f"There are {count} examples but {given}; give one label for each.")
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim > 2:
        raise DataError(
            f"Labels have the shape {values.shape}; give one class for each example, "
            f"as (n,) or one-hot (n, classes)."
        )
    if values.dtype.kind == "O":
        values = _unpacked(values)
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    if values.dtype.kind == "f" and values.ndim == 1:
        if not np.isfinite(values).all():
            raise DataError("Labels hold NaN or infinity; give every example a class.")
        if (values != np.rint(values)).any():
            raise DataError(
                "Labels are fractions, such as "
                f"{float(values[values != np.rint(values)][0]):g}; regression is not supported "
                "yet, give one class for each example."
            )
        values = values.astype(np.int64)
    if values.dtype.kind not in "biufU" or (values.dtype.kind == "U" and values.ndim == 2):
        raise DataError(
            f"Labels of the type {values.dtype} and shape {values.shape} are not understood; "
            f"give strings or whole numbers, one for each example."
        )
    return values


def _unpacked(values: Array) -> Array:
    """An object array whose members are all of one type, as an array of that type."""
    members = values.ravel().tolist()
    missing = any(m is None or (isinstance(m, float) and m != m) for m in members)
    if missing:
        raise DataError("Labels hold None or NaN; give every example a class.")
    for accepted in (str, bytes, (bool, np.bool_), (int, np.integer), (float, np.floating)):
        if all(isinstance(m, accepted) for m in members):
            return np.array(members).reshape(values.shape)
    kinds = sorted({type(m).__name__ for m in members})
    raise DataError(f"Labels mix the types {listed(kinds)}; give strings or whole numbers.")


def _from_one_hot(values: Array) -> EncodedLabels:
    is_one_hot = np.isin(values, (0, 1)).all(axis=1) & (values.sum(axis=1) == 1)
    if not is_one_hot.all():
        row = int(np.flatnonzero(~is_one_hot)[0])
        raise DataError(
            f"Labels of the shape {values.shape} are not one-hot (row {row} is not); "
            f"several classes an example are not supported yet."
        )
    names = tuple(str(i) for i in range(values.shape[1]))
    return EncodedLabels(values.argmax(axis=1).astype(np.int64), names, "int")
