"""`autoarch resume`: go on with an interrupted run."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import click
from autoarch.cli.command import Command
from autoarch.cli.runs import run_argument


@click.command(
    cls=Command,
    short_help="Go on with an interrupted run.",
    examples=[
        ("go on where it stopped", "autoarch resume runs/photos"),
        ("and give it half an hour altogether", "autoarch resume runs/photos --time 30m"),
    ],
)
@run_argument
@click.option(
    "--time",
    "-t",
    metavar="DURATION",
    help="New limit for the whole run, the time already spent included. Default: as it was.",
)
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def resume(run: Path, time: str | None, quiet: bool, as_json: bool) -> None:
    """Go on with the interrupted run in the directory RUN.

    No finished trial is lost or repeated, and the time already spent counts.
    """
    started = monotonic()
    from autoarch.cli.environment import start_tensorflow
    from autoarch.cli.result import print_result
    from autoarch.cli.runs import find_run
    from autoarch.cli.watching import watching

    import autoarch
    from autoarch.search.budget import parse_duration

    find_run(run)
    if time is not None:
        parse_duration(time)
    with watching(quiet=quiet) as progress:
        start_tensorflow()
        search = autoarch.resume(run, time=time, progress=progress, started=started)
    print_result(search, as_json=as_json)
