"""How good the model is, how sure that is, and what it beats: numbers first, then sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autoarch.objectives import wilson_interval
from autoarch.report import wording
from autoarch.report.run_files import RunFiles
from autoarch.trials import TrialRecord

Interval = tuple[float, float]
Metrics = Mapping[str, Mapping[str, Any]]
"""Metrics by split, "valid" and "test"; a split that was not measured is missing."""


@dataclass(frozen=True)
class Estimate:
    """An accuracy and how far to trust it.

    Args:
        kind: "test", "valid", "winner" (the chosen trial during the search), "baseline"
            (trial 0) or "majority".
        label: What was measured.
        detail: On what, and after how much training.
        accuracy: Share of examples classified correctly.
        ci95: Its 95 % Wilson interval, or None where the number of examples is unknown.
        epochs: Passes over the training data, for measurements of the search.
    """

    kind: str
    label: str
    detail: str
    accuracy: float
    ci95: Interval | None
    epochs: float | None = None


def estimates_of(files: RunFiles, metrics: Metrics, best: TrialRecord | None) -> Iterator[Estimate]:
    """The accuracies to compare, best evidence first.

    The winner and trial 0 are taken from the search, after the same number of epochs where both
    have such a measurement: trial 0 is not trained to the end, so it has no other fair figure.
    """
    for split, label in (("test", "This model, test"), ("valid", "This model, validation")):
        if split in metrics:
            found = metrics[split]
            n = found.get("n")
            seen = wording.plural(n, files.noun) if n else f"{files.noun}s"
            detail = f"{seen} never seen before" if split == "test" else f"{seen} it was chosen by"
            if split == "valid" and files.refitted:
                label = "Before the final training, validation"
                detail = f"{seen} it was chosen by; the final training used them, too"
            bounds = found.get("accuracy_ci95")
            ci95 = (float(bounds[0]), float(bounds[1])) if bounds else None
            yield Estimate(split, label, detail, float(found["accuracy"]), ci95)

    baseline = files.baseline
    if baseline is not None:
        epochs = _common_epochs(baseline, best) if best else baseline.epochs
        if best is not None and best.trial != 0:
            role = "the search's choice" if files.complete else "the leader so far"
            yield from _search_estimate(files, best, epochs, "winner", role)
        yield from _search_estimate(files, baseline, epochs, "baseline", "the known network")

    majority = (files.evaluation or {}).get("majority") or {}
    if wording.known(majority.get("accuracy")):
        yield Estimate(
            "majority",
            "Majority class",
            f"always answering {majority.get('class')}",
            float(majority["accuracy"]),
            None,
        )


def _common_epochs(a: TrialRecord, b: TrialRecord) -> float:
    """The longest training after which both were measured; else the first's longest."""
    common = {m.epochs for m in a.measurements} & {m.epochs for m in b.measurements}
    return max(common, default=a.epochs)


def _search_estimate(
    files: RunFiles, record: TrialRecord, epochs: float, kind: str, role: str
) -> Iterator[Estimate]:
    """A trial's validation accuracy at `epochs`, or at its last measurement where it lacks that."""
    if record.last is None:
        return
    at = next((m for m in record.measurements if m.epochs == epochs), record.last)
    accuracy = at.metrics.get("accuracy")
    if accuracy is None or not wording.known(accuracy):
        return
    n = int(at.metrics.get("n") or _validation_size(files))  # more than the part's with folds
    ci95 = wilson_interval(round(accuracy * n), n) if n else None
    detail = f"{role}; validation after {wording.epochs_text(at.epochs)} of the search"
    yield Estimate(kind, f"Trial {record.trial}", detail, accuracy, ci95, at.epochs)


def _validation_size(files: RunFiles) -> int:
    result = files.result or {}
    return int((result.get("data") or {}).get("valid") or (result.get("valid") or {}).get("n") or 0)


