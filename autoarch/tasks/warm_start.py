"""A search that begins with what an earlier one has found: `--warm-start RUN`.

The best networks of the earlier run are proposed first after trial 0, whatever the oracle. What
is carried over are decisions, not weights: the data may have other classes, and pictures another
size. Each brings its recipe along, since that is decided beside the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from autoarch.costs.budgets import Budgets
from autoarch.errors import InvalidInputError
from autoarch.objectives import Objective
from autoarch.oracles.decisions import Decision, DecisionSpace, Setting
from autoarch.oracles.domains import Finite, Interval, Value
from autoarch.spaces import Candidate, SearchSpace
from autoarch.spaces.steering import WIDTH
from autoarch.tasks.limits import limited_space
from autoarch.tasks.oracle_choice import most_macs
from autoarch.trials import RunDirectory, TrialRecord, read_events, replay

PROPOSED = 3
"""So many networks of the earlier run are proposed: promotions begin at eight trials, and the
oracle is to have its say before that."""

REMEMBERED = 32
"""Networks that are kept in `run.json`, best first: limits may leave out the best ones."""


@dataclass(frozen=True)
class Evidence:
    """What an earlier run says, as `run.json` of the run that begins with it keeps it.

    Args:
        run: The earlier run's directory, as the user gave it.
        width: Of its trial 0, around which its space lay; None where it has none.
        decisions: Of its networks, best first.
    """

    run: str
    width: int | None
    decisions: tuple[Mapping[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        return {"run": self.run, "width": self.width, "decisions": list(map(dict, self.decisions))}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(data["run"], data["width"], tuple(data["decisions"]))

    def candidates(
        self, space: SearchSpace, baseline: Candidate, budgets: Budgets
    ) -> list[Candidate]:
        """The networks that are proposed after trial 0: the best that this run can afford.

        Args:
            space: This run's space; values that it does not have become the nearest it has.
            baseline: This run's trial 0.
            budgets: This run's limits; a network above them is taken to the closest below.

        Raises:
            InvalidInputError: The space has none of the earlier run's decisions.
        """
        declared = DecisionSpace.from_hyperparameters(space.hyperparameters())
        if declared.names.isdisjoint(name for found in self.decisions for name in found):
            raise InvalidInputError(
                f"{self.run} made other decisions than this run's {space.name} space has; give "
                "another run to start from."
            )
        limited = limited_space(space, budgets) if budgets else None
        most, known = most_macs(space, baseline), {baseline.key}
        width = baseline.decisions.get(WIDTH)
        ratio = width / self.width if width and self.width else 1.0
        found: list[Candidate] = []
        for decisions in self.decisions:
            setting = translated(decisions, declared, width_ratio=ratio)
            if limited is not None:
                setting = limited.closest(setting, np.random.default_rng(0))
            candidate = space.candidate(setting)
            if candidate.architecture.macs <= most and candidate.key not in known:
                known.add(candidate.key)
                found.append(candidate)
        return found[:PROPOSED]


def first_candidates(
    run: RunDirectory,
    space: SearchSpace,
    baseline: Candidate,
    budgets: Budgets,
    note: Callable[[str], None],
) -> list[Candidate]:
    """What a run tries first after trial 0, by its `run.json`; nothing where no earlier run was
    given. `note` is told; the others as for `Evidence.candidates`."""
    stored = run.settings().get("warm_start")
    if stored is None:
        return []
    evidence = Evidence.from_json(stored)
    found = evidence.candidates(space, baseline, budgets)
    note(
        f"{len(found)} of the best networks of {evidence.run} are tried first after trial 0."
        if found
        else f"{evidence.run} has nothing for this run but trial 0, or nothing small enough."
    )
    return found


def warm_start_facts(
    earlier: str | None, first: Sequence[Candidate], trials: Sequence[TrialRecord]
) -> dict[str, Any] | None:
    """What the result says: the earlier run, and which trials are its networks."""
    if earlier is None:
        return None
    keys = {candidate.key for candidate in first}
    return {"run": earlier, "trials": [t.trial for t in trials if t.key in keys]}


def translated(
    decisions: Mapping[str, Value], space: DecisionSpace, *, width_ratio: float = 1.0
) -> Setting:
    """The setting of another space that means the same.

    Args:
        decisions: Values by name; what the space does not have is dropped, what it has beside
            them takes its default.
        space: The decisions there are.
        width_ratio: The width of this trial 0 by that of the earlier one. Widths are what the data
            and the clock make of trial 0, so one of twice trial 0's stays that.

    Example:
        >>> space = DecisionSpace([Decision("width", Finite((8, 16, 32), ordered=True), 16),
        ...     Decision("kind", Finite(("a", "b"), ordered=False), "a")])
        >>> translated({"width": 12, "kind": "c", "depth": 2}, space, width_ratio=2.5)
        {'width': 32, 'kind': 'a'}
    """

    def choose(_: int, decision: Decision) -> Value:
        value = decisions.get(decision.name, decision.default)
        return _nearest(decision, value * width_ratio if decision.name == WIDTH else value)

    return space.fill(choose)


def _nearest(decision: Decision, value: Value) -> Value:
    """The legal value that equals `value`, or is nearest to it; else the default."""
    domain = decision.domain
    declared = domain.declared(value)
    if declared is not None:
        return declared
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and isinstance(domain, Interval):
        return min(max(float(value), domain.low), domain.high)
    if is_number and isinstance(domain, Finite) and domain.ordered:
        numbers = [v for v in domain.values if isinstance(v, int | float)]
        return min(numbers, key=lambda v: abs(v - value), default=decision.default)
    return decision.default


def read_evidence(
    path: str, task: str, settings: Mapping[str, Any], objective: Objective
) -> Evidence:
    """Reads the trials of an earlier run, finished or not.

    Args:
        path: Its directory.
        task: Kind of data of the run that begins.
        settings: That run's, as JSON.
        objective: By which the earlier networks are ranked, whatever they were chosen by then.

    Raises:
        RunDirectoryError: Not the directory of a run, or a file in it is damaged.
        InvalidInputError: A run on other data or in another space, or nothing was measured.
    """
    run = RunDirectory(Path(path))
    about = run.settings()
    if about.get("task") != task:
        raise InvalidInputError(
            f"{path} is a run on {about.get('task')} data, which says nothing of {task} data; give "
            "another run to start from."
        )
    theirs, ours = (_searched(task, s) for s in (about.get("settings", {}), settings))
    if theirs != ours:
        raise InvalidInputError(
            f"{path} searched {theirs}, this run searches {ours}; give another run to start from."
        )
    trials = replay(read_events(run.log_file))
    best = ranked(trials, objective)
    if not best:
        raise InvalidInputError(f"{path} has measured no network yet; there is nothing in it.")
    return Evidence(
        path,
        trials[0].decisions.get(WIDTH),
        tuple(record.decisions for record in best[:REMEMBERED]),
    )


def ranked(trials: Sequence[TrialRecord], objective: Objective) -> list[TrialRecord]:
    """Measured trials, those trained longest first, then by the objective, then the earlier one."""
    measured = [t for t in trials if t.last is not None and objective.name in t.last.metrics]

    def rank(record: TrialRecord) -> tuple[float, float, int]:
        assert record.last is not None
        utility = objective.utility(objective.score(record.last.metrics))
        return -round(record.epochs, 2), -utility, record.trial

    return sorted(measured, key=rank)


def _searched(task: str, settings: Mapping[str, Any]) -> str:
    """What a run searched, in words that are equal for equal families of networks."""
    if settings.get("architecture"):
        return f"nothing but {settings['architecture']}"
    space = settings.get("space", "auto")
    if task != "image":
        space = task  # "mobile" is the same space with fewer values
    elif space == "auto":
        space = "pretrained" if settings.get("pretrained") else "residual"
    return f"the {space} space"
