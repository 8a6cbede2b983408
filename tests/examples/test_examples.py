"""The examples run as a reader starts them, only smaller."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import autoarch

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str, *arguments: object, cwd: Path) -> str:
    """What the example prints; warnings and errors let the test fail."""
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", EXAMPLES / name, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("arrays")
    return folder / "run", example("arrays.py", "--time", "35s", "--output", "run", cwd=folder)


def test_every_example_is_run_here():
    tested = {"arrays.py", "serve.py", "keras_tuner_oracle.py", "int8.py", "own_space.py"}
    tested.add("stream.py")  # by tests/tasks/test_speech_search.py, which has a model for it
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested


def test_arrays(run):
    directory, said = run
    assert "the same answers after loading: True" in said
    accuracy = float(said.split("others: ")[1].split()[0])
    assert accuracy > 0.8
    assert autoarch.load(directory).result_["run"] == "run"


def test_serve(run, tmp_path):
    import tensorflow as tf
    from sklearn.datasets import load_digits

    directory, _ = run
    digits = load_digits()
    for number in range(3):
        pixels = (digits.images[number] * 255 / 16).round().astype("uint8")[..., None]
        (tmp_path / f"{number}.png").write_bytes(tf.io.encode_png(pixels).numpy())
    said = example(
        "serve.py", directory / "model" / "saved_model", "0.png", "1.png", "2.png", cwd=tmp_path
    )
    lines = said.splitlines()
    assert [line.split(":")[0] for line in lines] == ["0.png", "1.png", "2.png"]
    expected = autoarch.load(directory).predict([tmp_path / f"{n}.png" for n in range(3)])
    assert [line.split()[1] for line in lines] == [str(label) for label in expected]


def test_own_space(tmp_path):
    said = example("own_space.py", "--time", "none", "--trials", 2, "--output", "run", cwd=tmp_path)
    assert "'width'" in said.splitlines()[-1] and "'kernel': 3" in said.splitlines()[-1]
    search = autoarch.load(tmp_path / "run")
    assert search.trials_[0].decisions["width"] == 8
    assert search.result_["test"]["accuracy"] > 0.8
    assert '"__main__:Funnel"' in (tmp_path / "run" / "run.json").read_text()


def test_keras_tuner_oracle(tmp_path):
    said = example("keras_tuner_oracle.py", "--trials", 4, cwd=tmp_path)
    scores = [float(line.split()[0]) for line in said.splitlines() if line.startswith("0.")]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
