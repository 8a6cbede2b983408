"""What the user sees, and the shell gets, when something goes wrong."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys

import pytest
from autoarch.cli.main import cli
from click.testing import CliRunner

from autoarch.errors import DataError, ExportError
from autoarch.objectives import get_objective
from autoarch.search.progress import RunStart


@pytest.fixture
def fit_raising(runner, search, monkeypatch):
    """Runs `autoarch fit` with a search that raises at the end of its final training."""

    def fit(error: BaseException):
        monkeypatch.setattr(search, "raises", error)
        return runner.invoke(cli, ["fit", "data", "--quiet"])

    return fit


def test_bad_input_is_one_line_and_code_2(fit_raising) -> None:
    result = fit_raising(DataError("photos/ has one class only;\n give at least two."))
    assert result.exit_code == 2
    assert result.stderr.splitlines()[1:] == [
        "Error: photos/ has one class only; give at least two."
    ]
    assert result.stdout == ""


def test_other_errors_of_autoarch_are_one_line_and_code_1(fit_raising) -> None:
    result = fit_raising(ExportError("The model cannot be written."))
    assert result.exit_code == 1
    assert result.stderr.endswith("Error: The model cannot be written.\n")
    assert "Traceback" not in result.stderr


def test_the_unexpected_is_shown_whole(fit_raising) -> None:
    result = fit_raising(ZeroDivisionError("deep inside"))
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "ZeroDivisionError: deep inside" in result.stderr
    assert "Please report it" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_full_or_closed_disk_is_one_line_and_code_2(fit_raising, code: int) -> None:
    result = fit_raising(OSError(code, os.strerror(code), "runs/a/model"))
    assert result.exit_code == 2
    assert result.stderr.endswith(f"Error: runs/a/model: {os.strerror(code)}.\n")
    assert "Traceback" not in result.stderr


def test_other_errors_of_the_system_are_unexpected(fit_raising) -> None:
    result = fit_raising(OSError(errno.EIO, "Input/output error"))
    assert result.exit_code == 1
    assert "Traceback" in result.stderr


def test_an_interrupt_says_how_to_go_on(fit_raising) -> None:
    result = fit_raising(KeyboardInterrupt())
    assert result.exit_code == 130
    assert result.stderr.endswith("Interrupted. Go on with: autoarch resume runs/a\n")


def test_an_interrupt_before_the_run_began_has_nothing_to_go_on_with(
    runner: CliRunner, search, monkeypatch
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("autoarch.cli.environment.start_tensorflow", interrupted)
    result = runner.invoke(cli, ["fit", "data"])
    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")


def test_termination_says_how_to_go_on(runner: CliRunner, search, monkeypatch) -> None:
    def terminated(self, data: str, *, started: float) -> None:
        scored = get_objective("accuracy")
        self.progress.run_started(
            RunStart(self.run_, scored=scored, time_limit_s=None, spent_s=0.0, elapsed_s=0.0)
        )
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("the signal ends the block before this")

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(search, "fit", terminated)
    result = runner.invoke(cli, ["fit", "data", "--quiet"])
    assert result.exit_code == 143
    assert result.stderr == "Terminated. Go on with: autoarch resume runs/a\n"
    assert signal.getsignal(signal.SIGTERM) is before


def test_wrong_usage_is_code_2(runner: CliRunner) -> None:
    result = runner.invoke(cli, ["fit"])
    assert result.exit_code == 2
    assert "Missing argument 'DATA'" in result.stderr


def test_a_closed_pipe_is_no_error(run) -> None:
    program = "from autoarch.cli.main import main; main()"
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, "trials", str(run)],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(writer)
    assert done.stderr == ""


@pytest.mark.parametrize("amount", ["3 bananas", "-5KB", "0", "nan", "inf", ""])
@pytest.mark.parametrize("option", ["--max-size", "--max-ram", "--max-macs", "--max-params"])
def test_a_limit_that_makes_no_sense_is_one_line_and_code_2(runner, search, option, amount) -> None:
    result = runner.invoke(cli, ["fit", "data", f"{option}={amount}", "--quiet"])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    name = option.removeprefix("--").replace("-", "_")
    assert line.startswith(f"Error: `{name}` must be a positive amount such as ")
    assert line.endswith(f"got {amount!r}.")
    assert search.made == []
