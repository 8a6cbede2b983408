"""What every task class takes beside `time`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from autoarch.costs.constraints import Constraints
from autoarch.search.progress import Progress


class CommonArguments(TypedDict, total=False):
    """See `ImageSearch`."""

    trials: int | None
    oracle: str
    evaluator: str
    space: Any
    objective: str
    valid: float | str | Path | None
    test: float | str | Path | None
    class_weight: str
    precision: str
    inherit: bool
    ship: str
    max_size_bytes: int | None
    constraints: Constraints | Mapping[str, Any] | None
    device: str | Path | None
    mobile: bool
    prefer: Mapping[str, Any] | Sequence[str] | str | None
    objectives: Sequence[str] | str | None
    preset: Mapping[str, Any] | Sequence[str] | str | None
    fixed: Mapping[str, Any] | Sequence[str] | str | None
    forbidden: Mapping[str, Any] | Sequence[str] | str | None
    warm_start: str | Path | None
    ensemble: int | None
    folds: int | None
    seed: int
    output: str | Path | None
    resume: bool
    progress: Progress | None
