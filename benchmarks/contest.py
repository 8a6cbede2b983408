"""Who competes on what: the sets, the goals, the methods, and medians of what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Contest:
    """One set.

    Args:
        folder: Its name among the real data sets.
        kind: "image", "sound" or "text".
        goals: Accuracy to reach, by minutes.
        trained: Whether networks may begin with weights that come trained.
    """

    folder: str
    kind: str
    goals: Mapping[float, float]
    trained: bool = False


CONTESTS = {
    "cifar10-mini": Contest("cifar10-mini", "image", {3: 0.745, 15: 0.82}),
    "clothing10-pretrained": Contest("clothing10", "image", {3: 0.82, 15: 0.85}, trained=True),
    "clothing10": Contest("clothing10", "image", {3: 0.71, 15: 0.77}),
    "fsdd": Contest("fsdd", "sound", {3: 0.993, 15: 0.997}),
    "trec6": Contest("trec6", "text", {3: 0.92, 15: 0.93}),
    "sst2": Contest("sst2", "text", {3: 0.838, 15: 0.845}),
    "waimai_zh": Contest("waimai_zh", "text", {3: 0.905, 15: 0.91}),
}

METHODS = {
    "autoarch": "AutoArch",
    "random": "AutoArch, random oracle",
    "trial0": "AutoArch, trial 0 alone",
    "expert": "expert by hand",
    "linear": "linear model",
    "autokeras": "AutoKeras",
}
"""Methods by name, and what tables call them."""

MINUTES = (1, 3, 5, 15)

TIMELESS = ("linear",)
"""Methods that no time and no seed changes: one run a set."""


@dataclass(frozen=True)
class Cell:
    """One run: a set, a method, minutes and a seed."""

    contest: str
    method: str
    minutes: float
    seed: int

    @property
    def key(self) -> str:
        """Its name among the kept ones.

        >>> Cell("fsdd", "expert", 3, 1).key, Cell("fsdd", "linear", 3, 1).key
        ('fsdd/expert/3/1', 'fsdd/linear')
        """
        if self.method in TIMELESS:
            return f"{self.contest}/{self.method}"
        return f"{self.contest}/{self.method}/{self.minutes:g}/{self.seed}"

    @classmethod
    def of(cls, key: str) -> Cell:
        """The run of a name; of a run that no time changes, at the fewest minutes and seed 0.

        >>> Cell.of("fsdd/expert/3/1") == Cell("fsdd", "expert", 3, 1), Cell.of("fsdd/linear").key
        (True, 'fsdd/linear')
        """
        contest, method, *rest = key.split("/")
        minutes, seed = rest or (min(MINUTES), 0)
        return cls(contest, method, float(minutes), int(seed))


def cells_of(
    contests: Iterable[str], methods: Iterable[str], minutes: Iterable[float], seeds: Iterable[int]
) -> list[Cell]:
    """All runs: each seed of everything before the next, and short ones first."""
    contests, methods, minutes = list(contests), list(methods), sorted(minutes)
    found: dict[str, Cell] = {}
    for seed in seeds:
        for time in minutes:
            for contest in contests:
                for method in methods:
                    cell = Cell(contest, method, time, seed)
                    found.setdefault(cell.key, cell)
    return list(found.values())


class Measured:
    """What was measured so far.

    Args:
        results: By `Cell.key`; a result has `accuracy`, or `failed` and why.
    """

    def __init__(self, results: Mapping[str, Mapping[str, Any]]):
        self.results = results

    def accuracies(
        self, contest: str, method: str, minutes: float, seeds: Iterable[int]
    ) -> list[float]:
        """Of the seeds that are there and did not fail."""
        keys = dict.fromkeys(Cell(contest, method, minutes, seed).key for seed in seeds)
        found = [self.results[key] for key in keys if key in self.results]
        return [result["accuracy"] for result in found if "accuracy" in result]

    def median(
        self, contest: str, method: str, minutes: float, seeds: Iterable[int]
    ) -> float | None:
        """Median accuracy over the seeds, or None where there is none."""
        found = self.accuracies(contest, method, minutes, seeds)
        return statistics.median(found) if found else None

    def tried_no_other(self, contest: str, minutes: float) -> bool:
        """Whether AutoArch gave its known network the whole time there, in every run, so that it
        did what `trial0` does."""
        start, end = f"{contest}/autoarch/", f"/{minutes:g}/"
        found = [r for key, r in self.results.items() if key.startswith(start) and end in key]
        return bool(found) and all(result.get("trials") == 1 for result in found)
