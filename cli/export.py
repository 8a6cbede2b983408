"""`autoarch export`: write a finished model again, in chosen forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click
from autoarch.cli.command import Command
from autoarch.cli.runs import run_argument

FORMATS = ("saved_model", "keras", "litert", "litert-float16", "litert-int8", "c-array")
DEFAULT_FORMATS = FORMATS[:3]


@click.command(
    cls=Command,
    short_help="Write a finished model in chosen formats.",
    examples=[
        ("all formats, into the run's model/ directory", "autoarch export runs/photos"),
        (
            "for a phone",
            "autoarch export runs/photos --format litert --output phone/",
        ),
        (
            "for TensorFlow Serving and for Keras",
            "autoarch export runs/photos --format saved_model --format keras -o served/",
        ),
    ],
)
@run_argument
@click.option(
    "--format",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    help="What to write; may be given more than once. Default: all.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to write. Default: model/ in the run's directory.",
)
def export(run: Path, formats: Sequence[str], output: Path | None) -> None:
    """Write the model of the run in RUN again, in the formats given.

    Each file is loaded in a fresh process, without AutoArch, and must answer as the trained model
    does before it is called exported.
    """
    import sys

    from autoarch.cli.environment import start_tensorflow
    from autoarch.cli.runs import find_run
    from autoarch.cli.text import table

    import autoarch

    find_run(run)
    with redirect_stdout(sys.stderr):
        start_tensorflow()
        exported = autoarch.load(run).export(output, formats=tuple(formats) or FORMATS)
    rows = [_row(name, facts) for name, facts in exported.items()]
    click.echo(table(("format", "file", "size", "difference"), rows, left=(0, 1)))


def _row(name: str, facts: Mapping[str, Any]) -> tuple[str, str, str, str]:
    from autoarch.report import wording

    size = wording.size(facts["size_bytes"])
    return name, str(facts["path"]), size, f"{facts['max_difference']:.1e}"
