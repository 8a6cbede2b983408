"""`autoarch evaluate`: measure a finished model on more data."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from autoarch.cli.command import Command
from autoarch.cli.runs import run_argument

if TYPE_CHECKING:
    from autoarch.search.progress import Progress


@click.command(
    cls=Command,
    short_help="Measure a finished model on more data.",
    examples=[
        ("a table of metrics", "autoarch evaluate runs/photos new-photos/"),
        ("for scripts", "autoarch evaluate runs/photos new-photos.csv --json"),
        ("texts", "autoarch evaluate runs/reviews new.csv --text-column body"),
    ],
)
@run_argument
@click.argument("data")
@click.option(
    "--text-column",
    metavar="NAME",
    help="Column of the texts in a table. Default: as in training, else guessed.",
)
@click.option(
    "--label-column",
    metavar="NAME",
    help="Column of the labels in a table. Default: as in training, else guessed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the metrics as one JSON object.")
def evaluate(run: Path, data: str, as_json: bool, **columns: str | None) -> None:
    """Measure the model of the run in RUN on labelled DATA.

    DATA is a folder with one sub-folder for each class, or a CSV file with the columns path and
    label; for texts, a table with a text and a label in each row. Its classes are those the model
    knows. Of texts with a test part, that part is measured. What cannot be read is told on stderr.
    """
    import sys

    from autoarch.cli.environment import start_tensorflow
    from autoarch.cli.runs import find_run
    from autoarch.cli.text import table, to_json

    import autoarch
    from autoarch.report import wording

    noun = wording.noun_of(find_run(run).settings().get("task"))
    with redirect_stdout(sys.stderr):
        start_tensorflow()
        search = autoarch.load(run)
        search.progress = _notes()
        _name_columns(search, columns)
        metrics = search.evaluate(data)
    if as_json:
        click.echo(to_json(metrics))
        return
    rows = [
        (wording.metric_name(name), wording.metric(name, value))
        for name, value in metrics.items()
        if name not in ("n", "accuracy_ci95")
    ]
    interval = metrics.get("accuracy_ci95")
    if interval is not None:
        rows.insert(1, ("95 % interval", wording.interval(tuple(interval))))
    click.echo(table(("metric", wording.plural(metrics["n"], noun)), rows, left=(0,)))


def _notes() -> Progress:
    """Writes what there is to say of the data to stderr."""
    from autoarch.search.progress import Progress

    class Notes(Progress):
        def note(self, text: str) -> None:
            click.echo(text, err=True)

    return Notes()


def _name_columns(search: Any, columns: Mapping[str, str | None]) -> None:
    """Tells a model of texts which columns to read.

    Raises:
        Failure: The model is of something else.
    """
    from autoarch.cli.errors import Failure

    for name, column in columns.items():
        if column is None:
            continue
        if search.task != "text":
            option = f"--{name.replace('_', '-')}"
            raise Failure(
                f"{option} is for models of texts; this one is of {search.task} data.", exit_code=2
            )
        setattr(search, name, column)
