"""What a task says of its data before a search: how big trial 0 is, how examples are read."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autoarch.data import ExampleSet, TaskData
from autoarch.export import Samples, TrainedModel
from autoarch.search.progress import Progress
from autoarch.spaces import Candidate, SearchSpace
from autoarch.tasks.settings import Settings
from autoarch.training.augment import Augmenter
from autoarch.training.fit import Array
from autoarch.training.precision import Speed
from autoarch.training.recipe import Recipe
from autoarch.trials import RunDirectory


@dataclass(frozen=True)
class Setup:
    """What was decided before the search, once for all sittings of a run.

    Args:
        preprocessing: Of the task's data, JSON.
        width: Width of trial 0.
        recipe: Of trial 0.
        speed: What the probe measured.
        network: Which network trial 0 is, where the space leaves that open.
    """

    preprocessing: Mapping[str, Any]
    width: int
    recipe: Recipe
    speed: Speed
    network: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "preprocessing": dict(self.preprocessing)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Setup:
        return cls(
            data["preprocessing"],
            data["width"],
            Recipe.from_json(data["recipe"]),
            Speed(**data["speed"]),
            data.get("network"),
        )


class Task(ABC):
    """What differs between pictures, texts and sounds.

    Attributes:
        name: "image", ...
        noun: What one example is called in messages.
        unit: What is left out where it cannot be read.
        short_name: Names the run's directory unless the user does.
        description: Where the data came from.
        fingerprint: Of the data.
        facts: What `run.json` keeps of the data for later use.
    """

    name: str
    noun: str
    unit: str = "file"
    short_name: str
    description: str
    fingerprint: str
    facts: Mapping[str, Any]

    @abstractmethod
    def setup(self, settings: Settings, speed: Speed) -> Setup:
        """Decides size and recipe of trial 0 from the data, the budget and the machine."""

    @abstractmethod
    def load(self, setup: Setup, run: RunDirectory, progress: Progress) -> TaskData:
        """Reads the data, split and in the network's form."""

    @abstractmethod
    def space(self, settings: Settings, setup: Setup, data: TaskData) -> SearchSpace:
        """The search space."""

    @abstractmethod
    def augmenter(self, shape: tuple[int, ...], classes: int) -> Augmenter:
        """What makes training batches of inputs of a shape, without the batch."""

    @abstractmethod
    def samples(self, model: TrainedModel, part: ExampleSet, chosen: Array) -> Samples:
        """Some examples of a part, by position, with the model's answers."""

    @abstractmethod
    def show(self, part: ExampleSet, position: int) -> dict[str, Any]:
        """What the report needs to show one example of a part, as JSON values."""

    def finished(
        self, candidate: Candidate, weights: tuple[Array, ...], data: TaskData, settings: Settings
    ) -> TrainedModel:
        """The model that is exported."""
        return TrainedModel(candidate.architecture, weights, data.classes, data.preprocessing)

    def explain(
        self, predict_proba: Callable[[Array], Array], part: ExampleSet, data: TaskData
    ) -> dict[str, Any]:
        """More about the trained model for the report, as JSON values in `evaluation.json`.

        Args:
            predict_proba: The model, from inputs to probabilities.
            part: What it is shown on: the held-out part, else the validation part.
            data: The data, for facts about its training part.
        """
        return {}


def described(x: Any, plural: str) -> tuple[str, str]:
    """What data is called in words, and in the name of a run's directory.

    >>> described("my photos/", "images"), described([1, 2], "images")
    (('my photos/', 'my-photos'), ('list of images', 'images'))
    """
    if not isinstance(x, str | Path):
        return f"{type(x).__name__} of {plural}", plural
    stem = Path(x).resolve().stem.removeprefix("demo:")
    return str(x), re.sub(r"[^\w.-]+", "-", stem)
