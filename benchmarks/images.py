"""`autoarch fit` on real pictures: accuracy, time kept, trials, and where the seconds went.

    python benchmarks/images.py [--sets cifar10-mini demo:digits clothing10
                                "clothing10, pretrained"] [--seeds 0 1 2]

Each run is a process of its own, as a user starts it, one after the other; the machine should do
nothing else. The test part is read once a run, at its end. What is finished is kept in
`benchmarks/images.jsonl`, one line each: an interrupted benchmark goes on, and begins anew without
that file. The table goes to `benchmarks/images.md`. The sets lie in `../shared/data` beside the
checkout, except digits.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from fitting import DATA, HERE, fit_or_exit, phases, spread
from kept import Kept

PRETRAINED = "clothing10, pretrained"
MINUTES = {"cifar10-mini": "5m", "demo:digits": "1m", "clothing10": "5m", PRETRAINED: "5m"}
TARGETS = {
    "cifar10-mini": ">= 0.72",
    "demo:digits": ">= 0.97",
    "clothing10": "report",
    PRETRAINED: ">= 0.80",
}


def fit(name: str, seed: int) -> dict[str, Any]:
    """One run; its result with the seconds seen from outside."""
    source = name if name.startswith("demo:") else DATA / name.split(",")[0]
    options = ("--pretrained", str(DATA / "pretrained")) if name == PRETRAINED else ()
    result = fit_or_exit(name, source, *options, limit=MINUTES[name], seed=seed)
    keys = ("test", "best", "trials", "phases", "model", "data", "time_limit_s", "outside_s")
    return {key: result[key] for key in (*keys, "bookkeeping_s", "training_s", "wall_s")}


def row(name: str, seed: int, result: dict[str, Any]) -> str:
    trials = result["trials"]
    low, high = result["test"]["accuracy_ci95"]
    return (
        f"| {name} | {seed} | {result['test']['accuracy']:.4f} ({low:.3f} to {high:.3f}) | "
        f"{result['outside_s']:.1f} of {result['time_limit_s']:.0f} | "
        f"{trials['completed']} / {trials['distinct']} / {trials['infeasible']} / "
        f"{trials['failed']} | {result['bookkeeping_s'] / result['wall_s']:.2%} | "
        f"{result['training_s'] / result['wall_s']:.0%} | {result['best']['trial']} | "
        f"{result['model']['params']:,} | {'x'.join(map(str, result['data']['image_shape']))} | "
        f"{phases(result)} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=list(MINUTES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--output", type=Path, default=HERE / "images.md")
    arguments = parser.parse_args()
    kept = Kept(arguments.output.with_suffix(".jsonl"))
    rows: list[str] = []
    accuracies: dict[str, list[float]] = {}
    for name in arguments.sets:
        for seed in arguments.seeds:
            result = kept.get(f"{name}/{MINUTES[name]}/{seed}", partial(fit, name, seed))
            accuracies.setdefault(name, []).append(result["test"]["accuracy"])
            rows.append(row(name, seed, result))
            print(rows[-1], flush=True)
            text = page(rows, accuracies, kept.told)
            arguments.output.write_text(text)  # what there is so far


def page(rows: list[str], accuracies: dict[str, list[float]], told: str) -> str:
    medians = [
        f"| {name} | {MINUTES[name]} | {TARGETS[name]} | {spread(found, 4)} |"
        for name, found in accuracies.items()
    ]
    return "\n".join(
        [
            "# `autoarch fit` on pictures",
            "",
            f"{told}, seeds from 0 on. "
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
