"""Successive halving on real learning curves: what is found, and what it costs.

    python benchmarks/halving.py [--seeds 50]

345 recurrent language models with curves of 50 epochs, four of which end in NaN: NAS-Bench-NLP on
WikiText-2, in `../shared/benchmarks` beside the checkout. A search draws models at random; a step
of training costs its epochs and returns the validation loss after its last one. Each seed is
another order of the models. The table goes to `benchmarks/halving.md`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras_tuner
import numpy as np

from autoarch.oracles import HalvingOracle, RandomOracle, SearchOracle

HERE = Path(__file__).parent
CURVES = HERE.parents[1] / "shared" / "benchmarks" / "nasbench_nlp_wikitext2.jsonl.gz"
EPOCHS = 50
SHARE = 0.15  # of the epochs of training all models


def read_curves(path: Path = CURVES) -> np.ndarray:
    """Validation losses, shape (models, epochs); NaN from where a run broke off."""
    curves = []
    with gzip.open(path, "rt") as file:
        for line in file:
            losses = [math.nan if v is None else v for v in json.loads(line)["val_losses"]]
            curves.append(losses + [math.nan] * (EPOCHS - len(losses)))
    return np.array(curves)


@dataclass(frozen=True)
class Outcome:
    """What one search found.

    Args:
        regret: The best loss found over the best loss of all models after 50 epochs, minus one.
        regret_in_share: The same when 15 % of the epochs of training all were spent.
        epochs: Share of the epochs of training all that the whole search took.
    """

    regret: float
    regret_in_share: float
    epochs: float


def search(curves: np.ndarray, oracle: SearchOracle, limit: float = math.inf) -> Outcome:
    """Runs an oracle over the models until it has nothing left, or `limit` is spent."""
    best = float(np.nanmin(curves[:, -1]))
    everything = curves.size
    spent, found, found_in_share = 0.0, math.inf, math.inf
    while spent < limit * everything and (proposal := oracle.propose()) is not None:
        fidelity = proposal.fidelity
        end, done = (fidelity.epochs, fidelity.done) if fidelity else (EPOCHS, 0)
        spent += end - done
        loss = float(curves[proposal.decisions["model"], end - 1])
        oracle.tell(proposal.trial_id, loss)
        found = min(found, loss)  # a NaN is no smaller
        if spent <= SHARE * everything:
            found_in_share = found
    return Outcome(found / best - 1, found_in_share / best - 1, spent / everything)


def repeat(
    make: Callable[..., SearchOracle], seeds: range, *, limit: float = math.inf, **settings: object
) -> list[Outcome]:
    """One search for each seed."""
    curves = read_curves()
    outcomes = []
    for seed in seeds:
        hyperparameters = keras_tuner.HyperParameters()
        hyperparameters.Choice("model", list(range(len(curves))))
        oracle = make(
            keras_tuner.Objective("val_loss", "min"), None, hyperparameters, seed=seed, **settings
        )
        outcomes.append(search(curves, oracle, limit))
    return outcomes


def row(name: str, outcomes: list[Outcome]) -> str:
    def mean(values: list[float], percent: str = ".2f") -> str:
        array = 100 * np.array(values)
        error = array.std(ddof=1) / math.sqrt(len(array))
        return f"{array.mean():{percent}} ± {error:{percent}}"

    in_share = [o.regret_in_share for o in outcomes]
    hit = [float(regret <= 0.005) for regret in in_share]
    cells = [
        name,
        mean([o.regret for o in outcomes]),
        mean([o.epochs for o in outcomes], ".1f"),
        mean(in_share),
        mean(hit, ".0f"),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    seeds = range(parser.parse_args().seeds)
    rows = []
    for name, make, settings in (
        ("halving, random (1, 3, 9, 27, 50)", HalvingOracle, {"max_epochs": EPOCHS}),
        ("the same, factor 4 (1, 4, 16, 50)", HalvingOracle, {"max_epochs": EPOCHS, "factor": 4}),
        ("the same, factor 2", HalvingOracle, {"max_epochs": EPOCHS, "factor": 2}),
        ("random, 50 epochs each", RandomOracle, {"limit": SHARE}),
    ):
        rows.append(row(name, repeat(make, seeds, **settings)))
        print(rows[-1], flush=True)
    text = "\n".join(
        [
            "# Successive halving on the learning curves of NAS-Bench-NLP",
            "",
            f"Written by `benchmarks/halving.py`: means over {len(seeds)} orders of the 345 "
            "models, with standard errors, in percent. Regret: the best validation loss found over "
            "that of the best model after 50 epochs. All epochs: 345 x 50. Target: a regret of at "
            "most 0.5 % for at most 15 % of them.",
            "",
            "| search | regret at its end | epochs it took, of all | regret within 15 % | "
            "orders within 0.5 % by then |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )
    (HERE / "halving.md").write_text(text)


if __name__ == "__main__":
    main()
