"""`autoarch fit` on spoken digits: accuracy on the official test part, and on new speakers.

    python benchmarks/speech.py [--seeds 0 1 2] [--time 3m]

Each run is a process of its own, as a user starts it; the machine should do nothing else. The
test part is read once a run, at its end. "new speakers": train and test of the set together,
split by the speaker in the file names, so that nobody is in two parts (which speakers are held
out depends on the seed). The table goes to `benchmarks/speech.md`. The set lies in
`../shared/data` beside the checkout.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "shared" / "data" / "fsdd"
WAYS = {"official split": ">= 0.99", "new speakers": "report"}


def joined(folder: Path) -> Path:
    """Class folders with links to the files of both parts."""
    for path in sorted(DATA.glob("*/*/*.wav")):
        link = folder / path.parent.name / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path.resolve())
    return folder


def fit(way: str, seed: int, limit: str) -> dict:
    """One run; its result with the seconds seen from outside."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = DATA if way == "official split" else joined(folder / "digits")
        command = [sys.executable, "-m", "autoarch.cli", "fit", str(source), "--json", "--quiet"]
        command += ["--time", limit, "--seed", str(seed), "--output", str(folder / "run")]
        if way == "new speakers":
            command += ["--group", r"_([a-z]+)_\d+\.wav$"]
        started = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - started
    if done.returncode:
        sys.exit(f"{way}, seed {seed}: exit code {done.returncode}\n{done.stderr}")
    return {**json.loads(done.stdout), "outside_s": seconds}


def row(way: str, seed: int, result: dict) -> str:
    trials, (low, high) = result["trials"], result["test"]["accuracy_ci95"]
    phases = ", ".join(f"{phase} {seconds:.0f}" for phase, seconds in result["phases"].items())
    return (
        f"| {way} | {seed} | {result['test']['accuracy']:.4f} ({low:.3f} to {high:.3f}) | "
        f"{result['test']['n']} | {result['outside_s']:.1f} of {result['time_limit_s']:.0f} | "
        f"{trials['completed']} / {trials['infeasible']} / {trials['failed']} | "
        f"{result['best']['trial']} | {result['best']['epochs']:.0f} | "
        f"{result['model']['params']:,} | {result['model']['macs'] / 1e6:.1f} M | {phases} |"
    )


def page(rows: list[str], accuracies: dict[str, list[float]], limit: str) -> str:
    medians = [
        f"| {way} | {WAYS[way]} | {statistics.median(found):.4f} | {min(found):.4f} to "
        f"{max(found):.4f} | {len(found)} |"
        for way, found in accuracies.items()
    ]
    return "\n".join(
        [
            "# `autoarch fit` on spoken digits (fsdd)",
            "",
            f"{datetime.date.today()}, `--time {limit}`, {os.cpu_count()} cores "
            f"({platform.machine()}), Python {platform.python_version()}. "
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
    rows: list[str] = []
    accuracies: dict[str, list[float]] = {}
    for way in WAYS:
        for seed in arguments.seeds:
            result = fit(way, seed, arguments.time)
            accuracies.setdefault(way, []).append(result["test"]["accuracy"])
            rows.append(row(way, seed, result))
            print(rows[-1], flush=True)
            text = page(rows, accuracies, arguments.time)
            (HERE / "speech.md").write_text(text)  # what there is so far


if __name__ == "__main__":
    main()
