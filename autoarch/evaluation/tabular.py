"""A benchmark table as an evaluator: everything was measured once, a search only looks it up.

Tables such as NAS-Bench-201 (Dong and Yang, ICLR 2020) compare oracles over many seeds within
seconds. Neither Keras nor KerasTuner is imported before a search begins.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autoarch.errors import DataError
from autoarch.evaluation.table_file import (
    check_names,
    check_no_gaps,
    number_rows,
    parse_decision,
    parse_numbers,
    read_csv,
)
from autoarch.objectives import Objective

if TYPE_CHECKING:
    import keras_tuner

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Value = Any  # int, float or str
Setting = Mapping[str, Value]


@dataclass(frozen=True, eq=False)
class BenchmarkTable:
    """Settings, and what was measured of each.

    Args:
        decisions: The values of each decision that occur, sorted.
        rows: The row of each setting; a setting is the tuple of its values, in order of
            `decisions`.
        columns: Scores and costs by name, shape `(rows,)`; NaN where there is none.
        categorical: Decisions whose values have no order although they are numbers.
    """

    decisions: Mapping[str, Sequence[Value]]
    rows: Mapping[tuple[Value, ...], int]
    columns: Mapping[str, FloatArray]
    categorical: frozenset[str] = frozenset()

    @classmethod
    def read(
        cls,
        path: str | Path,
        columns: Sequence[str],
        *,
        decisions: Sequence[str] | None = None,
        categorical: Sequence[str] = (),
    ) -> BenchmarkTable:
        """Reads a CSV file with a header, `.gz` or not.

        A decision whose cells are all numbers is a number, and ordered unless it is listed in
        `categorical`; any other is text. Numbers written with leading zeros are codes, so text.

        Args:
            path: The file.
            columns: Scores and costs to read. An empty cell is NaN: measuring it failed.
            decisions: Columns that make a setting; None for all others.
            categorical: Decisions whose numbers are names of kinds.

        Raises:
            DataError: No such file, or no CSV; a column is missing; a cell is empty or no number
                where there must be one; two rows are of the same setting.
        """
        path = Path(path)
        cells, lines = read_csv(path)
        guessed = decisions is None
        if decisions is None:
            decisions = [name for name in cells if name not in columns]
        check_names(path, cells, decisions, columns, categorical)
        check_no_gaps(path, cells, decisions, lines)
        values = {name: parse_decision(cells[name]) for name in decisions}
        table = cls(
            decisions={name: sorted(set(column)) for name, column in values.items()},
            rows=number_rows(path, values, lines),
            columns={name: parse_numbers(path, name, cells[name], lines) for name in columns},
            categorical=frozenset(categorical),
        )
        if guessed:
            table._check_guess(path)
        return table

    def _check_guess(self, path: Path) -> None:
        """Refuses to take an index or a measurement for a decision."""
        for name, values in self.decisions.items():
            if self.missing and len(values) > len(self.rows) / 2:
                raise DataError(
                    f"`{name}` has {len(values)} values in {len(self.rows)} rows of {path}, so it "
                    "looks like no decision; say which columns are the decisions."
                )

    @property
    def size(self) -> int:
        """Number of settings that the decisions span."""
        return math.prod(len(values) for values in self.decisions.values())

    @property
    def missing(self) -> int:
        """How many of them are in no row; they are infeasible."""
        return self.size - len(self.rows)

    def row(self, setting: Setting) -> int | None:
        """The row of a setting, or None."""
        return self.rows.get(tuple(setting[name] for name in self.decisions))

    def contains(self, setting: Setting) -> bool:
        """Whether a setting is a row: the `feasible` predicate of an oracle."""
        return self.row(setting) is not None

    def best(self, objective: Objective) -> float:
        """The best score in the table.

        Raises:
            DataError: No row has a score.
        """
        return objective.utility(float(self._utilities(objective).max()))

    def worst(self, objective: Objective) -> float:
        """The worst score in the table; see `best`."""
        return objective.utility(float(self._utilities(objective).min()))

    def _utilities(self, objective: Objective) -> FloatArray:
        """The scores that there are, turned so that larger is better."""
        scores = self.columns[objective.name]
        scores = scores[np.isfinite(scores)]
        if not scores.size:
            raise DataError(f"Column `{objective.name}` has no score.")
        return scores if objective.direction == "max" else -scores

    def hyperparameters(self) -> keras_tuner.HyperParameters:
        """The search space: one `Choice` a decision; numbers are ordered unless categorical."""
        import keras_tuner

        space = keras_tuner.HyperParameters()
        for name, values in self.decisions.items():
            ordered = not isinstance(values[0], str) and name not in self.categorical
            space.Choice(name, list(values), ordered=ordered)
        return space

    def costs(self, names: Sequence[str]) -> Callable[[Setting], FloatArray]:
        """What is known of a setting before it is measured, for oracles that take `features`.

        Args:
            names: Columns.

        Returns:
            A function from a setting to its values, shape `(names,)`; NaN where it is no row.
        """
        columns = np.stack([self.columns[name] for name in names], axis=1)
        unknown = np.full(len(names), np.nan)

        def features(setting: Setting) -> FloatArray:
            row = self.row(setting)
            return unknown if row is None else columns[row]

        return features

    def regret(self, trace: Trace, objective: Objective, queries: int) -> FloatArray:
        """How far the best score so far is from the table's best, after each query.

        As long as nothing has a score it is the regret of the table's worst. A search that ended
        earlier keeps its last value.

        Returns:
            Non-negative, non-increasing, shape `(queries,)`; 0 where the optimum was hit.
        """
        sign = 1.0 if objective.direction == "max" else -1.0
        best, worst = sign * self.best(objective), sign * self.worst(objective)
        scores = sign * self.columns[objective.name][trace.rows]
        regret = best - np.maximum.accumulate(np.where(np.isfinite(scores), scores, worst))
        return _padded(regret, queries, before=best - worst)


@dataclass(frozen=True, eq=False)
class Trace:
    """What a search has looked up, in order.

    Args:
        rows: Rows of the table, shape `(queries,)`.
        seconds: How long each proposal took, shape `(queries,)`.
    """

    rows: IntArray
    seconds: FloatArray


def run_oracle(
    name: str,
    table: BenchmarkTable,
    *objectives: Objective,
    seed: int,
    queries: int,
    features: Sequence[str] = (),
    **settings: Any,
) -> Trace:
    """One search over a table.

    Args:
        name: A key of `autoarch.oracles.ORACLES`.
        table: Where the scores come from.
        objectives: What is searched for; several for an oracle of many objectives.
        seed: Of the oracle.
        queries: Number of settings looked up at most; fewer where the table has no more.
        features: Columns that the oracle may know of every setting beforehand.
        settings: Further arguments of the oracle; `feasible` replaces that of the table.
    """
    import keras_tuner

    from autoarch.oracles import make_oracle

    directions = [keras_tuner.Objective(o.name, o.direction) for o in objectives]
    if features:
        settings["features"] = table.costs(features)
    settings.setdefault("feasible", table.contains if table.missing else None)
    oracle = make_oracle(
        name,
        objective=directions[0] if len(directions) == 1 else directions,
        hyperparameters=table.hyperparameters(),
        seed=seed,
        **settings,
    )
    rows, seconds = [], []
    for _ in range(queries):
        begun = perf_counter()
        proposal = oracle.propose()
        spent = perf_counter() - begun
        if proposal is None:
            break
        row = table.row(proposal.values)
        assert row is not None  # the oracle keeps to what is feasible
        rows.append(row)
        seconds.append(spent)
        oracle.tell(
            proposal.trial_id, {o.name: float(table.columns[o.name][row]) for o in objectives}
        )
    return Trace(np.array(rows, np.int64), np.array(seconds))


def takes_features(name: str) -> bool:
    """Whether the oracle of that name has an argument `features`."""
    from autoarch.oracles import oracle_class

    return "features" in inspect.signature(oracle_class(name)).parameters


def mean_and_error(curves: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Mean and standard error over seeds, at each query.

    Args:
        curves: One a seed, shape `(seeds, queries)`.

    Returns:
        Two arrays of shape `(queries,)`. The error of a single seed is NaN.
    """
    stacked = np.asarray(curves, np.float64)
    mean = stacked.mean(axis=0)
    if len(stacked) < 2:
        return mean, np.full_like(mean, np.nan)
    return mean, stacked.std(axis=0, ddof=1) / math.sqrt(len(stacked))


