"""What `benchmarks/versus.py` makes of results, without any training."""

import ast
import datetime
import doctest
import importlib
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def modules():
    """`contest`, `kept`, `versus` and `versus_page`, which stand beside each other."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        names = ("contest", "kept", "versus", "versus_page")
        yield [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(str(BENCHMARKS))


def accuracy(cell):
    """Made up: 0.70, 0.75 and 0.71 for the seeds, a little more for AutoArch and with time."""
    return (0.70, 0.75, 0.71)[cell.seed] + 0.001 * cell.minutes + 0.04 * (cell.method == "autoarch")


def rows(text, start):
    """Cells of the lines of a table that begin so."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith(f"| {start} |")
    ]


def test_all_runs_once_short_ones_first_and_a_seed_of_everything_before_the_next(modules):
    contest = modules[0]
    cells = contest.cells_of(["fsdd", "sst2"], ["autoarch", "linear"], [3, 1], [0, 1])
    keys = [cell.key for cell in cells]
    assert keys[:4] == ["fsdd/autoarch/1/0", "fsdd/linear", "sst2/autoarch/1/0", "sst2/linear"]
    assert keys[4:6] == ["fsdd/autoarch/3/0", "sst2/autoarch/3/0"]
    assert [cell.seed for cell in cells[6:]] == [1] * 4
    assert len(set(keys)) == len(keys) == 2 * 2 * 2 + 2


def test_medians_and_distances_to_goal_and_to_trial_0(modules):
    contest, _, _, page = modules
    cells = contest.cells_of(
        ["cifar10-mini"], ["autoarch", "trial0", "linear", "autokeras"], [1, 3], [0, 1, 2]
    )
    results = {cell.key: {"accuracy": accuracy(cell), "n": 9} for cell in cells}
    results["cifar10-mini/linear"] = {"accuracy": 0.5, "size_bytes": 1234567}
    results["cifar10-mini/autokeras/3/0"] = {"failed": "exit code 1\n| no memory"}
    del results["cifar10-mini/autokeras/3/1"]
    text = page.page(cells, results, {}, head="head", plot="versus.svg")
    short, long = rows(text, "cifar10-mini")[:2]
    assert short == ["cifar10-mini", "1", "", "", "+4.0", "0.7510", "0.7110", "0.5000", "0.7110"]
    # 0.753 of the seeds' 0.743, 0.793 and 0.753, against a goal of 0.745; one run of AutoKeras
    assert long == [
        "cifar10-mini",
        "3",
        ">= 0.745",
        "+0.8",
        "+4.0",
        "0.7530",
        "0.7130",
        "0.5000",
        "0.7130 (1)",
    ]
    every = rows(text, "cifar10-mini")[2:]
    assert len(every) == len(results)
    failed = next(row for row in every if row[1:4] == ["AutoKeras", "3", "0"])
    assert failed[4] == "-" and failed[-1] == "exit code 1 / no memory"
    linear = next(row for row in every if row[1] == "linear model")
    assert linear[2:4] == ["", ""] and linear[8] == "1,234,567"


def test_where_nothing_is_measured_nothing_is_claimed(modules):
    contest, _, _, page = modules
    cells = contest.cells_of(["fsdd"], ["autoarch", "trial0"], [3], [0])
    text = page.page(cells, {}, {}, head="head", plot="versus.svg")
    assert rows(text, "fsdd") == []
    results = {cells[1].key: {"accuracy": 0.99}}
    text = page.page(cells, results, {}, head="head", plot="versus.svg")
    assert rows(text, "fsdd")[0] == ["fsdd", "3", ">= 0.993", "", "", "-", "0.9900"]


def test_where_no_other_network_was_tried_trial_0_is_the_same(modules):
    contest, _, _, page = modules
    cells = contest.cells_of(["fsdd"], ["autoarch"], [3, 15], [0, 1])
    results = {cell.key: {"accuracy": 0.99, "trials": 1} for cell in cells}
    results["fsdd/autoarch/15/1"]["trials"] = 9
    text = page.page(cells, results, {}, head="head", plot="versus.svg")
    assert [row[4] for row in rows(text, "fsdd")[:2]] == ["same", ""]


