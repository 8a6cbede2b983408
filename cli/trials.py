"""`autoarch trials`: the leaderboard of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from autoarch.cli.command import Command
from autoarch.cli.runs import run_argument

if TYPE_CHECKING:
    from autoarch.report import Row


@click.command(
    cls=Command,
    short_help="What the search tried, best first.",
    examples=[
        ("the leaderboard", "autoarch trials runs/photos"),
        ("with every decision, for a notebook", "autoarch trials runs/photos --format json"),
    ],
)
@run_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How to print the trials.",
)
def trials(run: Path, form: str) -> None:
    """Print what the search of the run in RUN tried, best first; the run may be under way."""
    from autoarch.cli.runs import find_run
    from autoarch.cli.text import to_json

    from autoarch.report.leaderboard import leaderboard, leaderboard_csv
    from autoarch.report.run_files import read_run

    files = read_run(find_run(run))
    rows = leaderboard(files.trials, files.scored)
    if form == "json":
        click.echo(to_json([row.to_json() for row in rows]))
    elif form == "csv":
        click.echo(leaderboard_csv(rows), nl=False)
    elif rows:
        click.echo(_table(rows, files.scored.score_name))
    else:
        click.echo("No trial yet.")


def _table(rows: Sequence[Row], objective: str) -> str:
    from autoarch.cli.text import table

    from autoarch.report import wording

    header = ("rank", "trial", objective, "epochs", "weights", "mult-adds", "time", "what differs")
    cells = [
        (
            str(row.rank) if row.rank is not None else "",
            str(row.trial),
            wording.metric(objective, row.score),
            wording.epochs(row.epochs),
            wording.short_count(row.params),
            wording.short_count(row.macs),
            wording.clock(row.seconds),
            f"{row.status}: {row.reason}" if row.reason else row.summary,
        )
        for row in rows
    ]
    return table(header, cells, left=(7,))
