"""A trial of a finished search as an exported model: another point of the Pareto front."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from autoarch.architecture import Architecture
from autoarch.errors import InvalidInputError
from autoarch.export import Samples, TrainedModel, export_bundle
from autoarch.search.progress import Progress
from autoarch.tasks.result import versions
from autoarch.trials import RunDirectory, TrialRecord, load_arrays


def export_trial(
    run: RunDirectory,
    trial: int,
    model: TrainedModel,
    target: Path,
    formats: Sequence[str],
    trials: Sequence[TrialRecord],
    progress: Progress | None,
    samples_of: Callable[[TrainedModel], Samples],
) -> dict[str, Any]:
    """Exports a trial with the weights it had when it was last measured.

    Args:
        run: The finished run.
        trial: Number of the trial.
        model: The run's model, for classes and preprocessing.
        target: The directory to write.
        formats: Names of formats.
        trials: All trials of the run.
        progress: Is told how it goes.
        samples_of: Examples on which the export is checked.

    Raises:
        InvalidInputError: No such trial, no weights of it, or `target` is the run's model.
    """
    kept = [
        t.trial
        for t in trials
        if run.checkpoint_file(t.trial).is_file() and run.architecture_file(t.trial).is_file()
    ]
    if trial not in kept:
        there = ", ".join(map(str, kept)) or "none"
        what = "has no weights kept" if 0 <= trial < len(trials) else "does not exist"
        raise InvalidInputError(
            f"Trial {trial} of {run.root} {what}; trials with weights: {there}."
        )
    if target.resolve() == run.model.resolve():
        raise InvalidInputError(
            f"{target} holds the model of the run; export a trial to another directory."
        )
    record = trials[trial]
    assert record.last is not None
    architecture = Architecture.from_json(json.loads(run.architecture_file(trial).read_text()))
    weights = tuple(load_arrays(run.checkpoint_file(trial))["weights"])
    chosen = replace(model, architecture=architecture, weights=weights)
    files = export_bundle(
        chosen,
        target,
        formats=formats,
        samples=samples_of(chosen),
        card={
            "name": f"{run.root.name}, trial {trial}",
            "metrics": {"valid": dict(record.last.metrics), "test": None},
            "training": {"trial": trial, "epochs": round(record.epochs, 2)},
            "versions": versions(),
            "caveats": [
                f"This is trial {trial} as the search measured it, after {record.epochs:.1f} "
                "epochs: it has had no final training."
            ],
        },
        calibration=run.calibration(),
        progress=progress,
    )
    return {name: {**asdict(file), "path": str(target / file.path)} for name, file in files.items()}
