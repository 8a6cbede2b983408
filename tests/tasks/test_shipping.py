"""Which network is shipped under a limit on the file: the contract, on plain values."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import autoarch
from autoarch.errors import ExportError, InvalidInputError
from autoarch.export import ask_int8
from autoarch.search import budget
from autoarch.search.progress import Progress
from autoarch.tasks import int8
from autoarch.tasks.int8 import drop_note
from autoarch.tasks.settings import Settings
from autoarch.tasks.shipping import first_that_fits

SETTINGS: dict[str, Any] = {
    "time_limit_s": None,
    "trials": None,
    "oracle": "auto",
    "space": "auto",
    "objective": "accuracy",
    "image_size": None,
    "valid": None,
    "test": None,
    "class_weight": "auto",
    "precision": "auto",
    "seed": 0,
}


def option(trial: int, size: int) -> Any:
    return SimpleNamespace(record=SimpleNamespace(trial=trial), size=size)


def ship(sizes: list[int], limit: int | None) -> tuple[int, list[int], list[str]]:
    weighed, notes = [], []

    def weigh(trained: Any) -> int:
        weighed.append(trained.record.trial)
        return int(trained.size)

    options = (option(trial, size) for trial, size in enumerate(sizes))
    found = first_that_fits(options, weigh, limit, notes.append)
    return found.record.trial, weighed, notes


def test_the_first_file_within_the_limit_is_shipped_and_no_later_one_is_made() -> None:
    assert ship([1200, 1001, 1000, 10], 1000)[:2] == (2, [0, 1, 2])


def test_without_a_limit_the_best_network_is_shipped() -> None:
    assert ship([10**9, 1], None) == (0, [0], [])


def test_each_file_that_is_too_large_is_told() -> None:
    notes = ship([1200, 900], 1000)[2]
    assert len(notes) == 1
    assert "trial 0 has 1,200 bytes" in notes[0] and "1,000 allowed" in notes[0]


def test_an_oversized_file_is_never_shipped() -> None:
    with pytest.raises(ExportError, match=r"limit of 1,000 bytes; the smallest has 1,050\."):
        ship([1200, 1050, 1300], 1000)


def test_files_that_do_not_work_are_told_and_the_next_network_is_shipped() -> None:
    notes: list[str] = []

    def weigh(trained: Any) -> int:
        if trained.size < 0:
            raise ExportError("Export failed: asking it: failed to prepare")
        return int(trained.size)

    options = [option(0, -1), option(1, 1200), option(2, 900)]
    assert first_that_fits(iter(options), weigh, 1000, notes.append).record.trial == 2
    assert "trial 0 does not work (Export failed: asking it: failed to prepare)" in notes[0]
    with pytest.raises(ExportError, match=r"has a file that works; .*failed to prepare"):
        first_that_fits([option(0, -1), option(1, -1)], weigh, 1000, notes.append)
    with pytest.raises(ExportError, match="the smallest has 1,200"):
        first_that_fits(options[:2], weigh, 1000, notes.append)


@pytest.mark.parametrize(("drop", "said"), [(0.01, False), (-0.02, False), (0.023, True)])
def test_a_drop_of_more_than_a_point_is_told(drop: float, said: bool) -> None:
    note = drop_note({"drop": {"valid": drop, "test": 0.5}}, "picture")
    assert (note is not None) is said
    if note:
        assert "2.3 points" in note


@pytest.mark.parametrize("limit", [0, -5, 1.5, "3 bananas"])
def test_bad_limits_are_refused(limit: Any) -> None:
    with pytest.raises(InvalidInputError, match="`max_size_bytes` must be a positive integer"):
        Settings(**SETTINGS, ship="int8", max_size_bytes=limit)


def test_a_limit_of_the_int8_file_needs_one() -> None:
    with pytest.raises(InvalidInputError, match="Limits hold for the int8 file"):
        autoarch.ImageSearch(None, max_size_bytes=1000).fit("demo:digits")
    with pytest.raises(InvalidInputError, match="`ship` must be one of float, float16, int8"):
        Settings(**SETTINGS, ship="int4")


@pytest.mark.slow
def test_a_run_whose_final_network_is_too_large_ships_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trial 0 wins with 372 k weights; the file of trial 1 is the first within the limit. As if
    its int8 file were much worse than the network, that is fine-tuned as well."""
    monkeypatch.setattr(budget, "FREE_FINAL_EPOCHS", 7.0)
    monkeypatch.setattr(int8, "LARGEST_DROP", -1.0)
    monkeypatch.setattr(int8, "TUNING_EPOCHS", 0.2)
    notes: list[str] = []
    progress = Progress()
    monkeypatch.setattr(progress, "note", notes.append)
    limit = 200_000
    search = autoarch.ImageSearch(
        None,
        trials=2,
        oracle="random",
        ship="int8",
        max_size_bytes=limit,
        image_size=8,
        output=tmp_path / "run",
        progress=progress,
    ).fit("demo:digits")
    assert sum("Fine-tuning for int8" in note for note in notes) == 1
    result, model = search.result_, tmp_path / "run" / "model"
    first, second = search.trials_
    assert first.params > limit > second.params
    assert result["best"]["trial"] == 1 and not result["best"]["final_training_kept"]
    size = (model / "model_int8.tflite").stat().st_size
    assert result["quantised"]["size_bytes"] == size == result["model"]["size_bytes"] <= limit
    assert not (model / "model.tflite").exists()
    # The figures are the file's: asked again, in another process, it answers like the network.
    shape = result["data"]["image_shape"]
    pixels = np.random.default_rng(0).integers(0, 256, (6, *shape), np.uint8)
    found = ask_int8(model / "model_int8.tflite", pixels)
    assert np.abs(found - search.predict_proba(pixels)).sum(-1).mean() / 2 < 0.15
    before, drop = result["quantised"]["float"]["test"], result["quantised"]["drop"]["test"]
    assert result["test"]["accuracy"] == pytest.approx(before["accuracy"] - drop)
    assert abs(drop) < 0.03
    assert f"int8 file of {size:,} bytes" in search.summary()
