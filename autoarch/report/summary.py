"""The plain facts of a run, shared by the page and by the text that ends `autoarch fit`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoarch.report import wording
from autoarch.report.estimates import Estimate, claims_of, estimates_of
from autoarch.report.evaluators import (
    ensemble_text,
    evaluator_text,
    folds_text,
    warm_start_text,
)
from autoarch.report.leaderboard import leaderboard
from autoarch.report.run_files import RunFiles, read_run
from autoarch.report.tradeoffs import (
    FrontPoint,
    Limit,
    Target,
    front_of,
    front_text,
    limits_of,
    targets_of,
)
from autoarch.trials import RunDirectory, TrialStatus


@dataclass(frozen=True)
class PhaseShare:
    """Time spent in one phase: its name, seconds, and share of the run in [0, 1]."""

    name: str
    seconds: float
    share: float


@dataclass(frozen=True)
class ModelFile:
    """One exported form of the model.

    Args:
        format: E.g. "saved_model".
        path: Relative to the run's directory where it lies inside.
        size_bytes: None where the run did not say.
        max_difference: Largest difference of a probability from the trained model's.
    """

    format: str
    path: str
    size_bytes: int | None
    max_difference: float | None


@dataclass(frozen=True)
class Summary:
    """What a run found, or has found so far.

    Args:
        run: Its directory.
        state: "complete", "complete (stopped early)" or "unfinished, in phase ...".
        complete: Whether there is a result.
        objective: Name of the metric that the search optimised.
        headline_split: "test", "valid" or "" (no result): where `headline` was measured.
        headline: The objective's value there.
        metrics: All metrics by split, "valid" and "test".
        estimates: Accuracies to compare: the model, the winner and trial 0 in the search, the
            majority class; those that are known, best evidence first.
        claims: What the numbers allow to say, in sentences.
        phases: Where the time went; the shares add up to 1.
        wall_s: Seconds spent.
        time_limit_s: Seconds allowed, or None.
        training_share: Share of the time inside training steps, or None.
        bookkeeping_share: Share of the time in the oracle, the log and the loop, or None.
        counts: Number of trials by status.
        best_trial: Number of the winner, or of the leader so far; None without a score.
        params: Weights of the model; None before it exists.
        macs: Multiply-adds of one forward pass of one example.
        files: The exported model's files.
        limits: What was allowed and what is used.
        targets: What was preferred and what is used.
        front: The best trade-offs, where several objectives were asked for.
        evaluator: How candidates were measured, in words; empty where by training alone.
        folds: On which splits networks were compared, in words; empty where on one.
        warm_start: What an earlier run gave, in words; empty where none was given.
        ensemble: Which networks the model averages, in words; empty where it is a single one.
    """

    run: Path
    state: str
    complete: bool
    objective: str
    headline_split: str
    headline: float | None
    metrics: Mapping[str, Mapping[str, Any]]
    estimates: tuple[Estimate, ...]
    claims: tuple[str, ...]
    phases: tuple[PhaseShare, ...]
    wall_s: float
    time_limit_s: float | None
    training_share: float | None
    bookkeeping_share: float | None
    counts: Mapping[str, int]
    best_trial: int | None
    params: int | None
    macs: int | None
    files: tuple[ModelFile, ...]
    limits: tuple[Limit, ...] = ()
    targets: tuple[Target, ...] = ()
    front: tuple[FrontPoint, ...] = ()
    evaluator: str = ""
    folds: str = ""
    warm_start: str = ""
    ensemble: str = ""

    def text(self) -> str:
        """The summary in a few lines of plain text, without a newline at the end."""
        lines = [f"{self.run}: {self.state}"]
        lines += [f"  {label:<11} {text}" for label, text in self._lines()]
        return "\n".join(lines + [f"  {claim}" for claim in self.claims])

    def _lines(self) -> Iterator[tuple[str, str]]:
        if self.headline is not None and self.objective != "accuracy":
            name = wording.metric_name(self.objective)
            value = wording.metric(self.objective, self.headline)
            yield self.headline_split, f"{value} {name}"
        for estimate in self.estimates:
            text = f"{wording.percent(estimate.accuracy)} accuracy"
            if estimate.ci95:
                text += f" (95 % interval {wording.interval(estimate.ci95)})"
            yield _TEXT_LABELS[estimate.kind], f"{text}, {estimate.detail}"
        yield "trials", trials_text(self.counts)
        if self.evaluator:
            yield "evaluator", self.evaluator
        if self.folds:
            yield "folds", self.folds
        if self.warm_start:
            yield "warm start", self.warm_start
        if self.ensemble:
            yield "ensemble", self.ensemble
        clock = wording.seconds(self.wall_s)
        if self.time_limit_s:
            clock += f" of {wording.seconds(self.time_limit_s)}"
        shares = ", ".join(f"{p.name} {wording.percent(p.share, 0)}" for p in self.phases)
        yield "time", f"{clock}: {shares}" if shares else clock
        if self.params is not None:
            macs = wording.short_count(self.macs)
            yield "model", f"{wording.count(self.params)} weights, {macs} multiply-adds"
        for limit in self.limits:
            yield "limit", str(limit)
        for target in self.targets:
            yield "target", str(target)
        yield from front_text(self.front, self.objective)
        for file in self.files:
            size = "" if file.size_bytes is None else f" ({wording.size(file.size_bytes)})"
            yield file.format, f"{file.path}{size}"


_TEXT_LABELS = {
    "test": "test",
    "valid": "validation",
    "winner": "winner",
    "baseline": "trial 0",
    "majority": "majority",
}


def trials_text(counts: Mapping[str, int]) -> str:
    """`9 completed, 1 failed`: the statuses that occur."""
    return ", ".join(f"{n} {status}" for status, n in counts.items() if n) or "none yet"


def summarise(run: RunDirectory) -> Summary:
    """Reads a run, finished or not, and says what there is.

    Raises:
        RunDirectoryError: Not the directory of a run, or a file in it is damaged.
    """
    return summary_of(read_run(run))


def summary_of(files: RunFiles) -> Summary:
    """The summary of a run already read."""
    result = files.result or {}
    metrics = {split: result[split] for split in ("valid", "test") if _measured(result.get(split))}
    headline_split = next((split for split in ("test", "valid") if split in metrics), "")
    wall_s = float(result.get("wall_s") or files.spent_s)
    rows = leaderboard(files.trials, files.scored)
    leader = rows[0].trial if rows and rows[0].rank else None
    model = result.get("model") or {}
    best = next((r for r in files.trials if r.trial == _best_trial(result, leader)), None)
    estimates = tuple(estimates_of(files, metrics, best))

    def share(key: str) -> float | None:
        value = result.get(key)
        return value / wall_s if wording.known(value) and wall_s > 0 else None

    return Summary(
        run=files.directory.root,
        state=_state(files),
        complete=files.complete,
        objective=files.objective.name,
        headline_split=headline_split,
        headline=metrics[headline_split].get(files.objective.name) if headline_split else None,
        metrics=metrics,
        estimates=estimates,
        claims=tuple(claims_of(files, metrics, estimates, best)),
        phases=tuple(_phases(files, wall_s)),
        wall_s=wall_s,
        time_limit_s=result.get("time_limit_s", files.settings.get("time_limit_s")),
        training_share=share("training_s"),
        bookkeeping_share=share("bookkeeping_s"),
        counts={
            str(status): sum(record.status is status for record in files.trials)
            for status in (
                TrialStatus.COMPLETED,
                TrialStatus.FAILED,
                TrialStatus.INFEASIBLE,
                TrialStatus.STOPPED,
                TrialStatus.RUNNING,
            )
        },
        best_trial=_best_trial(result, leader),
        params=model.get("params", best.params if best else None),
        macs=model.get("macs", best.macs if best else None),
        files=tuple(_model_files(files.directory.root, model)),
        limits=limits_of(result),
        targets=targets_of(result),
        front=front_of(result),
        evaluator=evaluator_text(result),
        folds=folds_text(result),
        warm_start=warm_start_text(result),
        ensemble=ensemble_text(result),
    )


def _best_trial(result: Mapping[str, Any], leader: int | None) -> int | None:
    """The trial that the run chose, or the leader where it has not chosen yet."""
    best = (result.get("best") or {}).get("trial")
    return leader if best is None else int(best)


def _measured(metrics: Mapping[str, Any] | None) -> bool:
    if not metrics or not metrics.get("n", 1):
        return False
    return wording.known(metrics.get("accuracy"))


def _state(files: RunFiles) -> str:
    if files.result is not None:
        return "complete (stopped early)" if files.result.get("interrupted") else "complete"
    phase = next((e["name"] for e in reversed(files.events) if e["event"] == "phase"), None)
    return f"unfinished, in phase {phase}" if phase else "unfinished, not begun"


def _phases(files: RunFiles, wall_s: float) -> Iterator[PhaseShare]:
    """Seconds a phase from the result, or from the log; what is missing to the whole is "other"."""
    spent: dict[str, float] = {}
    if files.result is not None:
        spent.update(files.result.get("phases") or {})
    else:
        begun = [(e["name"], float(e["t"])) for e in files.events if e["event"] == "phase"]
        ends = [*(t for _, t in begun[1:]), files.spent_s]
        for (name, start), end in zip(begun, ends):
            spent[name] = spent.get(name, 0.0) + max(0.0, end - start)
    spent = {name: phase_s for name, phase_s in spent.items() if phase_s >= 0.05}
    total = sum(spent.values())
    if wall_s - total > 0.005 * wall_s:
        spent["other"] = wall_s - total
        total = wall_s
    for name, phase_s in spent.items():
        yield PhaseShare(name, phase_s, phase_s / total if total > 0 else 0.0)


def _model_files(root: Path, model: Mapping[str, Any]) -> Iterator[ModelFile]:
    exports = model.get("exports") or {}
    for name, path in (model.get("files") or {}).items():
        facts = exports.get(name) or {}
        where = Path(path)
        size = facts.get("size_bytes")
        if size is None and where.is_file():  # labels and card
            size = where.stat().st_size
        for base in (root, root.absolute()):
            if where.is_relative_to(base):
                where = where.relative_to(base)
        yield ModelFile(name, str(where), size, facts.get("max_difference"))
