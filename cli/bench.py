"""`autoarch bench`: oracles compared on a table where everything was measured before."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from autoarch.cli.command import Command, Option

from autoarch.oracles import MULTI_FIDELITY, ORACLES

if TYPE_CHECKING:
    from autoarch.evaluation.tabular import BenchmarkTable, Trace
    from autoarch.objectives import Objective

# A table knows one score for each setting.
COMPARABLE = tuple(name for name in ORACLES if name not in MULTI_FIDELITY)


def names(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[str, ...] | None:
    """Names between commas, each once; None where the option is not given."""
    if value is None:
        return None
    found = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    if not found:
        raise click.BadParameter("give at least one name.")
    return found


def oracle_names(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[str, ...]:
    """Names of oracles between commas; all where the option is not given."""
    found = names(context, parameter, value) or COMPARABLE
    for name in found:
        if name not in COMPARABLE:
            raise click.BadParameter(f"{name!r} is none of {', '.join(COMPARABLE)}.")
    return found


def column_and_direction(
    context: click.Context, parameter: click.Parameter, value: str
) -> tuple[str, str]:
    """`loss:min` as ("loss", "min"); the direction is "max" where none is given."""
    column, _, direction = value.rpartition(":")
    return (column, direction) if column and direction in ("max", "min") else (value, "max")


@click.command(
    cls=Command,
    short_help="Compare oracles on a benchmark table.",
    examples=[
        ("a table of two decisions and a score", "autoarch bench table.csv --objective accuracy"),
        (
            "some columns of a larger one, smaller is better",
            "autoarch bench table.csv --decisions kernel,width --objective loss:min",
        ),
        (
            "two oracles, one of which may know the costs beforehand",
            "autoarch bench table.csv --objective accuracy \\\n"
            "      --oracles random,bayesian --features params,flops",
        ),
    ],
)
@click.argument("table", type=click.Path(path_type=Path))
# Table
@click.option(
    "--objective",
    required=True,
    callback=column_and_direction,
    metavar="COLUMN[:min]",
    cls=Option,
    section="Table",
    help="Column with the scores; larger is better unless :min is added.",
)
@click.option(
    "--decisions",
    callback=names,
    metavar="COLUMNS",
    cls=Option,
    section="Table",
    help="Columns that make a setting, between commas. Default: all that no other option names.",
)
@click.option(
    "--categorical",
    callback=names,
    metavar="COLUMNS",
    cls=Option,
    section="Table",
    help="Decisions whose numbers are names of kinds. Other numbers are ordered, text is not.",
)
@click.option(
    "--features",
    callback=names,
    metavar="COLUMNS",
    cls=Option,
    section="Table",
    help="Costs that oracles may know of every setting beforehand, where they make use of them.",
)
# Comparison
@click.option(
    "--oracles",
    callback=oracle_names,
    metavar="NAMES",
    cls=Option,
    section="Comparison",
    help=f"Which of {', '.join(COMPARABLE)}, between commas. Default: all.",
)
@click.option(
    "--queries",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="N",
    cls=Option,
    section="Comparison",
    help="Settings that each search may look up.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    cls=Option,
    section="Comparison",
    help="Searches of each oracle, with the seeds 0 to N - 1.",
)
# Output
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    cls=Option,
    section="Output",
    help="Where comparison.html, comparison.json and regret.csv are written, earlier ones "
    "replaced. Default: runs/bench-TABLE.",
)
@click.option("--quiet", "-q", is_flag=True, cls=Option, section="Output", help="Show no progress.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    cls=Option,
    section="Output",
    help="Print the comparison as one JSON object.",
)
def bench(
    table: Path,
    objective: tuple[str, str],
    decisions: Sequence[str] | None,
    categorical: Sequence[str] | None,
    features: Sequence[str] | None,
    oracles: Sequence[str],
    queries: int,
    seeds: int,
    output: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Compare oracles on TABLE, a CSV file (.gz or not) with a row for each setting.

    Nothing is trained: a search looks the scores up. Each oracle searches once for each seed, and
    what counts is its regret, the distance of the best score so far from the table's best. A
    table, a page with the curves, and the numbers behind them are left. Ctrl-C ends early and
    keeps what is finished.
    """
    from autoarch.cli.environment import start_tensorflow
    from autoarch.cli.errors import Interrupted
    from autoarch.cli.text import to_json

    from autoarch.errors import InvalidInputError
    from autoarch.evaluation.tabular import BenchmarkTable, run_oracle, takes_features
    from autoarch.objectives import Objective

    goal = Objective(objective[0], "min" if objective[1] == "min" else "max")
    costs = tuple(features or ())
    if goal.name in costs:
        raise InvalidInputError(f"`{goal.name}` is the objective, so it cannot be a feature.")
    found = BenchmarkTable.read(
        table, (goal.name, *costs), decisions=decisions, categorical=categorical or ()
    )
    found.best(goal)  # a column without scores is reported before anything slow happens
    queries = min(queries, len(found.rows))
    start_tensorflow()
    informed = {name for name in oracles if costs and takes_features(name)}
    if costs and not informed:
        raise InvalidInputError(f"None of {', '.join(oracles)} makes use of --features.")
    if not quiet:
        click.echo(_introduction(table, found, informed), err=True)
    traces: dict[str, list[Trace]] = {name: [] for name in oracles}
    interrupted = False
    with _progress(len(oracles) * seeds, quiet=quiet) as report:
        try:
            # Seed by seed, so that what an interruption leaves is a fair comparison.
            for seed in range(seeds):
                for name in oracles:
                    known = costs if name in informed else ()
                    trace = run_oracle(
                        name, found, goal, seed=seed, queries=queries, features=known
                    )
                    traces[name].append(trace)
                    report(f"{name}, seed {seed}")
        except KeyboardInterrupt:
            interrupted = True
    finished = {name: found_traces for name, found_traces in traces.items() if found_traces}
    if finished:
        comparison = _comparison(table, found, goal, finished, queries, informed)
        output = output or Path("runs", f"bench-{table.name.split('.')[0]}")
        files = _write(output, comparison, found, goal, finished)
        click.echo(to_json(comparison) if as_json else _text(comparison, files))
    if interrupted:
        raise Interrupted


