"""Sounds from a folder to an exported model, and the example that slides over a recording."""

import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from autoarch.cli.main import cli
from click.testing import CliRunner

import autoarch
from autoarch.errors import InvalidInputError
from autoarch.export import ask_int8
from autoarch.tasks import int8

RATE = 8000
PITCHES = {"low": 300, "middle": 800, "high": 2000}
EXAMPLES = Path(__file__).parents[2] / "examples"


def sound(label, seed):
    random = np.random.default_rng(seed)
    times = np.arange(round(RATE * random.uniform(0.2, 0.3))) / RATE
    pitch = PITCHES[label] * random.uniform(0.9, 1.1)
    wave = 0.3 * np.sin(2 * np.pi * pitch * times) * np.hanning(len(times))
    return (wave + 0.003 * random.normal(size=len(times))).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("sounds") / "sounds"
    for c, label in enumerate(PITCHES):
        (root / label).mkdir(parents=True)
        for i in range(40):
            soundfile.write(root / label / f"{i}.wav", sound(label, 1000 * c + i), RATE)
    return root


@pytest.fixture(scope="module")
def search(folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "run"
    return autoarch.SpeechSearch(None, trials=1, precision="float32", output=output).fit(folder)


def test_the_result_is_good_exported_and_reported(search):
    result = search.result_
    assert result["task"] == "speech" and result["test"]["accuracy"] > 0.9
    assert result["data"]["rate"] == RATE
    for export in result["model"]["exports"].values():
        assert export["max_difference"] < 1e-3
    page = (search.run_ / "report.html").read_text()
    assert "media-src data:" in page and "<script" not in page
    assert "serving_wav" in (search.run_ / "model" / "README.md").read_text()


def test_it_is_found_again_and_answers_files_arrays_and_folders(search, folder):
    found = autoarch.load(search.run_)
    paths = [folder / label / "3.wav" for label in PITCHES]
    waves = [soundfile.read(path, dtype="float32")[0] for path in paths]
    np.testing.assert_allclose(found.predict_proba(paths), search.predict_proba(waves), atol=1e-5)
    assert found.predict(paths).tolist() == list(PITCHES)
    assert found.evaluate(folder)["n"] == 120
    probabilities, unreadable = found.predict_files([*paths, folder / "none.wav"])
    assert len(probabilities) == 3 and unreadable[0][1] == "missing"


def test_the_example_hears_words_in_a_longer_recording(search, tmp_path):
    order = ["high", "low", "middle", "low"]
    gap = 0.001 * np.random.default_rng(0).normal(size=RATE // 2).astype(np.float32)
    pieces, places, at = [gap], [], len(gap)
    for i, label in enumerate(order):
        wave = sound(label, 77 + i)
        places.append((at + len(wave) / 2) / RATE)
        pieces += [wave, gap]
        at += len(wave) + len(gap)
    soundfile.write(tmp_path / "long.wav", np.concatenate(pieces), RATE)
    done = subprocess.run(
        [sys.executable, EXAMPLES / "stream.py", search.run_ / "model", tmp_path / "long.wav"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = re.findall(r"([\d.]+) s: (\w+)", done.stdout)
    assert [label for _, label in found] == order
    assert all(abs(float(s) - place) < 0.2 for (s, _), place in zip(found, places))


def test_commands_on_the_run(search, folder, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    runner, run = CliRunner(), str(search.run_)
    files = [str(folder / label / "5.wav") for label in PITCHES]
    found = runner.invoke(cli, ["predict", run, *files, "--format", "json"])
    assert found.exit_code == 0, found.stderr
    answers = json.loads(found.stdout)["predictions"]
    assert [answer["class"] for answer in answers] == list(PITCHES)
    found = runner.invoke(cli, ["predict", run, files[0], str(tmp_path / "broken.wav")])
    assert found.exit_code == 1
    assert found.stderr.splitlines()[-1].endswith("broken.wav: not a sound file")
    found = runner.invoke(cli, ["predict", run, str(tmp_path / "broken.wav")])
    assert found.exit_code == 2
    found = runner.invoke(cli, ["evaluate", run, str(folder)])
    assert found.exit_code == 0 and found.stdout.split()[1:3] == ["120", "clips"]
    found = runner.invoke(cli, ["evaluate", run, str(tmp_path)])
    assert found.exit_code == 2 and found.stderr.count("Error:") == 1


def test_a_run_without_its_end_is_resumed(search, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(search.run_, run)
    for name in ("model", "cache"):
        shutil.rmtree(run / name, ignore_errors=True)
    (run / "result.json").unlink()
    lines = (run / "trials.jsonl").read_text().splitlines(keepends=True)
    names = [json.loads(line).get("name") for line in lines]
    (run / "trials.jsonl").write_text("".join(lines[: names.index("final") + 1]))
    found = autoarch.resume(run)
    assert found.result_["test"]["accuracy"] == search.result_["test"]["accuracy"]
    assert (run / "model" / "model.tflite").is_file()


def test_under_a_limit_the_int8_file_is_shipped_and_measured(folder, tmp_path, monkeypatch):
    """A network whose front-end alone would break the limit, heard on clips as a user would; it is
    fine-tuned for int8 whatever int8 costs."""
    monkeypatch.setattr(int8, "LARGEST_DROP", -1.0)
    limit, notes = 30_000, []
    progress = autoarch.Progress()
    progress.note = notes.append
    found = autoarch.SpeechSearch(
        None,
        trials=1,
        precision="float32",
        constraints={"max_size": limit},
        progress=progress,
        output=tmp_path / "run",
    ).fit(folder)
    result, model = found.result_, tmp_path / "run" / "model"
    size = (model / "model_int8.tflite").stat().st_size
    assert size == result["limits"]["size"]["used"] <= limit
    assert result["test"]["accuracy"] > 0.85 and result["quantised"]["drop"]["test"] < 0.1
    assert any("Fine-tuning for int8 (" in note for note in notes)
    about = runpy.run_path(str(model / "front_end.py"))["FrontEnd"].load(model / "model_int8.json")
    waves = found._inputs([folder / label / "3.wav" for label in PITCHES])
    answers = ask_int8(model / "model_int8.tflite", about.features(waves))
    assert [found.classes_[k] for k in answers.argmax(-1)] == list(PITCHES)
    assert (
        "of the test clips correctly"
        in found.summary() + (tmp_path / "run/report.html").read_text()
    )


def test_the_mobile_preset_is_the_space_of_sounds(folder):
    settings = autoarch.SpeechSearch("1m", mobile=True)._settings()
    assert (settings.space, settings.ship) == ("speech", "int8")


def test_settings_of_the_run_are_those_of_sounds(search):
    settings = json.loads((search.run_ / "run.json").read_text())["settings"]
    assert settings["group"] == "auto" and settings["clip_seconds"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"space": "mobile"}, "`space` must be auto or speech"),
        ({"clip_seconds": 0.01}, "`clip_seconds` must be in"),
        ({"group": ""}, "`group` must be a text"),
    ],
)
def test_bad_settings_are_refused(folder, arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        autoarch.SpeechSearch("1m", **arguments).fit(folder)
