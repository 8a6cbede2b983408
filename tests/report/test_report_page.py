"""The page: self-contained, escaped, small, and there whatever the run lacks."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from autoarch.errors import InvalidArchitectureError, RunDirectoryError
from autoarch.report import summarise
from autoarch.report.page import write_report
from autoarch.trials import Measurement, RunDirectory
from autoarch.trials.run_directory import write_json

MakeRun = Callable[..., Any]

VOID = {"meta", "img", "br", "link", "hr", "input"}
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7919 * 7919 }}"


class Page(HTMLParser):
    """Reads a page; checks nesting, and collects what the tests look at."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "title"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def page_of(run: RunDirectory) -> Page:
    return Page(write_report(run).read_text("utf-8"))


def assert_harmless(page: Page) -> None:
    """No script, no handler, and nothing that a browser would fetch."""
    tags = {tag for tag, _ in page.tags}
    assert not tags & {
        "script",
        "iframe",
        "object",
        "embed",
        "link",
        "base",
        "form",
        "foreignobject",
    }
    for tag, attrs in page.tags:
        for name, value in attrs.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "xlink:href", "srcset", "data", "poster", "action"):
                own = ("#", "data:image/png;base64,", "data:audio/wav;base64,")
                assert str(value).startswith(own), (tag, name, value)
            if name == "style":
                assert "url(" not in str(value).replace("url(#", "")
    (policy,) = [m for m in page.named("meta") if m.get("http-equiv")]
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_the_whole_story_is_on_one_page(complete_run: RunDirectory) -> None:
    path = write_report(complete_run)
    assert path == complete_run.report_file
    assert path.stat().st_size < 500_000
    page = page_of(complete_run)
    assert_harmless(page)
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for anchor in page.named("a"):
        assert str(anchor["href"])[1:] in ids
    for part in (
        "Test accuracy 74.1 %",
        "95 % interval 72.1 to 76.0 %",
        "always answering airplane",
        "the model is 64.1 points above",
        "after 3 epochs each, trial 4 reached 58.8 % and trial 0 56.1 %",
        "1.1 points better than test",
        "search 1 min 54 s 38.4 %",
        "best so far",
        "training loss",
        "Trial 4 against trial 0: 4 decisions changed",
        "width 32 48",
        "failed loss became NaN in epoch 1",
        "infeasible out of memory at a batch of 8 images",
        "Most frequent confusions",
        "test/airplane/0000.png",
        "conv 3\u00d73, 64, /2 + BN + relu",
        "train/cat/0711.png",
        "image file is truncated",
        "model/model.tflite",
        "1.9e-06",
        "autoarch.load(",
        "tf.saved_model.load(",
        "tensorflow 2.21.0",
        "seed 7",
        "time limit 5 min",
        "9f2c41d0a7e65b38",
    ):
        assert part in page.text, part
    assert len(page.named("img")) == 18
    assert len(page.named("svg")) == 6


def test_every_drawing_has_a_name(complete_run: RunDirectory) -> None:
    for drawing in page_of(complete_run).named("svg"):
        assert drawing["role"] == "img" and drawing["aria-label"]


def test_names_from_outside_are_only_text(fake_run: MakeRun) -> None:
    classes = (EVIL, "</style></title>", "cat")
    run = fake_run(classes=classes)
    run.search()
    run.trial(11, 120.0, {}, ended=("failed", EVIL), **{"width": 20, EVIL: EVIL})
    run.evaluation(names=[f"{EVIL}/{number}.png" for number in range(4)])
    run.architecture()
    run.result()
    result = run.directory.read_json(run.directory.result_file)
    findings = result["data"]["findings"]
    findings |= {"notes": [EVIL], "unreadable": [[EVIL, EVIL]], "duplicates": [[EVIL, EVIL]]}
    result["model"]["files"] = {EVIL: EVIL}
    result["best"]["recipe"] = {EVIL: EVIL}
    write_json(run.directory.result_file, result)
    about = run.directory.settings()
    about["versions"] = {EVIL: EVIL}
    about["data"] = EVIL
    about["fingerprint"] = EVIL
    write_json(run.directory.settings_file, about)
    run.finish()
    page = page_of(run.directory)
    assert_harmless(page)
    assert page.text.count("<script>alert(1)</script>") > 10
    assert "{{ 7919 * 7919 }}" in page.text
    assert "62710561" not in page.text


def test_pictures_that_are_no_png_are_not_shown(fake_run: MakeRun) -> None:
    run = fake_run()
    run.search()
    run.evaluation()
    evaluation = run.directory.read_json(run.directory.evaluation_file)
    svg = base64.b64encode(b"<svg onload='alert(1)'/>" * 3).decode()
    for mistake, png in zip(evaluation["mistakes"], ["", None, "no base64!", svg, '"><script>']):
        mistake["png"] = png
    write_json(run.directory.evaluation_file, evaluation)
    run.result()
    run.finish()
    page = page_of(run.directory)
    assert_harmless(page)
    assert len(page.named("img")) == 18 - 5
    assert page.text.count("no picture") == 5


