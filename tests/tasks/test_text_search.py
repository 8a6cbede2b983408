"""Texts from lists and vectors to a trained, exported and reopened model."""

import json

import numpy as np
import pytest

from autoarch import TextSearch, load
from autoarch.errors import InvalidInputError

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


def test_the_log_keeps_what_trial_0_is(found):
    lines = (found.run_ / "trials.jsonl").read_text().splitlines()
    (setup,) = [e["setup"] for e in map(json.loads, lines) if e["event"] == "setup"]
    assert setup["network"] == "cnn" and setup["recipe"]["epsilon"] == 1e-3


@pytest.mark.parametrize("name", ["litert_int8", "c_array"])
def test_integers_are_refused_by_what_cannot_have_them(found, tmp_path, name):
    with pytest.raises(InvalidInputError, match="models of texts do not yet"):
        found.export(tmp_path / "app", [name])
    assert not (tmp_path / "app").exists()
    with pytest.raises(
        InvalidInputError, match="an int8 file, which is made of models of pictures and sounds"
    ):
        TextSearch(constraints={"max_size": "1MB"}).fit(GOOD + BAD, ["good"] * 24 + ["bad"] * 24)


def test_half_precision_answers_alike(found, tmp_path):
    files = found.export(tmp_path / "half", ["litert", "litert_float16"])
    assert files["litert_float16"]["size_bytes"] < files["litert"]["size_bytes"]
    assert files["litert_float16"]["max_difference"] < 0.02
