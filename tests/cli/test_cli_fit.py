"""`autoarch fit` and `autoarch resume`."""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic

import click
import pytest
from autoarch.cli.fit import fit
from autoarch.cli.main import cli
from autoarch.cli.result import _wrapped
from click.testing import CliRunner

import autoarch.data
from autoarch.objectives import OBJECTIVES
from autoarch.spaces import NAMED
from autoarch.tasks import settings


def test_settings_reach_the_search(runner: CliRunner, search) -> None:
    options = [
        *("--time", "1h30m", "--trials", "7", "--oracle", "random", "--space", "mobile"),
        *("--objective", "macro_f1", "--image-size", "64", "--valid", "20%", "--test", "held/out"),
        *("--class-weight", "none", "--precision", "float32", "--seed", "3", "--output", "runs/b"),
        *(
            "--resume",
            "--evaluator",
            "one-shot",
            "--inherit",
            "--mirror",
            "none",
            "--quantize",
            "int8",
        ),
        *("--max-size", "100KB", "--max-params", "100k", "--max-macs", "5M"),
        *("--max-latency", "5ms", "--max-ram", "256KB", "--device", "phone", "--mobile"),
        *("--prefer", "latency=5ms", "--prefer", "size=50KB", "--objectives", "accuracy,size"),
        *("--set", "width=32", "--fix", "kernel=5", "--forbid", "op=a", "--forbid", "op=b"),
        *("--architecture", "resnet8"),
        *("--pretrained", "weights/", "--warm-start", "runs/a", "--ensemble", "3"),
        *("--folds", "2"),
    ]
    assert runner.invoke(cli, ["fit", "photos", *options]).exit_code == 0
    (made,) = search.made
    assert (made.data, made.time) == ("photos", "1h30m")
    assert made.settings == {
        "trials": 7,
        "oracle": "random",
        "evaluator": "one-shot",
        "space": "mobile",
        "objective": "macro_f1",
        "image_size": 64,
        "valid": "20%",
        "test": "held/out",
        "class_weight": "none",
        "precision": "float32",
        "inherit": True,
        "mirror": "none",
        "ship": "int8",
        "prefer": ("latency=5ms", "size=50KB"),
        "objectives": "accuracy,size",
        "preset": ("width=32",),
        "fixed": ("kernel=5",),
        "forbidden": ("op=a", "op=b"),
        "architecture": "resnet8",
        "pretrained": "weights/",
        "warm_start": Path("runs/a"),
        "ensemble": 3,
        "folds": 2,
        "device": "phone",
        "mobile": True,
        "constraints": {
            "max_size": 100_000,
            "max_params": 100_000,
            "max_macs": 5_000_000,
            "max_latency": 0.005,
            "max_ram": 256_000,
        },
        "seed": 3,
        "output": Path("runs/b"),
        "resume": True,
    }


def test_defaults(runner: CliRunner, search) -> None:
    runner.invoke(cli, ["fit", "photos"])
    (made,) = search.made
    assert made.time == "10m"
    assert made.settings == {
        "trials": None,
        "oracle": "auto",
        "evaluator": "train",
        "space": "auto",
        "objective": "accuracy",
        "image_size": None,
        "valid": None,
        "test": None,
        "class_weight": "auto",
        "precision": "auto",
        "inherit": False,
        "mirror": "auto",
        "ship": "float",
        "prefer": (),
        "objectives": None,
        "preset": (),
        "fixed": (),
        "forbidden": (),
        "architecture": None,
        "pretrained": None,
        "warm_start": None,
        "ensemble": None,
        "folds": None,
        "device": None,
        "mobile": False,
        "constraints": {},
        "seed": 0,
        "output": None,
        "resume": False,
    }


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("oracle", settings.ORACLE_NAMES),
        ("evaluator", settings.EVALUATORS),
        ("space", settings.SPACE_NAMES),
        ("objective", tuple(OBJECTIVES)),
        ("class_weight", settings.CLASS_WEIGHTS),
        ("precision", settings.PRECISIONS),
        ("mirror", settings.MIRRORS),
        ("architecture", tuple(NAMED)),
    ],
)
def test_choices_are_those_of_the_search(option: str, values: tuple[str, ...]) -> None:
    (parameter,) = [p for p in fit.params if p.name == option]
    assert isinstance(parameter.type, click.Choice)
    assert tuple(parameter.type.choices) == values


