"""`labels.txt`: one class name a line, whatever the names hold.

A name is written as it is, unless that could be misread: names with line breaks or other control
characters, with space at an end, or that begin with a double quote are written as JSON strings.
So a line that begins with `"` is JSON and every other line is the name itself.

>>> print(format_labels(["cat", "two\\nlines"]), end="")
cat
"two\\nlines"
>>> parse_labels(format_labels(["cat", "two\\nlines"]))
('cat', 'two\\nlines')
"""

from __future__ import annotations

import json
from collections.abc import Iterable


def format_labels(names: Iterable[str]) -> str:
    """The text of `labels.txt`: a line for each name, in the order of the network's outputs."""
    return "".join(f"{_line(name)}\n" for name in names)


def parse_labels(text: str) -> tuple[str, ...]:
    """The inverse of `format_labels`.

    Raises:
        ValueError: A line begins with a double quote and is not a JSON string.
    """
    lines = text.removesuffix("\n").split("\n") if text else []
    return tuple(json.loads(line) if line.startswith('"') else line for line in lines)


def as_utf8(name: str) -> bytes:
    """A class name for formats that hold UTF-8 only.

    Folder names that are not UTF-8 reach Python with lone surrogates; these become `\\udcXX`.
    """
    return name.encode("utf-8", "backslashreplace")


def _line(name: str) -> str:
    plain = name.isprintable() and name == name.strip() and name and not name.startswith('"')
    return name if plain else json.dumps(name)
