"""The page `report.html`: one file, no scripts, nothing fetched from anywhere."""

from __future__ import annotations

import base64
import binascii
import json
import shlex
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from autoarch.architecture import Architecture
from autoarch.architecture.diagram import draw
from autoarch.architecture.flow import shape_text, stages
from autoarch.report import plots, wording
from autoarch.report.confusion import Confusion, confusion_of
from autoarch.report.leaderboard import Row, decision_changes, leaderboard
from autoarch.report.run_files import RunFiles, read_run
from autoarch.report.summary import summary_of, trials_text
from autoarch.trials import RunDirectory, TrialStatus
from autoarch.trials.run_directory import write_atomically

MOST_ROWS = 100
"""Lines of a table on the page; `autoarch trials` has them all."""

_MOST_PICTURE_CHARACTERS = 900_000
"""Base64 characters of all mistakes' pictures and sounds: the page stays below 2 MB."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Plot:
    """A figure on the page: its heading, what to see in it, and the SVG."""

    title: str
    caption: str
    svg: Markup


@dataclass(frozen=True)
class Mistake:
    """A wrong answer; `png` and the sound `wav` are base64, or empty where missing or too large;
    `text` is the text where it is one."""

    name: str
    true: str
    predicted: str
    confidence: float | None
    png: str
    wav: str
    small: bool
    text: str = ""


def write_report(run: RunDirectory) -> Path:
    """Writes the page from what the run's files hold; a run under way gets what there is.

    Args:
        run: Finished or not.

    Returns:
        Path of the page.

    Raises:
        RunDirectoryError: Not the directory of a run, or a file in it is damaged.
        InvalidArchitectureError: `architecture.json` is not a legal graph.
    """
    write_atomically(run.report_file, render(read_run(run)))
    return run.report_file


def render(files: RunFiles) -> str:
    """The page as HTML; everything that comes from outside is escaped."""
    page = page_template("report.html.j2").render(_context(files))
    # A file name may hold bytes that are no text; they are shown as question marks.
    return page.encode("utf-8", "replace").decode("utf-8")


def page_template(name: str) -> jinja2.Template:
    """A page of `autoarch.templates` to fill in; everything that is filled in is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(wording=wording)
    return environment.get_template(name)


def _template(name: str) -> str:
    return resources.files("autoarch.templates").joinpath(name).read_text("utf-8")


def _context(files: RunFiles) -> dict[str, Any]:
    result = files.result or {}
    evaluation = files.evaluation or {}
    summary = summary_of(files)
    rows = leaderboard(files.trials, files.scored)
    architecture = (
        None if files.architecture is None else Architecture.from_json(files.architecture)
    )
    data = result.get("data") or {}
    return {
        "name": files.directory.root.absolute().name,
        "files": files,
        "summary": summary,
        "trials_text": trials_text(summary.counts),
        "search_plots": list(_search_plots(files, summary.best_trial)),
        "curve_plots": list(_curve_plots(files, rows, summary.best_trial)),
        "rows": rows[:MOST_ROWS],
        "rows_left_out": max(0, len(rows) - MOST_ROWS),
        "changes": _best_changes(files, summary.best_trial),
        "best_decisions": _best_decisions(files, summary.best_trial),
        "recipe": (result.get("best") or {}).get("recipe") or {},
        "confusion": _confusion(evaluation),
        "tokens": evaluation.get("tokens") or (),
        "lengths": evaluation.get("lengths") or (),
        "split": evaluation.get("split") or "test",
        "mistakes": list(_mistakes(evaluation.get("mistakes") or ())),
        "architecture": architecture,
        "diagram": None if architecture is None else Markup(draw(architecture)),  # noqa: S704
        "stages": () if architecture is None else stages(architecture),
        "shape_text": shape_text,
        "data": data,
        "noun": files.noun,
        "findings": data.get("findings") or {},
        "class_rows": _class_rows((data.get("findings") or {}).get("class_counts") or {}),
        "use": _use(files),
        "most_rows": MOST_ROWS,
    }


def _search_plots(files: RunFiles, best: int | None) -> Iterator[Plot]:
    scores = [
        (float(event["t"]), float(event["measurement"]["score"]), int(event["trial"]))
        for event in files.events
        if event["event"] == "measured" and wording.known(event["measurement"]["score"])
    ]
    if not scores:
        return
    failures = [
        float(event["t"])
        for event in files.events
        if event["event"] == "ended" and event["status"] != TrialStatus.STOPPED
    ]
    svg = plots.scores_over_time(scores, failures, files.scored, final=_final_point(files))
    yield Plot(
        "Score over time", "Every measurement of the search, and the best so far.", _safe(svg)
    )
    svg = plots.score_against_size(files.trials, files.scored, best=best)
    yield Plot(
        "Score against size", "Each trial's last score; smaller networks to the left.", _safe(svg)
    )
    for cost in _front_costs(files):
        svg = plots.score_against_size(files.trials, files.objective, best=best, cost=cost)
        caption = "The objectives against each other; the dashed line is the front."
        yield Plot(f"Trade-off with {cost}", caption, _safe(svg))


