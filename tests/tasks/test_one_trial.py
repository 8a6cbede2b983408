"""A trial of a search as an export: its own weights, its own figures, checked like any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import autoarch
from autoarch.errors import InvalidInputError
from autoarch.search import budget


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> autoarch.ImageSearch:
    search = autoarch.ImageSearch(
        None,
        trials=2,
        oracle="random",
        fixed={"width": 8},
        output=tmp_path_factory.mktemp("trial") / "run",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget, "FREE_FINAL_EPOCHS", 3.0)
        return search.fit("demo:digits")


def test_a_trial_is_exported_with_its_own_weights_and_figures(
    search: autoarch.ImageSearch, tmp_path: Path
) -> None:
    files = search.export(tmp_path / "one", ["litert_int8", "c_array"], trial=1)
    assert set(files) == {"litert_int8", "c_array"}
    metrics = json.loads((tmp_path / "one" / "metrics.json").read_text())
    assert metrics["metrics"]["valid"]["accuracy"] == search.trials_[1].score
    assert metrics["metrics"]["test"] is None
    assert "no final training" in (tmp_path / "one" / "README.md").read_text()
    architecture = json.loads((tmp_path / "one" / "architecture.json").read_text())
    from autoarch.architecture import Architecture

    assert Architecture.from_json(architecture).key == search.trials_[1].key


def test_a_trial_that_is_not_there_is_refused_by_number(
    search: autoarch.ImageSearch, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInputError, match=r"Trial 7 .* does not exist; .* weights: 0, 1\."):
        search.export(tmp_path / "one", ["keras"], trial=7)


def test_the_runs_own_model_is_not_replaced_by_a_trial(search: autoarch.ImageSearch) -> None:
    with pytest.raises(InvalidInputError, match="another directory"):
        search.export(search.run_ / "model", ["keras"], trial=1)