@pytest.mark.parametrize("command", ["fit", "resume"])
def test_the_time_counts_from_before_tensorflow_is_imported(
    runner: CliRunner, search, monkeypatch, run: Path, command: str
) -> None:
    imported: list[float] = []
    monkeypatch.setattr(
        "autoarch.cli.environment.start_tensorflow", lambda: imported.append(monotonic())
    )
    assert runner.invoke(cli, [command, str(run)]).exit_code == 0
    assert search.made[0].started <= imported[0]


def test_json_alone_is_on_stdout(runner: CliRunner, search) -> None:
    result = runner.invoke(cli, ["fit", "photos", "--json"])
    assert json.loads(result.stdout)["test"] == {"accuracy": 0.741, "n": 1000, "auc": None}
    assert "a library prints to stdout" in result.stderr
    assert "trial 1" in result.stderr


def test_quiet_shows_no_progress_and_keeps_the_result(runner: CliRunner, search) -> None:
    result = runner.invoke(cli, ["fit", "photos", "--quiet"])
    assert result.stderr == "a library prints to stdout\n"
    assert "74.1 % accuracy" in result.stdout


def test_the_summary_ends_with_what_to_do_next(runner: CliRunner, search) -> None:
    lines = runner.invoke(cli, ["fit", "photos"]).stdout.splitlines()
    assert lines[0] == "runs/a: complete"
    following = lines[lines.index("Next:") + 1 :]
    assert [line.split("autoarch ")[1].split()[0] for line in following] == [
        *("predict", "evaluate", "trials", "report")
    ]
    assert all("runs/a" in line for line in following)


def test_long_lines_are_broken_for_a_terminal_only() -> None:
    line = "  Trial 4 was better than trial 0 on validation"
    assert _wrapped(line, None) == line
    assert _wrapped(line, 30) == "  Trial 4 was better than\n    trial 0 on validation"


def test_options_of_another_kind_of_data_are_refused(runner, search):
    result = runner.invoke(cli, ["fit", "photos", "--group", "speaker"])
    assert result.exit_code == 2
    assert "--group does not go with image data; leave it out." in result.stderr
    assert not search.made


def test_a_named_task_is_believed(runner: CliRunner, search, monkeypatch) -> None:
    monkeypatch.setattr(autoarch.data, "detect_task", lambda data: "text", raising=False)
    assert runner.invoke(cli, ["fit", "photos", "--task", "image"]).exit_code == 0


@pytest.mark.parametrize("time", ["soon", "-5m", "0s"])
def test_a_bad_time_is_refused_before_anything_slow(
    runner: CliRunner, search, monkeypatch, time: str
) -> None:
    def started() -> None:
        raise AssertionError("TensorFlow was started")

    monkeypatch.setattr("autoarch.cli.environment.start_tensorflow", started)
    result = runner.invoke(cli, ["fit", "photos", "--time", time])
    assert result.exit_code == 2
    assert "`time` must be" in result.stderr


def test_missing_data_is_told_before_anything_slow(
    runner: CliRunner, monkeypatch, tmp_path: Path
) -> None:
    def started() -> None:
        raise AssertionError("TensorFlow was started")

    monkeypatch.setattr("autoarch.cli.environment.start_tensorflow", started)
    result = runner.invoke(cli, ["fit", str(tmp_path / "photos")])
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: Data folder")
    assert "does not exist" in result.stderr


def test_resume_goes_on(runner: CliRunner, search, run: Path) -> None:
    result = runner.invoke(cli, ["resume", str(run), "--time", "30m"])
    assert result.exit_code == 0
    (made,) = search.made
    assert (made.data, made.time) == (str(run), "30m")
    assert "74.1 % accuracy" in result.stdout


def test_resume_keeps_the_time_by_default(runner: CliRunner, search, run: Path) -> None:
    result = runner.invoke(cli, ["resume", str(run), "--json"])
    assert search.made[0].time is None
    assert json.loads(result.stdout)["run"] == "runs/a"


@pytest.mark.parametrize("command", [["resume"], ["trials"], ["report"], ["export"]])
def test_where_there_is_no_run(
    runner: CliRunner, search, tmp_path: Path, run: Path, command: list[str]
) -> None:
    def error(path: Path) -> str:
        result = runner.invoke(cli, [*command, str(path)])
        assert result.exit_code == 2
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        return line

    assert error(tmp_path / "none").endswith("there is no such directory.")
    assert error(run / "run.json").endswith("it is a file; give the directory of a run.")
    assert error(tmp_path).endswith("it holds no run.json.")
    assert error(run / "checkpoints").endswith(f"did you mean {run}?")
