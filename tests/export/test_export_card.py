from __future__ import annotations

import html
import re
from typing import Any

import numpy as np
import pytest
from markdown_it import MarkdownIt

from autoarch.data import Preprocessing
from autoarch.data.clip import ClipPreprocessing
from autoarch.data.dataset import ImagePreprocessing
from autoarch.data.text import TextPreprocessing
from autoarch.export import TrainedModel
from autoarch.export.card import escape_markdown, model_card
from autoarch.spaces import ResidualSpace, SearchSpace, SpeechSpace
from autoarch.spaces.text import TextSpace

CARD: dict[str, Any] = {
    "name": "Hot [drinks](x) #1",
    "metrics": {
        "valid": {"accuracy": 0.81, "n": 50},
        "test": {"accuracy": 0.8, "auc": None, "n": 60, "accuracy_ci95": [0.71, 0.89]},
    },
    "data": {"source": "my_drinks|<img src=x>", "train": 100},
    "caveats": ["Only *hot* drinks."],
    "samples": 12,
}
EXPORTS = [
    {"format": "keras", "path": "model.keras", "size_bytes": 5_566_081, "max_difference": 1.8e-7},
]


def rendered(markdown: str) -> str:
    """As a reader sees it: HTML text, tags left out, with tables as GitHub draws them."""
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    return html.unescape(re.sub(r"<[^>]+>", "", page))


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "a_b_c",
        "*x* **y**",
        "[a](b)",
        "<script>",
        "a | b",
        "`code`",
        "# title",
        "1. one",
        "2010. year",
        "- item",
        "+ item",
        "> quote",
        "&amp;",
        "back\\slash",
        "a ~~b~~",
        "![i](j)",
        "http://a.b",
    ],
)
def test_any_text_shows_as_it_is_in_a_table_and_in_a_list(text: str) -> None:
    escaped = escape_markdown(text)
    table = rendered(f"| a | b |\n| --- | --- |\n| {escaped} | x |\n")
    assert table.split() == ["a", "b", *text.split(), "x"]
    assert rendered(f"- {escaped}\n").strip() == text


def test_line_breaks_become_spaces() -> None:
    assert escape_markdown("two\n\n lines") == "two lines"


def test_the_card_tells_what_matters(model: TrainedModel) -> None:
    card = model_card(model, EXPORTS, CARD)
    text = rendered(card)
    assert text.startswith("Hot [drinks](x) #1\n")
    assert "80.0 %" in text and "71.0 % to 89.0 %" in text and "on 60 held-out pictures" in text
    assert "my_drinks|<img src=x>" in text
    assert "Only *hot* drinks." in text
    assert '"quoted" line' in text and "<b>`tick`</b>" in text
    assert "5.6 MB" in text and "1.8e-07" in text and "answered 12 pictures" in text
    assert f"{model.architecture.macs:,} multiply-adds" in text
    assert "AUC" not in text, "a metric without a value"
    assert "81.0 %" not in text, "the validation figures beside a test"


def test_only_exported_formats_are_explained(model: TrainedModel) -> None:
    card = model_card(model, EXPORTS, CARD)
    assert "keras.models.load_model" in card
    assert "docker" not in card and "ai_edge_litert" not in card and "saved_model" not in card


@pytest.mark.parametrize(
    ("space", "preprocessing"),
    [
        (ResidualSpace((8, 8, 3), 2, width=4), ImagePreprocessing(8, 8, 3)),
        (SpeechSpace((800,), 2, rate=8000, width=4), ClipPreprocessing(8000, 800)),
        (TextSpace((8, 23), 2, words=3, buckets=20), TextPreprocessing(("one",), 8, 20)),
    ],
    ids=["image", "speech", "text"],
)
def test_a_file_of_half_precision_alone_is_listed_and_opened(
    space: SearchSpace, preprocessing: Preprocessing
) -> None:
    network = space.candidate({}).architecture
    weights = (np.zeros(network.params, np.float32),)
    model = TrainedModel(network, weights, ("a", "b"), preprocessing)
    half = {"format": "litert_float16", "path": "model_float16.tflite", "size_bytes": 80_000}
    card = model_card(model, [{**half, "max_difference": 1e-4}], CARD)
    assert "| `model_float16.tflite` |" in card
    assert 'Interpreter(model_path="model_float16.tflite")' in card
    assert "model.tflite" not in card


def test_versions_stand_apart(model: TrainedModel) -> None:
    versions = {"keras": "3.15", "tensorflow": "2.21"}
    text = rendered(model_card(model, EXPORTS, {**CARD, "versions": versions}))
    assert text.endswith("Made with keras 3.15, tensorflow 2.21.\n")


def test_without_a_test_part_the_card_says_so(model: TrainedModel) -> None:
    text = rendered(model_card(model, EXPORTS, {"metrics": {**CARD["metrics"], "test": None}}))
    assert "No held-out pictures were set aside" in text
    assert "81.0 %" in text


def test_long_lists_of_classes_are_cut(model_of_60_classes: TrainedModel) -> None:
    text = rendered(model_card(model_of_60_classes, EXPORTS, CARD))
    assert "class 49" in text and "class 50" not in text and "... and 10 more." in text