def _front_costs(files: RunFiles) -> Sequence[str]:
    """The costs that were objectives."""
    return (files.settings.get("objectives") or "").split(",")[1:]


def _final_point(files: RunFiles) -> plots.Point | None:
    """When the final training ended, and the validation score of its model, where it has one."""
    if files.refitted or files.scored != files.objective:
        return None
    score = ((files.result or {}).get("valid") or {}).get(files.objective.name)
    ends = [e["t"] for e in files.events if e["event"] == "phase" and e["name"] == "export"]
    return (float(ends[-1]), float(score)) if ends and wording.known(score) else None


def _curve_plots(files: RunFiles, rows: Sequence[Row], best: int | None) -> Iterator[Plot]:
    by_number = {record.trial: record for record in files.trials}
    ranked = [by_number[row.trial] for row in rows]
    losses = [(record.trial, plots.curve_points(record, "loss")) for record in ranked]
    if any(points for _, points in losses):
        svg = plots.trial_curves(losses, "loss", best=best)
        yield Plot("Trials: loss", "How the trials learned during the search.", _safe(svg))
    scores = [(record.trial, plots.measured_points(record)) for record in ranked]
    if any(len(points) > 1 for _, points in scores):
        svg = plots.trial_curves(scores, files.scored.score_name, best=best)
        title = f"Trials: {wording.metric_name(files.scored.score_name)}"
        yield Plot(title, "Promising trials are trained on and measured again.", _safe(svg))
    evaluation = files.evaluation or {}
    final = evaluation.get("final_curve") or ()
    if any(wording.known(point.get("loss")) for point in final):
        caption = "The winner goes on until the deadline, where the learning rate reaches zero."
        yield Plot("Final training", caption, _safe(plots.final_curve(final)))


def _safe(svg: str) -> Markup:
    """Marks a drawing of ours as HTML: its text is ours or has been escaped."""
    return Markup(svg)  # noqa: S704


def _best_decisions(files: RunFiles, best: int | None) -> Mapping[str, Any]:
    return next((record.decisions for record in files.trials if record.trial == best), {})


def _best_changes(files: RunFiles, best: int | None) -> Sequence[Any]:
    baseline = files.baseline
    if baseline is None or best in (None, 0):
        return ()
    return decision_changes(_best_decisions(files, best), baseline.decisions)


def _confusion(evaluation: Mapping[str, Any]) -> Confusion | None:
    matrix, classes = evaluation.get("confusion"), evaluation.get("classes")
    return confusion_of(matrix, classes) if matrix and classes else None


def _mistakes(mistakes: Sequence[Mapping[str, Any]]) -> Iterator[Mistake]:
    room = _MOST_PICTURE_CHARACTERS
    for mistake in mistakes:
        png = str(mistake.get("png") or "")
        width = _png_width(png)
        if width is None or len(png) > room:
            png = ""
        room -= len(png)
        wav = str(mistake.get("wav") or "")
        if not _is_wav(wav) or len(wav) > room:
            wav = ""
        room -= len(wav)
        confidence = mistake.get("confidence")
        yield Mistake(
            name=str(mistake.get("name") or ""),
            true=str(mistake.get("true")),
            predicted=str(mistake.get("predicted")),
            confidence=confidence if wording.known(confidence) else None,
            png=png,
            wav=wav,
            small=width is not None and width < 96,
            text=str(mistake.get("text") or ""),
        )


def _is_wav(encoded: str) -> bool:
    """Whether this is base64 of a WAV file."""
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    return data[:4] == b"RIFF" and data[8:12] == b"WAVE"


def _png_width(encoded: str) -> int | None:
    """Width in pixels of a base64 PNG; None for anything else."""
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(data) < 24 or not data.startswith(_PNG_SIGNATURE):
        return None
    width: int = struct.unpack(">I", data[16:20])[0]
    return width


def _class_rows(counts: Mapping[str, Mapping[str, int]]) -> list[tuple[str, list[int], float]]:
    """Class, counts by split, and the share of its training images in the largest class's."""
    names = list(dict.fromkeys(name for split in _SPLITS for name in counts.get(split, {})))
    train = counts.get("train", {})
    largest = max(train.values(), default=0) or 1
    return [
        (
            name,
            [int(counts.get(split, {}).get(name, 0)) for split in _SPLITS],
            train.get(name, 0) / largest,
        )
        for name in names
    ]


def _use(files: RunFiles) -> dict[str, str]:
    """What the snippets need: paths quoted for a shell and for Python."""
    root = files.directory.root
    saved_model = str(files.directory.model / "saved_model")
    return {
        "run": shlex.quote(str(root)),
        "run_python": json.dumps(str(root), ensure_ascii=False),
        "saved_model": json.dumps(saved_model, ensure_ascii=False),
    }
