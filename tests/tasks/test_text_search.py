"""Texts from lists and vectors to a trained, exported and reopened model."""

import json

import numpy as np
import pandas
import pytest

from autoarch import TextSearch, load
from autoarch.costs.budgets import Budgets
from autoarch.costs.constraints import Constraints
from autoarch.costs.token_file import token_file_bytes
from autoarch.data.text import TextPreprocessing, TextSet
from autoarch.data.text_graph import ids_of
from autoarch.errors import DataError, InvalidInputError
from autoarch.search import budget
from autoarch.spaces.text import TextSpace
from autoarch.tasks import shipping
from autoarch.tasks.limits import baseline_of
from autoarch.tasks.text import TextTask
from autoarch.tasks.text_sizes import DEEP, SHALLOW, TextSize, fitting_size

GOOD = [f"what a lovely meal number {i}" for i in range(24)]
BAD = [f"never again , cold soup {i}" for i in range(24)]
VECTORS = "lovely 1 0 0\ncold 0 1 0\nunheard 0 1 0.1\nsoup 0 0 1\n"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    (folder / "words.vec").write_text(VECTORS)
    search = TextSearch(
        time=None,
        trials=1,
        vectors=folder / "words.vec",
        output=folder / "run",
        precision="float32",
    )
    return search.fit(GOOD + BAD, ["good"] * 24 + ["bad"] * 24)


def test_it_learns_and_answers(found):
    assert found.result_["test"]["accuracy"] > 0.8
    assert found.best_["decisions"]["pretrained"] is True
    assert list(found.predict(["a lovely evening", "cold again"])) == ["good", "bad"]


def test_frames_are_read_by_their_columns(found):
    frame = pandas.DataFrame({"id": range(3), "text": [GOOD[0], BAD[0], None], "label": "good"})
    again = load(found.run_)
    assert list(again.predict(frame)[:2]) == ["good", "bad"] and len(again.predict(frame)) == 3
    assert again.evaluate(frame)["accuracy"] == 0.5 == again.score(frame["text"][:2], ["good"] * 2)
    with pytest.raises(DataError, match="no column named 'text'"):
        again.predict(frame[["id"]])
    with pytest.raises(DataError, match="need labels"):
        again.evaluate(GOOD)


def test_what_the_data_gave_is_left_alone_and_exported(found):
    again = load(found.run_)
    weights = {v.path: np.asarray(v) for v in again.model_.weights}
    (path,) = [path for path in weights if path.endswith("pretrained/embeddings")]
    words = (found.run_ / "model" / "vocab.txt").read_text("utf-8").split()
    table = weights[path][2:][[words.index(word) for word in ("lovely", "cold", "soup", "unheard")]]
    assert np.allclose(
        table / table[0, 0], [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0.1]], atol=1e-5
    )
    (scales,) = [weight for path, weight in weights.items() if "linear_table0_scales" in path]
    frequent = scales[2 + words.index("number"), 0]
    assert 1 < frequent < 2  # in about half of the texts
    assert scales[2 + words.index("unheard"), 0] == 0
    linear = weights["linear_table0/embeddings"]
    bad, good = linear[2 + words.index("lovely")]
    assert good > 0.3 > -0.3 > bad and again.classes_[1] == "good"
    assert not linear[2 + words.index("unheard")].any()
    texts = ["a lovely evening", "cold again"]
    assert np.allclose(again.predict_proba(texts), found.predict_proba(texts), atol=1e-6)


def test_the_graph_reads_half_a_character_as_the_tokenizer_does(found):
    model, texts = load(found.run_)._predictor.model, ("cold \ud83d soup", "good\udc00s")
    ids = model.preprocessing.ids(texts)
    part = TextSet(ids, np.array([0, 1]), ("",) * 2, texts)
    encoded = TextTask.samples(None, model, part, np.arange(2)).encoded
    np.testing.assert_array_equal(ids_of(list(encoded), model.preprocessing), ids)


def test_the_log_keeps_what_trial_0_is(found):
    lines = (found.run_ / "trials.jsonl").read_text().splitlines()
    (setup,) = [e["setup"] for e in map(json.loads, lines) if e["event"] == "setup"]
    assert setup["network"] == "dilated" and setup["recipe"]["epsilon"] == 1e-3


@pytest.mark.parametrize("name", ["litert_int8", "c_array"])
def test_integers_are_refused_by_what_cannot_have_them(found, tmp_path, name):
    with pytest.raises(InvalidInputError, match="models of texts do not yet"):
        found.export(tmp_path / "app", [name])
    assert not (tmp_path / "app").exists()


