"""`autoarch fit` on texts that cannot be used: one clear line and exit code 2, no training."""

from __future__ import annotations

from pathlib import Path

import pytest
from autoarch.cli.main import cli

ROWS = [f"text {i},{'good' if i % 2 else 'bad'}" for i in range(20)]


def table(folder: Path, rows: list[str], header: str = "text,label") -> Path:
    path = folder / "reviews.csv"
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


@pytest.mark.parametrize(
    ("rows", "header", "options", "message"),
    [
        ([], "", [], "is empty"),
        ([], "text,label", [], "no rows"),
        ([f"text {i},same" for i in range(20)], "text,label", [], "only the class 'same'"),
        (ROWS, "words,label", [], "it has 'words', 'label'"),
        (ROWS, "text,label", ["--label-column", "stars"], "no label column 'stars'; it has"),
        ([f"text {i},{i / 7:.3f}" for i in range(20)], "text,label", [], "regression"),
        (ROWS[:4], "text,label", [], "at least 10"),
        (ROWS, "text,label", ["--image-size", "32"], "--image-size does not go with text"),
        (ROWS, "text,label", ["--space", "residual"], "must be auto, text or mobile"),
        (ROWS, "text,label", ["--vectors", "none.vec"], "none.vec does not exist"),
    ],
)
def test_bad_tables(runner, tmp_path, rows, header, options, message):
    path = table(tmp_path, rows, header)
    output = tmp_path / "run"
    command = ["fit", str(path), "--task", "text", "--quiet", "--output", str(output), *options]
    result = runner.invoke(cli, command)
    assert result.exit_code == 2, result.output
    *_, error = result.stderr.splitlines()
    assert error.startswith("Error: ") and message in error
    assert "Traceback" not in result.output
    assert not output.exists()


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"", [], "reviews.csv is empty"),
        (
            "\n".join(["title,stars", *ROWS]).encode(),
            [],
            "it has 'title', 'stars'. A table of texts",
        ),
        (
            "\n".join(["title,stars", *ROWS]).encode(),
            ["--label-column", "stars"],
            "no column named",
        ),
        ("\n".join(["text,label", *ROWS[::2]]).encode("utf-16"), [], "only the class 'bad'"),
        (f"text,label\n{'long ' * 200_000},good\n".encode(), [], "only the class 'good'"),
    ],
)
def test_bad_tables_whose_kind_is_guessed(runner, tmp_path, content, options, message):
    (tmp_path / "reviews.csv").write_bytes(content)
    command = ["fit", str(tmp_path / "reviews.csv"), "--quiet", "--output", str(tmp_path / "run")]
    result = runner.invoke(cli, [*command, *options])
    assert result.exit_code == 2, result.output
    (error,) = result.stderr.splitlines()
    assert error.startswith("Error: ") and message in error
    assert not (tmp_path / "run").exists()


def test_a_vectors_file_of_other_words(runner, tmp_path):
    (tmp_path / "words.vec").write_text("zebra 1 2\n")
    options = ["--vectors", str(tmp_path / "words.vec"), "--output", str(tmp_path / "run")]
    result = runner.invoke(cli, ["fit", str(table(tmp_path, ROWS)), "--quiet", *options])
    assert result.exit_code == 2, result.output
    assert "no word of the training texts" in result.stderr


def test_the_next_command_takes_a_text_as_an_option() -> None:
    from autoarch.cli.predict import predict
    from autoarch.cli.result import next_commands

    options = [name for parameter in predict.params for name in parameter.opts]
    assert "--text" in options
    assert "autoarch predict 'my run' --text TEXT\n" in next_commands(Path("my run"), "text")
    assert "autoarch predict run CLIP...\n" in next_commands(Path("run"), "clip")
