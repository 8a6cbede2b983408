"""What children gain from inherited weights: mutations of trial 0, measured with and without.

    python benchmarks/inheritance.py FOLDER/train [--seed 0] [--mutations 8]
    python benchmarks/inheritance.py FOLDER/train --reach [--mutations 4]

Only the training part of a data set is read; scores are on pictures held out of it. A child that
inherits has its parent's epochs behind it, so it is compared with fresh children of as many.

With `--reach`, the parent is trained for `PARENT` epochs, and each child until it is as accurate:
from scratch, and from the parent's weights. The table goes to `benchmarks/inheritance.md`.
"""

from __future__ import annotations

import argparse
import datetime
import os
import tempfile
from pathlib import Path

import numpy as np

from autoarch.architecture.inherit import inherit_weights
from autoarch.data.dataset import ImageSet
from autoarch.evaluation.train import TrainEvaluator
from autoarch.objectives import get_objective
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces import SPACES, Candidate
from autoarch.trials import Fidelity, RunDirectory

FIRST, NEXT = 2.0, 6.0
"""Epochs of the first two rungs of a run without a time limit."""

PARENT, LONGEST = 9, 18
"""With `--reach`: epochs of the parent, and of a child at most."""

CONSTANT_RATE = 0.3
"""Share of the recipe's peak learning rate, with `--reach`."""

PARTS = {"train": 2000, "valid": 1000}


def read(
    folder: Path, seed: int, train: int = PARTS["train"], valid: int = PARTS["valid"]
) -> list[ImageSet]:
    """Random pictures of a folder with one sub-folder a class, as two disjoint parts."""
    from PIL import Image

    files = sorted(folder.glob("*/*.*"))
    classes = sorted({file.parent.name for file in files})
    order = np.random.default_rng(seed).permutation(len(files))[: train + valid]
    images = np.stack([np.asarray(Image.open(files[i]).convert("RGB")) for i in order])
    labels = np.array([classes.index(files[i].parent.name) for i in order])
    return [
        ImageSet(images[rows], labels[rows], tuple(str(files[i]) for i in order[rows]))
        for rows in (slice(train), slice(train, None))
    ]


def epochs_to(
    evaluator: TrainEvaluator,
    candidate: Candidate,
    trial: int,
    goal: float,
    weights: dict[str, np.ndarray] | None,
) -> tuple[int, float]:
    """Epochs until the accuracy is reached, `LONGEST` + 1 where it is not; and the best accuracy.

    The learning rate is constant, so that the accuracy after an epoch does not depend on how many
    were planned.
    """
    trainer = evaluator.new_trainer(candidate, trial, evaluator.train)
    if weights is not None:
        trainer.inherit(weights, 0)
    best = 0.0
    for epoch in range(LONGEST + 1):
        if epoch:
            trainer.train(
                lambda done, end=epoch: float(done >= end),
                lambda share: CONSTANT_RATE,
                planned_epochs=PARENT,
            )
        best = max(best, evaluator.measure(trainer)["accuracy"])
        if best >= goal:
            return epoch, best
    return LONGEST + 1, best


