"""What the tests of the commands share: a runner, a search that needs no TensorFlow, a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import click
import numpy as np
import pytest
from autoarch.cli import environment
from click.testing import CliRunner

import autoarch
import autoarch.data
from autoarch.objectives import get_objective
from autoarch.search.progress import RunStart
from autoarch.trials import Fidelity, Measurement, RunDirectory, TrialLog, TrialRecord, TrialStatus

RESULT = {"run": "runs/a", "test": {"accuracy": 0.741, "n": 1000, "auc": float("nan")}}


def measured(trial: int, score: float, **decisions: Any) -> TrialRecord:
    """A trial of three epochs with that score."""
    measurement = Measurement(score, {"accuracy": score}, epochs=3, train_s=10.0, wall_s=12.0)
    record = TrialRecord(trial, decisions, f"key{trial}", params=272_474, macs=41_200_000)
    return replace(record, status=TrialStatus.COMPLETED, measurements=(measurement,))


def failed(trial: int, reason: str = "loss became NaN in epoch 2") -> TrialRecord:
    record = TrialRecord(trial, {}, f"key{trial}", params=1_000_000, macs=10_000_000)
    return replace(record, status=TrialStatus.FAILED, reason=reason)


def tell(progress: Any, run: Path) -> None:
    """Tells a display a short run: two trials measured, one failed, the winner trained on."""
    first, second = measured(0, 0.6, width=32), measured(1, 0.7, width=64)
    progress.run_started(
        RunStart(
            run, scored=get_objective("accuracy"), time_limit_s=300.0, spent_s=0.0, elapsed_s=0.0
        )
    )
    progress.phase("data")
    progress.reading(50, 100)
    progress.note("3 duplicates were left out of training.")
    progress.phase("search")
    progress.trial_started(replace(first, measurements=()), Fidelity(3))
    progress.epoch(first, epoch=1.0, epochs=3.0, loss=2.1)
    progress.trial_measured(first, first)
    progress.trial_measured(second, second)
    progress.trial_ended(failed(2))
    progress.phase("final")
    progress.epoch(second, epoch=7.25, epochs=None, loss=0.51)


class FakeSearch:
    """Stands in for `ImageSearch`: tells a short run, and answers from fixed numbers."""

    task = "image"
    made: ClassVar[list[FakeSearch]] = []
    raises: ClassVar[BaseException | None] = None

    def __init__(self, time: Any = "10m", *, progress: Any = None, **settings: Any):
        self.time, self.progress, self.settings = time, progress, settings
        self.classes_ = ("cat", "dog", "frog")
        self.run_ = Path("runs/a")
        self.exported: tuple[Any, Any] | None = None
        FakeSearch.made.append(self)

    def fit(self, data: str, *, started: float | None = None) -> FakeSearch:
        self.data, self.started = data, started
        click.echo("a library prints to stdout")
        tell(self.progress, self.run_)
        if FakeSearch.raises is not None:
            raise FakeSearch.raises
        self.result_ = RESULT
        self.progress.finished(RESULT)
        return self

    def summary(self) -> str:
        return "runs/a: complete\n  test        74.1 % accuracy"

    def evaluate(self, data: str) -> dict[str, Any]:
        self.data = data
        if self.progress is not None:
            self.progress.note("2 files could not be read and are left out.")
        return {"accuracy": 0.75, "log_loss": 0.4, "n": 1200, "accuracy_ci95": [0.72, 0.78]}

    def predict_files(self, paths: list[Path]) -> tuple[Any, list[tuple[Path, str]]]:
        bad = [(path, "not an image") for path in paths if path.stem == "broken"]
        rows = np.tile(np.array([[0.2, 0.7, 0.1]], np.float32), (len(paths) - len(bad), 1))
        return rows, bad

    def export(self, directory: Path | None = None, formats: Any = ()) -> dict[str, Any]:
        self.exported = (directory, formats)
        return {
            name: {"path": f"{directory}/{name}", "size_bytes": 3_400_000, "max_difference": 2e-7}
            for name in formats
        }


@pytest.fixture
def story() -> SimpleNamespace:
    """Makes trials, and tells a display a short run."""
    return SimpleNamespace(measured=measured, failed=failed, tell=tell)


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> type[FakeSearch]:
    """Replaces the searches behind the commands; `search.made` lists those that were made."""

    def load(run: Path) -> FakeSearch:
        return FakeSearch(run)

    def resume(run: Path, *, time: Any, progress: Any, started: float) -> FakeSearch:
        return FakeSearch(time, progress=progress).fit(str(run), started=started)

    monkeypatch.setattr(FakeSearch, "made", [])
    monkeypatch.setattr(FakeSearch, "raises", None)
    monkeypatch.setattr(environment, "start_tensorflow", lambda: None)
    monkeypatch.setattr(autoarch, "ImageSearch", FakeSearch, raising=False)
    monkeypatch.setattr(autoarch, "load", load, raising=False)
    monkeypatch.setattr(autoarch, "resume", resume, raising=False)
    monkeypatch.setattr(autoarch.data, "detect_task", lambda data: "image", raising=False)
    monkeypatch.setattr(autoarch.data, "list_files", lambda path, kind=None: {}, raising=False)
    return FakeSearch


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The directory of a run that was interrupted in its search."""
    directory = RunDirectory(tmp_path / "run")
    directory.create({"task": "image", "settings": {"objective": "accuracy"}})
    with TrialLog(directory.log_file) as log:
        log.append("phase", t=5.0, name="search")
        for record in (measured(0, 0.6, width=32), measured(1, 0.7, width=64), failed(2)):
            fields = {"key": record.key, "params": record.params, "macs": record.macs}
            decisions = dict(record.decisions)
            log.append("proposed", t=6.0, trial=record.trial, decisions=decisions, **fields)
            if record.last is not None:
                measurement = record.last.to_json()
                log.append("measured", t=18.0, trial=record.trial, measurement=measurement)
            else:
                log.append(
                    "ended", t=20.0, trial=record.trial, status="failed", reason=record.reason
                )
    return directory.root
