"""The tables of `versus.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contest import CONTESTS, METHODS, TIMELESS, Cell, Measured
from kept import Made


def page(
    cells: Sequence[Cell],
    results: Mapping[str, Mapping[str, Any]],
    made: Mapping[str, Made],
    *,
    head: str,
    plot: str,
) -> str:
    """The whole page, of what there is so far.

    Args:
        cells: All runs that were asked for, now or earlier.
        results: Of the finished ones, by key.
        made: Their days and machines; a failure of ours that is not kept has none.
        head: Date, seeds and machine.
        plot: File of the plot.
    """
    measured = Measured(results)
    contests = [name for name in CONTESTS if any(cell.contest == name for cell in cells)]
    methods = [name for name in METHODS if any(cell.method == name for cell in cells)]
    minutes = sorted({cell.minutes for cell in cells})
    seeds = sorted({cell.seed for cell in cells})
    timed = [name for name in methods if name not in TIMELESS]
    titles = " | ".join(METHODS[name] for name in methods)
    return "\n".join(
        [
            "# AutoArch against what one would use instead",
            "",
            head,
            "",
            "Medians over the seeds of the accuracy on the official test part, read once a run; in "
            "brackets how many seeds there are where some are missing. "
            '"To the goal" and "to trial 0" are points of AutoArch above (+) or below (-); "same" '
            "is where AutoArch itself gave its known network the whole time and tried no other.",
            "",
            f"![Accuracy against minutes]({plot})",
            "",
            f"| set | minutes | goal | to the goal | to trial 0 | {titles} |",
            "|---" * (5 + len(methods)) + "|",
            *(
                _row(measured, contest, time, methods, seeds)
                for contest in contests
                for time in minutes
                if any(measured.accuracies(contest, name, time, seeds) for name in timed)
            ),
            "",
            "| set | method | minutes | seed | test accuracy | examples | seconds | trials | bytes "
            "of the model | day | |",
            "|---" * 11 + "|",
            *(
                _cell(cell, results[cell.key], made.get(cell.key))
                for cell in sorted(cells, key=lambda c: _order(c, contests))
                if cell.key in results
            ),
            "",
        ]
    )


def _order(cell: Cell, contests: Sequence[str]) -> tuple[int, int, float, int]:
    return (
        contests.index(cell.contest),
        list(METHODS).index(cell.method),
        cell.minutes,
        cell.seed,
    )


def _row(
    measured: Measured, contest: str, time: float, methods: Sequence[str], seeds: Sequence[int]
) -> str:
    goal = CONTESTS[contest].goals.get(time)
    ours = measured.median(contest, "autoarch", time, seeds)
    alone = measured.median(contest, "trial0", time, seeds)
    same = alone is None and measured.tried_no_other(contest, time)
    cells = [
        contest,
        f"{time:g}",
        "" if goal is None else f">= {goal:g}",
        points(ours, goal),
        "same" if same else points(ours, alone),
    ]
    for method in methods:
        found = measured.accuracies(contest, method, time, seeds)
        wanted = 1 if method in TIMELESS else len(seeds)
        median = measured.median(contest, method, time, seeds)
        few = f" ({len(found)})" if len(found) < wanted else ""
        cells.append("-" if median is None else f"{median:.4f}{few}")
    return f"| {' | '.join(cells)} |"


def points(ours: float | None, other: float | None) -> str:
    """Difference in points of accuracy; empty where one of the two is missing.

    >>> points(0.75, 0.745), points(0.7, 0.745), points(None, 0.7)
    ('+0.5', '-4.5', '')
    """
    return "" if ours is None or other is None else f"{100 * (ours - other):+.1f}"


def _cell(cell: Cell, result: Mapping[str, Any], made: Made | None) -> str:
    timeless = cell.method in TIMELESS
    seconds = f"{result['outside_s']:.0f}" if "outside_s" in result else ""
    size = f"{result['size_bytes']:,}" if "size_bytes" in result else ""
    note = result.get("failed") or result.get("note") or ""
    shown = [
        cell.contest,
        METHODS[cell.method],
        "" if timeless else f"{cell.minutes:g}",
        "" if timeless else str(cell.seed),
        f"{result['accuracy']:.4f}" if "accuracy" in result else "-",
        str(result.get("n", "")),
        seconds,
        str(result.get("trials", "")),
        size,
        "" if made is None else made.day,
        " ".join(note.replace("|", "/").split()),
    ]
    return f"| {' | '.join(shown)} |"
