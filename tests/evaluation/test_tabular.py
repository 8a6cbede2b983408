"""Benchmark tables: what is read, what is refused, and what a search over one is worth."""

import gzip
import itertools
import math
import subprocess
import sys

import numpy as np
import pytest

import autoarch.oracles
from autoarch.errors import DataError
from autoarch.evaluation.tabular import (
    BenchmarkTable,
    Trace,
    hypervolume_share,
    mean_and_error,
    optimum_share,
    run_oracle,
    takes_features,
)
from autoarch.objectives import Objective
from autoarch.oracles import RandomOracle
from autoarch.oracles.decisions import DecisionSpace

ACCURACY = Objective("accuracy", "max")
LOSS = Objective("loss", "min")


def accuracy(kernel, kind, width):
    return kernel / 10 + width / 100 + {"conv": 0.3, "pool": 0.1}[kind]


ROWS = [
    {
        "kernel": kernel,
        "kind": kind,
        "width": width,
        "accuracy": accuracy(kernel, kind, width),
        "loss": -accuracy(kernel, kind, width),  # exactly, so that ties stay ties
        "params": kernel * kernel * width,
    }
    for kernel, kind, width in itertools.product((5, 3, 1), ("pool", "conv"), (8, 16, 32))
]


@pytest.fixture
def write(tmp_path):
    """Writes rows, a list of dicts, as a table."""

    def write(rows=ROWS, name="table.csv"):
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        text = "\n".join(lines) + "\n"
        path = tmp_path / name
        path.write_bytes(
            gzip.compress(text.encode(), mtime=0) if name.endswith(".gz") else text.encode()
        )
        return path

    return write


@pytest.fixture
def table(write):
    return BenchmarkTable.read(
        write(), ["accuracy", "loss", "params"], decisions=["kernel", "kind", "width"]
    )


@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz"])
def test_reads_decisions_and_scores(write, name):
    table = BenchmarkTable.read(write(name=name), ["accuracy", "loss", "params"])
    assert table.decisions == {"kernel": [1, 3, 5], "kind": ["conv", "pool"], "width": [8, 16, 32]}
    assert (table.size, table.missing) == (18, 0)
    for row in ROWS:
        place = table.row(row)
        assert table.columns["accuracy"][place] == row["accuracy"]
        assert table.columns["params"][place] == row["params"]


def test_knows_the_best_and_the_worst_in_both_directions(table):
    scores = [row["accuracy"] for row in ROWS]
    assert (table.best(ACCURACY), table.worst(ACCURACY)) == (max(scores), min(scores))
    losses = [row["loss"] for row in ROWS]
    assert (table.best(LOSS), table.worst(LOSS)) == (min(losses), max(losses))


def test_numbers_are_ordered_unless_they_are_names_of_kinds(write):
    path = write()
    decisions = ["kernel", "kind", "width"]
    for categorical in ((), ("kernel",)):
        table = BenchmarkTable.read(
            path, ["accuracy"], decisions=decisions, categorical=categorical
        )
        space = DecisionSpace.from_hyperparameters(table.hyperparameters())
        ordered = {decision.name: decision.domain.ordered for decision in space.decisions}
        assert ordered == {"kernel": not categorical, "kind": False, "width": True}
        assert space.size() == 18
        assert all(table.contains(setting) for setting in space.enumerate())


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "10", "9"], [1, 9, 10]),
        (["0.5", "1", "2e-3"], [0.002, 0.5, 1.0]),
        (["1", "two", "3"], ["1", "3", "two"]),
        (["01", "10", "11"], ["01", "10", "11"]),
        (["1", "nan", "2"], ["1", "2", "nan"]),
        (["-1", "0", "1"], [-1, 0, 1]),
    ],
)
def test_decisions_are_numbers_where_all_cells_are(write, cells, values):
    path = write([{"a": cell, "accuracy": 0.5} for cell in cells])
    found = BenchmarkTable.read(path, ["accuracy"]).decisions["a"]
    assert found == values
    assert len({type(value) for value in found}) == 1


def test_settings_that_are_no_row_are_counted(write):
    table = BenchmarkTable.read(write(ROWS[:-2]), ["accuracy", "loss", "params"])
    assert (table.size, table.missing) == (18, 2)
    assert not table.contains(ROWS[-1])
    assert table.row(ROWS[-1]) is None
    assert table.contains(ROWS[0])


def without(row, *names):
    return {name: value for name, value in row.items() if name not in names}


