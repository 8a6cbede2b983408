"""Files of a source by split: its own parts, and those that the user names in their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoarch.data.dataset import Labels
from autoarch.data.folders import scan_class_folders, scan_folder
from autoarch.data.formats import IMAGE_FILES, FileKind
from autoarch.data.listing import ImageFile, Listing, check_classes, check_same_classes
from autoarch.data.manifest import scan_manifest
from autoarch.data.shares import Part, parse_part
from autoarch.data.split import TEST, VALID, Splits
from autoarch.errors import DataError

FEWEST = 10
"""Examples that a source must hold at least."""


def list_files(path: Path, kind: FileKind = IMAGE_FILES) -> dict[str, Listing]:
    """The files of a folder or a manifest, by split; pictures unless told otherwise.

    Raises:
        DataError: As `scan_images`.
    """
    if path.suffix.lower() == ".csv":
        return scan_manifest(path, kind.noun)
    return scan_folder(path, kind)


@dataclass(frozen=True)
class ListedParts:
    """What `list_parts` found.

    Args:
        listings: By split: "train", and "valid" and "test" where they need not be drawn.
        valid, test: Where these splits come from.
        notes: Of the training part, and of what was left out.
    """

    listings: dict[str, Listing]
    valid: Part
    test: Part
    notes: tuple[str, ...]

    @property
    def train(self) -> Listing:
        return self.listings["train"]

    def joined(self, first: Splits) -> tuple[list[ImageFile], Splits, tuple[str, ...]]:
        """All files, train before valid before test, their splits, and all notes.

        Args:
            first: The splits of the files of train, of which parts may be drawn.
        """
        files, splits, notes = list(self.train.files), [first], list(self.notes)
        for name, number in (("valid", VALID), ("test", TEST)):
            if name in self.listings:
                files += self.listings[name].files
                splits.append(np.full(len(self.listings[name].files), number, np.int8))
                notes += self.listings[name].notes
        return files, np.concatenate(splits), tuple(notes)


def list_parts(
    path: Path, kind: FileKind, valid: float | str | Path | None, test: float | str | Path | None
) -> ListedParts:
    """Lists the files of a source, with the parts that the user names in place of its own.

    Args:
        path: A folder or a manifest.
        kind: Of the files.
        valid, test: As for `scan_images`.

    Raises:
        DataError: As `scan_images`.
    """
    listings = list_files(path, kind)
    train = listings["train"]
    check_classes(train.classes, str(path))
    notes = list(train.notes)
    parts = {
        name: parse_part(name, given, has_own=name in listings)
        for name, given in (("valid", valid), ("test", test))
    }
    for name, part in parts.items():
        if part.folder is not None:
            listings[name] = scan_class_folders(part.folder, kind)
            check_same_classes(train.classes, listings[name].classes, str(part.folder))
        elif part.is_none and name in listings:
            del listings[name]
            notes.append(f"The source's own {name} split was left out, as asked.")
    check_count(len(train.files), str(path), kind.noun)
    return ListedParts(listings, parts["valid"], parts["test"], tuple(notes))


def class_indices(files: Sequence[ImageFile], classes: tuple[str, ...]) -> Labels:
    """The place of each file's class, int64 `(files,)`."""
    positions = {name: index for index, name in enumerate(classes)}
    return np.array([positions[file.label] for file in files], np.int64)


def check_count(count: int, where: str, noun: str) -> None:
    """Raises DataError where there are fewer than `FEWEST` examples."""
    if count < FEWEST:
        raise DataError(
            f"{where} holds {count} {noun}s; at least {FEWEST} are needed to train and to "
            f"measure, and 20 a class make a useful start."
        )


def check_pair(validation_data: Any, what: str) -> None:
    """Raises DataError where it is no pair of `what` ("images") and labels."""
    if not isinstance(validation_data, tuple | list) or len(validation_data) != 2:
        raise DataError(f"`validation_data` must be a pair (x, y) of {what} and labels.")