def reach(evaluator: TrainEvaluator, parent: Candidate, children: list[Candidate]) -> str:
    """The table of `--reach`, a row a child."""
    trainer = evaluator.new_trainer(parent, 0, evaluator.train)
    trainer.train(
        lambda epochs: float(epochs >= PARENT), lambda share: CONSTANT_RATE, planned_epochs=PARENT
    )
    goal, weights = evaluator.measure(trainer)["accuracy"], trainer.named_weights()
    lines = [
        f"| change to the parent ({PARENT} epochs, {goal:.3f}) | share inherited | epochs from "
        "scratch | epochs inherited | of them |",
        "|---|---|---|---|---|",
    ]
    shares = []
    for number, child in enumerate(children, start=1):
        fresh = evaluator.new_trainer(child, number, evaluator.train).named_weights()
        found = inherit_weights(
            parent.architecture, weights, child.architecture, fresh, np.random.default_rng(number)
        )
        begun, _ = epochs_to(evaluator, child, number, goal, found.weights)
        scratch, best = epochs_to(evaluator, child, number, goal, None)
        shares.append(begun / scratch)
        changed = {k: v for k, v in child.decisions.items() if parent.decisions.get(k) != v}
        told = f"{scratch}" if scratch <= LONGEST else f"more than {LONGEST} ({best:.3f})"
        text = ", ".join(f"{name} {value}" for name, value in changed.items())
        lines.append(f"| {text} | {found.share:.2f} | {told} | {begun} | {shares[-1]:.2f} |")
        print(lines[-1], flush=True)
    lines.append(f"| median | | | | {np.median(shares):.2f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--space", default="residual", choices=list(SPACES))
    parser.add_argument("--mutations", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reach", action="store_true", help="Epochs to the parent's accuracy.")
    options = parser.parse_args()

    train, valid = read(options.folder, options.seed)
    classes = int(train.labels.max()) + 1
    space = SPACES[options.space](train.images.shape[1:], classes, width=8)
    decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
    random = np.random.default_rng(options.seed)
    parent = space.candidate({})
    children = {parent.architecture.key: parent}
    while len(children) <= options.mutations:
        found = space.candidate(decisions.mutate(parent.decisions, random))
        if found.architecture.macs <= 1.1 * parent.architecture.macs:
            children.setdefault(found.architecture.key, found)

    run = RunDirectory(Path(tempfile.mkdtemp()) / "run")
    run.create({})
    evaluator = TrainEvaluator(
        train,
        valid,
        get_objective("accuracy"),
        run,
        classes=classes,
        seed=options.seed,
        inherit=True,
    )

    if options.reach:
        table = reach(evaluator, parent, list(children.values())[1:])
        (Path(__file__).parent / "inheritance.md").write_text(
            "# Epochs to the parent's accuracy, from scratch and with its weights\n\n"
            f"{len(train):,} pictures of cifar10-mini, {len(valid):,} others to measure on, the "
            f"{options.space} space at width 8, mutations drawn with seed {options.seed}; "
            f"{datetime.date.today():%Y-%m-%d}, {os.cpu_count()} cores. "
            f"`benchmarks/inheritance.py --reach` made this.\n\n{table}\n",
            encoding="utf-8",
        )
        print(table)
        return

    def climb(candidate, trial, *epochs, done=0.0):
        scores = []
        for goal in epochs:
            scores.append(evaluator.evaluate(candidate, trial, Fidelity(goal, done=done)).score)
            done = goal
        evaluator.forget(trial)
        return scores

    header = f"fresh {FIRST:g}", f"fresh {2 * FIRST:g}", f"inh. {FIRST:g}+{FIRST:g}"
    header += f"fresh {FIRST:g}->{NEXT:g}", f"inh. {2 * FIRST:g}->{NEXT:g}", "share"
    print("  ".join(f"{text:>11}" for text in header), " changed", flush=True)
    first, later = climb(parent, 0, FIRST, NEXT)
    print(f"{first:11.3f}{later:37.3f}{'':26} trial 0", flush=True)
    rows = []
    for number, child in enumerate(list(children.values())[1:], start=1):
        short, long = climb(child, number, FIRST, NEXT)
        (even,) = climb(child, 1000 + number, 2 * FIRST)
        share = evaluator.inherit(child, 2000 + number, parent, 0, epochs=FIRST)
        begun, grown = climb(child, 2000 + number, 2 * FIRST, NEXT, done=FIRST)
        rows.append((short, even, begun, long, grown, share))
        changed = {k: v for k, v in child.decisions.items() if parent.decisions.get(k) != v}
        print("  ".join(f"{value:11.3f}" for value in rows[-1]), "", changed, flush=True)
    table = np.array(rows)
    print("  ".join(f"{value:11.3f}" for value in table.mean(0)), " mean")
    for name, a, b in (("after the first rung", 2, 1), ("on the second rung", 4, 3)):
        gain = table[:, a] - table[:, b]
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        print(f"gain at equal epochs {name}: {gain.mean():+.3f} +- {error:.3f}")


if __name__ == "__main__":
    main()