def optimum_share(curves: Sequence[FloatArray], query: int) -> float:
    """Share of the seeds whose regret is 0 after that many queries."""
    return float(np.mean([curve[query - 1] == 0 for curve in curves]))


def hypervolume_share(
    table: BenchmarkTable, trace: Trace, objectives: Sequence[Objective], at: Sequence[int]
) -> FloatArray:
    """Hypervolume of what was found, as a share of that of the table's true front.

    The reference point is the table's worst in each objective.

    Args:
        table: Where the scores come from.
        trace: A search over it.
        objectives: Two or more.
        at: Numbers of queries.

    Returns:
        In [0, 1], shape `(at,)`.
    """
    from autoarch.objectives.pareto import hypervolume

    points = np.stack(
        [[o.utility(score) for score in table.columns[o.name].tolist()] for o in objectives], axis=1
    )
    measured = np.isfinite(points).all(axis=1)
    reference = points[measured].min(axis=0)
    points[~measured] = reference  # adds no volume
    return np.array([hypervolume(points[trace.rows[:n]], reference) for n in at]) / hypervolume(
        points, reference
    )


def _padded(curve: FloatArray, queries: int, *, before: float) -> FloatArray:
    """The curve, its last value repeated up to that length; `before` where it has none."""
    last = curve[-1] if len(curve) else before
    return np.concatenate([curve[:queries], np.full(max(0, queries - len(curve)), last)])
