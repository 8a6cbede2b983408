"""Which oracle `--oracle auto` should stand for: regret from a strong trial 0 on NAS-Bench-201.

    python benchmarks/auto.py [--seeds 30]

A real search begins from a good network, has time for few trials, and may not propose networks
much larger than the first. So here: trial 0 is a residual cell, with and without the limit of 1.1
times its multiply-adds, each oracle with the settings that a run gives it. The table goes to
`benchmarks/auto.md`; `autoarch/tasks/oracle_choice.py` draws the conclusion. The table lies in
`../shared/benchmarks` beside the checkout. One core, about three minutes where nothing else runs.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", TF_CPP_MIN_LOG_LEVEL="3")

import keras_tuner
import numpy as np

from autoarch.evaluation.tabular import BenchmarkTable
from autoarch.oracles import make_oracle
from autoarch.tasks.oracle_choice import COSTLIEST, ORACLE_SETTINGS

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "shared" / "benchmarks" / "nasbench201.csv.gz"
DECISIONS = ("op_0_1", "op_0_2", "op_1_2", "op_0_3", "op_1_3", "op_2_3")
START = dict(zip(DECISIONS, (3, 0, 3, 1, 0, 1)))  # two convolutions beside a skip connection
DATA = ("cifar10", "cifar100")
CHECKPOINTS = (4, 8, 16, 25, 50)
NAMES = ("random", "local", "evolution", "genetic", "bayesian", "rl")
FIRST_SEED = 1000


def regrets(table: BenchmarkTable, name: str, data: str, limit: float, seed: int) -> np.ndarray:
    """Points below the best feasible cell after each trial, `(trials,)`."""
    scores, macs = table.columns[f"{data}_valid_acc_12"], table.columns[f"flops_{data}"]
    most = limit * macs[table.row(START)]
    oracle = make_oracle(
        name,
        **ORACLE_SETTINGS.get(name, {}),
        objective=keras_tuner.Objective("score", "max"),
        hyperparameters=table.hyperparameters(),
        max_trials=None,
        seed=seed,
        initial=[START],
        feasible=lambda values: macs[table.row(values)] <= most,
    )
    found = []
    for _ in range(CHECKPOINTS[-1]):
        proposal = oracle.propose()
        found.append(float(scores[table.row(proposal.values)]))
        oracle.tell(proposal.trial_id, found[-1])
    return scores[macs <= most].max() - np.maximum.accumulate(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=30)
    seeds = range(FIRST_SEED, FIRST_SEED + parser.parse_args().seeds)
    columns = [f"{data}_valid_acc_12" for data in DATA] + [f"flops_{data}" for data in DATA]
    table = BenchmarkTable.read(TABLE, columns, decisions=DECISIONS, categorical=DECISIONS)
    text = (
        "# What `--oracle auto` stands for\n\n"
        f"{datetime.date.today()}, seeds {seeds[0]} to {seeds[-1]}, one core "
        f"({platform.machine()}). Points of 12-epoch validation accuracy below the best feasible "
        "cell after so many trials: means and standard errors. Trial 0 is a residual cell. Made by "
        "`python benchmarks/auto.py`.\n"
    )
    for limit, title in ((COSTLIEST, "at most 1.1 times trial 0's multiply-adds"), (np.inf, "any")):
        for data in DATA:
            head = " | ".join(f"at {k}" for k in CHECKPOINTS)
            text += f"\n## {data}, networks of {title}\n\n| oracle | {head} |\n"
            text += "| --- |" + " --- |" * len(CHECKPOINTS) + "\n"
            for name in NAMES:
                curves = np.array([regrets(table, name, data, limit, seed) for seed in seeds])
                means, errors = curves.mean(0), curves.std(0, ddof=1) / len(curves) ** 0.5
                cells = [f"{means[k - 1]:.2f} ± {errors[k - 1]:.2f}" for k in CHECKPOINTS]
                text += f"| {name} | {' | '.join(cells)} |\n"
                print(data, title, name, *cells, flush=True)
            (HERE / "auto.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