def claims_of(
    files: RunFiles,
    metrics: Metrics,
    estimates: Sequence[Estimate],
    best: TrialRecord | None,
) -> Iterator[str]:
    """What the numbers allow to say, in sentences."""
    if quantised := (files.result or {}).get("quantised"):
        yield _quantised(quantised, files.noun)
    by_kind = {estimate.kind: estimate for estimate in estimates}
    model = by_kind.get("test") or by_kind.get("valid")
    if model and "majority" in by_kind:
        yield _against_majority(model, by_kind["majority"])
    if best is not None and best.trial == 0 and files.complete:
        average = (files.result or {}).get("ensemble") or {"members": (), "taught": True}
        averaged = not average["taught"]
        if not averaged or len(files.trials) > len(average["members"]):
            several = len(files.trials) > 1
            found = "found nothing better than" if several else "looked at nothing but"
            yield f"The search {found} trial 0, the known network" + (
                "." if averaged else ": it is the model."
            )
    elif "winner" in by_kind and "baseline" in by_kind:
        yield _against_baseline(by_kind["winner"], by_kind["baseline"])
    name = files.objective.name
    if "test" in metrics and "valid" in metrics:
        valid, test = metrics["valid"].get(name), metrics["test"].get(name)
        if files.refitted:
            yield _gap_of_refitted(name, valid, test, files.noun)
        elif wording.known(valid) and wording.known(test):
            yield _gap(name, valid, test, better=files.objective.better)
    elif "valid" in metrics and files.refitted:
        yield (
            "Nothing was held out for a test, and the final training used the validation "
            f"{files.noun}s, too: the validation figures are those of the network before it."
        )
    elif "valid" in metrics:
        yield (
            f"Nothing was held out for a test: the validation {files.noun}s chose this model, "
            "so expect less on new ones."
        )


def _quantised(quantised: Mapping[str, Any], noun: str) -> str:
    """The int8 file beside the float network, on the test part where there is one."""
    split = "valid" if quantised["float"]["test"] is None else "test"
    before, drop = quantised["float"][split]["accuracy"], quantised["drop"][split]
    part = "test" if split == "test" else "validation"
    return (
        f"The int8 file of {wording.count(quantised['size_bytes'])} bytes answers "
        f"{wording.percent(before - drop)} of the {part} {noun}s correctly, the network in float32 "
        f"{wording.percent(before)}: int8 costs {100 * drop:.1f} points."
    )


def _against_majority(model: Estimate, majority: Estimate) -> str:
    answer = wording.capital(majority.detail)
    text = f"{answer} would be right {wording.percent(majority.accuracy)} of the time"
    if model.ci95 and model.ci95[0] <= majority.accuracy:
        return f"{text}: the model is not clearly better than that."
    points = 100 * (model.accuracy - majority.accuracy)
    return f"{text}: the model is {points:.1f} points above."


def _against_baseline(winner: Estimate, baseline: Estimate) -> str:
    if winner.epochs is not None and winner.epochs == baseline.epochs:
        how = f"after {wording.epochs_text(winner.epochs)} each"
    else:
        how = "after unequal training"
    text = (
        f"In the search, {how}, {winner.label[0].lower()}{winner.label[1:]} reached "
        f"{wording.percent(winner.accuracy)} and trial 0 {wording.percent(baseline.accuracy)}"
    )
    if not winner.ci95 or not baseline.ci95:
        return f"{text}."
    if winner.ci95[0] > baseline.ci95[1]:
        return f"{text}; the 95 % intervals do not overlap."
    return f"{text}; the 95 % intervals overlap, so the difference may be chance."


def _gap_of_refitted(name: str, valid: float | None, test: float | None, noun: str) -> str:
    """Validation at selection against test, with the final training in between."""
    rest = (
        f"the final training in between used the validation {noun}s, too, after they had served to "
        "choose: only the test says how good its result is."
    )
    if not wording.known(valid) or not wording.known(test):
        return wording.capital(rest)
    return (
        f"Chosen at a validation {wording.metric_name(name)} of {wording.metric(name, valid)}, the "
        f"model has {wording.metric(name, test)} in the test "
        f"({_difference(name, test - valid, sign='+')}); {rest}"
    )


def _difference(name: str, difference: float, *, sign: str = "-") -> str:
    """Of two values of a metric: `3.4 points`, `0.120`; with the sign "+" always signed."""
    if wording.is_share(name):
        return f"{100 * difference:{sign}.1f} points"
    return f"{difference:{sign}.3f}"


def _gap(name: str, valid: float, test: float, *, better: Callable[[float, float], bool]) -> str:
    size = _difference(name, abs(valid - test))
    pair = f"{wording.metric(name, valid)} against {wording.metric(name, test)}"
    metric = wording.metric_name(name)
    if better(valid, test):
        return (
            f"Validation {metric} is {size} better than test ({pair}): the search chose by it, "
            "so the test figure is the one to quote."
        )
    return (
        f"Validation {metric} is no better than test ({pair}): no sign of having overfitted to it."
    )