@pytest.mark.parametrize(
    ("rows", "arguments", "message"),
    [
        (ROWS, {"columns": ["speed"]}, "has no column `speed`; there are: kernel, kind,"),
        (ROWS, {"decisions": ["depth"]}, "has no column `depth`"),
        (ROWS, {"decisions": ["kernel", "accuracy"]}, "`accuracy` cannot be a decision and"),
        (ROWS, {"decisions": ["kernel", "width"]}, "lines 2 and 5 are of the same setting"),
        (ROWS, {"categorical": ["loss"], "decisions": ["kernel"]}, "`loss` is categorical, but no"),
        ([*ROWS, ROWS[0]], {}, "lines 2 and 20 are of the same setting"),
        ([{**ROWS[0], "accuracy": "good"}], {}, "line 2: `accuracy` must be a number; got 'good'"),
        ([{**ROWS[0], "kind": ""}], {}, "line 2: decision `kind` is empty"),
        ([{"accuracy": 1}], {"columns": ["accuracy"]}, "no column that could be a decision"),
        (
            [{"index": place, **row} for place, row in enumerate(ROWS)],
            {},
            "`index` has 18 values in 18 rows .* say which columns are the decisions",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused(write, rows, arguments, message):
    settings = {"columns": ["accuracy", "loss", "params"], **arguments}
    with pytest.raises(DataError, match=message):
        BenchmarkTable.read(write(rows), **settings)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "must have a header and at least one row"),
        ("a.csv", b"a,accuracy\n", "must have a header and at least one row"),
        ("a.csv", b"a,accuracy\n1,2,3\n", "line 2: 3 cells where there are 2 columns"),
        ("a.csv", b"a,a,accuracy\n1,2,3\n", "two columns `a`"),
        ("a.csv", b"\xff\xfe\x00", "cannot be read as a CSV file"),
        ("a.csv.gz", b"a,accuracy\n1,2\n", "cannot be read as a CSV file"),
        (
            "a.csv.gz",
            gzip.compress(b"a,accuracy\n1,2\n" * 99, mtime=0)[:40],
            "cannot be read as a CSV file",
        ),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        BenchmarkTable.read(tmp_path / name, ["accuracy"])


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="There is no table at"):
        BenchmarkTable.read(tmp_path / "none.csv", ["accuracy"])


def test_a_column_without_scores_has_no_best(write):
    table = BenchmarkTable.read(
        write([{**row, "accuracy": ""} for row in ROWS]), ["accuracy", "loss", "params"]
    )
    with pytest.raises(DataError, match="`accuracy` has no score"):
        table.best(ACCURACY)


@pytest.mark.parametrize("objective", [ACCURACY, LOSS])
@pytest.mark.parametrize("oracle", ["random", "evolution"])
def test_a_search_looks_up_what_it_proposes(table, oracle, objective):
    trace = run_oracle(oracle, table, objective, seed=3, queries=12)
    assert trace.rows.shape == trace.seconds.shape == (12,)
    assert len(set(trace.rows.tolist())) == 12
    assert (trace.seconds > 0).all()
    again = run_oracle(oracle, table, objective, seed=3, queries=12)
    assert trace.rows.tolist() == again.rows.tolist()
    other = run_oracle(oracle, table, objective, seed=4, queries=12)
    assert trace.rows.tolist() != other.rows.tolist()


def test_both_directions_are_the_same_search(table):
    up, down = (
        run_oracle("evolution", table, objective, seed=0, queries=15)
        for objective in (ACCURACY, LOSS)
    )
    assert up.rows.tolist() == down.rows.tolist()
    np.testing.assert_allclose(table.regret(up, ACCURACY, 15), table.regret(down, LOSS, 15))


def test_a_search_ends_when_the_table_does(write):
    table = BenchmarkTable.read(write(ROWS[3:]), ["accuracy", "loss", "params"])
    trace = run_oracle("random", table, ACCURACY, seed=0, queries=100)
    assert sorted(trace.rows.tolist()) == list(range(15))
    regret = table.regret(trace, ACCURACY, 100)
    assert regret.shape == (100,)
    assert regret[-1] == 0


def test_failed_settings_are_searched_past(write):
    rows = [{**row, "accuracy": "" if row["width"] > 8 else row["accuracy"]} for row in ROWS]
    table = BenchmarkTable.read(write(rows), ["accuracy", "loss", "params"])
    trace = run_oracle("evolution", table, ACCURACY, seed=0, queries=18)
    assert len(trace.rows) == 18
    assert table.regret(trace, ACCURACY, 18)[-1] == 0


def test_regret_is_the_distance_of_the_best_so_far(table):
    trace = run_oracle("random", table, ACCURACY, seed=1, queries=18)
    scores = [float(table.columns["accuracy"][row]) for row in trace.rows]
    expected = [max(row["accuracy"] for row in ROWS) - max(scores[: n + 1]) for n in range(18)]
    np.testing.assert_allclose(table.regret(trace, ACCURACY, 18), expected)
    losses = [float(table.columns["loss"][row]) for row in trace.rows]
    expected = [min(losses[: n + 1]) - min(row["loss"] for row in ROWS) for n in range(18)]
    np.testing.assert_allclose(table.regret(trace, LOSS, 18), expected)


def test_regret_before_the_first_score_is_that_of_the_worst(write):
    rows = [{"a": a, "accuracy": score} for a, score in enumerate(["", 0.25, 1.0, 0.5])]
    table = BenchmarkTable.read(write(rows), ["accuracy"])
    trace = Trace(np.array([0, 3, 1]), np.ones(3))
    assert table.regret(trace, ACCURACY, 5).tolist() == [0.75, 0.5, 0.5, 0.5, 0.5]
    assert table.regret(trace, ACCURACY, 2).tolist() == [0.75, 0.5]
    nothing = Trace(np.array([], np.int64), np.zeros(0))
    assert table.regret(nothing, ACCURACY, 2).tolist() == [0.75, 0.75]


def test_mean_and_standard_error():
    curves = [np.array([1.0, 0.0]), np.array([2.0, 0.0]), np.array([6.0, 3.0])]
    mean, error = mean_and_error(curves)
    assert mean.tolist() == [3.0, 1.0]
    spread = math.sqrt(((1 - 3) ** 2 + (2 - 3) ** 2 + (6 - 3) ** 2) / 2)
    np.testing.assert_allclose(error, [spread / math.sqrt(3), math.sqrt((1 + 1 + 4) / 2 / 3)])
    mean, error = mean_and_error(curves[:1])
    assert mean.tolist() == [1.0, 0.0]
    assert np.isnan(error).all()
    assert optimum_share(curves, 2) == pytest.approx(2 / 3)
    assert optimum_share(curves, 1) == 0


class Informed(RandomOracle):
    """Random search that remembers what it could know."""

    def __init__(self, *args, features=None, **kwargs):
        self.features = features
        super().__init__(*args, **kwargs)

    def suggest(self, space, history, rng):
        """The settings of fewest weights first."""
        return sorted(space.enumerate(), key=lambda setting: self.features(setting)[0])


def test_costs_are_told_beforehand(table, monkeypatch):
    monkeypatch.setitem(autoarch.oracles.ORACLES, "informed", "Informed")
    monkeypatch.setattr(autoarch.oracles, "Informed", Informed, raising=False)
    monkeypatch.setattr(autoarch.oracles, "oracle_class", lambda name: Informed)
    assert takes_features("informed")
    trace = run_oracle("informed", table, ACCURACY, seed=0, queries=18, features=["params"])
    params = table.columns["params"][trace.rows].tolist()
    assert params == sorted(row["params"] for row in ROWS)
    costs = table.costs(["params", "loss"])
    assert costs(ROWS[4]).tolist() == [ROWS[4]["params"], ROWS[4]["loss"]]


def test_random_search_takes_no_features():
    assert not takes_features("random")


def test_reading_a_table_imports_neither_keras_nor_kerastuner():
    code = (
        "import sys, autoarch.evaluation.tabular\n"
        "print([m for m in ('keras', 'keras_tuner', 'tensorflow') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def unit_squares(points, worst):
    """Hypervolume of whole numbers by counting: larger accuracy and smaller loss are better."""
    return sum(
        any(a > accuracy and b < loss for a, b in points)
        for accuracy in range(worst[0], 20)
        for loss in range(1, worst[1] + 1)
    )


def test_hypervolume_is_a_share_of_that_of_the_true_front(write):
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, 20, size=(60, 2)).tolist()
    rows = [{"a": a, "accuracy": x, "loss": y} for a, (x, y) in enumerate(pairs)]
    rows.append({"a": 60, "accuracy": "", "loss": 0})  # failed: no part of the front
    table = BenchmarkTable.read(write(rows), ["accuracy", "loss"])
    trace = run_oracle("random", table, ACCURACY, LOSS, seed=0, queries=61)
    at = [1, 5, 20, 61]
    shares = hypervolume_share(table, trace, [ACCURACY, LOSS], at)
    worst = min(x for x, _ in pairs), max(y for _, y in pairs)
    whole = unit_squares(pairs, worst)
    for share, n in zip(shares, at, strict=True):
        found = [pairs[row] for row in trace.rows[:n] if row < 60]
        assert share == pytest.approx(unit_squares(found, worst) / whole)
    assert shares[-1] == 1
