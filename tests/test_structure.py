"""What keeps the structure: one-way imports, types, lint; each a check that CI runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*command: str, cwd: Path = ROOT) -> None:
    environment = {**os.environ, "PYTHONPATH": str(cwd)} if cwd != ROOT else None
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def installed(tmp_path):
    """The package laid out as it installs, for tools that walk folders."""
    for source, target in (("autoarch", "."), ("cli", "cli"), ("templates", "templates")):
        shutil.copytree(ROOT / source, tmp_path / "autoarch" / target, dirs_exist_ok=True)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_go_down_the_rooms_only(installed):
    run(str(Path(sys.executable).with_name("lint-imports")), "--no-cache", cwd=installed)


def test_everything_is_typed(installed):
    run(sys.executable, "-m", "mypy", "autoarch", cwd=installed)


def test_ruff_finds_nothing():
    run(sys.executable, "-m", "ruff", "check", ".")


def test_code_is_formatted():
    run(sys.executable, "-m", "ruff", "format", "--check", ".")


@pytest.mark.parametrize(
    "room", ["trials", "objectives", "report", "architecture", "costs", "errors"]
)
def test_rooms_without_keras_start_without_it(room):
    heavy = ("keras", "tensorflow", "keras_tuner", "matplotlib")
    code = f"import sys, autoarch.{room}; sys.exit(any(m in sys.modules for m in {heavy}))"
    run(sys.executable, "-c", code)


def test_importing_autoarch_starts_nothing_heavy():
    heavy = ("keras", "tensorflow", "keras_tuner", "numpy")
    code = f"import sys, autoarch; sys.exit(any(m in sys.modules for m in {heavy}))"
    run(sys.executable, "-c", code)


def test_no_file_needs_scrolling_forever():
    files = [f for room in ("autoarch", "cli") for f in (ROOT / room).rglob("*.py")]
    long = {
        str(f.relative_to(ROOT)): n for f in files if (n := len(f.read_text().splitlines())) > 450
    }
    assert not long
