"""AutoArch against what one would use instead, on every set, by the minute.

    python benchmarks/versus.py [--sets cifar10-mini ...] [--methods autoarch expert ...]
                                [--minutes 1 3 5 15] [--seeds 0 1 2] [--work runs/versus]

Methods: `autoarch`; `random`, its search with the random oracle; `trial0`, its first network alone
for the whole time (`--trials 1`); `expert`, a fixed recipe by hand for each kind of data
(`benchmarks/experts/`); `linear`, a linear model, which takes what time it takes; `autokeras`,
AutoKeras 3.0 in an environment of its own, made below `--work` where it is not there yet.

Each run is a process of its own, one after the other, with the whole time for all it does, reading
the data included; the machine should do nothing else. The official test part is read once a run,
at its end. Everything takes about 40 hours; what is finished is kept beside the table, one line
each, so that the same command goes on, and others add sets, methods, minutes and seeds. A run of
AutoKeras that fails is a result; one of ours is shown, and begun again next time. The tables go
to `benchmarks/versus.md`, the plot to `benchmarks/versus.svg`. The sets lie in `../shared/data`
beside the checkout.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from contest import CONTESTS, METHODS, MINUTES, TIMELESS, Cell, cells_of
from fitting import DATA, HERE, CommandFailedError, fit, result_of
from kept import Kept
from versus_page import page
from versus_plot import draw

EXPERTS = HERE / "experts"
WEIGHTS = DATA / "pretrained"
OWN_OPTIONS = {
    "autoarch": (),
    "random": ("--oracle", "random"),
    "trial0": ("--trials", "1"),
}
"""What `autoarch fit` is given, by method."""

AUTOKERAS = ("autokeras==3.0.0", "keras<3.13", "tensorboard", "tensorflow")
"""With a later Keras, or without TensorBoard, it dies at its start."""


def run(cell: Cell, work: Path) -> dict[str, Any]:
    """One run; what the tables show of it, or that it `failed`, and why."""
    contest = CONTESTS[cell.contest]
    if cell.method == "autokeras":
        if contest.kind == "sound":
            return {"failed": "has no task for sounds"}
        if contest.trained:
            return {"failed": "takes no weights from files"}
    seconds = 60 * cell.minutes
    # A run that ignores its time is ended some day; one that is late is shown to be.
    stop_s = None if cell.method in TIMELESS else 2 * seconds + 300
    try:
        if cell.method in OWN_OPTIONS:
            options = OWN_OPTIONS[cell.method]
            if contest.trained:
                options += ("--pretrained", str(WEIGHTS))
            return own_result(
                fit(
                    DATA / contest.folder,
                    options,
                    limit=f"{seconds:g}s",
                    seed=cell.seed,
                    stop_s=stop_s,
                )
            )
        return result_of(command(cell, work), limit_s=stop_s)
    except CommandFailedError as error:
        lines = str(error).strip().splitlines()
        return {"failed": lines[0] if len(lines) == 1 else f"{lines[0]}: {lines[-1]}"}


def own_result(result: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a run of AutoArch."""
    members = (result["ensemble"] or {"members": ()})["members"]
    winner = f"winner {result['best']['trial']}"
    if members:
        winner += f", average of {len(members)}"
    return {
        "accuracy": result["test"]["accuracy"],
        "n": result["test"]["n"],
        "trials": result["trials"]["completed"],
        "size_bytes": result["model"]["size_bytes"],
        "outside_s": result["outside_s"],
        "note": f"{winner}, {result['best']['epochs']:.0f} epochs, "
        f"{result['training_s'] / result['wall_s']:.0%} of the time in training steps",
    }


def command(cell: Cell, work: Path) -> list[str]:
    """The command of a method that is not AutoArch."""
    contest = CONTESTS[cell.contest]
    python, script = sys.executable, cell.method
    if cell.method == "expert":
        script = contest.kind
    elif cell.method == "autokeras":
        python, script = str(environment(work)), "autokeras_fit"
    words = [python, str(EXPERTS / f"{script}.py"), str(DATA / contest.folder)]
    if cell.method not in TIMELESS:
        words += ["--seconds", f"{60 * cell.minutes:g}", "--seed", str(cell.seed)]
    return [*words, "--weights", str(WEIGHTS)] if contest.trained else words


def environment(work: Path) -> Path:
    """AutoKeras's Python; makes its environment where it is not there yet.

    Raises:
        RuntimeError: It cannot be installed here and now, which says nothing of AutoKeras.
    """
    folder = work / "autokeras"
    python, finished = folder / "bin" / "python", folder / "installed"
    if not finished.exists():
        for words in (
            [sys.executable, "-m", "venv", str(folder)],
            [str(python), "-m", "pip", "install", "--quiet", *AUTOKERAS],
        ):
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"AutoKeras is not installed: {done.stderr[-500:]}")
        finished.touch()
    return python


def lasts(cell: Cell, result: dict[str, Any]) -> bool:
    """Whether a result is kept: all but failures of our own."""
    return "failed" not in result or cell.method == "autokeras"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", choices=list(CONTESTS), default=list(CONTESTS))
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--minutes", nargs="+", type=float, default=list(MINUTES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--work", type=Path, default=Path("runs/versus"))
    parser.add_argument("--output", type=Path, default=HERE / "versus.md")
    options = parser.parse_args(arguments)
    cells = cells_of(options.sets, options.methods, options.minutes, options.seeds)
    kept = Kept(options.output.with_suffix(".jsonl"))
    plot = options.output.with_suffix(".svg")
    results = dict(kept.cells)

    def write() -> None:
        shown = list({cell.key: cell for cell in (*map(Cell.of, results), *cells)}.values())
        seeds = sorted({cell.seed for cell in shown})
        head = f"Made by `python benchmarks/versus.py`, seeds {', '.join(map(str, seeds))}"
        head += f"; {kept.told}."
        options.output.write_text(
            page(shown, results, kept.made, head=head, plot=plot.name), "utf-8"
        )
        draw(shown, results, plot)

    for cell in cells:
        before = cell.key in kept.cells
        results[cell.key] = kept.get(
            cell.key, partial(run, cell, options.work), lasts=partial(lasts, cell)
        )
        if not before:
            print(cell.key, results[cell.key], flush=True)
            write()  # what there is so far
    write()


if __name__ == "__main__":
    main()
