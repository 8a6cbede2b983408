"""The report's plots: matplotlib figures as inline SVG text.

The object API is used throughout, so no display, backend or global state is involved. Colours are
drawn as stand-ins and then replaced by CSS variables, so the plots follow the page's light or dark
theme; text stays text. No text from outside (class names, file names) is drawn here.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MultipleLocator, NullFormatter

from autoarch.objectives import Objective
from autoarch.report import wording
from autoarch.trials import TrialRecord

INK, MUTED, LINE, ACCENT, CONTRAST, FAINT, PAPER = (f"#a1b2c{digit}" for digit in range(7))
_THEME = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    ACCENT: "var(--accent)",
    CONTRAST: "var(--contrast)",
    FAINT: "var(--faint)",
    PAPER: "var(--paper)",
}

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.labelcolor": MUTED,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "figure.constrained_layout.use": True,
}

_MOST_POINTS = 2000
"""Above this many points every second, third ... is drawn, which keeps the page small."""

_MOST_CURVES = 60

_COST_LABELS = {
    "params": "weights",
    "macs": "multiply-adds",
    "size": "bytes of the int8 file",
    "ram": "bytes of activations",
    "latency": "seconds an answer",
}

_SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Okabe and Ito's colours, which the colour-blind can tell apart, on light and on dark paper."""

Point = tuple[float, float]
Scored = tuple[float, float, int]
"""Seconds of the time budget, score, trial."""


def scores_over_time(
    scores: Sequence[Scored],
    failures: Sequence[float],
    objective: Objective,
    *,
    final: Point | None,
) -> str:
    """Each measurement of the search, and the best score so far as a step line.

    Args:
        scores: All measurements in order of time.
        failures: When trials failed or did not fit, in seconds.
        objective: What the scores are.
        final: When the final training ended, and the model's validation score.
    """

    def plot(axes: Axes) -> None:
        best: list[Point] = []
        for t, score, _ in scores:
            if not best or objective.better(score, best[-1][1]):
                best.append((t, score))
        if best:
            end = max([scores[-1][0], *failures, *([final[0]] if final else [])])
            times = [t for t, _ in best] + [end]
            steps = [score for _, score in best] + [best[-1][1]]
            axes.plot(
                times, steps, color=ACCENT, lw=1.8, drawstyle="steps-post", label="best so far"
            )
        others = thinned([(t, score) for t, score, trial in scores if trial != 0])
        _dots(axes, others, FAINT, label="a trial")
        _dots(axes, [(t, s) for t, s, trial in scores if trial == 0], CONTRAST, label="trial 0")
        if failures:
            axes.plot(
                failures,
                [0.03] * len(failures),
                "x",
                color=CONTRAST,
                ms=5,
                transform=axes.get_xaxis_transform(),
                label="failed or too large",
            )
        if final:
            axes.plot(*final, "D", ms=7, color=ACCENT, label="after final training")
        axes.set_xlabel("time")
        axes.xaxis.set_major_locator(MultipleLocator(_tick_step(axes.get_xlim()[1])))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: wording.clock(round(value))))
        axes.set_xlim(left=0)
        _score_axis(axes, objective.score_name)
        _legend(axes)

    return _svg("scores-over-time", plot)


