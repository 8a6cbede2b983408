"""The plot of `versus.py`: a panel a set, accuracy against minutes, a line a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from contest import CONTESTS, METHODS, TIMELESS, Cell, Measured
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

COLUMNS = 4
COLOURS = {
    "autoarch": "#d55e00",
    "random": "#e69f00",
    "trial0": "#0072b2",
    "expert": "#009e73",
    "linear": "#777777",
    "autokeras": "#cc79a7",
}
"""Okabe and Ito's, which the colour-blind can tell apart."""

STYLE: dict[str, Any] = {
    "svg.fonttype": "path",  # readers of the page need not have the font
    "svg.hashsalt": "versus",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
}


def draw(cells: Sequence[Cell], results: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Writes the plot of what there is so far: an SVG or a PNG, as the name ends."""
    measured = Measured(results)
    contests = [name for name in CONTESTS if any(cell.contest == name for cell in cells)]
    minutes = sorted({cell.minutes for cell in cells})
    seeds = sorted({cell.seed for cell in cells})
    columns = min(COLUMNS, len(contests) + 1)
    rows = -(-(len(contests) + 1) // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.9 * columns, 2.4 * rows))
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel, contest in zip(panels, contests):
            for method, title in METHODS.items():
                places = [(m, measured.median(contest, method, m, seeds)) for m in minutes]
                shown = [(m, median) for m, median in places if median is not None]
                if shown:
                    dash = "--" if method in TIMELESS else "-"
                    mark = "" if method in TIMELESS else "o"
                    panel.plot(
                        *zip(*shown),
                        dash + mark,
                        color=COLOURS[method],
                        label=title,
                        linewidth=2.2 if method == "autoarch" else 1.2,
                        markersize=4,
                        zorder=3 if method == "autoarch" else 2,
                    )
            goals = [(m, goal) for m, goal in CONTESTS[contest].goals.items() if m in minutes]
            if goals:
                panel.plot(*zip(*goals), "*", color="black", markersize=8, label="goal", zorder=4)
            panel.set_title(contest)
            panel.set_xscale("log")
            panel.set_xticks(minutes, [f"{m:g}" for m in minutes])
            panel.xaxis.set_minor_locator(NullLocator())
            panel.xaxis.set_minor_formatter(NullFormatter())
        for panel in panels[len(contests) :]:
            panel.set_axis_off()
        labels: dict[str, Any] = {}
        for panel in panels[: len(contests)]:
            handles, names = panel.get_legend_handles_labels()
            labels.update(zip(names, handles))
        panels[len(contests)].legend(labels.values(), labels.keys(), loc="center", frameon=False)
        figure.supxlabel("minutes", fontsize=9)
        figure.supylabel("test accuracy", fontsize=9)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
