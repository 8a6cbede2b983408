"""How a finished run is told on stdout."""

from __future__ import annotations

import shlex
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click
from autoarch.cli.text import to_json

from autoarch.report import wording

if TYPE_CHECKING:
    from autoarch.tasks import BaseSearch


def print_result(search: BaseSearch, *, as_json: bool) -> None:
    """Prints the result of a finished search: one JSON object, or a summary to read."""
    if as_json:
        click.echo(to_json(search.result_))
        return
    width = _width()
    for line in search.summary().splitlines():
        click.echo(_wrapped(line, width))
    click.echo()
    click.echo(next_commands(search.run_, wording.noun_of(search.task)))


def next_commands(run: Path, noun: str = "image") -> str:
    """What to do with the model, as commands to copy; `noun` is what an example is called."""
    name = shlex.quote(str(run))
    new, more = f"{noun.upper()}...", "FOLDER"
    if noun == "text":  # what stands alone is a file
        new, more = "--text TEXT", "TABLE"
    steps = (
        (f"classes of new {noun}s", f"autoarch predict {name} {new}"),
        ("measure on more data", f"autoarch evaluate {name} {more}"),
        ("what the search tried", f"autoarch trials {name}"),
        ("the whole story", f"autoarch report {name} --open"),
    )
    return "\n".join(["Next:", *(f"  {purpose:<22} {command}" for purpose, command in steps)])


def _width() -> int | None:
    """Columns of the terminal that stdout is, or None where it is none: then nothing is wrapped."""
    if not sys.stdout.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def _wrapped(line: str, width: int | None) -> str:
    """The line broken at spaces, what follows indented as far as its text or its value."""
    if width is None or len(line) <= width:
        return line
    indent = len(line) - len(line.lstrip()) + 2
    return textwrap.fill(
        line,
        width,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
