"""`autoarch latency`: times a file, or the ops of a space, on this machine or for another one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from autoarch.cli.choices import IMAGE_SPACES
from autoarch.cli.command import Command, Option

if TYPE_CHECKING:
    from autoarch.architecture import Architecture
    from autoarch.spaces import SearchSpace

_SHAPE = re.compile(r"([1-9]\d*)(?:x([1-9]\d*)x([1-9]\d*))?")
_PROGRAM = "op_timing.py"


def image_shape(
    context: click.Context, parameter: click.Parameter, value: str
) -> tuple[int, int, int]:
    """`32x32x3` as a shape: an option's callback."""
    shape = _sizes(value)
    if len(shape) != 3:
        raise click.BadParameter(
            f"must be HEIGHTxWIDTHxCHANNELS with sides of at least 4, such as 32x32x3; "
            f"got {value!r}."
        )
    return shape[0], shape[1], shape[2]


def _sizes(value: str) -> tuple[int, ...]:
    """The numbers of a shape; none where it is not one."""
    found = _SHAPE.fullmatch(value)
    shape = tuple(int(size) for size in found.groups() if size) if found else ()
    return shape if shape and min(shape[:2]) >= 4 else ()


def _shape(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    shape = _sizes(value)
    if not shape:
        raise click.BadParameter(
            f"must be HEIGHTxWIDTHxCHANNELS with sides of at least 4, such as 32x32x3, or of "
            f"sounds a number of samples; got {value!r}."
        )
    return shape


@click.command(
    cls=Command,
    short_help="Measure latencies with LiteRT.",
    examples=[
        ("time a file here", "autoarch latency run/model/model_int8.tflite"),
        ("the table of this machine, also as CSV", "autoarch latency --output table.csv"),
        ("what a phone or a board is to measure", "autoarch latency --board timing/"),
        ("there, with `pip install ai-edge-litert`", "python op_timing.py ops.json table.csv"),
    ],
)
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--threads", cls=Option, section="Measuring", type=click.IntRange(min=1), default=1,
    show_default=True, help="Threads of LiteRT.",
)  # fmt: skip
@click.option(
    "--output", cls=Option, section="Measuring", type=click.Path(dir_okay=False, path_type=Path),
    metavar="CSV", help="Write the table there, for `[latency]` of a device profile.",
)  # fmt: skip
@click.option(
    "--board", cls=Option, section="Measuring", type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER", help="Measure nothing; write what another device needs to measure.",
)  # fmt: skip
@click.option(
    "--space", cls=Option, section="Which ops", default="mobile", show_default=True,
    type=click.Choice([*IMAGE_SPACES, "speech"]), help="Family of networks.",
)  # fmt: skip
@click.option(
    "--input", "shape", cls=Option, section="Which ops", callback=_shape, default="32x32x3",
    show_default=True, metavar="HxWxC", help="Shape of a picture; of a sound its samples: 16000.",
)  # fmt: skip
@click.option(
    "--rate", cls=Option, section="Which ops", type=click.IntRange(min=1000), default=16_000,
    show_default=True, help="Of sounds: samples a second.",
)  # fmt: skip
@click.option(
    "--classes", cls=Option, section="Which ops", type=click.IntRange(min=2), default=10,
    show_default=True, help="Number of classes.",
)  # fmt: skip
@click.option(
    "--width", cls=Option, section="Which ops", type=click.IntRange(min=1), default=16,
    show_default=True, help="Width of trial 0; networks have up to twice as much.",
)  # fmt: skip
@click.option(
    "--networks", cls=Option, section="Which ops", type=click.IntRange(min=1), default=100,
    show_default=True, help="Number of random networks whose ops are measured.",
)  # fmt: skip
def latency(
    file: Path | None,
    threads: int,
    output: Path | None,
    board: Path | None,
    space: str,
    shape: tuple[int, ...],
    rate: int,
    classes: int,
    width: int,
    networks: int,
) -> None:
    """Time a .tflite FILE, or measure each op of a space once.

    Ops that were measured on this machine before are read from the user's cache. The sum of the
    ops predicts the latency of any network of the space.
    """
    from autoarch.costs import cached_table, keep_table, measure_latency, measure_ops

    if output is not None and (file is not None or board is not None):
        raise click.UsageError("--output goes with the measuring of ops; leave it out.")
    if file is not None and board is not None:
        raise click.UsageError("--board is for the ops of a space; leave out FILE or --board.")
    if file is not None:
        found = measure_latency(file, threads=threads)
        click.echo(f"median {1e3 * found.median_s:.3f} ms, 90 % within {1e3 * found.p90_s:.3f} ms")
        return
    if (space == "speech") != (len(shape) == 1):
        what = "a number of samples" if space == "speech" else "HEIGHTxWIDTHxCHANNELS"
        raise click.BadParameter(f"must be {what} for --space {space}.", param_hint="'--input'")
    drawn = list(_draw(_space(space, shape, rate, classes, width), networks))
    if board is not None:
        number = _write_board(board, drawn)
        click.echo(
            f"{number} ops in {board}. On the device: pip install ai-edge-litert && "
            f"python {_PROGRAM} ops.json table.csv {threads}"
        )
        return

    if output is not None:  # what cannot be written is known before it is measured
        output.parent.mkdir(parents=True, exist_ok=True)
        output.touch()

    def progress(number: int, total: int) -> None:
        if number % 100 == 0 or number == total:
            click.echo(f"{number} of {total} ops", err=True)

    table = measure_ops(drawn, table=cached_table(threads), threads=threads, progress=progress)
    click.echo(f"{len(table.seconds)} ops in {keep_table(table)}")
    if output is not None:
        table.to_csv(output)
        click.echo(f"{len(table.seconds)} ops in {output}")


def _space(name: str, shape: tuple[int, ...], rate: int, classes: int, width: int) -> SearchSpace:
    from autoarch.spaces import SpeechSpace, get_space

    if name == SpeechSpace.name:
        return SpeechSpace(shape, classes, rate=rate, width=width, integers=True)
    return get_space(name)(shape, classes, width=width)


def _draw(family: SearchSpace, networks: int) -> Iterator[Architecture]:
    import numpy as np

    from autoarch.oracles.decisions import DecisionSpace

    decisions = DecisionSpace.from_hyperparameters(family.hyperparameters())
    rng = np.random.default_rng(0)
    yield family.candidate({}).architecture
    for _ in range(networks):
        yield family.candidate(decisions.sample(rng)).architecture


def _write_board(folder: Path, networks: list[Architecture]) -> int:
    import json
    import shutil

    from autoarch.costs import op_timing
    from autoarch.costs.measuring import distinct_ops

    ops = distinct_ops(networks)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(op_timing.__file__, folder / _PROGRAM)
    (folder / "ops.json").write_text(
        json.dumps([ops[name] for name in sorted(ops)]), encoding="utf-8"
    )
    return len(ops)
