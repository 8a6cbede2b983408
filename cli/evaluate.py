"""`autoarch evaluate`: measure a finished model on more data."""

from __future__ import annotations

from contextlib import redirect_stdout
from pathlib import Path

import click
from autoarch.cli.command import Command
from autoarch.cli.runs import run_argument


@click.command(
    cls=Command,
    short_help="Measure a finished model on more data.",
    examples=[
        ("a table of metrics", "autoarch evaluate runs/photos new-photos/"),
        ("for scripts", "autoarch evaluate runs/photos new-photos.csv --json"),
    ],
)
@run_argument
@click.argument("data")
@click.option("--json", "as_json", is_flag=True, help="Print the metrics as one JSON object.")
def evaluate(run: Path, data: str, as_json: bool) -> None:
    """Measure the model of the run in RUN on labelled DATA.

    DATA is a folder with one sub-folder for each class, or a CSV file with the columns path and
    label; its classes are those the model knows.
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
        metrics = autoarch.load(run).evaluate(data)
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
