"""The program as a whole: help, version, start-up cost, typing mistakes."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from autoarch.cli.main import cli
from autoarch.cli.version import version
from click.testing import CliRunner

COMMANDS = (
    *("fit", "resume", "evaluate", "predict", "export", "trials", "report", "bench"),
    *("spaces", "devices", "latency", "info"),
)


def test_help_lists_the_commands_in_the_order_of_use(runner: CliRunner) -> None:
    text = runner.invoke(cli, ["--help"]).stdout
    listed = text[text.index("Commands:") : text.index("Examples:")].splitlines()[1:]
    assert [line.split()[0] for line in listed if line.strip()] == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_explains_itself_with_an_example(
    runner: CliRunner, command: str, option: str
) -> None:
    result = runner.invoke(cli, [command, option])
    assert result.exit_code == 0
    examples = result.stdout[result.stdout.index("Examples:") :]
    assert f"autoarch {command}" in examples
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize("arguments", [["--version"], *([name, "--version"] for name in COMMANDS)])
def test_version(runner: CliRunner, arguments: list[str]) -> None:
    result = runner.invoke(cli, arguments)
    assert (result.exit_code, result.stdout) == (0, f"autoarch {version()}\n")


def test_version_of_what_is_not_installed() -> None:
    assert version("no-such-distribution") == "not installed"


def test_options_of_fit_stand_in_sections(runner: CliRunner) -> None:
    text = runner.invoke(cli, ["fit", "--help"]).stdout
    places = [
        text.index(heading)
        for heading in ("Search:", "Data:", "Training:", "Output:", "Other options:")
    ]
    assert places == sorted(places)


def test_a_mistyped_command_suggests_the_nearest(runner: CliRunner) -> None:
    result = runner.invoke(cli, ["trails", "run"])
    assert result.exit_code == 2
    assert "Did you mean 'trials'?" in result.stderr


def test_a_mistyped_option_suggests_the_nearest(runner: CliRunner) -> None:
    result = runner.invoke(cli, ["fit", "data", "--tme", "5m"])
    assert result.exit_code == 2
    assert "--time" in result.stderr


def test_starting_imports_nothing_heavy() -> None:
    code = "import sys, autoarch.cli.main; print(*sys.modules, sep='\\n')"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"numpy", "keras", "tensorflow", "keras_tuner", "rich", "jinja2", "matplotlib", "PIL"}
    assert heavy.isdisjoint(modules)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["fit", "--help"]])
def test_help_and_version_answer_at_once(arguments: list[str]) -> None:
    program = "from autoarch.cli.main import main; main()"

    def fastest(*command: str) -> float:
        seconds = []
        for _ in range(5):
            begun = time.perf_counter()
            subprocess.run([sys.executable, *command], capture_output=True, check=True)
            seconds.append(time.perf_counter() - begun)
        return min(seconds)

    # 0.3 s is promised; a machine that takes long to start Python at all is given more.
    allowed = max(0.3, 10 * fastest("-c", "pass"))
    assert fastest("-c", program, *arguments) < allowed