def test_a_mistaken_sound_has_a_player_beside_its_spectrogram(fake_run: MakeRun) -> None:
    run = fake_run()
    run.evaluation()
    evaluation = run.directory.read_json(run.directory.evaluation_file)
    sound = base64.b64encode(b"RIFF\x24\0\0\0WAVEfmt ").decode()
    for mistake, wav in zip(evaluation["mistakes"], [sound, "", "no base64!", '"><script>']):
        mistake["wav"] = wav
    write_json(run.directory.evaluation_file, evaluation)
    run.result()
    run.finish()
    page = page_of(run.directory)
    assert_harmless(page)
    (player,) = page.named("audio")
    assert player["src"] == f"data:audio/wav;base64,{sound}" and "controls" in player
    assert len(page.named("img")) == 18


def test_pictures_too_large_for_a_small_page_are_left_out(fake_run: MakeRun) -> None:
    run = fake_run()
    run.evaluation()
    evaluation = run.directory.read_json(run.directory.evaluation_file)
    for mistake in evaluation["mistakes"]:
        png = base64.b64decode(mistake["png"])
        mistake["png"] = base64.b64encode(png + bytes(150_000)).decode()
    write_json(run.directory.evaluation_file, evaluation)
    run.result()
    run.finish()
    page = page_of(run.directory)
    assert run.directory.report_file.stat().st_size < 2_000_000
    assert len(page.named("img")) == 4


@pytest.mark.parametrize("missing", ["result.json", "evaluation.json", "model", "trials.jsonl"])
def test_a_run_without_some_file_still_has_a_page(complete_run: RunDirectory, missing: str) -> None:
    path = complete_run.root / missing
    path.rename(complete_run.root.parent / "away")
    page = page_of(complete_run)
    assert_harmless(page)
    shown = {str(attrs["id"]) for attrs in page.named("section")}
    sections = {"result", "time", "search", "learning", "errors", "network", "data", "model"}
    gone = {
        "result.json": {"data", "model"},
        "evaluation.json": {"errors"},
        "model": {"network"},
        "trials.jsonl": set(),
    }[missing]
    assert shown == {*sections - gone, "settings"}


def test_a_run_that_has_only_begun(fake_run: MakeRun) -> None:
    run = fake_run()
    run.log.close()
    page = page_of(run.directory)
    assert "No result yet" in page.text
    assert "No trial has been proposed yet." in page.text
    assert page.named("svg") == []


def test_no_completed_trial_and_scores_that_are_nan(fake_run: MakeRun) -> None:
    run = fake_run()
    run.phase("search", 1.0)
    run.trial(0, 2.0, {3: None})
    run.trial(1, 12.0, {}, ended=("failed", "loss became NaN in epoch 1"))
    run.log.append("proposed", t=14.0, trial=2, decisions={}, key="k", params=1, macs=1)
    run.log.close()
    page = page_of(run.directory)
    assert "loss became NaN in epoch 1" in page.text
    assert "nan" not in page.text.replace("NaN", "")
    assert "None" not in page.text


def test_a_run_under_way_leads_with_the_best_so_far(fake_run: MakeRun) -> None:
    run = fake_run()
    run.search()
    run.log.close()
    page = page_of(run.directory)
    assert "Best so far, validation accuracy 68.1 %" in page.text
    assert "there is no final model and no test yet" in page.text
    assert len(page.named("svg")) == 4


def test_a_trial_that_the_end_cut_off_is_no_failure(fake_run: MakeRun) -> None:
    run = fake_run()
    run.phase("search", 1.0)
    run.trial(0, 2.0, {3: 0.561})
    run.trial(1, 12.0, {}, width=24, ended=("stopped", "the search ended first"))
    run.log.close()
    page = page_of(run.directory)
    assert "stopped the search ended first" in page.text
    assert "failed or too large" not in page.text
    tags = [attrs.get("class") for attrs in page.named("span")]
    assert "tag" in tags and "tag bad" not in tags


