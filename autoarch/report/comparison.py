"""A comparison of oracles on a benchmark table: a table to read and a page with the curves.

A comparison is plain values, what `autoarch bench --json` prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from autoarch.report import plots, wording
from autoarch.report.page import page_template


def checkpoints(queries: int) -> list[int]:
    """The numbers of queries that are reported: 25, 50, 100, 200, ... and the last.

    >>> checkpoints(200), checkpoints(30)
    ([25, 50, 100, 200], [25, 30])
    """
    doubled = [25 << turn for turn in range(queries.bit_length())]
    return [number for number in doubled if number < queries] + [queries]


def comparison_table(comparison: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows as text: mean regret and its standard error, hits, time per proposal."""
    places = comparison["checkpoints"]
    header = ["oracle", "seeds", *(f"at {place}" for place in places), "optimum hit", "ms/proposal"]
    rows = [
        [
            oracle["name"],
            str(oracle["seeds"]),
            *(
                with_error(oracle["mean_regret"][place - 1], oracle["standard_error"][place - 1])
                for place in places
            ),
            wording.percent(oracle["optimum_share"], digits=0),
            f"{oracle['ms_per_proposal']:.2f}",
        ]
        for oracle in comparison["oracles"]
    ]
    return header, rows


def comparison_page(comparison: Mapping[str, Any]) -> str:
    """One HTML file: no scripts, nothing fetched; everything from outside is escaped."""
    header, rows = comparison_table(comparison)
    curves = [(o["name"], o["mean_regret"], o["standard_error"]) for o in comparison["oracles"]]
    return page_template("comparison.html.j2").render(
        comparison=comparison,
        header=header,
        rows=rows,
        plot=Markup(plots.regret_curves(curves)),  # noqa: S704
    )


def with_error(mean: float, error: float) -> str:
    """A mean and its standard error.

    >>> with_error(1.2345, 0.067), with_error(0.0, float("nan"))
    ('1.23 ± 0.067', '0')
    """
    return f"{mean:.3g} ± {error:.2g}" if wording.known(error) else f"{mean:.3g}"