def score_against_size(
    records: Sequence[TrialRecord],
    objective: Objective,
    *,
    best: int | None,
    cost: str | None = None,
) -> str:
    """Score of each trial against its number of weights, with the front of both.

    Args:
        records: The trials.
        objective: Which way is better.
        best: Number of the winner.
        cost: A cost among the measurements' metrics in place of the weights; then the score is
            the metric itself, whatever the search has made of it.
    """

    def place(record: TrialRecord) -> tuple[Any, Any]:
        if cost is None:
            return record.params, record.score
        metrics = record.last.metrics if record.last else {}
        return metrics.get(cost), metrics.get(objective.name)

    def plot(axes: Axes) -> None:
        found = [(*place(record), record.trial) for record in records]
        points = [
            (float(x), float(y), trial)
            for x, y, trial in found
            if wording.known(x) and wording.known(y)
        ]
        front: list[Point] = []
        for params, score, _ in sorted(points, key=lambda p: (p[0], -objective.utility(p[1]))):
            if not front or objective.better(score, front[-1][1]):
                front.append((params, score))
        if len(front) > 1:
            axes.plot(*zip(*front), color=FAINT, lw=1.2, ls="--", label="best of its size")
        others = [(x, y) for x, y, trial in points if trial not in (0, best)]
        _dots(axes, thinned(others), FAINT, label="a trial")
        _dots(axes, [(x, y) for x, y, t in points if t == 0], CONTRAST, label="trial 0")
        chosen = [(x, y) for x, y, t in points if t == best]
        _dots(axes, chosen, ACCENT, label=f"trial {best}, the best", marker="D", size=7)
        axes.set_xscale("log")
        axes.set_xlabel(_COST_LABELS[cost or "params"])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: wording.short_count(value)))
        sizes = [x for x, _, _ in points]
        narrow = bool(sizes) and max(sizes) < 20 * min(sizes)
        axes.xaxis.set_minor_formatter(
            FuncFormatter(lambda value, _: _minor(value)) if narrow else NullFormatter()
        )
        axes.tick_params(axis="x", which="minor", labelsize=8.5, labelcolor=MUTED)
        axes.margins(x=0.08)
        _score_axis(axes, objective.score_name if cost is None else objective.name)
        _legend(axes)

    return _svg(f"score-against-{cost or 'size'}", plot)


def trial_curves(
    curves: Sequence[tuple[int, Sequence[Point]]], metric: str, *, best: int | None
) -> str:
    """Learning curves of the trials; the best and trial 0 stand out.

    Args:
        curves: Trial, and its points (epochs, value), best trial first; above a number that stays
            readable the last ones are left out, but never the best and trial 0.
        metric: What the values are: "loss" of the training, or a validation metric.
        best: Number of the winner.
    """
    shown = [
        (trial, points)
        for place, (trial, points) in enumerate(curves)
        if points and (place < _MOST_CURVES or trial in (0, best))
    ]

    def plot(axes: Axes) -> None:
        labelled = False
        for trial, points in reversed(shown):
            style: dict[str, Any] = {"color": FAINT, "lw": 1.0, "marker": ".", "ms": 4}
            if trial == best:
                style |= {"color": ACCENT, "lw": 2.2, "label": f"trial {best}, the best"}
            elif trial == 0:
                style |= {"color": CONTRAST, "lw": 1.8, "label": "trial 0"}
            elif not labelled:
                style["label"] = "the others"
                labelled = True
            axes.plot(*zip(*points), **style)
        axes.set_xlabel("epochs")
        axes.set_xlim(left=0)
        if metric == "loss":
            axes.set_title("training loss", color=MUTED)
        else:
            _score_axis(axes, metric)
        _legend(axes)

    return _svg(f"trial-curves-{metric}", plot)


def final_curve(curve: Sequence[Mapping[str, Any]]) -> str:
    """Loss and learning rate of the final training over its epochs."""
    losses = _series(curve, "loss")
    rates = _series(curve, "learning_rate")

    def plot(axes: Axes) -> None:
        if rates:
            twin = axes.twinx()
            twin.plot(*zip(*rates), color=FAINT, lw=1.2, ls="--", label="learning rate")
            twin.set_ylim(bottom=0)
            twin.grid(visible=False)
            twin.spines["right"].set_visible(False)
            twin.tick_params(labelsize=8.5)
            twin.set_title("learning rate (dashed)", loc="right", color=MUTED)
        axes.plot(*zip(*losses), color=ACCENT, lw=2.0, label="loss")
        axes.set_title("training loss", color=MUTED)
        axes.set_xlabel("epochs")

    return _svg("final-curve", plot)