def test_a_weighed_score_is_called_so_and_is_not_in_per_cent(fake_run: MakeRun) -> None:
    run = fake_run()
    about = run.directory.settings()
    about["settings"]["prefer"] = {"macs": 1e6}
    write_json(run.directory.settings_file, about)
    run.phase("search", 1.0)
    run.log.append("proposed", t=2.0, trial=0, decisions={}, key="k", params=1000, macs=10)
    for epochs, score in ((3.0, 0.998), (9.0, 1.043)):
        measured = Measurement(score, {"accuracy": 0.81}, epochs, train_s=1.0, wall_s=1.0)
        run.log.append("measured", t=epochs, trial=0, measurement=measured.to_json())
    run.log.close()
    page, text = page_of(run.directory), summarise(run.directory).text()
    for part in (
        "Best so far, validation weighed accuracy 1.043",
        "Scores are validation weighed accuracy.",
        "Rank Trial Weighed accuracy",
        "Trials: weighed accuracy",
    ):
        assert part in page.text, part
    assert "104.3" not in page.text + text and "99.8" not in page.text + text
    assert "81.0 % accuracy" in text


def test_nothing_held_out(fake_run: MakeRun) -> None:
    run = fake_run()
    run.search()
    run.architecture()
    run.result(test=False)
    write_json(
        run.directory.evaluation_file,
        {"split": None, "classes": list(run.classes), "final_curve": []},
    )
    run.finish()
    page = page_of(run.directory)
    assert "Validation accuracy 75.2 %" in page.text
    assert "Nothing was held out" in page.text
    assert "errors" not in [attrs["id"] for attrs in page.named("section")]


@pytest.mark.parametrize("classes", [2, 26, 130])
def test_any_number_of_classes_has_a_confusion_matrix(fake_run: MakeRun, classes: int) -> None:
    run = fake_run(classes=tuple(f"species {i}" for i in range(classes)))
    run.search()
    run.evaluation(n=40 * classes)
    run.result()
    run.finish()
    page = page_of(run.directory)
    heat = [attrs for attrs in page.named("table") if "heat" in str(attrs.get("class"))]
    matrix = [attrs for attrs in page.named("img") if attrs.get("class") == "matrix"]
    assert (len(heat), len(matrix)) == ((1, 0) if classes <= 30 else (0, 1))
    assert page.text.count(f"species {classes - 1}") >= 2
    assert run.directory.report_file.stat().st_size < 1_000_000


def test_a_thousand_trials_stay_a_small_page(fake_run: MakeRun) -> None:
    run = fake_run()
    run.phase("search", 0.1)
    lines = []
    for number in range(1000):
        score = 0.5 + 0.3 * (number % 97) / 97
        measurement = {"score": score, "metrics": {"accuracy": score}, "epochs": 1.0}
        measurement |= {"train_s": 1.0, "wall_s": 1.0, "curve": [], "batch_size": 64}
        proposed = {"event": "proposed", "t": number, "trial": number, "decisions": {"w": number}}
        lines.append({**proposed, "key": str(number), "params": 1000 + number, "macs": 10})
        lines.append(
            {"event": "measured", "t": number + 1, "trial": number, "measurement": measurement}
        )
    run.log.close()
    with run.directory.log_file.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    started = time.perf_counter()
    page = page_of(run.directory)
    assert time.perf_counter() - started < 20
    assert "900 more are listed by" in page.text
    assert run.directory.report_file.stat().st_size < 1_000_000


def test_another_objective_leads_and_the_accuracy_follows(fake_run: MakeRun) -> None:
    run = fake_run(objective="log_loss")
    run.search()
    run.result()
    run.finish()
    page = page_of(run.directory)
    assert "Test log loss 0.764 Accuracy 74.1 %" in page.text
    assert "lower is better" in page.text


def test_the_page_is_replaced_whole(complete_run: RunDirectory) -> None:
    complete_run.report_file.write_text("old")
    write_report(complete_run)
    assert complete_run.report_file.read_text("utf-8").endswith("</html>")
    assert [path.name for path in complete_run.root.glob("*.part")] == []


def test_file_names_that_are_no_text_can_be_written(fake_run: MakeRun) -> None:
    run = fake_run()
    run.evaluation(names=["caf\udce9.png"])
    run.finish()
    page = page_of(run.directory)
    assert "caf?.png" in page.text


def test_what_is_no_run_or_damaged_is_refused_without_a_page(complete_run: RunDirectory) -> None:
    with pytest.raises(RunDirectoryError, match=r"run\.json"):
        write_report(RunDirectory(complete_run.root / "model"))
    (complete_run.model / "architecture.json").write_text('{"format": 99}')
    with pytest.raises(InvalidArchitectureError, match="format"):
        write_report(complete_run)
    assert not complete_run.report_file.exists()


def test_reports_start_neither_keras_nor_pyplot(complete_run: RunDirectory) -> None:
    code = f"""
import sys
from pathlib import Path
from autoarch.report import summarise
from autoarch.trials import RunDirectory
run = RunDirectory(Path({str(complete_run.root)!r}))
summarise(run).text()
assert not {{"matplotlib", "jinja2", "PIL"}} & sys.modules.keys()
from autoarch.report.page import write_report
write_report(run)
print(sorted({{"keras", "tensorflow", "keras_tuner", "matplotlib.pyplot"}} & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
