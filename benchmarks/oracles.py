"""All oracles and their peers on NAS-Bench-201: regret, time per proposal, fronts.

    python benchmarks/oracles.py [--sections regret times records fronts] [--seeds 50]
                                 [--only METHOD ...] [--rerun METHOD ...]

The tables go to `benchmarks/oracles.md`. What is finished is kept in `benchmarks/oracles.jsonl`,
one line for each (section, method, data set, seed): an interrupted run goes on, and `--rerun`
measures methods again whose code has changed, in the sections asked for. Peers need
`pip install -e ".[bench]"`. The table lies in `../shared/benchmarks` beside the checkout. One core
is used. The peers with a Gaussian process take longer than all others together: minutes a seed.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

# Matrices are small: threads cost more than they gain, and timings would depend on the machine.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", TF_CPP_MIN_LOG_LEVEL="3")

import keras_tuner
import numpy as np

from autoarch.evaluation.tabular import (
    BenchmarkTable,
    Trace,
    hypervolume_share,
    mean_and_error,
    optimum_share,
    run_oracle,
    takes_features,
)
from autoarch.objectives import Objective
from autoarch.oracles import MULTI_FIDELITY, ORACLES, make_oracle

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "shared" / "benchmarks" / "nasbench201.csv.gz"
DECISIONS = ("op_0_1", "op_0_2", "op_1_2", "op_0_3", "op_1_3", "op_2_3")
OBJECTIVES = {name: Objective(f"{name}_valid_acc_12", "max") for name in ("cifar10", "cifar100")}
COSTS = {name: (f"params_{name}", f"flops_{name}") for name in OBJECTIVES}
LATENCY = Objective("latency_ms_raspi4", "min")
CHECKPOINTS = (25, 50, 100, 200)
FRONT_METHODS = ("nsga2", "bayesian", "random")
TIMED = (50, 100, 200, 500, 1000)
WINDOW = 50  # proposals around each of these numbers that are averaged
LIMIT_S = 240  # for the timed proposals of one method
RECORDED = 2000
MOST_REPEATS = 10  # proposals for each query that a peer may take
PAPER = {
    "population": 20,
    "sample": 5,
    "warm_up": 20,
    "crossover": 0.0,
    "second_mutation": 0.0,
    "children": 1,
}


# -- What is compared --------------------------------------------------------------------------


@dataclass(frozen=True)
class Method:
    """A way to search, and how much of it is affordable.

    Args:
        run: (table, data set, seed, queries) to a trace.
        seeds: Most seeds.
        queries: Most queries.
    """

    run: Callable[[BenchmarkTable, str, int, int], Trace]
    seeds: int = 1 << 30
    queries: int = CHECKPOINTS[-1]


def methods() -> dict[str, Method]:
    """Everything that can be run here, by name."""

    def own(
        name: str, table: BenchmarkTable, data: str, seed: int, queries: int, **settings: Any
    ) -> Trace:
        return run_oracle(name, table, OBJECTIVES[data], seed=seed, queries=queries, **settings)

    def informed(name: str, table: BenchmarkTable, data: str, seed: int, queries: int) -> Trace:
        return own(name, table, data, seed, queries, features=COSTS[data])

    found = {name: Method(partial(own, name)) for name in ORACLES if name not in MULTI_FIDELITY}
    for name in list(found):
        if takes_features(name):
            found[f"{name} + costs"] = Method(partial(informed, name), queries=CHECKPOINTS[1])
    found["REA (pop 20, sample 5)"] = Method(partial(own, "evolution", **PAPER))
    if has("optuna"):
        found["Optuna TPE"] = Method(peer(partial(Optuna, "TPESampler")))
    if has("optuna") and has("torch"):
        found["Optuna GP"] = Method(peer(partial(Optuna, "GPSampler")), seeds=6, queries=100)
    found["KerasTuner Bayesian"] = Method(peer(KerasTuner), seeds=3, queries=100)
    return found


def has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


class Searcher(Protocol):
    """Proposes settings and is told their scores, one after the other."""

    def ask(self) -> Mapping[str, Any]: ...

    def tell(self, score: float) -> None: ...


class Own:
    """One of AutoArch's oracles."""

    def __init__(self, name: str, table: BenchmarkTable, objective: Objective, seed: int):
        space = table.hyperparameters()
        self.oracle = make_oracle(name, objective=objective, hyperparameters=space, seed=seed)

    def ask(self) -> Mapping[str, Any]:
        proposal = self.oracle.propose()
        assert proposal is not None
        self.trial_id = proposal.trial_id
        return proposal.values

    def tell(self, score: float) -> None:
        self.oracle.tell(self.trial_id, score)


