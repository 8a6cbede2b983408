"""The whole way, small: arrays in, a checked model out, and back again in another process."""

import gc
import json
import subprocess
import sys

import numpy as np
import pytest

import autoarch
from autoarch.errors import BudgetError, DataError, InvalidInputError, RunDirectoryError
from autoarch.tasks import NotFittedError
from autoarch.training.fit import Trainer


def squares(n=120, seed=0):
    """Grey pictures whose bright corner tells the class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    images = rng.integers(0, 60, (n, 8, 8)).astype(np.uint8)
    for image, label in zip(images, labels):
        image[2 * label : 2 * label + 3, 2:6] += 150
    return images, np.array(["left", "middle", "right"])[labels]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    x, y = squares()
    search = autoarch.ImageSearch(
        time=None, trials=3, seed=4, output=tmp_path_factory.mktemp("a") / "run"
    )
    return search.fit(x, y)


def test_it_learns_and_measures_once_on_held_out_data(fitted):
    result = fitted.result_
    assert result["test"]["accuracy"] > 0.8
    assert result["test"]["n"] == result["data"]["test"] == 18
    assert result["trials"]["completed"] == result["trials"]["distinct"] == 3
    assert result["valid"]["n"] == result["data"]["valid"]
    assert result["time_limit_s"] is None
    gap = result["selection"]  # the winner's score in the search against the test
    assert gap["valid"] == result["best"]["score"] and gap["test"] == result["test"]["accuracy"]
    assert gap["gap"] == gap["valid"] - gap["test"] and gap["metric"] == "accuracy"
    assert set(result["phases"]) >= {"data", "probe", "search", "final", "export", "report"}
    assert sum(result["phases"].values()) == pytest.approx(result["wall_s"], abs=0.2)
    assert result["baseline"]["trial"] == 0
    assert {"saved_model", "keras", "litert"} <= set(result["model"]["files"])
    assert all(e["max_difference"] < 1e-3 for e in result["model"]["exports"].values())


def test_it_answers_with_the_users_labels(fitted):
    x, y = squares(60, seed=9)
    probabilities = fitted.predict_proba(x)
    assert probabilities.shape == (60, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    labels = fitted.predict(x)
    assert np.mean(labels == y) == fitted.score(x, y) == fitted.evaluate(x, y)["accuracy"]
    assert fitted.score(x, y) > 0.8
    np.testing.assert_allclose(
        fitted.model_(x[..., None].astype(np.float32)).numpy(), probabilities, atol=1e-5
    )


def test_trials_and_best_can_be_looked_at(fitted):
    assert [trial.trial for trial in fitted.trials_] == [0, 1, 2]
    furthest = max(trial.epochs for trial in fitted.trials_)
    scores = [trial.score for trial in fitted.trials_ if trial.epochs == furthest]
    assert fitted.best_["score"] == max(scores)
    assert "accuracy" in fitted.summary().lower()
    assert fitted.report().read_text().startswith("<!")


def test_another_process_loads_the_same_object(fitted, tmp_path):
    x, _ = squares(10, seed=3)
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, json, numpy as np, autoarch;"
        "search = autoarch.load(sys.argv[1]);"
        "x = np.load(sys.argv[2]);"
        "print(json.dumps([search.predict(x).tolist(), search.predict_proba(x).tolist()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(fitted.run_), str(tmp_path / "x.npy")],
        capture_output=True,
        text=True,
        check=True,
    )
    labels, probabilities = json.loads(done.stdout)
    assert labels == fitted.predict(x).tolist()
    np.testing.assert_allclose(probabilities, fitted.predict_proba(x), atol=1e-6)


def test_equal_seeds_give_equal_trials_and_no_network_stays_in_memory(fitted, tmp_path):
    x, y = squares()
    gc.collect()
    before = _trainers()
    again = autoarch.ImageSearch(time=None, trials=3, seed=4, output=tmp_path / "run").fit(x, y)
    assert [(t.key, t.score) for t in again.trials_] == [(t.key, t.score) for t in fitted.trials_]
    assert again.result_["test"] == fitted.result_["test"]
    assert _trainers() <= before


def _trainers():
    return sum(isinstance(thing, Trainer) for thing in gc.get_objects())


def test_a_finished_run_is_not_run_again(fitted):
    x, y = squares()
    before = (fitted.run_ / "trials.jsonl").read_bytes()
    again = autoarch.ImageSearch(time=None, trials=3, seed=4, output=fitted.run_).fit(x, y)
    assert (fitted.run_ / "trials.jsonl").read_bytes() == before
    assert again.result_ == fitted.result_


def test_other_settings_or_data_do_not_mix_into_a_run(fitted):
    x, y = squares()
    with pytest.raises(RunDirectoryError, match="trials=3, not 5"):
        autoarch.ImageSearch(time=None, trials=5, seed=4, output=fitted.run_).fit(x, y)
    with pytest.raises(RunDirectoryError, match="other data"):
        autoarch.ImageSearch(time=None, trials=3, seed=4, output=fitted.run_).fit(*squares(seed=8))


def test_exports_go_elsewhere_on_request(fitted, tmp_path):
    files = fitted.export(tmp_path / "out", formats=["keras"])
    assert files["keras"]["max_difference"] < 1e-3
    assert (tmp_path / "out" / "model.keras").is_file()


def test_the_constructor_only_stores():
    search = autoarch.ImageSearch(time="nonsense", oracle="nonsense", seed=-1)
    assert (search.time, search.oracle, search.seed) == ("nonsense", "nonsense", -1)
    with pytest.raises(NotFittedError, match="call `fit` first"):
        search.predict([])


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"time": "soon"}, InvalidInputError, "`time` must be a duration"),
        ({"time": "3s"}, BudgetError, "`time` must be at least"),
        ({"oracle": "x"}, InvalidInputError, "`oracle` must be one of"),
        ({"space": "x"}, InvalidInputError, "`space` must be one of"),
        ({"objective": "x"}, InvalidInputError, "`objective` must be one of"),
        ({"precision": "int3"}, InvalidInputError, "`precision` must be one of"),
        ({"trials": 0}, InvalidInputError, "`trials` must be"),
        ({"image_size": 2}, InvalidInputError, "`image_size` must be"),
        ({"seed": -1}, InvalidInputError, "`seed` must be"),
        ({"valid": 0.9}, DataError, "valid"),
    ],
)
def test_bad_settings_leave_nothing_behind(tmp_path, settings, error, message):
    search = autoarch.ImageSearch(**{"time": None, **settings}, output=tmp_path / "run")
    with pytest.raises(error, match=message):
        search.fit(*squares())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("given", "kept"), [("0", 0.0), ("0.15", 0.15), ("20%", 0.2), (0.3, 0.3), ("a", "a")]
)
def test_a_part_is_a_share_or_a_path(given, kept):
    assert autoarch.ImageSearch(test=given)._settings().test == kept


def test_an_output_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RunDirectoryError, match="holds something else"):
        autoarch.ImageSearch(time=None, output=tmp_path).fit(*squares())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"folds": 0}, r"`folds` must be an integer in \[1, 20\]; got 0"),
        ({"folds": 2, "inherit": True}, "are measured on one split"),
        ({"folds": 2, "evaluator": "zero-cost"}, "are measured on one split"),
        ({"folds": 9}, r"`folds` may be at most 6 here, got 9: other splits have validation parts"),
        ({"folds": 2, "valid": (0, 1)}, "`folds` must be 1 here, got 2: the validation part was"),
    ],
)
def test_splits_that_cannot_be_are_refused(tmp_path, given, told):
    x, y = squares()
    if "valid" in given:
        given = {**given, "valid": _folder(tmp_path / "valid", *squares(20, seed=1))}
        x, y = _folder(tmp_path / "train", x, y), None
    search = autoarch.ImageSearch(time=None, trials=1, output=tmp_path / "run", **given)
    with pytest.raises(InvalidInputError, match=told) as refused:
        search.fit(x, y)
    assert refused.value.exit_code == 2


def _folder(root, images, labels):
    """Pictures as files, a folder a class; its path."""
    from PIL import Image

    for place, (image, label) in enumerate(zip(images, labels)):
        (root / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(root / label / f"{place}.png")
    return str(root)


def test_networks_are_compared_on_several_splits(tmp_path, monkeypatch):
    monkeypatch.setattr("autoarch.search.budget.FREE_FINAL_EPOCHS", 6.0)
    x, y = squares()
    search = autoarch.ImageSearch(time=None, trials=2, folds=3, seed=4, output=tmp_path / "run")
    result = search.fit(x, y).result_
    assert result["folds"] == 3 and result["valid"]["n"] == 3 * result["data"]["valid"]
    assert all(t.measurements[0].metrics["n"] == result["valid"]["n"] for t in search.trials_)
    told = f"trained on 3 splits; its score is that on their {result['valid']['n']} validation"
    assert told in search.summary()
    assert "trained on 3 splits" in search.report().read_text()
    again = autoarch.ImageSearch(
        time=None, trials=2, folds=3, seed=4, output=tmp_path / "again"
    ).fit(x, y)
    assert [t.score for t in again.trials_] == [t.score for t in search.trials_]
