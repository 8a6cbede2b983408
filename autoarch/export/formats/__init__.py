"""Every export format, one file each. A new format is a new file: all modules here are imported.

A format is a module with the names that `Format` lists. Its file also runs on its own, in a
process where autoarch is not imported: nothing of autoarch, Keras or TensorFlow may be imported
at its top, and nothing of autoarch inside the functions that run there.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, cast

import numpy.typing as npt

from autoarch.export.model import TrainedModel


@dataclass(frozen=True, eq=False)
class Writing:
    """What a format is written from.

    Args:
        model: The trained model.
        scratch: A directory for files that are not part of the export.
        calibration: Training examples that show the ranges of the activations, as the network
            takes them; of pictures uint8. None where no format needs them.
        int8_file: The int8 file, where it has been made already; see `quantise`.
    """

    model: TrainedModel
    scratch: Path
    calibration: npt.NDArray[Any] | None = None
    int8_file: Path | None = None
    _begun: set[str] = field(default_factory=set, init=False)

    @cached_property
    def serving_model(self) -> Any:
        """The Keras model from inputs to probabilities; see `TrainedModel.serving_model`."""
        return self.model.serving_model()

    @cached_property
    def keras_file(self) -> Path:
        """The serving model as a `.keras` file in `scratch`."""
        path = self.scratch / "serving.keras"
        self.serving_model.save(path)
        return path

    @cached_property
    def folded_model(self) -> Any:
        """What is quantised; see `TrainedModel.folded_model`."""
        return self.model.folded_model()

    def first(self, what: str) -> bool:
        """Whether nobody has asked for this before: for work that several formats share."""
        new = what not in self._begun
        self._begun.add(what)
        return new


Convert = Callable[..., None]
"""Takes a function of a stand-alone file and its keyword arguments (JSON values), and runs it
later in another process: converters may crash theirs."""


class Format(Protocol):
    """The names of a format's module."""

    NAME: str
    """What users call it."""
    FILE: str
    """File or directory in the model directory."""
    BESIDE: tuple[str, ...]
    """Names of other files that are written beside it."""
    TOLERANCE: float
    """Largest difference from the trained model's answers that is accepted."""
    DIFFERENCE: str
    """How it is measured: "largest", the largest of any probability; or "moved", the share of a
    example's probability that has moved to other classes, on average, for coarser numbers."""
    NEEDS: tuple[str, ...]
    """Modules that `answers` imports and that are slow to import."""
    CONVERTS: bool
    """Whether `write` uses `convert`, so that its process is started in time."""

    def write(self, writing: Writing, path: Path, convert: Convert) -> None:
        """Writes the file, or has `convert` write it. Runs in the process that exports."""

    def answers(self, path: str, questions: Any) -> dict[str, Any]:
        """Loads the file as a user would and asks it. Runs in a process without autoarch.

        Args:
            path: The file.
            questions: `inputs` `(n, ...)`, `encoded` list of bytes, `classes` list of UTF-8 bytes;
                as in `Samples`.

        Returns:
            Probabilities `(n, classes)` by way of asking, e.g. by signature.

        Raises:
            AssertionError: Something else than a probability is wrong.
        """


def _load() -> dict[str, Format]:
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = [importlib.import_module(f"{__name__}.{name}") for name in modules]
    return {module.NAME: cast(Format, module) for module in found}


FORMATS: dict[str, Format] = _load()
"""Formats by name."""
