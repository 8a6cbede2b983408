"""Searching under hard limits: promises kept at random limits, and regret on NAS-Bench-201.

    python benchmarks/limits.py [--sections random table trained] [--seeds 20] [--limits 500]

- random: so many random limits on size, RAM, multiply-adds, weights and latency, some absurd, on
  the image spaces. Each is searched without training (scores are made up); no proposal may break
  a limit, no search may end while something fits, and where nothing fits the error must say so.
- table: latency limits at quantiles of two columns of NAS-Bench-201; regret to the best cell that
  keeps the limit, against random search with rejection.
- trained: a few of the limits with real, short training on handwritten digits, and export; the
  files are weighed.

What is finished is kept in `benchmarks/limits.jsonl`, one line each: an interrupted run goes on.
The tables go to `benchmarks/limits.md`. The table of cells lies in `../shared/benchmarks`.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", TF_CPP_MIN_LOG_LEVEL="3")

import numpy as np
from kept import Kept

from autoarch.costs import LatencyTable, model_costs
from autoarch.costs.budgets import Budgets
from autoarch.costs.constraints import Constraints
from autoarch.costs.latency import signatures
from autoarch.errors import InvalidInputError
from autoarch.evaluation.tabular import BenchmarkTable, mean_and_error, run_oracle
from autoarch.objectives import Objective
from autoarch.oracles import MULTI_FIDELITY, ORACLES, SearchOracle, make_oracle
from autoarch.spaces import SearchSpace, get_space
from autoarch.tasks.limits import baseline_of, fitting_scale
from autoarch.tasks.scaling import Scale

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "shared" / "benchmarks" / "nasbench201.csv.gz"
DECISIONS = ("op_0_1", "op_0_2", "op_1_2", "op_0_3", "op_1_3", "op_2_3")
SCORES = ("cifar10_valid_acc_12", "cifar100_valid_acc_12")
LATENCIES = ("latency_ms_pixel3", "latency_ms_raspi4")
QUANTILES = (0.10, 0.25, 0.50)
METHODS = ("random", "evolution", "bayesian")
TABLE_CELLS = tuple(itertools.product(SCORES, LATENCIES, QUANTILES))
QUERIES = 100
PROPOSALS = 8
SINGLE = [name for name in ORACLES if name not in MULTI_FIDELITY]
SHAPES = ((8, 8, 1), (28, 28, 1), (32, 32, 3), (64, 64, 3))
RANGES = {
    "max_size": (200, 5e6),
    "max_ram": (50, 5e6),
    "max_macs": (1e2, 1e9),
    "max_params": (10, 1e7),
    "max_latency": (1e-7, 1e-1),
}
"""Log-uniform ranges, from what nothing can keep to what anything keeps."""


class RooflineTable(LatencyTable):
    """A latency for any op without measuring: a time for each op and each of its numbers."""

    def predict_s(self, architecture: Any) -> float:
        graph = model_costs(architecture).lite_graph
        return 1e-6 * len(signatures(graph)) + 1e-10 * model_costs(architecture).macs

    def missing(self, architecture: Any) -> list[str]:
        return []


def key_of(*parts: object) -> str:
    return "/".join(map(str, parts))


# -- Random limits -----------------------------------------------------------------------------


def random_constraints(rng: np.random.Generator) -> Constraints:
    """One to three limits."""
    names = rng.choice(list(RANGES), size=int(rng.integers(1, 4)), replace=False)
    return Constraints(
        **{
            str(name): float(np.exp(rng.uniform(*np.log(RANGES[str(name)])))) + 1.0
            if name != "max_latency"
            else float(np.exp(rng.uniform(*np.log(RANGES[str(name)]))))
            for name in names
        }
    )


class RandomLimit(NamedTuple):
    """A random limit, and what is searched under it."""

    constraints: Constraints
    budgets: Budgets
    oracle: str
    kind: str
    shape: tuple[int, int, int]
    width: int
    rng: np.random.Generator

    @classmethod
    def of(cls, number: int) -> RandomLimit:
        """The limit of that number."""
        rng = np.random.default_rng(number)
        constraints = random_constraints(rng)
        return cls(
            constraints,
            Budgets(constraints, RooflineTable({})),
            SINGLE[number % len(SINGLE)],
            ("residual", "mobile")[number % 2],
            SHAPES[int(rng.integers(len(SHAPES)))],
            int(rng.choice([8, 16, 32])),
            rng,
        )

    @property
    def cell(self) -> dict[str, Any]:
        """What every result says of it."""
        return {"limits": self.constraints.limits, "oracle": self.oracle, "space": self.kind}

    def search(self, number: int) -> tuple[SearchSpace, SearchOracle]:
        """The space and an oracle that has proposed nothing; raises `InvalidInputError` where
        nothing fits."""
        kind, shape = get_space(self.kind), self.shape
        scale = fitting_scale(
            Scale(shape[0], self.width), kind, shape[2], 10, self.budgets, side_is_given=True
        )
        space = kind(shape, 10, width=scale.width)
        oracle = make_oracle(
            self.oracle,
            objective=Objective("accuracy", "max"),
            hyperparameters=space.hyperparameters(),
            seed=number,
            initial=[baseline_of(space, self.budgets).decisions],
            key=lambda decisions: space.candidate(decisions).architecture.key,
            shares=lambda decisions: self.budgets.shares(space.candidate(decisions).architecture),
        )
        return space, oracle


def one_random_limit(number: int) -> dict[str, Any]:
    """Searches under the limit of that number; says how it ended and what it proposed."""
    limit = RandomLimit.of(number)
    budgets, rng, cell = limit.budgets, limit.rng, limit.cell
    begun = time.perf_counter()
    try:
        space, oracle = limit.search(number)
    except InvalidInputError as error:
        return {**cell, "end": "refused", "message": str(error), "s": time.perf_counter() - begun}
    shares = []
    for _ in range(PROPOSALS):
        proposal = oracle.propose()
        if proposal is None:
            break
        shares.append(max(_shares_anew(space, proposal.decisions, budgets)))
        oracle.tell(proposal.trial_id, float(rng.random()))
    return {
        **cell,
        "end": "searched" if len(shares) == PROPOSALS else "exhausted",
        "networks": _networks(space, budgets) if len(shares) < PROPOSALS else None,
        "proposed": len(shares),
        "shares": shares,
        "s": time.perf_counter() - begun,
    }


def _shares_anew(space: SearchSpace, decisions: Mapping[str, Any], budgets: Budgets) -> list[float]:
    """By the limits themselves, not by what the oracle was told."""
    limits = budgets.constraints.limits
    architecture = space.candidate(decisions).architecture
    costs = model_costs(architecture)
    known = {
        "size": costs.int8_file_bytes,
        "params": costs.params,
        "macs": costs.macs,
        "ram": costs.peak_ram_bytes,
        "latency": RooflineTable({}).predict_s(architecture),
    }
    return [known[cost] / limit for cost, limit in limits.items()]


def _networks(space: SearchSpace, budgets: Budgets) -> int:
    """How many networks that fit 20,000 random draws find: for searches that ended early."""
    from autoarch.oracles.decisions import DecisionSpace

    decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
    rng, found = np.random.default_rng(0), set()
    for _ in range(20_000):
        architecture = space.candidate(decisions.sample(rng)).architecture
        if architecture.key not in found and max(budgets.shares(architecture)) <= 1:
            found.add(architecture.key)
    return len(found)


# -- Latency limits on the table -----------------------------------------------------------------


def _limit(table: BenchmarkTable, latency: str, quantile: float) -> float:
    costs = table.columns[latency]
    return float(np.quantile(costs[np.isfinite(costs)], quantile))


def rejection_regret(
    table: BenchmarkTable, score: str, latency: str, quantile: float, queries: int = QUERIES
) -> float:
    """Mean regret of random search with rejection, over all its draws: no seeds are needed.

    It draws `queries` of the n cells that fit without replacement, so it misses the i best with
    the probability (n-q)/n * (n-q-1)/(n-1) * ... of i factors.
    """
    within = table.columns[latency] <= _limit(table, latency, quantile)
    scores = table.columns[score][within & np.isfinite(table.columns[score])]
    regrets = np.sort(scores.max() - scores)
    n, places = len(regrets), np.arange(len(regrets))
    missed = np.cumprod(np.maximum(n - queries - places, 0) / (n - places))
    return float(np.diff(regrets) @ missed[:-1])


def table_regret(
    table: BenchmarkTable, method: str, score: str, latency: str, quantile: float, seed: int
) -> float:
    """Points below the best cell within the limit after `QUERIES` queries."""
    costs, scores = table.columns[latency], table.columns[score]
    limit = _limit(table, latency, quantile)
    within = costs <= limit

    def shares(setting: Mapping[str, Any]) -> list[float]:
        row = table.row(setting)
        assert row is not None
        return [float(costs[row]) / limit]

    trace = run_oracle(
        method, table, Objective(score, "max"), seed=seed, queries=QUERIES, shares=shares
    )
    assert within[trace.rows].all(), "a cell over the limit was queried"
    return float(np.nanmax(scores[within]) - np.nanmax(scores[trace.rows]))


# -- Real training -------------------------------------------------------------------------------

TRAINED = (
    {"max_size": "8KB"},
    {"max_size": "15KB", "max_macs": "300k"},
    {"max_ram": "2KB"},
    {"max_params": "3k", "max_size": "40KB"},
)


def trained(constraints: Mapping[str, Any]) -> dict[str, Any]:
    """Trains under limits for two trials and weighs what was exported."""
    import autoarch

    with tempfile.TemporaryDirectory() as folder:
        search = autoarch.ImageSearch(
            None, trials=2, constraints=dict(constraints), output=Path(folder) / "run"
        ).fit("demo:digits")
        file = Path(search.result_["model"]["files"]["litert_int8"])
        return {
            "size": file.stat().st_size,
            "limits": search.result_["limits"],
            "accuracy": search.result_["test"]["accuracy"],
        }


# -- The page ------------------------------------------------------------------------------------


def report(kept: Kept) -> str:
    """All that is known, as Markdown."""
    text = [
        "# Hard limits",
        "",
        f"{kept.told}, NumPy {np.__version__}. Made by `python benchmarks/limits.py`.",
    ]
    cells = [cell for key, cell in kept.cells.items() if key.startswith("random/")]
    if cells:
        ends = Counter(cell["end"] for cell in cells)
        shares = [share for cell in cells for share in cell.get("shares", ())]
        died = sum(
            cell["end"] == "exhausted" and cell["networks"] > cell["proposed"] for cell in cells
        )
        near = np.mean(np.array(shares) >= 0.4)
        text += [
            "",
            f"## {len(cells)} random limits, seeds 0 to {len(cells) - 1}",
            "",
            "One to three limits each, log-uniform from what nothing keeps to what anything keeps; "
            f"{PROPOSALS} proposals of each oracle in turn on the residual and the mobile space, "
            "made-up scores, and made-up latencies (1 us an op, 0.1 ns a multiply-add).",
            "",
            f"- {ends['searched']} searches found {PROPOSALS} networks; {ends['refused']} were "
            "refused at once with the smallest network and its cost; "
            f"{ends['exhausted']} ended before, {died} of them although 20,000 random draws found "
            "more networks that fit.",
            f"- {sum(share > 1 for share in shares)} of {len(shares)} proposals were over a limit "
            f"(largest share {max(shares):.4f}). {100 * near:.0f} % used at least 40 % of the "
            "budget that binds.",
            f"- Seconds for a limit: median {np.median([c['s'] for c in cells]):.2f}, longest "
            f"{max(c['s'] for c in cells):.1f}.",
        ]
    rows = []
    for cell in TABLE_CELLS:
        score, latency, quantile = cell
        rejection = kept.cells.get(key_of("rejection", *cell))
        if rejection is None:
            continue
        row = [score.split("_")[0], latency, f"{100 * quantile:.0f} %", f"{rejection:.2f}"]
        ratios = []
        for method in METHODS:
            prefix = key_of("table", method, *cell, "")
            found = [v for k, v in kept.cells.items() if k.startswith(prefix)]
            mean, error = mean_and_error([np.array([value]) for value in found or [np.nan]])
            row.append(f"{mean[0]:.2f} ± {error[0]:.2f} ({len(found)})" if found else "")
            ratios.append(f"{mean[0] / rejection:.2f}" if found else "")
        rows.append([*row, *ratios])
    if rows:
        header = ["data", "latency", "limit at", "rejection", *METHODS]
        header += [f"{method} / rejection" for method in METHODS]
        text += [
            "",
            f"## NAS-Bench-201 under latency limits, regret after {QUERIES} queries",
            "",
            "Points of validation accuracy after 12 epochs below the best cell that keeps the "
            "limit: mean and standard error (seeds, from 0 on). "
            '"rejection" is random search in all that fits, exactly: the mean over its draws; '
            '"random" draws near the limit, as all oracles do. "auto" is "bayesian" here.',
            "",
            *(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows)),
        ]
    cells = [cell for key, cell in kept.cells.items() if key.startswith("trained/")]
    if cells:
        text += [
            "",
            "## Trained and exported, handwritten digits, two trials each",
            "",
            "| limit | used | test accuracy of the int8 file |",
            "| --- | --- | --- |",
        ]
        for cell in cells:
            limits = ", ".join(f"{c} {v['limit']:,.0f}" for c, v in cell["limits"].items())
            used = ", ".join(f"{c} {v['used']:,.0f}" for c, v in cell["limits"].items())
            text.append(f"| {limits} | {used} | {cell['accuracy']:.3f} |")
    return "\n".join(text) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sections = ("random", "table", "trained")
    parser.add_argument("--sections", nargs="+", choices=sections, default=list(sections))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--limits", type=int, default=500)
    parser.add_argument("--output", type=Path, default=HERE / "limits.md")
    arguments = parser.parse_args()
    kept = Kept(arguments.output.with_suffix(".jsonl"))
    try:
        if "random" in arguments.sections:
            for number in range(arguments.limits):
                kept.get(f"random/{number}", lambda number=number: one_random_limit(number))
        if "table" in arguments.sections:
            columns = [*SCORES, *LATENCIES]
            table = BenchmarkTable.read(TABLE, columns, decisions=DECISIONS, categorical=DECISIONS)
            for cell in TABLE_CELLS:
                key = key_of("rejection", *cell)
                kept.get(key, lambda cell=cell: rejection_regret(table, *cell))
            for seed in range(arguments.seeds):
                for cell, method in itertools.product(TABLE_CELLS, METHODS):
                    of = (method, *cell, seed)
                    key = key_of("table", *of)
                    kept.get(key, lambda of=of: table_regret(table, *of))
                print(f"table: seed {seed}", file=sys.stderr, flush=True)
        if "trained" in arguments.sections:
            for number, constraints in enumerate(TRAINED):
                kept.get(f"trained/{number}", lambda c=constraints: trained(c))
    finally:
        arguments.output.write_text(report(kept))


if __name__ == "__main__":
    main()