def regret_curves(curves: Sequence[tuple[str, Sequence[float], Sequence[float]]]) -> str:
    """Mean regret of several oracles after each query, with a band of one standard error.

    A curve that leaves the plot at the bottom has reached 0, which a logarithm does not show.

    Args:
        curves: Name, mean regret and standard error; the error is NaN where it is not known.
    """

    def plot(axes: Axes) -> None:
        for place, (name, mean, error) in enumerate(curves):
            turn, colour = divmod(place, len(_SERIES))
            style: dict[str, Any] = {"color": _SERIES[colour], "ls": ("-", "--", ":")[turn % 3]}
            queries = range(1, len(mean) + 1)
            axes.plot(queries, mean, lw=1.6, label=name, **style)
            if all(map(wording.known, error)):
                low = [m - e for m, e in zip(mean, error)]
                high = [m + e for m, e in zip(mean, error)]
                axes.fill_between(queries, low, high, color=style["color"], alpha=0.15, lw=0)
        positive = [value for _, mean, _ in curves for value in mean if value > 0]
        if positive:
            axes.set_yscale("log", nonpositive="clip")
            axes.set_ylim(min(positive) / 1.5, max(positive) * 1.5)
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_title("mean regret", color=MUTED)
        axes.set_xlabel("queries")
        axes.set_xlim(0, max(len(mean) for _, mean, _ in curves))
        axes.legend(loc="lower left", handlelength=1.8, ncols=1 + len(curves) // 6)

    return _svg("regret-curves", plot, size=(8.0, 4.8))


def curve_points(record: TrialRecord, metric: str) -> list[Point]:
    """A trial's curve over all its measurements, without the points that lack the metric."""
    return _series([point for m in record.measurements for point in m.curve], metric)


def measured_points(record: TrialRecord) -> list[Point]:
    """A trial's score at each fidelity."""
    return [(m.epochs, m.score) for m in record.measurements if wording.known(m.score)]


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most `_MOST_POINTS` of the points, evenly spread."""
    return list(points[:: max(1, math.ceil(len(points) / _MOST_POINTS))])


def _tick_step(longest_s: float) -> float:
    """Seconds between the ticks of a time axis: round on a clock, six ticks or fewer."""
    minute, hour = 60, 3600
    short = (1, 5, 10, 30, minute, 2 * minute, 5 * minute, 10 * minute, 30 * minute)
    steps = (*short, hour, 2 * hour, 4 * hour, 12 * hour, 24 * hour)
    return next((step for step in steps if longest_s / step <= 6), longest_s / 6)


def _series(curve: Iterable[Mapping[str, Any]], metric: str) -> list[Point]:
    points = [(point.get("epoch"), point.get(metric)) for point in curve]
    return thinned([(x, y) for x, y in points if wording.known(x) and wording.known(y)])


def _dots(
    axes: Axes,
    points: Sequence[Point],
    colour: str,
    *,
    label: str,
    marker: str = "o",
    size: int = 5,
) -> None:
    if points:
        axes.plot(
            *zip(*points),
            marker,
            color=colour,
            label=label,
            ms=size,
            markeredgecolor=PAPER,
            markeredgewidth=0.6,
        )


def _minor(value: float) -> str:
    """Labels 2 and 5 between the powers of ten."""
    leading = value / 10 ** math.floor(math.log10(value))
    return wording.short_count(value) if round(leading, 6) in (2, 5) else ""


def _score_axis(axes: Axes, metric: str) -> None:
    axes.set_title(f"validation {wording.metric_name(metric)}", color=MUTED)
    if wording.is_share(metric):
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g} %"))


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best", handlelength=1.4)


def _svg(name: str, plot: Callable[[Axes], None], *, size: tuple[float, float] = (5.0, 3.1)) -> str:
    """Draws one figure and returns its `<svg>` element; ids are unique to `name`."""
    style: Any = {**_STYLE, "svg.hashsalt": name}
    with mpl.rc_context(style):
        figure = Figure(figsize=size)
        plot(figure.add_subplot())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg")
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    label = re.sub("[-_]", " ", name)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
    # The metadata is of no use inline, and the style sheet would apply to the whole page.
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    for stand_in, variable in _THEME.items():
        svg = svg.replace(stand_in, variable)
    prefix = hashlib.sha256(name.encode()).hexdigest()[:6]
    return re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{prefix}-", svg)
