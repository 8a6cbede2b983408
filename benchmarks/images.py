"""`autoarch fit` on real pictures: accuracy, time kept, trials, and where the seconds went.

    python benchmarks/images.py [--sets cifar10-mini demo:digits clothing10] [--seeds 0 1 2]

Each run is a process of its own, as a user starts it, one after the other; the machine should do
nothing else. The test part is read once a run, at its end. The table goes to
`benchmarks/images.md`. The sets lie in `../shared/data` beside the checkout, except digits.
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
DATA = HERE.parents[1] / "shared" / "data"
MINUTES = {"cifar10-mini": "5m", "demo:digits": "1m", "clothing10": "5m"}
TARGETS = {"cifar10-mini": ">= 0.72", "demo:digits": ">= 0.97", "clothing10": "report"}


def fit(name: str, seed: int) -> dict:
    """One run; its result with the seconds seen from outside."""
    source = name if name.startswith("demo:") else str(DATA / name)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "autoarch.cli", "fit", source, "--json", "--quiet"]
        command += ["--time", MINUTES[name], "--seed", str(seed), "--output", f"{folder}/run"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
        started = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        seconds = time.monotonic() - started
    if done.returncode:
        sys.exit(f"{name}, seed {seed}: exit code {done.returncode}\n{done.stderr}")
    return {**json.loads(done.stdout), "outside_s": seconds}


def row(name: str, seed: int, result: dict) -> str:
    trials = result["trials"]
    phases = ", ".join(f"{phase} {seconds:.0f}" for phase, seconds in result["phases"].items())
    low, high = result["test"]["accuracy_ci95"]
    return (
        f"| {name} | {seed} | {result['test']['accuracy']:.4f} ({low:.3f} to {high:.3f}) | "
        f"{result['outside_s']:.1f} of {result['time_limit_s']:.0f} | "
        f"{trials['completed']} / {trials['distinct']} / {trials['infeasible']} / "
        f"{trials['failed']} | {result['bookkeeping_s'] / result['wall_s']:.2%} | "
        f"{result['training_s'] / result['wall_s']:.0%} | {result['best']['trial']} | "
        f"{result['model']['params']:,} | {'x'.join(map(str, result['data']['image_shape']))} | "
        f"{phases} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=list(MINUTES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    arguments = parser.parse_args()
    rows: list[str] = []
    accuracies: dict[str, list[float]] = {}
    for name in arguments.sets:
        for seed in arguments.seeds:
            result = fit(name, seed)
            accuracies.setdefault(name, []).append(result["test"]["accuracy"])
            rows.append(row(name, seed, result))
            print(rows[-1], flush=True)
            (HERE / "images.md").write_text(page(rows, accuracies))  # what there is so far


def page(rows: list[str], accuracies: dict[str, list[float]]) -> str:
    medians = [
        f"| {name} | {MINUTES[name]} | {TARGETS[name]} | {statistics.median(found):.4f} | "
        f"{min(found):.4f} to {max(found):.4f} | {len(found)} |"
        for name, found in accuracies.items()
    ]
    return "\n".join(
        [
            "# `autoarch fit` on pictures",
            "",
            f"{datetime.date.today()}, seeds from 0 on, {os.cpu_count()} cores "
            f"({platform.machine()}), Python {platform.python_version()}. "
            "Made by `python benchmarks/images.py`. Test parts are the sets' own (digits: a "
            "stratified fifth), read once a run.",
            "",
            "| set | time | target | median test accuracy | range | seeds |",
            "|---|---|---|---|---|---|",
            *medians,
            "",
            "| set | seed | test accuracy (95 %) | seconds | trials: completed / distinct / "
            "infeasible / failed | search, oracle and log outside training | share of time in "
            "training steps | winner | weights | input | seconds by phase |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    main()
