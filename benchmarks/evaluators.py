"""Ways to measure candidates in equal time: training each, or weights that all of them share.

    python benchmarks/evaluators.py [--time 8m] [--seeds 3] [--space mobile] [--data FOLDER]

Every row is a whole `autoarch fit` run; test accuracy is that of the final model. A table goes to
`benchmarks/evaluators.md`. Each finished run is noted in `--work`, and the same command goes on
where it was stopped; a run that was cut off in the middle is begun again, since its time would be
another. Three seeds of eight minutes take 25 minutes a row; nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
from functools import partial
from pathlib import Path
from typing import Any

from fitting import DATA, HERE
from kept import Kept

import autoarch
from autoarch.search.budget import parse_duration

CONFIGS: dict[str, dict[str, Any]] = {
    "trial 0 alone": {"trials": 1},
    "train, random": {"oracle": "random"},
    "train, evolution": {"oracle": "evolution"},
    "train, bayesian": {"oracle": "bayesian"},
    "one-shot, evolution": {"evaluator": "one-shot", "oracle": "evolution"},
    "one-shot, rl": {"evaluator": "one-shot", "oracle": "rl"},
    "zero-cost, auto": {"evaluator": "zero-cost"},
    "darts (cell space)": {"evaluator": "darts", "space": "cell"},
    "fbnet (mobile space)": {"evaluator": "fbnet", "space": "mobile"},
}
"""What a run is given, by its name in the table. Another evaluator is one line here. Those that
relax a space have that one whatever `--space` says."""


def measure(data: str, time: str, space: str, seed: int, settings: Any, output: Path) -> Any:
    """What the table needs of one run."""
    shutil.rmtree(output, ignore_errors=True)
    given = {"space": space, **settings}
    search = autoarch.ImageSearch(time, seed=seed, output=output, **given)
    result = search.fit(data).result_
    facts = result["evaluator"]
    best = next(t for t in search.trials_ if t.trial == result["best"]["trial"])
    found = {
        "test": result["test"]["accuracy"],
        "trained": result["trials"]["completed"],
        "scored": facts.get("networks_scored", facts.get("networks_found", 0)),
        "tau": facts.get("tau"),
        "tau_networks": facts.get("tau_networks"),
        "supernet_epochs": facts.get("supernet_epochs", facts.get("relaxed_epochs")),
        # nothing came of a cheap look, or its scores were not followed
        "fell_back": facts.get("fell_back", "evaluator" in settings),
        "best_trial": best.trial,
        "params": best.params,
        "wall_s": result["wall_s"],
    }
    shutil.rmtree(output)
    return found


def mean(values: list[float], digits: int = 3) -> str:
    """Mean, and the standard error where there are several values."""
    text = f"{statistics.mean(values):.{digits}f}"
    if len(values) > 1:
        error = statistics.stdev(values) / len(values) ** 0.5
        text += f" ± {error:.{digits}f}"
    return text


def row(name: str, runs: list[dict[str, Any]]) -> str:
    """One line of the table: means over the seeds."""
    taus = [run["tau"] for run in runs if run["tau"] is not None]
    on = [run["tau_networks"] for run in runs if run["tau"] is not None]
    tau = f"{mean(taus, 2)} on {min(on)} to {max(on)}" if taus else ""
    fallen = sum(bool(run["fell_back"]) for run in runs)
    epochs = [run["supernet_epochs"] for run in runs if run["supernet_epochs"]]
    cells = [
        name,
        str(len(runs)),
        mean([run["test"] for run in runs]),
        mean([run["trained"] for run in runs], 0),
        mean([run["scored"] for run in runs], 0) if any(run["scored"] for run in runs) else "",
        mean(epochs, 1) if epochs else "",
        tau,
        f"{fallen} of {len(runs)}" if epochs or fallen else "",
        f"{sum(run['best_trial'] != 0 for run in runs)} of {len(runs)}",
        mean([run["wall_s"] for run in runs], 0),
    ]
    return f"| {' | '.join(cells)} |"


def table(given: argparse.Namespace, kept: Kept) -> str:
    done = kept.cells
    names = [n for n in CONFIGS if any(key.startswith(f"{n}, seed ") for key in done)]
    rows = [
        row(n, [run for key, run in done.items() if key.startswith(f"{n}, seed ")]) for n in names
    ]
    return (
        f"# Evaluators\n\n`{Path(given.data).name}`, `--time {given.time}`, space {given.space}, "
        f"seeds from {given.first_seed} on; mean ± standard error. "
        f"{kept.told}. "
        '"Trained" networks were trained alone, "scored" ones with shared weights or those of a '
        "network of all options, whose epochs stand beside the supernet's; tau is "
        "Kendall's, between the two.\n\n"
        "| evaluator, oracle | seeds | test accuracy | trained | scored | supernet epochs "
        "| tau, networks | fell back | beat trial 0 | s |\n"
        f"{'|---' * 10}|\n" + "\n".join(rows) + "\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=str(DATA / "cifar10-mini"))
    parser.add_argument("--time", default="8m")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--space", default="mobile")
    parser.add_argument("--only", help="names of rows, separated by semicolons")
    parser.add_argument("--work", type=Path, help="where finished runs are noted")
    parser.add_argument("--out", type=Path, default=HERE / "evaluators.md")
    given = parser.parse_args()
    parse_duration(given.time)
    work = given.work or Path(f"runs/evaluators-{Path(given.data).name}-{given.space}-{given.time}")
    work.mkdir(parents=True, exist_ok=True)
    kept = Kept(work / "done.jsonl")
    names = given.only.split(";") if given.only else list(CONFIGS)
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        for name in names:
            run = partial(measure, given.data, given.time, given.space, seed, CONFIGS[name])
            key = f"{name}, seed {seed}"
            print(key, kept.get(key, partial(run, work / "run")), flush=True)
            given.out.write_text(table(given, kept))


if __name__ == "__main__":
    main()
