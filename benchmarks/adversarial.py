"""Texts learned as they are, against texts whose vectors are moved, in the same time.

    python benchmarks/adversarial.py [--sets trec6 sst2 waimai_zh] [--splits 0 1] [--seeds 0]
                                     [--radii 0 0.04 0.08 0.14]

The average of trial 0 and its companions with equal weights; `--radii` are lengths of the moves in
units of the vectors (`autoarch.training.adversarial`). Without moves each network gets half as many
passes again, which take as long. Only training parts are read: a fifth is held out, the rest is
learned from. What is finished is kept in `benchmarks/adversarial.jsonl`; the table goes to
`benchmarks/adversarial.md`. The sets lie in `../shared/data` beside the checkout.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from averages import known_networks, scored
from fitting import HERE
from kept import Kept

from autoarch.spaces import Candidate
from autoarch.training.adversarial import SLOWER

SETS = ("trec6", "sst2", "waimai_zh")
NETWORKS = 3
PASSES = 20
"""Of each network with moves: about what two cores do in three minutes."""


def measure(name: str, split: int, seed: int, radius: float) -> dict[str, Any]:
    """Accuracy and log loss on what is held out, with moves of this length."""

    def moving(candidate: Candidate) -> Candidate:
        return replace(candidate, recipe=replace(candidate.recipe, adversarial=radius))

    passes = PASSES if radius else PASSES * SLOWER
    return scored(known_networks(name, split, NETWORKS, passes, seed, moving))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--splits", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--radii", type=float, nargs="+", default=[0.0, 0.04, 0.08, 0.14])
    parser.add_argument("--output", type=Path, default=HERE / "adversarial.md")
    given = parser.parse_args(arguments)
    kept = Kept(given.output.with_suffix(".jsonl"))
    for split in given.splits:
        for seed in given.seeds:
            for name in given.sets:
                for radius in given.radii:
                    key = f"{name}/{split}/{seed}/{radius:g}"
                    print(key, kept.get(key, partial(measure, name, split, seed, radius)))
                    given.output.write_text(page(kept), "utf-8")


def page(kept: Kept) -> str:
    """The table of all that is kept: a line for each set, split and seed."""
    cells = {tuple(key.split("/")): cell for key, cell in kept.cells.items()}
    radii = sorted({key[-1] for key in cells}, key=float)
    titles = [radius if float(radius) else "no moves" for radius in radii]
    rows = [f"| set | split | seed | held out | {' | '.join(titles)} |"]
    rows.append("|---" * (4 + len(radii)) + "|")
    for name, split, seed in sorted({key[:-1] for key in cells}):
        found = [cells.get((name, split, seed, radius)) for radius in radii]
        shown = [f"{c['accuracy']:.4f} ({c['log_loss']:.3f})" if c else "" for c in found]
        (n, *_) = [c["n"] for c in found if c]
        rows.append(f"| {name} | {split} | {seed} | {n} | {' | '.join(shown)} |")
    return (
        f"# Moves of texts' vectors\n\n{kept.told}. Made by `python benchmarks/adversarial.py`: "
        f"a fifth of the training part held out; the average of {NETWORKS} networks, {PASSES} "
        f"passes of each with moves and {PASSES * SLOWER:g} without, which take about as long. "
        "Accuracy, and log loss in brackets, by the length of the moves.\n\n"
        + "\n".join(rows)
        + "\n"
    )


if __name__ == "__main__":
    main()