class Optuna:
    """A sampler of Optuna with its own settings; all decisions are categorical."""

    def __init__(
        self,
        sampler: str,
        table: BenchmarkTable,
        objective: Objective,
        seed: int,
        **settings: Any,
    ):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        self.decisions = table.decisions
        self.study = optuna.create_study(
            direction="maximize" if objective.direction == "max" else "minimize",
            sampler=getattr(optuna.samplers, sampler)(seed=seed, **settings),
        )

    def ask(self) -> Mapping[str, Any]:
        self.trial = self.study.ask()
        suggest = self.trial.suggest_categorical
        return {name: suggest(name, values) for name, values in self.decisions.items()}

    def tell(self, score: float) -> None:
        self.study.tell(self.trial, score)


class KerasTuner:
    """An oracle of KerasTuner, which writes its files as in a real search."""

    def __init__(
        self,
        table: BenchmarkTable,
        objective: Objective,
        seed: int,
        oracle: str = "BayesianOptimizationOracle",
        **settings: Any,
    ):
        warnings.filterwarnings("ignore", module="sklearn")
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="keras_tuner")
        self.objective = objective.name
        self.oracle = getattr(keras_tuner.oracles, oracle)(
            objective=keras_tuner.Objective(objective.name, objective.direction),
            max_trials=1_000_000,
            hyperparameters=table.hyperparameters(),
            seed=seed + 1,  # KerasTuner takes 0 for "no seed"
            **settings,
        )
        self.oracle.verbose = 0
        self.directory = tempfile.TemporaryDirectory()
        self.oracle._set_project_dir(self.directory.name, "search")

    def ask(self) -> Mapping[str, Any]:
        self.trial = self.oracle.create_trial("tuner")
        return self.trial.hyperparameters.values

    def tell(self, score: float) -> None:
        self.oracle.update_trial(self.trial.trial_id, {self.objective: score})
        self.trial.status = "COMPLETED"
        self.oracle.end_trial(self.trial)


def peer(
    make: Callable[[BenchmarkTable, Objective, int], Searcher],
) -> Callable[[BenchmarkTable, str, int, int], Trace]:
    """Runs a searcher over a table. What it asks for again is told again, and costs no query."""

    def run(table: BenchmarkTable, data: str, seed: int, queries: int) -> Trace:
        searcher = make(table, OBJECTIVES[data], seed)
        scores = table.columns[OBJECTIVES[data].name]
        found: dict[int, float] = {}  # seconds of the proposal by row
        for _ in range(MOST_REPEATS * queries):
            if len(found) == queries:
                break
            begun = time.perf_counter()
            row = table.row(searcher.ask())
            spent = time.perf_counter() - begun
            assert row is not None
            searcher.tell(float(scores[row]))
            found.setdefault(row, spent)
        return Trace(np.array(list(found)), np.array(list(found.values())))

    return run


# -- What is kept ------------------------------------------------------------------------------


class Cells:
    """Measured values by key, each a line of a file."""

    def __init__(self, path: Path):
        self.path = path
        self.values: dict[str, Any] = {}
        lines = path.read_text().splitlines() if path.exists() else []
        for line in lines:
            try:
                self.values.update([json.loads(line)])
            except json.JSONDecodeError:
                print(f"{path}: a torn line is dropped.", file=sys.stderr)

    def forget(self, method: str, sections: Iterable[str]) -> None:
        """Drops what these sections hold of a method."""
        of = {(section, method) for section in sections}
        kept = {k: v for k, v in self.values.items() if tuple(k.split("/")[:2]) not in of}
        print(f"{method}: {len(self.values) - len(kept)} cells are measured again.")
        self.values = kept
        self.path.write_text("".join(json.dumps(cell) + "\n" for cell in kept.items()))

    def keep(self, key: str, value: Any) -> None:
        """Adds a value; its key is `section/method/.../seed`."""
        self.values[key] = value
        with self.path.open("a") as file:
            file.write(json.dumps([key, value]) + "\n")

    def of(self, *path: str) -> list[Any]:
        """All values below a path, by seed."""
        prefix = "/".join(path) + "/"
        found = {int(k[len(prefix) :]): v for k, v in self.values.items() if k.startswith(prefix)}
        return [found[seed] for seed in sorted(found)]


