"""Folders of files: one folder a class, with or without train/, valid/ and test/ above."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from autoarch.data.formats import (
    IMAGE_FILES,
    FileKind,
    is_ignored,
    listed,
    read_head,
)
from autoarch.data.listing import ImageFile, Listing, check_same_classes, ordered_classes
from autoarch.data.split import SPLIT_OF_NAME
from autoarch.errors import DataError


@dataclass(frozen=True)
class _Contents:
    """What lies in one folder, ignored names aside; each list sorted by name."""

    folders: tuple[os.DirEntry[str], ...]
    images: tuple[os.DirEntry[str], ...]
    others: tuple[os.DirEntry[str], ...]


def scan_folder(root: Path, kind: FileKind = IMAGE_FILES) -> dict[str, Listing]:
    """Lists the pictures of a folder.

    Returns:
        `{"train": ...}`, with "valid" and "test" where the folder has them.

    Raises:
        DataError: Missing, empty, unreadable, nested, or with different classes in its splits.
    """
    contents = _read_folder(root, kind)
    if not contents.folders:
        _raise_no_classes(root, contents, kind)
    split_folders = _split_folders(root, contents, kind)
    if not split_folders:
        return {"train": _scan_classes(root, root, contents, needs_all=True, kind=kind)}

    listings = {}
    for split, entry in split_folders.items():
        folder = Path(entry.path)
        listings[split] = _scan_classes(
            root, folder, _read_folder(folder, kind), needs_all=split == "train", kind=kind
        )
    for split in ("valid", "test"):
        if split in listings:
            check_same_classes(
                listings["train"].classes, listings[split].classes, f"{split_folders[split].name}/"
            )
    return listings


def scan_class_folders(root: Path, kind: FileKind = IMAGE_FILES) -> Listing:
    """Lists the pictures of a folder that holds class folders directly; some may be empty."""
    contents = _read_folder(root, kind)
    if not contents.folders:
        _raise_no_classes(root, contents, kind)
    return _scan_classes(root, root, contents, needs_all=False, kind=kind)


def _read_folder(folder: Path, kind: FileKind) -> _Contents:
    try:
        with os.scandir(folder) as scan:
            entries = sorted((e for e in scan if not is_ignored(e.name)), key=lambda e: e.name)
    except FileNotFoundError as error:
        raise DataError(f"Data folder {folder} does not exist; check the path.") from error
    except NotADirectoryError as error:
        raise DataError(
            f"{folder} is a file; give a folder with one folder per class, or a .csv manifest."
        ) from error
    except PermissionError as error:
        raise DataError(
            f"Folder {folder} cannot be read: permission denied; change its permissions."
        ) from error
    except OSError as error:
        raise DataError(f"Folder {folder} cannot be read: {error.strerror}.") from error
    folders, images, others = [], [], []
    for entry in entries:
        if entry.is_dir():
            folders.append(entry)
        elif _is_wanted(entry, kind):
            images.append(entry)
        else:
            others.append(entry)
    return _Contents(tuple(folders), tuple(images), tuple(others))


def _is_wanted(entry: os.DirEntry[str], kind: FileKind) -> bool:
    # a broken link counts, so that it is reported by name; a pipe or a device does not
    if not entry.is_file() and Path(entry.path).exists():
        return False
    if kind.is_name(entry.name):
        return True
    without_suffix = not Path(entry.name).suffix and entry.is_file()
    return without_suffix and kind.is_head(read_head(Path(entry.path)))


def _split_folders(root: Path, contents: _Contents, kind: FileKind) -> dict[str, os.DirEntry[str]]:
    """train/, valid/ and test/ where these are what the folder consists of, else nothing."""
    found: dict[str, os.DirEntry[str]] = {}
    for entry in contents.folders:
        split = SPLIT_OF_NAME.get(entry.name.lower())
        if split in found:
            raise DataError(
                f"{root} has both {found[split].name}/ and {entry.name}/; keep one of them."
            )
        if split:
            found[split] = entry
    inside = {split: _read_folder(Path(entry.path), kind) for split, entry in found.items()}
    if not any(inner.folders for inner in inside.values()):
        if found and len(found) == len(contents.folders) and len(found) > 1:
            raise DataError(
                f"{root} has {listed(e.name + '/' for e in found.values())} without class folders; "
                f"put the {kind.noun}s into one folder per class, as in train/cat/1{kind.suffix}."
            )
        return {}  # "train" may well be a class, beside "bus"
    if "train" not in found:
        names = listed(entry.name + "/" for entry in found.values())
        raise DataError(f"{root} has {names} but no train/; add train/ with the same classes.")
    besides = [e.name for e in contents.folders if e.name.lower() not in SPLIT_OF_NAME]
    if besides:
        raise DataError(
            f"{root} has {listed(besides)} beside train/; move what is no split elsewhere."
        )
    return found


def _scan_classes(
    root: Path, folder: Path, contents: _Contents, *, needs_all: bool, kind: FileKind
) -> Listing:
    """Lists one folder of class folders; paths are told relative to `root`."""
    files: list[ImageFile] = []
    empty: list[str] = []
    others = list(contents.others)
    loose = [entry.name for entry in contents.images]
    inner = {entry.name: _read_folder(Path(entry.path), kind) for entry in contents.folders}
    _refuse_nested(folder, inner, kind)
    for name, inside in inner.items():
        others += inside.others
        if not inside.images:
            empty.append(name)
        for entry in inside.images:
            path = Path(entry.path)
            files.append(
                ImageFile(path, path.relative_to(root).as_posix(), name, _size_bytes(entry))
            )
    if not files:
        raise DataError(
            f"{folder} holds no {kind.noun}s ({kind.formats}) in its "
            f"{len(inner)} folders{_told_kinds(others)}; give a folder with one folder per class."
        )
    if needs_all and empty:
        raise DataError(
            f"Class folders without {kind.article} {kind.noun} in {folder}: {listed(empty)}"
            f"{_told_kinds(others)}; add {kind.noun}s or remove the folders."
        )
    notes = _notes_on_leftovers(folder, others, loose, empty, kind)
    return Listing(tuple(files), ordered_classes(inner), notes)


def _size_bytes(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:
        return 0  # a broken link: decoding reports it by name


def _refuse_nested(folder: Path, inner: dict[str, _Contents], kind: FileKind) -> None:
    for name, inside in inner.items():
        nested = next((e for e in inside.folders if _holds_files(Path(e.path), kind)), None)
        if nested is None:
            continue
        if len(inner) == 1 and not inside.images:
            raise DataError(f"{folder} holds only the folder {name!r}; give {folder / name}.")
        raise DataError(
            f"Class folder {folder / name} holds the sub-folder {nested.name!r}; move its "
            f"{kind.noun}s up into {name!r}, since a class is one folder of {kind.noun}s (or use "
            f"a .csv manifest)."
        )


def _holds_files(folder: Path, kind: FileKind) -> bool:
    return any(
        kind.is_name(name) and not is_ignored(name)
        for _, _, names in os.walk(folder)
        for name in names
    )


def _raise_no_classes(root: Path, contents: _Contents, kind: FileKind) -> None:
    if contents.images:
        raise DataError(
            f"{root} holds {len(contents.images)} {kind.noun}s but no class folders; "
            f"put them into one folder per class, or use a .csv manifest."
        )
    if contents.others:
        raise DataError(
            f"{root} holds no {kind.noun}s{_told_kinds(list(contents.others))}; "
            f"give a folder with one folder per class."
        )
    raise DataError(f"Data folder {root} is empty; give a folder with one folder per class.")


def _told_kinds(others: list[os.DirEntry[str]]) -> str:
    """For messages: ", but 12 other files (.tif, .txt)"; nothing where there are none."""
    if not others:
        return ""
    return f", but {len(others)} other files ({_kinds(others)})"


def _kinds(entries: list[os.DirEntry[str]]) -> str:
    counts = Counter(Path(entry.name).suffix.lower() or "no suffix" for entry in entries)
    return ", ".join(kind for kind, _ in counts.most_common(3))


def _notes_on_leftovers(
    folder: Path, others: list[os.DirEntry[str]], loose: list[str], empty: list[str], kind: FileKind
) -> tuple[str, ...]:
    notes = []
    if others:
        notes.append(
            f"Left out {len(others)} {'file' if len(others) == 1 else 'files'} of other kinds "
            f"({_kinds(others)}) in {folder}."
        )
    if loose:
        notes.append(f"Left out {len(loose)} {kind.noun}s that lie in no class folder of {folder}.")
    if empty:
        notes.append(f"{folder} has no {kind.noun} of {listed(empty)}.")
    return tuple(notes)
