"""`autoarch bench`: a comparison from the table to the page."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from autoarch.cli.bench import COMPARABLE, column_and_direction
from autoarch.cli.main import cli
from click.testing import CliRunner, Result

import autoarch.evaluation.tabular as tabular
from autoarch.evaluation.tabular import Trace


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """27 settings of three decisions."""
    path = tmp_path / "small.csv"
    lines = ["a,b,kind,accuracy,loss,params"]
    for a, b, kind in itertools.product((1, 2, 3), (0.1, 0.2, 0.4), ("x", "y", "z")):
        score = a + b + "xzy".index(kind) / 2
        lines.append(f"{a},{b},{kind},{score},{-score},{a * 100}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def bench(runner: CliRunner, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command on the table, three seeds of ten queries unless told otherwise."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("autoarch.cli.environment.start_tensorflow", lambda: None)

    def bench(*arguments: str, path: Path = table, objective: str = "accuracy") -> Result:
        common = ["--decisions", "a,b,kind", "--objective", objective]
        common += ["--oracles", "random,evolution", "--seeds", "3", "--queries", "10"]
        return runner.invoke(cli, ["bench", str(path), *common, *arguments])

    return bench


def test_compares_oracles(bench, tmp_path: Path) -> None:
    result = bench("--output", "out")
    assert result.exit_code == 0, result.output
    header, *rows = result.stdout.splitlines()[2:5]
    assert header.split() == ["oracle", "seeds", "at", "10", "optimum", "hit", "ms/proposal"]
    assert [row.split()[:2] for row in rows] == [["random", "3"], ["evolution", "3"]]
    assert "best 4.4" in result.stdout
    assert "27 settings of 3 decisions" in result.stderr
    assert "6 of 6: evolution, seed 2" in result.stderr
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["comparison.html", "comparison.json", "regret.csv"]


def test_the_numbers_agree_with_every_query(bench, tmp_path: Path) -> None:
    result = bench("--json", "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")
    comparison = json.loads(result.stdout)
    directory = tmp_path / "runs" / "bench-small"
    assert json.loads((directory / "comparison.json").read_text()) == comparison
    assert (comparison["rows"], comparison["missing"]) == (27, 0)
    assert comparison["best"] == 4.4
    assert comparison["decisions"] == {
        "a": [1, 2, 3],
        "b": [0.1, 0.2, 0.4],
        "kind": ["x", "y", "z"],
    }
    with (directory / "regret.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 3 * 10
    for oracle in comparison["oracles"]:
        best = np.full((3, 10), -np.inf)
        for row in rows:
            if row["oracle"] == oracle["name"]:
                best[int(row["seed"]), int(row["query"]) - 1] = float(row["score"])
        regret = 4.4 - np.maximum.accumulate(best, axis=1)
        np.testing.assert_allclose(oracle["mean_regret"], regret.mean(axis=0), atol=1e-12)
        error = regret.std(axis=0, ddof=1) / np.sqrt(3)
        np.testing.assert_allclose(oracle["standard_error"], error, atol=1e-12)
        assert oracle["seeds"] == 3


def test_the_page_stands_alone(bench, tmp_path: Path) -> None:
    bench("--output", "out")
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert page.count("<svg") == 1
    assert "<script" not in page
    assert page.count("://") == page.count("http://www.w3.org/")
    assert "random" in page


def test_smaller_can_be_better(bench) -> None:
    up = json.loads(bench("--json", "--quiet").stdout)
    down = json.loads(bench("--json", "--quiet", objective="loss:min").stdout)
    assert (down["objective"], down["direction"], down["best"]) == ("loss", "min", -4.4)
    for one, other in zip(up["oracles"], down["oracles"], strict=True):
        np.testing.assert_allclose(one["mean_regret"], other["mean_regret"], atol=1e-12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("loss", ("loss", "max")),
        ("loss:min", ("loss", "min")),
        ("loss:max", ("loss", "max")),
        ("val:loss", ("val:loss", "max")),
        ("val:loss:min", ("val:loss", "min")),
        (":min", (":min", "max")),
    ],
)
def test_an_objective_is_a_column_and_a_direction(text: str, expected: tuple[str, str]) -> None:
    assert column_and_direction(None, None, text) == expected  # type: ignore[arg-type]


def test_decisions_are_what_no_other_option_names(runner: CliRunner, bench, tmp_path: Path) -> None:
    lines = ["a,b,accuracy", *(f"{a},{b},{a * b}" for a in (1, 2, 3) for b in (1, 2, 3))]
    (tmp_path / "two.csv").write_text("\n".join(lines))
    common = ["--objective", "accuracy", "--seeds", "1", "--oracles", "random", "--json", "-q"]
    result = runner.invoke(cli, ["bench", "two.csv", *common])
    comparison = json.loads(result.stdout)
    assert list(comparison["decisions"]) == ["a", "b"]
    assert comparison["queries"] == 9  # the table has no more
    assert comparison["oracles"][0]["mean_regret"][-1] == 0
    assert comparison["oracles"][0]["standard_error"] == [None] * 9


def test_all_oracles_are_compared_by_default(bench, runner: CliRunner, table: Path) -> None:
    common = [
        "--objective",
        "accuracy",
        "--decisions",
        "a,b,kind",
        "--seeds",
        "1",
        "--queries",
        "9",
    ]
    result = runner.invoke(cli, ["bench", str(table), *common, "--json", "--quiet"])
    comparison = json.loads(result.stdout)
    assert [oracle["name"] for oracle in comparison["oracles"]] == list(COMPARABLE)
    assert {"random", "evolution"} <= set(COMPARABLE)
    assert "halving" not in COMPARABLE


def test_says_how_many_settings_the_table_lacks(bench, table: Path) -> None:
    table.write_text("\n".join(table.read_text().splitlines()[:-4]))
    result = bench("--queries", "100", "--json")
    assert "span 27 settings; the 4 that the table lacks are infeasible" in result.stderr
    comparison = json.loads(result.stdout)
    assert (comparison["missing"], comparison["queries"]) == (4, 23)
    assert all(oracle["optimum_share"] == 1 for oracle in comparison["oracles"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--decisions", "a,b,c"], "has no column `c`; there are: a, b, kind, accuracy"),
        (["--decisions", "a,b"], "lines 2 and 3 are of the same setting"),
        (["--decisions", ","], "give at least one name"),
        (["--oracles", "random,luck"], "'luck' is none of random"),
        (["--oracles", "halving"], "'halving' is none of random"),
        (["--queries", "0"], "0 is not in the range"),
        (["--features", "speed"], "has no column `speed`"),
        (["--features", "accuracy"], "`accuracy` is the objective, so it cannot be a feature"),
        (["--features", "params"], "None of random, evolution makes use of --features"),
        (["--categorical", "loss"], "`loss` is categorical, but no decision"),
    ],
)
def test_mistakes_are_one_line(bench, arguments: list[str], message: str) -> None:
    result = bench(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr.splitlines()[-1]
    assert result.stdout == ""


@pytest.mark.parametrize("objective", ["speed", "kind:min"])
def test_a_wrong_objective_is_a_mistake(bench, objective: str) -> None:
    result = bench(objective=objective, path=Path("small.csv"))
    assert result.exit_code == 2
    assert "Error: " in result.stderr.splitlines()[-1]


def test_no_table_is_a_mistake(bench) -> None:
    result = bench(path=Path("none.csv"))
    assert (result.exit_code, result.stderr) == (2, "Error: There is no table at none.csv.\n")


def test_an_interruption_keeps_what_is_finished(
    bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, calls = tabular.run_oracle, iter(range(100))

    def interrupted(*arguments: Any, **settings: Any) -> Trace:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return run(*arguments, **settings)

    monkeypatch.setattr(tabular, "run_oracle", interrupted)
    result = bench("--output", "out")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == "Interrupted."
    comparison = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [oracle["seeds"] for oracle in comparison["oracles"]] == [2, 1]
    assert "evolution" in result.stdout


def test_an_interruption_before_anything_is_finished_leaves_nothing(
    bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any, **settings: Any) -> Trace:
        raise KeyboardInterrupt

    monkeypatch.setattr(tabular, "run_oracle", interrupted)
    result = bench("--output", "out")
    assert (result.exit_code, result.stdout) == (130, "")
    assert not (tmp_path / "out").exists()