def kept(trace: Trace) -> dict[str, Any]:
    return {"rows": trace.rows.tolist(), "ms": round(1000 * float(trace.seconds.mean()), 3)}


# -- Sections ----------------------------------------------------------------------------------


def regret(cells: Cells, table: BenchmarkTable, chosen: Mapping[str, Method], seeds: int) -> None:
    for name, method in chosen.items():
        begun = time.perf_counter()
        for data in OBJECTIVES:
            for seed in range(min(seeds, method.seeds)):
                key = f"regret/{name}/{data}/{seed}"
                if key not in cells.values:
                    cells.keep(key, kept(method.run(table, data, seed, method.queries)))
        found = [row[-1] for row in regret_rows(cells, table, [name])]
        print(f"{name}: {time.perf_counter() - begun:.0f} s, {found}", flush=True)


def regret_rows(
    cells: Cells, table: BenchmarkTable, names: Iterable[str], data_sets: Sequence[str] = ()
) -> list[list[str]]:
    """For each data set and method with at least one seed: regret, hits, time."""
    rows = []
    for data in data_sets or OBJECTIVES:
        objective = OBJECTIVES[data]
        for name in names:
            found = cells.of("regret", name, data)
            if not found:
                continue
            queries = min(len(cell["rows"]) for cell in found)
            traces = [Trace(np.array(cell["rows"]), np.zeros(0)) for cell in found]
            curves = [table.regret(trace, objective, queries) for trace in traces]
            mean, error = mean_and_error(curves)
            at = [
                f"{mean[n - 1]:.2f} ± {error[n - 1]:.2f}" if n <= queries else ""
                for n in CHECKPOINTS
            ]
            hits = f"{optimum_share(curves, 100):.0%}".replace("%", " %") if queries >= 100 else ""
            ms = statistics.mean(cell["ms"] for cell in found)
            rows.append([name, str(len(found)), *at, hits, f"{ms:.2f}"])
    return rows


def ten_decisions() -> BenchmarkTable:
    """Only a space: ten decisions of four kinds."""
    return BenchmarkTable(
        decisions={f"op_{place}": ["conv", "none", "pool", "skip"] for place in range(10)},
        rows={},
        columns={},
    )


def landscape() -> Callable[[Mapping[str, Any]], float]:
    """A score with effects of every decision and of every pair of neighbours."""
    table, rng = ten_decisions(), np.random.default_rng(0)
    codes = {value: code for code, value in enumerate(table.decisions["op_0"])}
    single, pairs = rng.normal(size=(10, 4)), rng.normal(size=(9, 4, 4))

    def score(setting: Mapping[str, Any]) -> float:
        c = [codes[setting[name]] for name in table.decisions]
        return float(single[range(10), c].sum() + pairs[range(9), c[:-1], c[1:]].sum())

    return score


