"""A run is a directory: where its files lie, and how they are written.

RUN/ run.json | trials.jsonl | cache/ | checkpoints/ | supernet/ | zero-cost.jsonl | model/
     result.json | evaluation.json | report.html
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from autoarch.errors import RunDirectoryError
from autoarch.trials.checkpoints import Array, load_arrays
from autoarch.trials.log import _plain


def write_atomically(path: Path, text: str) -> None:
    """Writes a text file beside its place and renames it, so it is never half-written."""
    beside = path.with_name(path.name + ".part")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def write_json(path: Path, data: Any) -> None:
    """Writes JSON atomically; NaN becomes null."""
    write_atomically(path, json.dumps(_plain(data), indent=2, allow_nan=False) + "\n")


@dataclass(frozen=True)
class RunDirectory:
    """Paths of a run.

    Args:
        root: The directory; `create` makes it, everything else expects it.
    """

    root: Path

    @property
    def settings_file(self) -> Path:
        return self.root / "run.json"

    @property
    def log_file(self) -> Path:
        return self.root / "trials.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def supernet(self) -> Path:
        """Shared weights, and a log of the networks scored with them."""
        return self.root / "supernet"

    @property
    def zero_cost_file(self) -> Path:
        """A log of the networks scored without training."""
        return self.root / "zero-cost.jsonl"

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def result_file(self) -> Path:
        return self.root / "result.json"

    @property
    def evaluation_file(self) -> Path:
        return self.root / "evaluation.json"

    @property
    def report_file(self) -> Path:
        return self.root / "report.html"

    @property
    def calibration_file(self) -> Path:
        return self.checkpoints / "calibration.npz"

    def calibration(self) -> Array | None:
        """Training examples kept for exports in integers; None where the run kept none."""
        if not self.calibration_file.is_file():
            return None
        return load_arrays(self.calibration_file)["inputs"][0]

    def checkpoint_file(self, trial: int) -> Path:
        return self.checkpoints / f"trial-{trial:05d}.npz"

    def architecture_file(self, trial: int) -> Path:
        """The network of the trial's checkpoint, JSON."""
        return self.checkpoints / f"trial-{trial:05d}.json"

    def first_weights_file(self, trial: int) -> Path:
        """The weights at the trial's first measurement, for children to start from."""
        return self.checkpoints / f"first-{trial:05d}.npz"

    def fold_file(self, trial: int, fold: int) -> Path:
        """The trial's state on one of the further splits."""
        return self.checkpoints / f"fold-{fold}-{trial:05d}.npz"

    def answers_file(self, trial: int) -> Path:
        """The trial's probabilities on the validation part, for averages of several networks."""
        return self.checkpoints / f"answers-{trial:05d}.npz"

    def exists(self) -> bool:
        return self.settings_file.is_file()

    def create(self, settings: dict[str, Any]) -> None:
        """Makes the directory and writes `run.json`.

        Raises:
            RunDirectoryError: The path is a file, holds something else, or cannot be written.
        """
        if self.root.exists() and not self.root.is_dir():
            raise RunDirectoryError(f"Output {self.root} is a file; give a directory.")
        # What a process left that was killed right here is no more than this.
        begun = {self.checkpoints, self.settings_file.with_name(f"{self.settings_file.name}.part")}
        there = set(self.root.iterdir()) if self.root.is_dir() else set()
        if there - begun or (self.checkpoints in there and any(self.checkpoints.iterdir())):
            raise RunDirectoryError(
                f"Output {self.root} holds something else; give an empty or a new directory."
            )
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            write_json(self.settings_file, settings)
        except OSError as error:
            raise RunDirectoryError(
                f"Output {self.root} cannot be written: {error.strerror}."
            ) from error

    def read_json(self, path: Path) -> Any:
        """Reads one of the run's JSON files.

        Raises:
            RunDirectoryError: The file is missing or is not JSON; the message says which.
        """
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            what = (
                "it is not the directory of a run"
                if path == self.settings_file
                else ("the run has not come that far")
            )
            raise RunDirectoryError(f"{self.root} has no {path.name}: {what}.") from error
        except (OSError, ValueError) as error:
            raise RunDirectoryError(f"{path} cannot be read: {error}.") from error

    def settings(self) -> dict[str, Any]:
        """The contents of `run.json`."""
        settings = self.read_json(self.settings_file)
        if not isinstance(settings, dict):
            raise RunDirectoryError(f"{self.settings_file} is not the settings of a run.")
        return settings

    def lock(self) -> IO[str]:
        """Takes the run for this process until the returned file is closed.

        Raises:
            RunDirectoryError: Another process is working on this run.
        """
        file = (self.root / ".lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise RunDirectoryError(
                f"Another process is working on {self.root}; wait for it or stop it."
            ) from error
        return file
