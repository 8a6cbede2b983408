"""Text classification on three small sets: AutoArch beside a linear model, official test parts.

    python benchmarks/text.py [--sets trec6 sst2 waimai_zh] [--seeds 0 1 2] [--time 3m]

The linear model is TF-IDF of word 1-2-grams and character 1-4-grams with logistic regression,
C=10, trained on all that is not test. Each run of AutoArch is a process of its own, as a user
starts it; the machine should do nothing else. Test parts are read once a run, at its end. What is
finished is kept in `benchmarks/text.jsonl`, one line each: an interrupted benchmark goes on, and
begins anew without that file. The table goes to `benchmarks/text.md`. The sets lie in
`../shared/data` beside the checkout.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

from fitting import DATA, HERE, fit_or_exit, phases, result_of, spread
from kept import Kept

TARGETS = {"trec6": 0.91, "sst2": 0.83, "waimai_zh": 0.90}


def linear(folder: Path) -> dict[str, Any]:
    """Test accuracy of the linear model, and its seconds."""
    found = result_of([sys.executable, str(HERE / "experts" / "linear.py"), str(folder)])
    return {"accuracy": found["accuracy"], "seconds": found["outside_s"]}


def fit(folder: Path, seed: int, limit: str) -> dict[str, Any]:
    """One run of the command; what the table shows of its result."""
    result = fit_or_exit(folder.name, folder, limit=limit, seed=seed)
    keys = ("test", "best", "trials", "phases", "model", "time_limit_s", "outside_s")
    return {key: result[key] for key in keys}


def summary(name: str, base: dict[str, Any], runs: list[dict[str, Any]]) -> str:
    scores = [run["test"]["accuracy"] for run in runs]
    return (
        f"| {name} | {base['accuracy']:.3f} ({base['seconds']:.0f} s) | "
        f">= {TARGETS.get(name, 0):.2f} | {spread(scores, 3)} |"
    )


def row(name: str, seed: int, run: dict[str, Any]) -> str:
    trials, decisions = run["trials"], run["best"]["decisions"]
    branches = [decisions[b] for b in ("network", "second") if decisions.get(b, "none") != "none"]
    return (
        f"| {name} | {seed} | {run['test']['accuracy']:.4f} | {run['test']['n']} | "
        f"{run['outside_s']:.0f} of {run['time_limit_s']:.0f} | "
        f"{trials['completed']} / {trials['infeasible']} / {trials['failed']} | "
        f"{run['best']['trial']}: {'+'.join(branches)}, linear {decisions.get('linear', 0):g} | "
        f"{run['best']['epochs']:.0f} | {run['model']['params']:,} | {phases(run)} |"
    )


def page(summaries: list[str], rows: list[str], limit: str, told: str) -> str:
    return "\n".join(
        [
            "# `autoarch fit` on texts",
            "",
            f"{told}, `--time {limit}`. "
            "Made by `python benchmarks/text.py`. Official test parts, read once a run.",
            "",
            "| set | linear model on TF-IDF n-grams | target | median accuracy | range | seeds |",
            "|---|---|---|---|---|---|",
            *summaries,
            "",
            "| set | seed | test accuracy | texts | seconds | trials: completed / infeasible / "
            "failed | winner | epochs | weights | seconds by phase |",
            "|---|---|---|---|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=list(TARGETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--time", default="3m")
    parser.add_argument("--output", type=Path, default=HERE / "text.md")
    options = parser.parse_args()
    kept = Kept(options.output.with_suffix(".jsonl"))
    summaries: list[str] = []
    rows: list[str] = []
    for name in options.sets:
        folder = DATA / name
        base = kept.get(f"{name}/linear", partial(linear, folder))
        runs = []
        for seed in options.seeds:
            key = f"{name}/{options.time}/{seed}"
            runs.append(kept.get(key, partial(fit, folder, seed, options.time)))
            rows.append(row(name, seed, runs[-1]))
            print(rows[-1], flush=True)
            found = [*summaries, summary(name, base, runs)]
            text = page(found, rows, options.time, kept.told)
            options.output.write_text(text)  # what there is so far
        summaries.append(summary(name, base, runs))


if __name__ == "__main__":
    main()