def proposal_times(searcher: Searcher) -> dict[str, float]:
    """Mean milliseconds of a proposal around each number of trials, as far as time allows."""
    seconds: list[float] = []
    score = landscape()
    begun = time.perf_counter()
    while len(seconds) < TIMED[-1] + WINDOW // 2 and time.perf_counter() - begun < LIMIT_S:
        before = time.perf_counter()
        setting = searcher.ask()
        seconds.append(time.perf_counter() - before)
        searcher.tell(score(setting))
    around = {n: seconds[n - WINDOW // 2 : n + WINDOW // 2] for n in TIMED}
    return {
        str(n): 1000 * statistics.mean(window)
        for n, window in around.items()
        if len(window) == WINDOW
    }


def times_after_random_trials(make: Callable[[int], Searcher]) -> dict[str, float]:
    """Milliseconds of one proposal after each number of random trials, for slow peers.

    It is the model's second: the first also imports what the peer needs.

    Args:
        make: Makes a searcher that begins with so many random trials.
    """
    score, found = landscape(), {}
    for n in TIMED:
        searcher = make(n)
        for _ in range(n + 1):
            searcher.tell(score(searcher.ask()))
        begun = time.perf_counter()
        searcher.ask()
        found[str(n)] = 1000 * (time.perf_counter() - begun)
    return found


def times(cells: Cells, chosen: Iterable[str]) -> None:
    table, objective = ten_decisions(), Objective("score", "max")
    of = (table, objective, 0)
    measures: dict[str, Callable[[], dict[str, float]]] = {
        name: lambda name=name: proposal_times(Own(name, *of)) for name in ORACLES
    }
    if has("optuna"):
        measures["Optuna TPE"] = lambda: proposal_times(Optuna("TPESampler", *of))
    if has("optuna") and has("torch"):
        measures["Optuna GP"] = lambda: times_after_random_trials(
            lambda n: Optuna("GPSampler", *of, n_startup_trials=n)
        )
    measures["KerasTuner Bayesian"] = lambda: times_after_random_trials(
        lambda n: KerasTuner(*of, num_initial_points=n)
    )
    for name in (name for name in measures if name in chosen):
        key = f"times/{name}/0"
        if key not in cells.values:
            cells.keep(key, measures[name]())
        print(f"{name}: {cells.values[key]}", flush=True)


def records(cells: Cells) -> None:
    """Seconds for so many trials of random search, proposed and recorded."""
    table, objective = ten_decisions(), Objective("score", "max")

    def seconds(searcher: Searcher) -> float:
        score = landscape()
        begun = time.perf_counter()
        for _ in range(RECORDED):
            searcher.tell(score(searcher.ask()))
        return time.perf_counter() - begun

    makers = {
        "random": partial(Own, "random", table, objective, 0),
        "KerasTuner random": partial(KerasTuner, table, objective, 0, "RandomSearchOracle"),
    }
    for name, make in makers.items():
        key = f"records/{name}/0"
        if key not in cells.values:
            cells.keep(key, seconds(make()))
        print(f"{name}: {RECORDED} trials in {cells.values[key]:.2f} s", flush=True)


def fronts(cells: Cells, table: BenchmarkTable, chosen: Iterable[str], seeds: int) -> None:
    search = partial(run_oracle, queries=CHECKPOINTS[-1])
    for name in (name for name in FRONT_METHODS if name in chosen and name in ORACLES):
        for data, accuracy in OBJECTIVES.items():
            for seed in range(seeds):
                key = f"fronts/{name}/{data}/{seed}"
                if key not in cells.values:
                    cells.keep(key, kept(search(name, table, accuracy, LATENCY, seed=seed)))
            print(f"{name}: {front_rows(cells, table, [name], data)}", flush=True)


def front_rows(
    cells: Cells, table: BenchmarkTable, names: Iterable[str], data: str
) -> list[list[str]]:
    rows = []
    for name in names:
        found = cells.of("fronts", name, data)
        if not found:
            continue
        traces = [Trace(np.array(cell["rows"]), np.zeros(0)) for cell in found]
        shares = [
            hypervolume_share(table, trace, (OBJECTIVES[data], LATENCY), CHECKPOINTS)
            for trace in traces
        ]
        mean, error = mean_and_error(shares)
        at = [f"{100 * m:.2f} ± {100 * e:.2f} %" for m, e in zip(mean, error)]
        rows.append([name, str(len(found)), *at])
    return rows


# -- The tables --------------------------------------------------------------------------------


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["", *(f"| {' | '.join(line)} |" for line in lines), ""]


def report(cells: Cells, table: BenchmarkTable, order: Iterable[str]) -> str:
    """All that is known, as Markdown."""
    known = {key.split("/")[1] for key in cells.values}
    names = [name for name in order if name in known]
    names += sorted(known.difference(names))
    seeds = max((int(key.rsplit("/", 1)[1]) for key in cells.values), default=0)
    text = [
        "# Oracles",
        "",
        f"{datetime.date.today()}, seeds 0 to {seeds} (fewer where the tables say so), one of "
        f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, "
        f"{versions()}. Made by `python benchmarks/oracles.py`; defaults everywhere, the same on "
        "all tables. Those of `evolution`, `genetic` and `local` were chosen on these tables with "
        "other seeds; those of the peers are their authors', and REA is `evolution` with a "
        "population and warm-up of 20, tournaments of 5, a single child and a single mutation.",
    ]
    at = [f"at {n}" for n in CHECKPOINTS]
    for data, objective in OBJECTIVES.items():
        rows = regret_rows(cells, table, names, [data])
        if rows:
            header = ["method", "seeds", *at, "optimum hit by 100", "ms a proposal"]
            text += [
                "",
                f"## Regret on NAS-Bench-201, `{objective.name}`",
                "",
                f"Points below the table's best ({table.best(objective):.3f}) after so many "
                "queries: mean and standard error over the seeds. Six unordered decisions, 15,625 "
                'settings. A setting that a peer asks for again costs it nothing. "+ costs": '
                "weights and multiply-adds of every setting are known beforehand.",
                *markdown(header, rows),
            ]
    timed = {name: cells.of("times", name) for name in names}
    if any(timed.values()):
        rows = [
            [name, *(f"{found[0][str(n)]:.2f}" if str(n) in found[0] else "" for n in TIMED)]
            for name, found in timed.items()
            if found
        ]
        text += [
            "",
            "## Milliseconds for a proposal",
            "",
            f"Ten decisions of four values; mean of the {WINDOW} proposals around that number of "
            "trials; one proposal after so many random trials for the peers with a Gaussian "
            "process. Empty: not reached within four minutes.",
            *markdown(["method", *(f"{n:,} trials" for n in TIMED)], rows),
        ]
    recorded = {name: cells.of("records", name) for name in names}
    if any(recorded.values()):
        rows = [[name, f"{found[0]:.2f}"] for name, found in recorded.items() if found]
        text += [
            "",
            f"## Seconds for {RECORDED:,} trials of random search, proposed and recorded",
            *markdown(["method", "seconds"], rows),
        ]
    for data, accuracy in OBJECTIVES.items():
        rows = front_rows(cells, table, names, data)
        if rows:
            text += [
                "",
                f"## Two objectives: `{accuracy.name}` and `{LATENCY.name}`",
                "",
                "Share of the hypervolume of the table's true front, the reference point being the "
                "table's worst in both: mean and standard error over the seeds.",
                *markdown(["method", "seeds", *at], rows),
            ]
    for package in ("optuna", "torch"):
        if not has(package):
            text += ["", f"Without {package}, which is not installed: Optuna's samplers need it."]
    return "\n".join(text) + "\n"


def versions() -> str:
    packages = [
        name for name in ("numpy", "keras-tuner", "optuna", "torch") if has(name.replace("-", "_"))
    ]
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sections = ("regret", "times", "records", "fronts")
    parser.add_argument("--sections", nargs="+", choices=sections, default=list(sections))
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--only", nargs="+", metavar="METHOD", help="leave the others as they are")
    parser.add_argument("--rerun", nargs="+", default=[], metavar="METHOD")
    parser.add_argument("--output", type=Path, default=HERE / "oracles.md")
    arguments = parser.parse_args()
    available = methods()
    for name in (*(arguments.only or ()), *arguments.rerun):
        if name not in available and name not in ORACLES:
            parser.error(f"no method {name!r}; there are: {', '.join(available)}")
    chosen = {n: m for n, m in available.items() if not arguments.only or n in arguments.only}
    columns = {o.name for o in OBJECTIVES.values()} | {LATENCY.name}
    columns |= {name for costs in COSTS.values() for name in costs}
    table = BenchmarkTable.read(TABLE, sorted(columns), decisions=DECISIONS, categorical=DECISIONS)
    cells = Cells(arguments.output.with_suffix(".jsonl"))
    for name in arguments.rerun:
        cells.forget(name, arguments.sections)
    try:
        if "regret" in arguments.sections:
            regret(cells, table, chosen, arguments.seeds)
        if "times" in arguments.sections:
            times(cells, {*chosen, *MULTI_FIDELITY} if not arguments.only else chosen)
        if "records" in arguments.sections:
            records(cells)
        if "fronts" in arguments.sections:
            fronts(cells, table, chosen, arguments.seeds)
    finally:
        arguments.output.write_text(report(cells, table, available))


if __name__ == "__main__":
    main()
