"""`autoarch export`: write a finished model again, in chosen forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click
from autoarch.cli.command import Command
from autoarch.cli.runs import run_argument

FORMATS = ("saved_model", "keras", "litert", "litert_float16", "litert_int8", "c_array")
DEFAULT_FORMATS = FORMATS[:3]


class Format(click.Choice[str]):
    """A format by its name, as in Python or with hyphens, as options have them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return super().convert(str(value).replace("-", "_"), param, ctx)


@click.command(
    cls=Command,
    short_help="Write a finished model in chosen formats.",
    examples=[
        ("the usual formats, into the run's model/ directory", "autoarch export runs/photos"),
        (
            "for a phone",
            "autoarch export runs/photos --format litert --output phone/",
        ),
        (
            "for a microcontroller: the int8 model as a C array",
            "autoarch export runs/photos --format c_array --output firmware/",
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
    type=Format(FORMATS),
    multiple=True,
    help=f"What to write; may be given more than once. Default: {', '.join(DEFAULT_FORMATS)}.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to write. Default: model/ in the run's directory.",
)
@click.option(
    "--trial",
    type=click.IntRange(min=0),
    metavar="N",
    help="Write this trial of the search in place of the model, as it was last measured there, "
    "into trial-N/ in the run's directory unless told otherwise.",
)
def export(run: Path, formats: Sequence[str], output: Path | None, trial: int | None) -> None:
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
    only = {} if trial is None else {"trial": trial}
    with redirect_stdout(sys.stderr):
        start_tensorflow()
        exported = autoarch.load(run).export(
            output, formats=tuple(formats) or DEFAULT_FORMATS, **only
        )
    rows = [_row(name, facts) for name, facts in exported.items()]
    click.echo(table(("format", "file", "size", "difference"), rows, left=(0, 1)))


def _row(name: str, facts: Mapping[str, Any]) -> tuple[str, str, str, str]:
    from autoarch.report import wording

    size = wording.size(facts["size_bytes"])
    return name, str(facts["path"]), size, f"{facts['max_difference']:.1e}"
