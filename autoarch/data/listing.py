"""What a folder or a manifest says: files with their class names, before anything is decoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autoarch.data.formats import listed
from autoarch.errors import DataError


@dataclass(frozen=True)
class ImageFile:
    """One picture that is named, but not opened.

    Args:
        path: Where it lies.
        relative: The same, seen from the source; does not change when the source is moved.
        label: Class name.
        size_bytes: 0 where the file cannot be examined (a broken link).
        columns: What else a manifest says of it, by the names of its columns.
    """

    path: Path
    relative: str
    label: str
    size_bytes: int
    columns: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Listing:
    """The files of one split of a source, in the order of their relative names.

    Args:
        files: The pictures.
        classes: Class names in order, also those without a picture.
        notes: What was left out.
    """

    files: tuple[ImageFile, ...]
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()


def ordered_classes(names: Iterable[str]) -> tuple[str, ...]:
    """Sorted class names; by number where every name is a whole number ("2" before "10")."""
    distinct = set(names)
    if all(_is_integer(name) for name in distinct):
        return tuple(sorted(distinct, key=lambda name: (int(name), name)))
    return tuple(sorted(distinct))


def _is_integer(name: str) -> bool:
    digits = name[1:] if name[:1] == "-" else name
    return digits.isascii() and digits.isdigit()


def check_classes(classes: tuple[str, ...], where: str) -> None:
    """Raises DataError for fewer than two classes, or a name that cannot be written on a line."""
    if len(classes) < 2:
        found = f"only the class {classes[0]!r}" if classes else "no class"
        raise DataError(f"{where} holds {found}; give at least two classes.")
    for name in classes:
        if not name.strip() or not name.isprintable():
            raise DataError(f"{where} has the class name {name!r}; rename it to printable text.")


def check_same_classes(train: tuple[str, ...], other: tuple[str, ...], where: str) -> None:
    """Raises DataError where `where` ("test/", for instance) has other classes than train."""
    missing = sorted(set(train) - set(other))
    extra = sorted(set(other) - set(train))
    if not missing and not extra:
        return
    differences = []
    if extra:
        differences.append(f"{where} has {listed(extra)}, which train lacks")
    if missing:
        differences.append(f"{where} lacks {listed(missing)}, which train has")
    raise DataError(f"Different classes: {'; '.join(differences)}; give both the same classes.")
