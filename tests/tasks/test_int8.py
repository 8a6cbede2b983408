"""When a network is fine-tuned for int8, and which file is kept: the contract, on plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autoarch.data.dataset import ImageSet
from autoarch.errors import ExportError
from autoarch.tasks import int8 as module
from autoarch.tasks.int8 import Int8, tuned
from autoarch.training.recipe import Recipe

PICTURES = ImageSet(np.zeros((64, 4, 4, 3), np.uint8), np.zeros(64, np.int64), ("a",) * 64)


@dataclass
class Model:
    """As much of a `TrainedModel` as is looked at."""

    architecture: Any = None
    weights: tuple[Any, ...] = ()


@dataclass
class Network:
    """A `RoundedNetwork` that counts its steps."""

    architecture: Any
    before: Any
    steps: int = field(default=0, init=False)

    def train(self, batches: Any, share_done: Any) -> int:
        while share_done(self.steps) < 1:
            self.steps += 1
        return self.steps

    def weights(self) -> list[Any]:
        return ["tuned"]


def of(float_accuracy: float, accuracy: float, model: Any = None) -> Int8:
    return Int8(
        model or Model(),  # type: ignore[arg-type]
        Path("model_int8.tflite"),
        None,  # type: ignore[arg-type]
        {"accuracy": float_accuracy},
        {"accuracy": accuracy},
    )


def tune(
    monkeypatch: pytest.MonkeyPatch,
    before: Int8,
    *,
    after: float | Exception = 0.9,
    seconds: Any = lambda: float("inf"),
    size: int = 900,
) -> tuple[Int8, list[str]]:
    def asked(model: Any, file: Path, data: Any) -> Int8:
        if isinstance(after, Exception):
            raise after
        return of(0.9, after, model)

    monkeypatch.setattr(module, "RoundedNetwork", Network)
    monkeypatch.setattr(module, "quantise", lambda model, calibration, file: size)
    monkeypatch.setattr(module.Int8, "of", asked)
    notes: list[str] = []
    found = tuned(
        before,
        SimpleNamespace(train=PICTURES),  # type: ignore[arg-type]
        PICTURES.inputs,
        augment=SimpleNamespace(strengths=lambda recipe: [0.0]),  # type: ignore[arg-type]
        recipe=Recipe(batch_size=16),
        seed=0,
        limit_bytes=1000,
        seconds=seconds,
        note=notes.append,
    )
    return found, notes


@pytest.fixture(autouse=True)
def no_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    class Batches:
        def __init__(self, *given: Any, **options: Any): ...
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *error: object) -> None: ...

    monkeypatch.setattr(module, "Batches", Batches)


def test_a_drop_of_a_point_is_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    before = of(0.80, 0.791)
    assert tune(monkeypatch, before) == (before, [])


def test_of_two_files_the_better_on_the_validation_part_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = of(0.80, 0.75)
    found, notes = tune(monkeypatch, before, after=0.78)
    assert found.valid["accuracy"] == 0.78 and found.model.weights == ("tuned",)
    assert "(12 steps)" in notes[0]  # three passes over 64 pictures in batches of 16
    assert "from 0.750 to 0.780; it is kept" in notes[0]
    found, notes = tune(monkeypatch, before, after=0.75)
    assert found is before and "the file before is kept" in notes[0]


def test_a_file_that_is_too_large_or_does_not_work_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = of(0.80, 0.75)
    found, notes = tune(monkeypatch, before, size=1001)
    assert found is before and "1,001 bytes, more than allowed" in notes[0]
    found, notes = tune(monkeypatch, before, after=ExportError("failed to prepare"))
    assert found is before and "does not work (failed to prepare)" in notes[0]


def test_the_clock_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = of(0.80, 0.75)
    found, notes = tune(monkeypatch, before, seconds=lambda: -1.0)
    assert found is before and "no time left" in notes[0]
    left = iter([8.0, 8.0, 8.0, 6.0, 4.0, 2.0, 0.0])
    _, notes = tune(monkeypatch, before, seconds=lambda: next(left))
    assert "(4 steps)" in notes[0]
