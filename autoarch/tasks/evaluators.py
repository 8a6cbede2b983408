"""What `--evaluator` stands for, where it is not training alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from autoarch.architecture import Architecture
from autoarch.evaluation.zero_cost import require_scorable
from autoarch.supernet.path import require_sharing
from autoarch.tasks.cheap_first import CheapFirst
from autoarch.tasks.differentiable import Differentiable
from autoarch.tasks.one_shot import OneShot
from autoarch.tasks.zero_cost_first import ZeroCostFirst


def check_evaluator(method: str, network: Architecture) -> None:
    """Raises `InvalidInputError` where an evaluator cannot measure networks such as this one."""
    if method == "one-shot":
        require_sharing(network)
    if method == "zero-cost":
        require_scorable(network)


def stages_of(method: str) -> Callable[..., CheapFirst]:
    """The search of an evaluator other than "train", from the arguments of `CheapFirst`."""
    own: dict[str, Callable[..., CheapFirst]] = {"one-shot": OneShot, "zero-cost": ZeroCostFirst}
    return own.get(method) or partial(Differentiable, method=method)
