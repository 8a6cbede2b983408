"""Trial 0's network trained by AdamW alone and with Muon, at equal epochs.

    python benchmarks/optimizers.py [FOLDER/train] [--epochs 43] [--seeds 0]

Only the training part of cifar10-mini is read: 4,000 pictures to learn from, 1,000 held out of it.
The network is trial 0's under a limit of 100 kB. What is finished is kept in
`benchmarks/optimizers.jsonl`; the table goes to `benchmarks/optimizers.md`.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from autoarch.training.runtime import prepare_environment

prepare_environment()

import numpy as np  # noqa: E402
from fitting import DATA, HERE  # noqa: E402
from inheritance import read  # noqa: E402
from kept import Kept  # noqa: E402

from autoarch.data.dataset import ImageSet  # noqa: E402
from autoarch.objectives import classification_metrics  # noqa: E402
from autoarch.spaces import ResidualSpace  # noqa: E402
from autoarch.training import fit  # noqa: E402
from autoarch.training.augment import make_augmenter  # noqa: E402
from autoarch.training.optimizer import orthogonal_kernels  # noqa: E402
from autoarch.training.schedule import warm_up_cosine  # noqa: E402

NETWORK = {"growth": 1.5}
WIDTH = 13
VARIANTS = {
    # Whether Muon moves kernels; AdamW's rate in units of the recipe's
    "AdamW at 3e-3": (False, 1.0),
    "AdamW at 1e-2": (False, 10 / 3),
    "Muon, AdamW at 3e-3": (True, 1.0),
    "Muon, AdamW at 1e-2": (True, 10 / 3),
}


def train(parts: list[ImageSet], muon: bool, faster: float, epochs: float, seed: int) -> Any:
    """Accuracy and log loss on the held-out pictures, plain and by two views; and seconds."""
    learn, held_out = parts
    candidate = ResidualSpace((32, 32, 3), 10, width=WIDTH).candidate(NETWORK)
    recipe = replace(candidate.recipe, batch_size=64)
    if not muon:  # `FASTER` is for networks with Muon
        recipe = replace(recipe, learning_rate=recipe.learning_rate * faster)
    with (
        mock.patch.object(fit, "FASTER", faster),
        mock.patch.object(fit, "orthogonal_kernels", orthogonal_kernels if muon else list_nothing),
    ):
        trainer = fit.Trainer(
            candidate.architecture, recipe, learn, make_augmenter((32, 32, 3), 10), seed=seed
        )
    begun = time.perf_counter()
    trainer.train(lambda done: done / epochs, warm_up_cosine, planned_epochs=epochs)
    took = time.perf_counter() - begun
    plain = trainer.predict_proba(held_out.inputs)
    mirrored = trainer.predict_proba(held_out.inputs[:, :, ::-1])
    both = np.sqrt(plain * mirrored)  # the mean of the logits, but for a factor
    both /= both.sum(-1, keepdims=True)
    found = [classification_metrics(held_out.labels, answers) for answers in (plain, both)]
    return [[m["accuracy"], m["log_loss"]] for m in found] + [took]


def list_nothing(model: Any) -> list[str]:
    return []


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=DATA / "cifar10-mini" / "train")
    parser.add_argument("--epochs", type=float, default=43)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    given = parser.parse_args()
    parts = read(given.folder, 7, 4000, 1000)
    kept = Kept(HERE / "optimizers.jsonl")
    rows = []
    for name, (muon, faster) in VARIANTS.items():
        cells = [
            kept.get(
                f"{name}/{given.epochs:g}/{seed}",
                lambda m=muon, f=faster, s=seed: train(parts, m, f, given.epochs, s),
            )
            for seed in given.seeds
        ]
        plain, both, _ = (list(column) for column in zip(*cells))
        rows.append(f"| {name} | {told(plain)} | {told(both)} |")
        print(rows[-1], flush=True)
    (HERE / "optimizers.md").write_text(
        f"# Optimizers at equal epochs\n\n{kept.told}. Made by `python "
        f"benchmarks/optimizers.py`: 4,000 pictures of cifar10-mini's training part, 1,000 others "
        f"held out; residual network of width {WIDTH}, growth 1.5, {given.epochs:g} epochs; "
        f"{len(given.seeds)} seed{'s' * (len(given.seeds) > 1)}. Accuracy, and log loss in "
        "brackets; one standard error of an accuracy is 1.4 points.\n\n"
        "| optimizer | plain | mean of two views |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def told(cells: list[list[float]]) -> str:
    accuracies, losses = zip(*cells)
    each = ", ".join(f"{value:.3f}" for value in accuracies)
    return f"{each} ({statistics.fmean(losses):.3f})"


if __name__ == "__main__":
    main()
