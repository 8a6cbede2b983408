"""Random hard limits, from absurd to idle: what the file that would be shipped really weighs.

    python benchmarks/random_limits.py [--limits 500] [--complete 40] [--minutes 25]

- searched: limits as in `limits.py`, on the image spaces. Scale, trial 0, oracle, search loop,
  log and choice of what is shipped are those of a run, except that a trial's score is made up and
  its weights are random; the int8 file of the winner is then converted, loaded, asked and weighed.
- complete: whole runs of `ImageSearch` on handwritten digits, of one epoch a rung.

What is finished is kept in `benchmarks/random_limits.jsonl`: an interrupted run goes on. The
table goes to `benchmarks/random_limits.md`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from kept import Kept
from limits import RandomLimit, _shares_anew, random_constraints

from autoarch.training.runtime import prepare_environment

prepare_environment()

import keras  # noqa: E402
import numpy as np  # noqa: E402
from converted import convert_int8  # noqa: E402

import autoarch  # noqa: E402
from autoarch.costs import model_costs  # noqa: E402
from autoarch.costs.budgets import Budgets  # noqa: E402
from autoarch.errors import ExportError, InvalidInputError  # noqa: E402
from autoarch.export.formats import litert_int8  # noqa: E402
from autoarch.objectives import Objective  # noqa: E402
from autoarch.search import budget  # noqa: E402
from autoarch.search.loop import Search  # noqa: E402
from autoarch.spaces import get_space  # noqa: E402
from autoarch.tasks.shipping import first_that_fits  # noqa: E402
from autoarch.trials import Measurement, TrialLog  # noqa: E402

HERE = Path(__file__).parent
TRIALS = 3
ACCURACY = Objective("accuracy", "max")


class MadeUp:
    """An evaluator that draws scores."""

    def __init__(self, seed: int):
        self._rng = np.random.default_rng(seed)

    def evaluate(self, candidate: Any, trial: int, fidelity: Any, **watching: Any) -> Measurement:
        score = float(self._rng.random())
        return Measurement(
            score, {"accuracy": score}, fidelity.epochs, train_s=0.1, wall_s=0.1, curve=()
        )


def searched(number: int, folder: Path) -> dict[str, Any]:
    """One limit, from its text to the weighed file."""
    limit = RandomLimit.of(number)
    budgets, cell = limit.budgets, limit.cell
    begun = time.process_time()
    try:
        space, oracle = limit.search(number)
    except InvalidInputError as error:
        drawn = _draws_that_fit(get_space(limit.kind)(limit.shape, 10, width=4), budgets)
        return {**cell, "end": "refused", "message": str(error), "fit": drawn}
    with TrialLog(folder / f"{number}.jsonl") as log:
        clock = budget.Clock(None)
        plan = budget.make_plan(clock, 1.0)
        search = Search(
            space, oracle, MadeUp(number), ACCURACY, log, clock, plan, max_trials=TRIALS
        )
        search.run()
    search_s = time.process_time() - begun
    shares = [max(_shares_anew(space, t.decisions, budgets)) for t in search.trials]
    notes: list[str] = []

    def weigh(option: Any) -> int:
        architecture = space.candidate(option.record.decisions).architecture
        return _weigh(architecture, folder / f"{number}.tflite")

    best = sorted(search.trials, key=lambda trial: -(trial.score or 0.0))
    size_limit = limit.constraints.limits.get("size")
    try:
        shipped = first_that_fits(
            [SimpleNamespace(record=trial) for trial in best],  # type: ignore[misc]
            weigh,
            None if size_limit is None else int(size_limit),
            notes.append,
        )
    except ExportError as error:
        return {**cell, "end": "no file", "message": str(error), "notes": notes}
    architecture = space.candidate(shipped.record.decisions).architecture
    kinds = list(limit.constraints.limits)
    size = (folder / f"{number}.tflite").stat().st_size
    used = _used(space, shipped, budgets, size)
    again = _weigh(architecture, folder / "again.tflite", seed=1) if number % 7 == 0 else None
    return {
        **cell,
        "end": "shipped",
        "proposed": len(search.trials),
        "shares": shares,
        "bytes": size,
        "again": again,
        "estimated": model_costs(architecture).int8_file_bytes,
        "over": [name for name, share in zip(kinds, used) if share > 1],
        "notes": notes,
        "search_s": search_s,
        "s": time.process_time() - begun,
    }


def _used(space: Any, shipped: Any, budgets: Budgets, size: int) -> list[float]:
    """Shares of the limits that what is shipped uses; of the size that of the file."""
    shares = _shares_anew(space, shipped.record.decisions, budgets)
    limits = budgets.constraints.limits
    return [size / limits[c] if c == "size" else share for c, share in zip(limits, shares)]


def _weigh(architecture: Any, path: Path, *, seed: int = 0) -> int:
    """Bytes of the int8 file, which must load and answer."""
    size = convert_int8(architecture, path, seed=seed)
    keras.backend.clear_session()
    pixels = np.zeros((2, *architecture.input_shape), np.uint8)
    try:
        litert_int8.ask(path.read_bytes(), pixels)
    except (RuntimeError, ValueError) as error:
        raise ExportError(f"The file cannot be asked: {error}") from error
    return size


def _draws_that_fit(space: Any, budgets: Budgets) -> int:
    """How many of 50 random networks of the narrowest space fit after all."""
    from autoarch.oracles.decisions import DecisionSpace

    decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
    rng = np.random.default_rng(0)
    drawn = (space.candidate(decisions.sample(rng)).architecture for _ in range(50))
    return sum(max(budgets.shares(architecture)) <= 1 for architecture in drawn)


def complete(number: int) -> dict[str, Any]:
    """A whole run under random limits, latency left out: digits, two trials, one epoch a rung."""
    rng = np.random.default_rng(10_000 + number)
    while "latency" in (constraints := random_constraints(rng)).limits:
        pass
    kind = ("residual", "mobile")[number % 2]
    cell: dict[str, Any] = {"limits": constraints.limits, "space": kind}
    begun = time.monotonic()
    epochs = mock.patch.multiple(budget, FREE_EPOCHS=1.0, FREE_FINAL_EPOCHS=2.0)
    with tempfile.TemporaryDirectory() as folder, epochs:
        search = autoarch.ImageSearch(
            None,
            trials=2,
            oracle="random",
            space=kind,
            constraints=constraints,
            seed=number,
            output=Path(folder) / "run",
        )
        try:
            search.fit("demo:digits")
        except InvalidInputError as error:
            return {**cell, "end": "refused", "message": str(error), "s": time.monotonic() - begun}
        except ExportError as error:
            return {**cell, "end": "no file", "message": str(error), "s": time.monotonic() - begun}
        file = Path(search.result_["model"]["files"]["litert_int8"])
        size, limits = file.stat().st_size, search.result_["limits"]
        over = [name for name, found in limits.items() if found["used"] > found["limit"]]
        over += ["size"] if size > constraints.limits.get("size", size) else []
        return {
            **cell,
            "end": "shipped",
            "bytes": size,
            "over": over,
            "accuracy": search.result_["test"]["accuracy"],
            "s": time.monotonic() - begun,
        }


def report(kept: Kept) -> str:
    """What is known, as Markdown."""
    text = [
        "# Random hard limits, files weighed",
        "",
        f"{kept.told}. Made by `python "
        "benchmarks/random_limits.py`. One to three limits each on size, RAM, multiply-adds, "
        "weights and latency, log-uniform from what nothing keeps to what anything keeps.",
    ]
    cells = [cell for key, cell in kept.cells.items() if key.startswith("searched/")]
    if cells:
        ends = Counter(cell["end"] for cell in cells)
        shipped = [cell for cell in cells if cell["end"] == "shipped"]
        refused = [cell for cell in cells if cell["end"] == "refused"]
        sizes = np.array([(cell["bytes"], cell["estimated"]) for cell in shipped], float)
        errors = 100 * (sizes[:, 1] / sizes[:, 0] - 1)
        again = [(cell["bytes"], cell["again"]) for cell in shipped if cell["again"]]
        largest = max((abs(a - b) for a, b in again), default=0)
        search_s, whole_s = (
            np.median([cell[key] for cell in shipped]) for key in ("search_s", "s")
        )
        text += [
            "",
            f"## Searched: {len(cells)} limits, seeds 0 to {len(cells) - 1}",
            "",
            f"Scale, trial 0, oracles in turn, search loop ({TRIALS} trials), log and choice of "
            "what is shipped as in a run on 8 x 8 to 64 x 64 pixels; scores are made up, weights "
            "random, latencies 1 us an op and 0.1 ns a multiply-add. Then the int8 file is "
            "converted, loaded, asked and weighed.",
            "",
            f"- {ends['shipped']} shipped, {ends['refused']} refused, {ends['no file']} ended "
            f"without a file. {sum(bool(cell['over']) for cell in shipped)} files over a limit.",
            f"- Every refusal names the smallest network and its cost: "
            f"{all('smallest network' in c['message'] for c in refused)}. Refused although one of "
            f"50 random networks fits: {sum(cell['fit'] > 0 for cell in refused)}.",
            f"- Of {sum(len(c['shares']) for c in shipped)} proposals "
            f"{sum(s > 1 for c in shipped for s in c['shares'])} were over a limit.",
            f"- Too large or not working, so that the next best was taken: "
            f"{sum(len(cell['notes']) for cell in shipped)} files.",
            f"- Files of {sizes[:, 0].min():,.0f} to {sizes[:, 0].max():,.0f} bytes; estimate less "
            f"file: {errors.min():+.2f} to {errors.max():+.2f} %. With other random weights "
            f"{len(again)} files differ by at most {largest} bytes.",
            f"- Processor seconds, medians: {search_s:.1f} to search, {whole_s:.1f} with the file.",
        ]
    cells = [cell for key, cell in kept.cells.items() if key.startswith("complete/")]
    if cells:
        ends = Counter(cell["end"] for cell in cells)
        shipped = [cell for cell in cells if cell["end"] == "shipped"]
        text += [
            "",
            f"## Complete runs: {len(cells)} limits, seeds 0 to {len(cells) - 1}",
            "",
            "`ImageSearch` on handwritten digits, two trials, one epoch a rung and two at the end; "
            "limits as above without latency.",
            "",
            f"- {ends['shipped']} shipped, {ends['refused']} refused with the smallest network and "
            f"its cost, {ends['no file']} ended without a file. "
            f"{sum(bool(cell['over']) for cell in shipped)} over a limit.",
            f"- Files of {min(c['bytes'] for c in shipped):,} to "
            f"{max(c['bytes'] for c in shipped):,} bytes.",
        ]
    return "\n".join(text) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limits", type=int, default=500)
    parser.add_argument("--complete", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stops after so many")
    parser.add_argument("--output", type=Path, default=HERE / "random_limits.md")
    arguments = parser.parse_args()
    kept = Kept(arguments.output.with_suffix(".jsonl"))
    until = time.monotonic() + 60 * arguments.minutes
    with tempfile.TemporaryDirectory() as folder:
        for number in range(max(arguments.limits, arguments.complete)):
            if time.monotonic() > until:
                break
            if number < arguments.limits:
                kept.get(f"searched/{number}", lambda n=number: searched(n, Path(folder)))
            if number < arguments.complete:
                kept.get(f"complete/{number}", lambda n=number: complete(n))
    arguments.output.write_text(report(kept))


if __name__ == "__main__":
    main()
