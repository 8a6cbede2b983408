"""How well scores without training rank networks: 200 random cells of NAS-Bench-201.

    python benchmarks/zero_cost.py [--cells 1] [--networks 200] [--seed 0]

Each cell is built by our own space; a proxy sees its network with fresh weights, and a batch of
32 training pictures of cifar10-mini. What it is compared with is the table's test accuracy on
CIFAR-10 after 200 epochs. Parameters and multiply-adds, which need no network, are what a proxy
has to beat. `--cells` is the number of cells a stack, 5 in the benchmark; 1 takes a fifth of the
time, and orders the cells alike. The table goes to `benchmarks/zero_cost.md`; data and table lie in
`../shared` beside the checkout.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import gzip
import os
import platform
import time
from pathlib import Path

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3")

import keras
import numpy as np
from scipy.stats import rankdata

from autoarch.evaluation.zero_cost import PROXIES, Batch
from autoarch.spaces.nasbench201 import NasBench201Cell, nasbench201_network

HERE = Path(__file__).parent
SHARED = HERE.parents[1] / "shared"
TABLE = SHARED / "benchmarks" / "nasbench201.csv.gz"
PICTURES = SHARED / "data" / "cifar10-mini" / "train"
ACCURACY = "cifar10_test_acc_200"
BATCH = 32
BEST = 0.1
"""Share of the cells that should survive when the worse half by a proxy is left out."""

SUM = "ranks of naswot + synflow"


def read_batch(seed: int) -> Batch:
    """Random training pictures, from all classes."""
    from PIL import Image

    files = sorted(PICTURES.glob("*/*"))
    classes = sorted({file.parent.name for file in files})
    chosen = [files[i] for i in np.random.default_rng(seed).permutation(len(files))[:BATCH]]
    pixels = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in chosen])
    return Batch.of(pixels, np.array([classes.index(file.parent.name) for file in chosen]))


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def survivors(scores: np.ndarray, accuracy: np.ndarray) -> float:
    """Share of the best cells among the better half by the scores."""
    count = max(1, round(BEST * len(accuracy)))
    best = np.argsort(-accuracy)[:count]
    kept = np.argsort(-scores, kind="stable")[: len(scores) // 2]
    return float(np.isin(best, kept).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=1)
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    with gzip.open(TABLE, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    order = np.random.default_rng(options.seed).permutation(len(rows))
    chosen = [rows[i] for i in order[: options.networks]]
    batch = read_batch(options.seed)
    accuracy = np.array([float(row[ACCURACY]) for row in chosen])
    scores: dict[str, list[float]] = {name: [] for name in ("params", "macs", *PROXIES)}
    seconds = dict.fromkeys(scores, 0.0)
    for number, row in enumerate(chosen, start=1):
        cell = NasBench201Cell.parse(row["arch"])
        network = nasbench201_network(cell, cells=options.cells)
        scores["params"].append(network.params)
        scores["macs"].append(network.macs)
        keras.utils.set_random_seed(options.seed)
        started = time.process_time()
        model = network.build()
        built_s = time.process_time() - started
        fresh = model.get_weights()
        for name, proxy in PROXIES.items():
            started = time.process_time()
            scores[name].append(proxy(model, batch))
            seconds[name] += built_s + time.process_time() - started
            model.set_weights(fresh)
        if number % 10 == 0:
            keras.backend.clear_session()
            print(f"{number} of {len(chosen)}", flush=True)
    found = {name: np.array(values, float) for name, values in scores.items()}
    found[SUM] = rankdata(found["naswot"]) + rankdata(found["synflow"])
    seconds[SUM] = seconds["naswot"] + seconds["synflow"]
    lines = [
        "# Scores without training, on NAS-Bench-201",
        "",
        f"{len(chosen)} random cells, {options.cells} of each a stack; {BATCH} training pictures "
        f"of cifar10-mini; {datetime.date.today():%Y-%m-%d}, {platform.processor() or 'CPU'}, "
        f"{os.cpu_count()} cores. `benchmarks/zero_cost.py --cells {options.cells}` made this.",
        "",
        "Rank correlation with the accuracy after 200 epochs, of all cells and of those that learn "
        "(above 80 %); the share of the best tenth that is left when the worse half by the score "
        "is left out; processor seconds for a network, building it included.",
        "",
        "| score | Spearman, all | those above 80 % | best tenth kept | seconds |",
        "|---|---|---|---|---|",
    ]
    learns = accuracy > 80
    for name, values in sorted(found.items(), key=lambda item: -spearman(item[1], accuracy)):
        lines.append(
            f"| {name} | {spearman(values, accuracy):.2f} "
            f"| {spearman(values[learns], accuracy[learns]):.2f} "
            f"| {survivors(values, accuracy):.2f} | {seconds[name] / len(chosen):.2f} |"
        )
    text = "\n".join(lines) + "\n"
    print(text)
    (HERE / "zero_cost.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
