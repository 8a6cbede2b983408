"""`autoarch devices` and `autoarch latency`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from autoarch.cli.main import cli
from click.testing import CliRunner

from autoarch.costs import LatencyTable, op_timing

FEW = ("--networks", "1", "--input", "8x8x1", "--width", "4", "--classes", "3")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_devices_lists_the_profiles(runner: CliRunner) -> None:
    done = runner.invoke(cli, ["devices"])
    assert done.exit_code == 0, done.output
    assert "microcontroller" in done.stdout and "768 kB" in done.stdout
    facts = json.loads(runner.invoke(cli, ["devices", "--json"]).stdout)
    assert facts["microcontroller"]["max_ram_bytes"] == 192_000
    assert facts["phone"]["runs"] is None


@pytest.mark.parametrize("text", [None, "[limits]\nmax_size = '3 bananas'\n"])
def test_a_bad_profile_is_one_line_and_exit_code_2(
    runner: CliRunner, tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "board.toml"
    if text is not None:
        path.write_text(text)
    done = runner.invoke(cli, ["devices", str(path)])
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1


def test_latency_measures_a_table_once(runner: CliRunner, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    done = runner.invoke(cli, ["latency", *FEW, "--output", str(path)])
    assert done.exit_code == 0, done.output
    first = LatencyTable.from_csv(path)
    assert first.seconds
    assert runner.invoke(cli, ["latency", *FEW, "--output", str(path)]).exit_code == 0
    assert LatencyTable.from_csv(path) == first  # read from the cache, not measured again


def test_a_table_has_a_folder_made_for_it(runner: CliRunner, tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.csv"
    assert runner.invoke(cli, ["latency", *FEW, "--output", str(path)]).exit_code == 0
    assert LatencyTable.from_csv(path).seconds


@pytest.mark.parametrize("other", [("--board", "folder"), ("model.tflite",)])
def test_a_table_is_only_of_ops_that_are_measured(
    runner: CliRunner, tmp_path: Path, monkeypatch, other
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.tflite").touch()
    done = runner.invoke(cli, ["latency", *other, "--output", "table.csv"])
    assert done.exit_code == 2 and "--output goes with the measuring" in done.stderr
    assert not Path("table.csv").exists()


def test_latency_times_a_file(runner: CliRunner, tmp_path: Path) -> None:
    op = {
        "kind": "logistic", "reads": [[8, 8, 4]], "shape": [8, 8, 4], "kernel": [], "channels": 0,
        "stride": 1, "window": 0, "activation": "", "constant": "",
    }  # fmt: skip
    path = tmp_path / "model.tflite"
    path.write_bytes(op_timing.op_file(op))
    done = runner.invoke(cli, ["latency", str(path)])
    assert done.exit_code == 0 and done.stdout.startswith("median 0.")


def test_a_board_needs_litert_only(runner: CliRunner, tmp_path: Path) -> None:
    """What is written for the board runs there without autoarch, and gives a profile's table."""
    folder = tmp_path / "timing"
    done = runner.invoke(cli, ["latency", *FEW, "--board", str(folder)])
    assert done.exit_code == 0 and "python op_timing.py ops.json table.csv 1" in done.stdout
    code = (
        "import runpy, sys; sys.modules['autoarch'] = None; "
        "sys.argv = ['op_timing.py', 'ops.json', 'table.csv']; "
        "runpy.run_path('op_timing.py', run_name='__main__')"
    )
    board = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert board.returncode == 0, board.stderr
    table = LatencyTable.from_csv(folder / "table.csv")
    assert set(table.seconds) == {
        op["signature"] for op in json.loads((folder / "ops.json").read_text())
    }


def test_ops_of_sounds_are_written_for_a_board(runner: CliRunner, tmp_path: Path) -> None:
    sound = ("--space", "speech", "--input", "2000", "--rate", "8000", *FEW[:2], *FEW[4:])
    done = runner.invoke(cli, ["latency", *sound, "--board", str(tmp_path)])
    assert done.exit_code == 0, done.output
    kinds = {op["kind"] for op in json.loads((tmp_path / "ops.json").read_text())}
    assert {"conv_2d", "reduce_max"} <= kinds
    done = runner.invoke(cli, ["latency", "--space", "speech", "--board", str(tmp_path)])
    assert done.exit_code == 2 and "must be a number of samples" in done.stderr


@pytest.mark.parametrize("shape", ["32", "0x8x3", "3x3x3", "8x8x3x1"])
def test_a_bad_shape_is_refused(runner: CliRunner, shape: str) -> None:
    done = runner.invoke(cli, ["latency", "--input", shape])
    assert done.exit_code == 2 and "HEIGHTxWIDTHxCHANNELS" in done.stderr
