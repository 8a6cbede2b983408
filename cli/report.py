"""`autoarch report`: the page that tells a run's story."""

from __future__ import annotations

from pathlib import Path

import click
from autoarch.cli.command import Command
from autoarch.cli.runs import run_argument


@click.command(
    cls=Command,
    short_help="Write the report and print its path.",
    examples=[
        ("write report.html", "autoarch report runs/photos"),
        ("and look at it", "autoarch report runs/photos --open"),
    ],
)
@run_argument
@click.option("--open", "show", is_flag=True, help="Open the page in a browser.")
def report(run: Path, show: bool) -> None:
    """Write the report of the run in RUN anew, a single HTML page, and print its path.

    The run may be unfinished: the page tells what is known so far.
    """
    from autoarch.cli.runs import find_run

    from autoarch.report.page import write_report

    path = write_report(find_run(run))
    click.echo(path)
    if show:
        click.launch(path.absolute().as_uri())