def _introduction(path: Path, table: BenchmarkTable, informed: set[str]) -> str:
    """What the table holds, and who knows more of it than the decisions."""
    lines = [f"{path}: {len(table.rows):,} settings of {len(table.decisions)} decisions."]
    if table.missing:
        lines.append(
            f"The decisions span {table.size:,} settings; the {table.missing:,} that the table "
            "lacks are infeasible."
        )
    if informed:
        lines.append(f"Told the features: {', '.join(sorted(informed))}.")
    return "\n".join(lines)


def _comparison(
    path: Path,
    table: BenchmarkTable,
    objective: Objective,
    traces: Mapping[str, Sequence[Trace]],
    queries: int,
    informed: set[str],
) -> dict[str, Any]:
    """The outcome as plain values."""
    import numpy as np
    from autoarch.cli.version import version

    from autoarch.evaluation.tabular import mean_and_error, optimum_share
    from autoarch.report.comparison import checkpoints

    oracles = []
    for name, searches in traces.items():
        curves = [table.regret(trace, objective, queries) for trace in searches]
        mean, error = mean_and_error(curves)
        seconds = np.concatenate([trace.seconds for trace in searches])
        oracles.append(
            {
                "name": name,
                "features": name in informed,
                "seeds": len(searches),
                "ms_per_proposal": 1000 * float(seconds.mean()),
                "optimum_share": optimum_share(curves, queries),
                "mean_regret": mean.tolist(),
                "standard_error": error.tolist(),
            }
        )
    return {
        "version": version(),
        "table": path.name,
        "rows": len(table.rows),
        "missing": table.missing,
        "decisions": {name: list(values) for name, values in table.decisions.items()},
        "objective": objective.name,
        "direction": objective.direction,
        "best": table.best(objective),
        "worst": table.worst(objective),
        "queries": queries,
        "checkpoints": checkpoints(queries),
        "oracles": oracles,
    }


def _write(
    directory: Path,
    comparison: Mapping[str, Any],
    table: BenchmarkTable,
    objective: Objective,
    traces: Mapping[str, Sequence[Trace]],
) -> dict[str, Path]:
    """Writes the page, the numbers it shows, and every single query."""
    from autoarch.report.comparison import comparison_page
    from autoarch.trials.run_directory import write_atomically, write_json

    directory.mkdir(parents=True, exist_ok=True)
    files = {
        "curves": directory / "comparison.html",
        "numbers": directory / "comparison.json",
        "every query": directory / "regret.csv",
    }
    write_json(files["numbers"], comparison)
    write_atomically(files["curves"], comparison_page(comparison))
    lines = ["oracle,seed,query,score,regret"]
    for name, searches in traces.items():
        for seed, trace in enumerate(searches):
            scores = table.columns[objective.name][trace.rows].tolist()
            regret = table.regret(trace, objective, len(scores)).tolist()
            lines += [
                f"{name},{seed},{query},{score!r},{left!r}"
                for query, (score, left) in enumerate(zip(scores, regret, strict=True), start=1)
            ]
    write_atomically(files["every query"], "\n".join(lines) + "\n")
    return files


def _text(comparison: Mapping[str, Any], files: Mapping[str, Path]) -> str:
    from autoarch.cli.text import table

    from autoarch.report.comparison import comparison_table

    header, rows = comparison_table(comparison)
    return "\n".join(
        [
            f"Mean regret of {comparison['objective']} (best {comparison['best']:.6g}), "
            "± one standard error",
            "",
            table(header, rows, left=(0,)),
            "",
            *(f"{name:<12} {path}" for name, path in files.items()),
        ]
    )


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Shows on stderr how many searches are done: a bar in a terminal, else lines."""
    if quiet:
        yield lambda text: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        columns = ("{task.description:<24}", BarColumn(), MofNCompleteColumn())
        console = Console(stderr=True)
        with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
            task = bar.add_task("", total=total)
            yield lambda text: bar.update(task, advance=1, description=text)
    else:
        done = iter(range(1, total + 1))
        yield lambda text: click.echo(f"{next(done)} of {total}: {text}", err=True)
