"""The result of a run as plain values: `result.json`, which is also what `--json` prints."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from autoarch.costs.budgets import written
from autoarch.data import TaskData
from autoarch.evaluation.final import FinalModel
from autoarch.export import ExportedFile
from autoarch.spaces import Candidate
from autoarch.tasks.settings import Settings
from autoarch.trials import RunDirectory, TrialRecord, TrialStatus

PACKAGES = ("autoarch", "keras", "tensorflow", "keras-tuner", "numpy", "ai-edge-litert")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a result depends on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # for instance tensorflow-cpu in place of tensorflow
    return found


def phase_seconds(events: Iterable[Mapping[str, Any]], now_s: float) -> dict[str, float]:
    """Seconds of the budget spent in each phase, over all sittings.

    Args:
        events: The run's log.
        now_s: Time budget spent now, the end of the phase that is going on.
    """
    seconds: dict[str, float] = {}
    phase, since = "start", 0.0
    for event in events:
        if event["event"] in ("phase", "finished"):
            seconds[phase] = seconds.get(phase, 0.0) + event["t"] - since
            phase, since = event.get("name", "finished"), event["t"]
    seconds[phase] = seconds.get(phase, 0.0) + max(0.0, now_s - since)
    seconds.pop("finished", None)
    return {name: round(value, 2) for name, value in seconds.items()}


def card_of(
    *,
    run: RunDirectory,
    task: str,
    settings: Settings,
    limits: Mapping[str, float],
    data: TaskData,
    final: FinalModel,
    test: Mapping[str, Any] | None,
    quantised: Mapping[str, Any] | None,
    ensemble: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What the model card tells; see `autoarch.export.card.model_card`.

    Args:
        limits: By cost, as `Constraints.limits`; the others as for `result_of`.
        ensemble: What is averaged; see `autoarch.tasks.ensemble.Shipped.facts`.
    """
    members = [] if ensemble is None else ensemble["members"]
    average = ", ".join(f"trial {m['trial']} ({m['weight']:.2f})" for m in members)
    taught = ensemble is not None and ensemble["taught"]
    told = "taught by the average of" if taught else "average of the networks of"
    noun = data.preprocessing.noun
    return {
        "name": f"{run.root.name} {task} classifier",
        "metrics": {"valid": final.metrics, "test": test},
        "quantised": quantised,
        "refitted": final.refitted,
        "data": {
            f"training {noun}s": len(data.train),
            f"validation {noun}s": len(data.valid),
            f"test {noun}s": len(data.held_out),
            "fingerprint": data.fingerprint,
        },
        "training": {
            "seed": settings.seed,
            "objective": settings.objective,
            "time limit (s)": settings.time_limit_s or "none",
            **({told: average} if average else {}),
            **{f"limit on {cost}": written(cost, limit) for cost, limit in limits.items()},
        },
        "versions": versions(),
    }


def result_of(
    *,
    run: RunDirectory,
    task: str,
    settings: Settings,
    precision: str,
    data: TaskData,
    candidate: Candidate,
    best: TrialRecord,
    trials: Sequence[TrialRecord],
    infeasible_draws: int,
    training_s: float,
    bookkeeping_s: float,
    final: FinalModel,
    test: Mapping[str, Any] | None,
    quantised: Mapping[str, Any] | None = None,
    files: Mapping[str, ExportedFile],
    macs: int,
    interrupted: bool,
) -> dict[str, Any]:
    """Puts the result together; `wall_s` and `phases` are added when the run ends.

    Args:
        test: Of what is shipped: in int8 mode of the int8 file.
        quantised: In int8 mode its size and the float figures beside; see `measure_int8`.
        macs: Multiply-adds of one answer of the exported model.

    Returns:
        JSON values. `trials.infeasible` counts the trials that did not fit the machine or the
        time; draws that were turned down before they became trials are `infeasible_draws`.
    """
    counts = {
        name: sum(t.status is status for t in trials)
        for name, status in (
            ("completed", TrialStatus.COMPLETED),
            ("infeasible", TrialStatus.INFEASIBLE),
            ("failed", TrialStatus.FAILED),
        )
    }
    baseline = trials[0]
    return {
        "run": str(run.root),
        "task": task,
        "objective": settings.objective,
        "classes": list(data.classes),
        "time_limit_s": settings.time_limit_s,
        "wall_s": None,
        "phases": {},
        "training_s": round(training_s, 2),
        "bookkeeping_s": round(bookkeeping_s, 3),
        "trials": {
            **counts,
            "distinct": len({t.key for t in trials if t.status is TrialStatus.COMPLETED}),
            "infeasible_draws": infeasible_draws,
        },
        "best": {
            "trial": best.trial,
            "score": best.score,
            "epochs": round(final.trainer.epochs, 2),
            "decisions": dict(best.decisions),
            "recipe": candidate.recipe.to_json(),
            "final_training_kept": final.kept,
            "refitted_on_validation": final.refitted,
        },
        "baseline": {
            "trial": 0,
            "score": baseline.score,
            "epochs": baseline.epochs,
            "decisions": dict(baseline.decisions),
            "params": baseline.params,
            "macs": baseline.macs,
        },
        "selection": selection_of(best, final, test, settings.objective),
        "valid": final.metrics,
        "test": test,
        "quantised": quantised,
        "model": {
            "params": candidate.architecture.params,
            "macs": macs,
            "size_bytes": files["litert_int8" if quantised else "keras"].size_bytes,
            "precision": precision,
            "files": {name: str(run.model / file.path) for name, file in files.items()}
            | {"labels": str(run.model / "labels.txt"), "card": str(run.model / "README.md")},
            "exports": {
                name: {"size_bytes": file.size_bytes, "max_difference": file.max_difference}
                for name, file in files.items()
            },
        },
        "data": {
            "train": len(data.train),
            "valid": len(data.valid),
            "test": len(data.held_out),
            **data.preprocessing.facts(),
            "findings": data.findings.to_json(),
        },
        "seed": settings.seed,
        "interrupted": interrupted,
    }


def selection_of(
    best: TrialRecord, final: FinalModel, test: Mapping[str, Any] | None, objective: str
) -> dict[str, Any]:
    """By how much the score that the winner, or an average of several, was chosen by flatters it.

    Returns:
        The objective's name, its value on the validation part when the network was chosen, the
        epochs behind that, its value on the test part in the end, and `gap`, the first minus the
        second; None without a test part.
    """
    assert best.last is not None
    # Where the final training used the validation part these are the figures from before it.
    valid = (final.metrics if final.refitted else best.last.metrics)[objective]
    found = None if test is None else test[objective]
    return {
        "metric": objective,
        "epochs": round(best.epochs, 2),
        "valid": valid,
        "test": found,
        "gap": None if found is None else valid - found,
    }


def default_output(name: str) -> Path:
    """Where runs of data of that name go unless told otherwise."""
    return Path("runs") / (name or "run")
