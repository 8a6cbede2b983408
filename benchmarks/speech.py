"""`autoarch fit` on spoken digits: accuracy on the official test part, and on new speakers.

    python benchmarks/speech.py [--seeds 0 1 2] [--time 3m]

Each run is a process of its own, as a user starts it; the machine should do nothing else. The
test part is read once a run, at its end. "new speakers": train and test of the set together,
split by the speaker in the file names, so that nobody is in two parts (which speakers are held
out depends on the seed). What is finished is kept in `benchmarks/speech.jsonl`, one line each: an
interrupted benchmark goes on, and begins anew without that file. The table goes to
`benchmarks/speech.md`. The set lies in `../shared/data` beside the checkout.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from fitting import DATA, HERE, fit_or_exit, phases, spread
from kept import Kept

DIGITS = DATA / "fsdd"
WAYS = {"official split": ">= 0.99", "new speakers": "report"}


def joined(folder: Path) -> Path:
    """Class folders with links to the files of both parts."""
    for path in sorted(DIGITS.glob("*/*/*.wav")):
        link = folder / path.parent.name / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path.resolve())
    return folder


def fit(way: str, seed: int, limit: str) -> dict[str, Any]:
    """One run; its result with the seconds seen from outside."""
    with tempfile.TemporaryDirectory() as name:
        source, options = DIGITS, ()
        if way == "new speakers":
            source, options = joined(Path(name)), ("--group", r"_([a-z]+)_\d+\.wav$")
        result = fit_or_exit(way, source, *options, limit=limit, seed=seed)
    keys = ("test", "best", "trials", "phases", "model", "time_limit_s", "outside_s")
    return {key: result[key] for key in keys}


def row(way: str, seed: int, result: dict[str, Any]) -> str:
    trials, (low, high) = result["trials"], result["test"]["accuracy_ci95"]
    return (
        f"| {way} | {seed} | {result['test']['accuracy']:.4f} ({low:.3f} to {high:.3f}) | "
        f"{result['test']['n']} | {result['outside_s']:.1f} of {result['time_limit_s']:.0f} | "
        f"{trials['completed']} / {trials['infeasible']} / {trials['failed']} | "
        f"{result['best']['trial']} | {result['best']['epochs']:.0f} | "
        f"{result['model']['params']:,} | {result['model']['macs'] / 1e6:.1f} M | "
        f"{phases(result)} |"
    )


def page(rows: list[str], accuracies: dict[str, list[float]], limit: str, told: str) -> str:
    medians = [f"| {way} | {WAYS[way]} | {spread(found, 4)} |" for way, found in accuracies.items()]
    return "\n".join(
        [
            "# `autoarch fit` on spoken digits (fsdd)",
            "",
            f"{told}, `--time {limit}`. "
            "Made by `python benchmarks/speech.py`. Test parts are read once a run.",
            "",
            "| split | target | median test accuracy | range | seeds |",
            "|---|---|---|---|---|",
            *medians,
            "",
            "| split | seed | test accuracy (95 %) | clips | seconds | trials: completed / "
            "infeasible / failed | winner | epochs | weights | multiply-adds | seconds by phase |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--time", default="3m")
    arguments = parser.parse_args()
    kept = Kept(HERE / "speech.jsonl")
    rows: list[str] = []
    accuracies: dict[str, list[float]] = {}
    for way in WAYS:
        for seed in arguments.seeds:
            key = f"{way}/{arguments.time}/{seed}"
            result = kept.get(key, partial(fit, way, seed, arguments.time))
            accuracies.setdefault(way, []).append(result["test"]["accuracy"])
            rows.append(row(way, seed, result))
            print(rows[-1], flush=True)
            text = page(rows, accuracies, arguments.time, kept.told)
            (HERE / "speech.md").write_text(text)  # what there is so far


if __name__ == "__main__":
    main()
