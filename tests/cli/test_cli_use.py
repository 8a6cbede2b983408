"""The commands that use a run: evaluate, predict, export, trials, report."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from autoarch.cli.main import cli
from click.testing import CliRunner

from autoarch.trials import RunDirectory


def test_evaluate_prints_a_table(runner: CliRunner, search, run: Path) -> None:
    result = runner.invoke(cli, ["evaluate", str(run), "more/"])
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["metric", "1,200", "images"],
        ["accuracy", "75.0", "%"],
        ["95", "%", "interval", "72.0", "to", "78.0", "%"],
        ["log", "loss", "0.400"],
    ]
    assert search.made[0].data == "more/"


def test_evaluate_prints_json(runner: CliRunner, search, run: Path) -> None:
    result = runner.invoke(cli, ["evaluate", str(run), "more/", "--json"])
    assert json.loads(result.stdout)["accuracy_ci95"] == [0.72, 0.78]


def test_evaluate_tells_what_is_left_out(runner: CliRunner, search, run: Path) -> None:
    result = runner.invoke(cli, ["evaluate", str(run), "more/", "--json"])
    assert result.stderr == "2 files could not be read and are left out.\n"


@pytest.mark.parametrize(
    "arguments", [["evaluate", "{run}", "more/"], ["predict", "{run}", "more.csv"]]
)
def test_only_texts_have_columns(runner: CliRunner, search, run: Path, arguments) -> None:
    command = [argument.format(run=run) for argument in arguments]
    result = runner.invoke(cli, [*command, "--text-column", "body"])
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1


def test_predict_of_a_folder_without_texts(runner: CliRunner, search, tmp_path: Path) -> None:
    texts = RunDirectory(tmp_path / "run")
    texts.create({"task": "text", "settings": {}})
    (tmp_path / "empty").mkdir()
    result = runner.invoke(cli, ["predict", str(texts.root), str(tmp_path / "empty")])
    assert result.exit_code == 2
    assert result.stderr == f"Error: No texts in {tmp_path / 'empty'}.\n"


def test_predict_prints_a_table(runner: CliRunner, search, run: Path) -> None:
    result = runner.invoke(cli, ["predict", str(run), "a.png", "long-name.jpg", "--top", "2"])
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "file           class  probability  class  probability",
        "a.png          dog         0.7000  cat         0.2000",
        "long-name.jpg  dog         0.7000  cat         0.2000",
    ]


def test_predict_prints_csv(runner: CliRunner, search, run: Path) -> None:
    arguments = ["predict", str(run), "a, b.png", "--format", "csv", "--top", "9"]
    rows = list(csv.DictReader(io.StringIO(runner.invoke(cli, arguments).stdout)))
    assert [(row["path"], row["rank"], row["class"]) for row in rows] == [
        ("a, b.png", "1", "dog"),
        ("a, b.png", "2", "cat"),
        ("a, b.png", "3", "frog"),
    ]
    assert sum(float(row["probability"]) for row in rows) == pytest.approx(1)


def test_predict_prints_json(runner: CliRunner, search, run: Path) -> None:
    result = runner.invoke(cli, ["predict", str(run), "a.png", "broken.png", "--format", "json"])
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    (prediction,) = answer["predictions"]
    assert (prediction["path"], prediction["class"]) == ("a.png", "dog")
    assert prediction["probability"] == pytest.approx(0.7)
    assert answer["unreadable"] == [{"path": "broken.png", "reason": "not an image"}]


def test_predict_names_what_it_cannot_read_and_answers_the_rest(
    runner: CliRunner, search, run: Path
) -> None:
    result = runner.invoke(cli, ["predict", str(run), "a.png", "broken.png", "b.png"])
    assert result.exit_code == 1
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["file", "a.png", "b.png"]
    assert result.stderr == "Error: broken.png: not an image\n"


def test_predict_fails_where_nothing_can_be_read(runner: CliRunner, search, run: Path) -> None:
    result = runner.invoke(cli, ["predict", str(run), "broken.png", "broken.gif"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 2


def test_predict_takes_the_images_of_a_folder(
    runner: CliRunner, search, run: Path, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    for name in ("b.PNG", "a/z.jpeg", "a/readme.txt", ".hidden/c.png", ".d.png"):
        (inbox / name).parent.mkdir(parents=True, exist_ok=True)
        (inbox / name).touch()
    arguments = ["predict", str(run), "first.xyz", str(inbox), "--format", "csv"]
    rows = list(csv.DictReader(io.StringIO(runner.invoke(cli, arguments).stdout)))
    assert [row["path"] for row in rows] == [
        "first.xyz",
        str(inbox / "a/z.jpeg"),
        str(inbox / "b.PNG"),
    ]


def test_predict_of_a_folder_without_images(
    runner: CliRunner, search, run: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    result = runner.invoke(cli, ["predict", str(run), str(tmp_path / "empty")])
    assert result.exit_code == 2
    assert result.stderr == f"Error: No images or clips in {tmp_path / 'empty'}.\n"
    assert search.made == []


def test_export_writes_all_formats_by_default(runner: CliRunner, search, run: Path) -> None:
    result = runner.invoke(cli, ["export", str(run)])
    assert search.made[0].exported == (None, ("saved_model", "keras", "litert"))
    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        *("format", "saved_model", "keras", "litert")
    ]


def test_export_writes_what_is_asked_for(
    runner: CliRunner, search, run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ["--format", "litert", "--format", "keras", "--output", str(out)]
    result = runner.invoke(cli, ["export", str(run), *options])
    assert search.made[0].exported == (out, ("litert", "keras"))
    assert result.stdout.splitlines()[1].split() == [
        *("litert", str(out / "litert"), "3.4", "MB", "2.0e-07")
    ]


def test_export_takes_names_with_dashes(runner: CliRunner, search, run: Path) -> None:
    options = ["--format", "c-array", "--format", "litert_int8"]
    assert runner.invoke(cli, ["export", str(run), *options]).exit_code == 0
    assert search.made[0].exported == (None, ("c_array", "litert_int8"))


def test_trials_are_ranked(runner: CliRunner, run: Path) -> None:
    lines = runner.invoke(cli, ["trials", str(run)]).stdout.splitlines()
    assert lines[0].split()[:3] == ["rank", "trial", "accuracy"]
    assert [line.split()[1] for line in lines[1:3]] == ["1", "0"]
    assert "width 32 \N{RIGHTWARDS ARROW} 64" in lines[1]
    assert "failed: loss became NaN in epoch 2" in lines[3]


def test_trials_as_json_and_csv_agree(runner: CliRunner, run: Path) -> None:
    rows = json.loads(runner.invoke(cli, ["trials", str(run), "--format", "json"]).stdout)
    text = runner.invoke(cli, ["trials", str(run), "--format", "csv"]).stdout
    assert [row["trial"] for row in rows] == [1, 0, 2]
    assert [int(row["trial"]) for row in csv.DictReader(io.StringIO(text))] == [1, 0, 2]
    assert rows[0]["changes"] == {"width": [32, 64]}


def test_a_run_without_trials(runner: CliRunner, run: Path) -> None:
    (run / "trials.jsonl").unlink()
    assert runner.invoke(cli, ["trials", str(run)]).stdout == "No trial yet.\n"


def test_trials_start_at_once_without_tensorflow(run: Path) -> None:
    code = (
        "import sys; from autoarch.cli.main import cli\n"
        "cli(sys.argv[1:], standalone_mode=False)\n"
        "print({'tensorflow', 'keras', 'matplotlib', 'rich'} & set(sys.modules))"
    )
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", code, "trials", str(run)],
            capture_output=True,
            text=True,
            check=True,
        )
        seconds.append(time.perf_counter() - begun)
    assert done.stdout.splitlines()[-1] == "set()"
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import numpy"], check=True)
    assert min(seconds) < max(0.7, 4 * (time.perf_counter() - begun))


def test_report_prints_its_path(runner: CliRunner, run: Path, monkeypatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("click.launch", opened.append)
    result = runner.invoke(cli, ["report", str(run)])
    assert (result.exit_code, result.stdout) == (0, f"{run / 'report.html'}\n")
    assert "<html" in (run / "report.html").read_text()
    assert opened == []
    runner.invoke(cli, ["report", str(run), "--open"])
    assert opened == [(run / "report.html").as_uri()]