def test_half_precision_answers_alike(found, tmp_path):
    files = found.export(tmp_path / "half", ["litert", "litert_float16"])
    assert files["litert_float16"]["size_bytes"] < files["litert"]["size_bytes"]
    assert files["litert_float16"]["max_difference"] < 0.02
    network = load(found.run_)._predictor.model.architecture
    for name, half in (("litert", False), ("litert_float16", True)):
        above = token_file_bytes(network, half=half) - files[name]["size_bytes"]
        assert 0 <= above < 4500, name


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"constraints": {"max_ram": "1MB"}}, "max_ram is about int8 files"),
        ({"constraints": {"max_latency": "1ms"}}, "max_latency is about int8 files"),
        ({"device": "microcontroller"}, "device is about int8 files"),
        ({"mobile": True}, "mobile is about int8 files"),
        ({"ship": "int8"}, "ship='int8' is about int8 files"),
        ({"prefer": "ram=1MB"}, "ram is about int8 files"),
        ({"objectives": "accuracy,latency"}, r"latency is about.*theirs is size, params, macs\."),
        ({"constraints": {"max_params": 9}}, r"smallest network .* params \d+ \(at most 9\)"),
    ],
)
def test_what_texts_cannot_keep_is_refused_in_a_line(tmp_path, asked, says):
    search = TextSearch(None, trials=1, output=tmp_path / "run", **asked)
    with pytest.raises(InvalidInputError, match=says) as error:
        search.fit(GOOD + BAD, ["good"] * 24 + ["bad"] * 24)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_run_under_limits_trains_and_ships_nothing_above(tmp_path):
    search = TextSearch(
        None,
        trials=3,
        constraints={"max_size": "80KB", "max_params": "30k", "max_macs": "1M"},
        objectives="accuracy,size",
        output=tmp_path / "run",
        precision="float32",
    ).fit(GOOD + BAD, ["good"] * 24 + ["bad"] * 24)
    result = search.result_
    size = result["limits"]["size"]
    assert size["used"] == (search.run_ / "model" / "model.tflite").stat().st_size <= 80_000
    assert result["limits"]["params"]["used"] == result["model"]["params"] <= 30_000
    assert len(search.trials_) == 3
    for trial in search.trials_:
        assert trial.params <= 30_000 and trial.macs <= 1_000_000
        assert trial.last.metrics["size"] <= 80_000
    assert search.trials_[0].params > 10_000  # it uses what it may
    assert result["front"] and result["test"]["accuracy"] > 0.8
    assert "80,000 bytes" in search.summary()
    setup = json.loads((search.run_ / "trials.jsonl").read_text().splitlines()[1])["setup"]
    assert setup["preprocessing"]["buckets"] < 32_768


@pytest.mark.long
def test_the_final_files_size_is_the_last_word(tmp_path, monkeypatch):
    """As if the final network's file had turned out larger than was computed."""
    sizes = iter([10**9])
    weigh = shipping.weigh_float
    monkeypatch.setattr(
        shipping, "weigh_float", lambda model, half: next(sizes, None) or weigh(model, half=half)
    )
    monkeypatch.setattr(budget, "FREE_FINAL_EPOCHS", 2.0)
    search = TextSearch(
        None, trials=2, constraints={"max_size": "30KB"}, ship="float16", output=tmp_path / "run"
    ).fit(GOOD + BAD, ["good"] * 24 + ["bad"] * 24)
    best = search.result_["best"]
    assert not best["final_training_kept"]
    file = search.run_ / "model" / "model_float16.tflite"
    assert search.result_["limits"]["size"]["used"] == file.stat().st_size <= 30_000


def test_trial_0_fills_its_limit():
    preprocessing = TextPreprocessing(tuple(f"w{i}" for i in range(3000)), 16)

    def kind(size):
        cut = size.cut(preprocessing)
        hashed = cut.buckets + 1
        groups = {(0, 1): cut.words, (1, 1): hashed, (3, 20): hashed}
        linear = {group: np.zeros((ids, 6)) for group, ids in groups.items()}
        return TextSpace(
            cut.shape, 6, words=cut.words, buckets=cut.buckets, width=size.width,
            network=size.network, linear=linear,
        )  # fmt: skip

    for limit, network in (
        (3_000_000, DEEP),
        (700_000, DEEP),
        (90_000, SHALLOW),
        (40_000, "bag"),
        (6_000, "bag"),
    ):
        budgets = Budgets(Constraints(max_params=limit))
        size = fitting_size(kind, budgets, DEEP)
        params = baseline_of(kind(size), budgets).architecture.params
        assert 0.4 * limit <= params <= limit, (limit, size)
        assert size.network == network
    assert fitting_size(kind, Budgets(Constraints(max_macs=1000)), DEEP) == TextSize("bag")
    with pytest.raises(InvalidInputError, match="smallest network"):
        fitting_size(kind, Budgets(Constraints(max_size=1000)), DEEP)