def test_an_interrupted_benchmark_goes_on_and_repeats_only_failures_of_its_own(
    modules, monkeypatch, tmp_path
):
    versus = modules[2]
    output, made, broken = tmp_path / "versus.md", [], [True]

    def run(cell, work):
        made.append(cell.key)
        if broken and len(made) == 6:
            raise KeyboardInterrupt
        if broken and cell.minutes == 1 and cell.method != "trial0":
            return {"failed": "exit code 1"}
        return {"accuracy": accuracy(cell), "n": 9, "outside_s": 61.0, "trials": 2}

    monkeypatch.setattr(versus, "run", run)
    asked = ["--sets", "trec6", "--methods", "autoarch", "trial0", "autokeras", "--minutes", "1"]
    asked += ["3", "--seeds", "0", "--output", str(output)]
    with pytest.raises(KeyboardInterrupt):
        versus.main(asked)
    assert len(made) == 6 and "exit code 1" in output.read_text()
    made.clear()
    broken.clear()
    versus.main(asked)
    assert made == ["trec6/autoarch/1/0", "trec6/autokeras/3/0"]
    text = output.read_text()
    assert rows(text, "trec6")[1][:5] == ["trec6", "3", ">= 0.92", "-17.7", "+4.0"]
    assert text.count("exit code 1") == 1  # AutoKeras's
    today = str(datetime.date.today())
    assert all(row[-2] == today for row in rows(text, "trec6")[2:])
    assert f"seeds 0; {today}, " in text
    assert output.with_suffix(".svg").read_text().count("<svg") == 1
    lines = output.with_suffix(".jsonl").read_text().splitlines()
    assert len({json.loads(line)[0] for line in lines}) == len(lines) == 6
    made.clear()
    versus.main(asked)
    assert made == []
    other = ["--sets", "sst2", "--methods", "linear", "expert", "--minutes", "5", "--seeds", "1"]
    versus.main([*other, "--output", str(output)])
    text = output.read_text()
    assert made == ["sst2/linear", "sst2/expert/5/1"]
    assert f"seeds 0, 1; {today}, " in text
    # sets in their one order, and what was measured earlier stays
    assert [row[:2] for row in rows(text, "trec6")[:2]] == [["trec6", "1"], ["trec6", "3"]]
    assert rows(text, "sst2")[0][:2] == ["sst2", "5"]
    assert text.index("| trec6 |") < text.index("| sst2 |")


def test_examples_hold(modules):
    assert all(doctest.testmod(module).failed == 0 for module in modules)


def test_commands_of_the_methods(modules, tmp_path):
    contest, _, versus, _ = modules
    (tmp_path / "autokeras").mkdir()
    (tmp_path / "autokeras" / "installed").touch()
    expert = versus.command(contest.Cell("fsdd", "expert", 3, 1), tmp_path)
    assert [Path(word).name for word in expert[1:3]] == ["sound.py", "fsdd"]
    assert expert[3:] == ["--seconds", "180", "--seed", "1"]
    linear = versus.command(contest.Cell("clothing10-pretrained", "linear", 3, 1), tmp_path)
    assert [Path(word).name for word in linear[1:]] == [
        "linear.py",
        "clothing10",
        "--weights",
        "pretrained",
    ]
    other = versus.command(contest.Cell("sst2", "autokeras", 1, 0), tmp_path)
    assert other[0] == str(tmp_path / "autokeras" / "bin" / "python")
    assert "failed" in versus.run(contest.Cell("fsdd", "autokeras", 1, 0), tmp_path)


def test_a_kept_cell_survives_and_is_not_made_again(modules, tmp_path):
    kept = modules[1]
    first = kept.Kept(tmp_path / "cells.jsonl")
    assert first.get("a", lambda: 1) == 1
    assert first.get("b", lambda: 2, lasts=lambda cell: False) == 2
    again = kept.Kept(tmp_path / "cells.jsonl")
    assert again.get("a", lambda: 3) == 1
    assert again.get("b", lambda: 4) == 4
    assert again.made["a"] == first.made["a"]


def test_a_table_tells_of_all_days_and_machines_that_made_its_cells(modules, tmp_path):
    kept = modules[1]
    file = tmp_path / "cells.jsonl"
    lines = [["a", 1, "2026-01-03", "y"], ["b", 2, "2026-01-01", "x"], ["c", 3, "2026-01-02", "y"]]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert kept.Kept(file).told == "2026-01-01 to 2026-01-03, x; y"
    file.write_text(json.dumps(lines[0]))
    assert kept.Kept(file).told == "2026-01-03, y"


def test_experts_know_nothing_of_autoarch():
    files = sorted((BENCHMARKS / "experts").glob("*.py"))
    assert len(files) >= 5
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")]
            names.append(getattr(node, "module", None) or "")
            assert not any(name.split(".")[0] == "autoarch" for name in names), file
