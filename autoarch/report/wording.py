"""How numbers and words look in a report: one place, so that page, summary and plots agree.

A value that is missing (None) or undefined (NaN) is written as a dash everywhere.
"""

from __future__ import annotations

import math
from typing import Any, TypeGuard

from autoarch.objectives import WEIGHED

MISSING = "\N{EN DASH}"

_SHARES = {"accuracy", "balanced_accuracy", "macro_f1"}
"""Metrics written in per cent; the others are written with three decimals."""

_METRIC_NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "auc": "AUC",
    "log_loss": "log loss",
}

_NOUNS = {"text": "text", "speech": "clip"}


def noun_of(task: Any) -> str:
    """What an example is called: "clip" or "text", and "image" where no task is told."""
    return _NOUNS.get(str(task), "image")


def known(value: Any) -> TypeGuard[float]:
    """Whether a number is there: neither None nor NaN nor infinite."""
    return isinstance(value, int | float) and math.isfinite(value)


def metric_name(name: str) -> str:
    """The metric as it is written in a sentence."""
    if name.startswith(WEIGHED):
        return f"weighed {metric_name(name.removeprefix(WEIGHED))}"
    return _METRIC_NAMES.get(name, name.replace("_", " "))


def capital(text: str) -> str:
    """The text with its first letter large and the others as they are: `Macro F1`."""
    return text[:1].upper() + text[1:]


def is_share(name: str) -> bool:
    """Whether the metric is written in per cent."""
    return name in _SHARES


def metric(name: str, value: float | None) -> str:
    """A metric's value: `74.1 %` for accuracies, `0.953` for the others."""
    if value is None or not known(value):
        return MISSING
    return percent(value) if is_share(name) else f"{value:.3f}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share in [0, 1] as per cent.

    >>> percent(0.7412)
    '74.1 %'
    """
    return MISSING if share is None or not known(share) else f"{100 * share:.{digits}f} %"


def interval(bounds: tuple[float, float] | None) -> str:
    """An interval of shares: `72.1 to 76.0 %`."""
    if bounds is None:
        return MISSING
    return f"{100 * bounds[0]:.1f} to {100 * bounds[1]:.1f} %"


def seconds(value: float | None) -> str:
    """A duration.

    >>> [seconds(v) for v in (0.42, 7.25, 61, 3725)]
    ['0.4 s', '7.2 s', '1 min 1 s', '1 h 2 min']
    """
    if value is None or not known(value):
        return MISSING
    if value < 59.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(whole / 60), 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def clock(seconds: float) -> str:
    """Seconds as a clock shows them.

    >>> clock(9), clock(312.4), clock(3723)
    ('0:09', '5:12', '1:02:03')
    """
    whole = max(0, int(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def count(value: int | float | None) -> str:
    """A whole number with thousands apart: `12,345`."""
    return MISSING if value is None or not known(value) else f"{round(value):,}"


def short_count(value: int | float | None) -> str:
    """A large number in three digits.

    >>> [short_count(v) for v in (0, 999, 12345, 35_200_000)]
    ['0', '999', '12.3 k', '35.2 M']
    """
    if value is None or not known(value):
        return MISSING
    return _scaled(value, 1000, ("", " k", " M", " G", " T"))


def size(value: int | float | None) -> str:
    """A size in bytes.

    >>> [size(v) for v in (512, 3_500_000)]
    ['512 B', '3.5 MB']
    """
    if value is None or not known(value):
        return MISSING
    return _scaled(value, 1000, (" B", " kB", " MB", " GB", " TB"))


def _scaled(value: float, step: int, units: tuple[str, ...]) -> str:
    unit = 0
    while abs(value) >= step and unit < len(units) - 1:
        value /= step
        unit += 1
    digits = 0 if (unit == 0 and value == round(value)) or abs(value) >= 99.95 else 1
    return f"{value:.{digits}f}{units[unit]}"


def epochs(value: float | None) -> str:
    """Passes over the data: whole where they are whole, else one decimal."""
    return MISSING if value is None or not known(value) else f"{round(value, 1):g}"


def epochs_text(value: float) -> str:
    """A training length: `1 epoch`, `2.5 epochs`."""
    text = epochs(value)
    return f"{text} epoch" if text == "1" else f"{text} epochs"


def plain(value: Any) -> str:
    """Any JSON value of a setting or decision, short and without quotes.

    >>> [plain(v) for v in (True, 0.30000000000000004, "relu", [3, 5])]
    ['yes', '0.3', 'relu', '3, 5']
    """
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else MISSING
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(item)}" for key, item in value.items())
    return str(value)


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 trial`, `9 trials`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def decision_name(name: str) -> str:
    """A decision's name for reading: `stage1/width` becomes `stage1 width`."""
    return name.replace("/", " ").replace("_", " ")
