"""Kinds of files, told by name and by their first bytes; why a picture cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".webp"}
)
AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aiff", ".aif"})
TEXT_SUFFIXES = frozenset({".txt", ".jsonl", ".json", ".tsv", ".md"})

READ_AUDIO_SUFFIXES = frozenset(
    {".wav", ".flac", ".mp3", ".ogg", ".opus", ".aiff", ".aif", ".aifc", ".au", ".snd", ".w64"}
)
"""Of AUDIO_SUFFIXES and others those that libsndfile can read."""

_IGNORED_NAMES = frozenset({"thumbs.db", "desktop.ini", "__macosx", "icon\r", "@eadir"})

_OTHER_IMAGE_KINDS = {
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"\0\0\x01\0": "icon",
    b"8BPS": "Photoshop",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
}


def is_ignored(name: str) -> bool:
    """True for what operating systems leave lying about: hidden files, Thumbs.db, __MACOSX."""
    return name.startswith(".") or name.lower() in _IGNORED_NAMES


def is_image_name(name: str) -> bool:
    """Whether a file of this name is a picture that can be read, by its suffix."""
    return PurePath(name).suffix.lower() in IMAGE_SUFFIXES


def image_kind(head: bytes) -> str | None:
    """Name of the image format that the first 12 bytes announce, if it is one we decode."""
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"GIF8"):
        return "GIF"
    if head.startswith(b"BM"):
        return "BMP"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    return None


def read_head(path: Path, count: int = 12) -> bytes:
    """The first bytes of a file; empty where it cannot be opened."""
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError:
        return b""


def why_unreadable(path: Path) -> str:
    """One or two words on why this file could not be decoded, for the report.

    "missing", "empty", "not an image", "truncated", "damaged", or the name of a foreign format.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return "broken link" if path.is_symlink() else "missing"
    except PermissionError:
        return "permission denied"
    except OSError as error:
        return (error.strerror or type(error).__name__).lower()
    if not content:
        return "empty file"
    kind = image_kind(content[:12])
    if kind is None:
        return _foreign_kind(content[:16])
    if kind == "BMP" and content[28:30] not in (b"\1\0", b"\4\0", b"\x08\0", b"\x18\0", b"\x20\0"):
        return "BMP of an unsupported kind"
    return "truncated" if _is_cut_off(content, kind) else f"damaged {kind}"


def _foreign_kind(head: bytes) -> str:
    for magic, name in _OTHER_IMAGE_KINDS.items():
        if head.startswith(magic):
            return f"{name}, which is not supported"
    if head[4:8] == b"ftyp":
        brand = head[8:12].decode("latin-1")
        known = {"avif": "AVIF", "heic": "HEIC", "heix": "HEIC", "mif1": "HEIF"}
        if brand in known:
            return f"{known[brand]}, which is not supported"
    return "not an image"


def _is_cut_off(content: bytes, kind: str) -> bool:
    """True where the end that the format promises is missing."""
    if kind == "JPEG":
        return b"\xff\xd9" not in content[-64:]
    if kind == "PNG":
        return b"IEND" not in content[-64:]
    if kind == "GIF":
        return b"\x3b" not in content[-8:]
    if kind == "WebP":
        return len(content) < 8 + int.from_bytes(content[4:8], "little")
    return len(content) < int.from_bytes(content[2:6], "little")


def listed(names: Iterable[str], limit: int = 3) -> str:
    """Names for a message: 'a', 'b', 'c' and 4 more."""
    every = list(names)
    shown = ", ".join(repr(name) for name in every[:limit])
    rest = len(every) - limit
    return f"{shown} and {rest} more" if rest > 0 else shown


def is_audio_name(name: str) -> bool:
    """Whether a file of this name is a clip that can be read, by its suffix."""
    return PurePath(name).suffix.lower() in READ_AUDIO_SUFFIXES


def audio_kind(head: bytes) -> str | None:
    """Name of the sound format that the first 12 bytes announce, if it is one we decode."""
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "WAV"
    if head[:4] == b"FORM" and head[8:11] == b"AIF":
        return "AIFF"
    names = {b"fLaC": "FLAC", b"OggS": "Ogg", b".snd": "AU"}
    if head[:4] in names:
        return names[head[:4]]
    is_mp3 = head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] >= b"\xe0")
    return "MP3" if is_mp3 else None


@dataclass(frozen=True)
class FileKind:
    """The files that make up a source, and how to speak of them.

    Args:
        noun: What one is called, with the article before it.
        formats: Those that can be read, for messages.
        suffix: Of an example in a message.
        is_name: Whether a file of this name is one.
        is_head: Whether a file without suffix that begins so is one.
    """

    noun: str
    article: str
    formats: str
    suffix: str
    is_name: Callable[[str], bool]
    is_head: Callable[[bytes], bool]


IMAGE_FILES = FileKind(
    "image",
    "an",
    "JPEG, PNG, BMP, GIF or WebP",
    ".jpg",
    is_image_name,
    lambda head: image_kind(head) is not None,
)
AUDIO_FILES = FileKind(
    "clip",
    "a",
    "WAV, FLAC, Ogg, MP3 or AIFF",
    ".wav",
    is_audio_name,
    lambda head: audio_kind(head) is not None,
)
