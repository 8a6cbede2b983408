"""The command line of AutoArch.

Importing this module costs click and nothing heavier, so `--help` answers at once: everything
else is imported inside the commands.
"""

from __future__ import annotations

import gc

import click
from autoarch.cli.bench import bench
from autoarch.cli.command import Group
from autoarch.cli.devices import devices
from autoarch.cli.evaluate import evaluate
from autoarch.cli.export import export
from autoarch.cli.fit import fit
from autoarch.cli.info import info
from autoarch.cli.latency import latency
from autoarch.cli.predict import predict
from autoarch.cli.report import report
from autoarch.cli.resume import resume
from autoarch.cli.spaces import spaces
from autoarch.cli.trials import trials


@click.group(
    cls=Group,
    examples=[
        ("search, train and export within ten minutes", "autoarch fit photos/ --time 10m"),
        ("try it on data that comes along", "autoarch fit demo:digits --time 1m --output digits"),
        ("ask the model", "autoarch predict digits image.png"),
    ],
)
def cli() -> None:
    """A folder of data and a time budget in; a trained, measured and checked model out."""


for _command in (
    fit,
    resume,
    evaluate,
    predict,
    export,
    trials,
    report,
    bench,
    spaces,
    devices,
    latency,
    info,
):
    cli.add_command(_command)


def main() -> None:
    """Entry point of the `autoarch` program."""
    try:
        cli(prog_name="autoarch")
    finally:
        # What is left ends with the process: looking for garbage among all that TensorFlow has
        # made took two to four seconds, which `--time` did not know of.
        gc.freeze()
