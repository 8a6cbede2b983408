"""The live display: one frame on stderr, drawn by a thread of its own while the run works."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from autoarch.cli.display import Display
from rich.console import Console, Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from autoarch.report import wording
from autoarch.report.leaderboard import decision_changes, leaderboard
from autoarch.report.wording import clock, epochs_text
from autoarch.search.plain import Watcher
from autoarch.search.progress import RunStart
from autoarch.trials import Fidelity, RunDirectory, TrialRecord, read_events, replay

PHASES = ("data", "probe", "search", "final", "export", "report")  # of every run
_REFRESHES_PER_SECOND = 4
_RECENT_TRIALS = 6  # as many as a terminal of 24 lines holds beside the rest, and a shell prompt
_WIDEST = 110  # beyond this, columns only drift apart


class LiveProgress(Watcher):
    """Draws time left, phase, current trial, best so far, and the last few trials.

    The methods only note what happened; the display's thread reads it four times a second, so
    the clock goes on while the search computes.

    Args:
        console: Where to draw; by default a copy of stderr, which stays the terminal even while
            file descriptor 2 is filtered.
    """

    def __init__(self, *, console: Console | None = None, **settings: Any):
        super().__init__(**settings)
        self._own_stderr: TextIO | None = None
        if console is None:
            self._own_stderr = os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8")
            console = Console(file=self._own_stderr)
        self.console = console
        self._phase = "starting"
        self._phase_begun_s = 0.0
        self._phase_s: dict[str, float] = {}  # seconds of each phase before its last beginning
        self._reading: tuple[int, int] | None = None
        self._baseline: TrialRecord | None = None
        self._best: TrialRecord | None = None
        self._current: TrialRecord | None = None
        self._current_text = ""
        self._trials: dict[int, TrialRecord] = {}  # the latest news last
        self._display = Display(console, self.frame, refresh_per_second=_REFRESHES_PER_SECOND)

    # What the run says

    def run_started(self, start: RunStart) -> None:
        super().run_started(start)
        if start.spent_s:
            self._recall(start.run)

    def phase(self, name: str) -> None:
        if self._phase_s:
            self._phase_s[self._phase] += self.spent_s - self._phase_begun_s
        self._phase_s = {name: 0.0, **self._phase_s}  # a new dict: the old one may be being read
        self._phase, self._phase_begun_s = name, self.spent_s
        self._current, self._current_text, self._reading = None, "", None

    def note(self, text: str) -> None:
        self.console.print(Text(f"[{clock(self.spent_s):>5}] {text}"))

    def reading(self, done: int, total: int) -> None:
        self._reading = (done, total)

    def trial_started(self, record: TrialRecord, fidelity: Fidelity) -> None:
        if record.trial == 0:
            self._baseline = record
        self._show_trial(record)
        goal = epochs_text(fidelity.epochs)
        if fidelity.done:
            score = self.score(record.score)
            text = f"{score} after {epochs_text(fidelity.done)}, promoted to {goal}"
        else:
            text = f"new, {goal}"
        self._current, self._current_text = record, text

    def epoch(
        self, record: TrialRecord, *, epoch: float, epochs: float | None, loss: float
    ) -> None:
        goal = f" of {wording.epochs(epochs)}" if epochs is not None else ""
        text = f"epoch {wording.epochs(epoch)}{goal}, loss {loss:.3f}"
        if record.score is not None:
            score = self.score(record.score)
            text += f", {score} in validation after {wording.epochs(record.epochs)}"
        self._current, self._current_text = record, text

    def trial_measured(self, record: TrialRecord, best: TrialRecord) -> None:
        if record.trial == 0:
            self._baseline = record
        self._best = best
        self._show_trial(record)

    def trial_ended(self, record: TrialRecord) -> None:
        self._show_trial(record)

    def finished(self, result: Mapping[str, Any]) -> None:
        self._current, self._current_text = None, ""

    def _recall(self, run: Path) -> None:
        """Takes over the trials of earlier sittings from the log."""
        records = replay(read_events(RunDirectory(run).log_file))
        self._trials = {record.trial: record for record in records}
        self._baseline = self._trials.get(0)
        first = next(iter(leaderboard(records, self.scored)), None)
        if first is not None and first.rank is not None:
            self._best = self._trials[first.trial]

    def _show_trial(self, record: TrialRecord) -> None:
        # A new dict each time: the display's thread may be going through the old one.
        others = {number: r for number, r in self._trials.items() if number != record.trial}
        self._trials = {**others, record.trial: record}

    # What is drawn

    def frame(self) -> Group:
        """The display as it should look now."""
        width = min(self.console.width, _WIDEST) - 1  # a full last column would wrap
        parts: list[Any] = [
            self._heading(width),
            self._bar(width),
            self._phases(width),
            Text(),
            self._facts(width),
        ]
        # Beside the rows: the above, an empty line, the table's head, and the cursor's line.
        room = self.console.height - 11
        if self._trials and room > 0:
            parts += [Text(), self._table(width, min(room, _RECENT_TRIALS))]
        return Group(*parts)

    def _heading(self, width: int) -> Table:
        grid = Table.grid(expand=True, padding=(0, 2, 0, 0))
        grid.width = width
        grid.add_column(no_wrap=True, ratio=1)
        grid.add_column(no_wrap=True, justify="right")
        grid.add_row(
            Text.assemble(("AutoArch", "bold"), f"  {self.run or ''}", overflow="ellipsis"),
            self._time_text(),
        )
        return grid

    def _time_text(self) -> Text:
        if self.time_limit_s is None:
            return Text(f"{clock(self.spent_s)} so far")
        left = self.time_limit_s - self.spent_s
        return Text.assemble((clock(left), "bold"), f" left of {clock(self.time_limit_s)}")

    def _bar(self, width: int) -> Table:
        if self.time_limit_s is None:
            bar = ProgressBar(width=width, pulse=True)
        else:
            spent = min(self.spent_s, self.time_limit_s)
            bar = ProgressBar(total=self.time_limit_s, completed=spent, width=width)
        grid = Table.grid()  # the bar itself does not end its line
        grid.add_row(bar)
        return grid

    def _phases(self, width: int) -> Text:
        before = self._phase_s
        if not before:
            return Text(self._phase, style="bold")
        line = Text(no_wrap=True)
        for name in (*PHASES, *(name for name in before if name not in PHASES)):
            line.append("  " if line else "")
            if name == self._phase:
                seconds = before[name] + self.spent_s - self._phase_begun_s
                line.append(f"{name} {clock(seconds)}", style="bold cyan")
            elif name in before:
                line.append(f"{name} {clock(before[name])}")
            else:
                line.append(name, style="dim")
        line.truncate(width, overflow="ellipsis")
        return line

    def _facts(self, width: int) -> Table:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.width = width
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        grid.add_row("now", self._now_text())
        grid.add_row("best", self._best_text())
        grid.add_row("so far", self._counts_text())
        return grid

    def _now_text(self) -> Text:
        if self._current is not None:
            what = f"trial {self._current.trial}"
            if self._phase == "final":
                what = f"training the winner, {what}"
            return Text(f"{what}: {self._current_text}")
        if self._reading is not None:
            done, total = self._reading
            return Text(f"reading {done:,} of {total:,} examples")
        return Text(_DOING.get(self._phase, self._phase))

    def _best_text(self) -> Text:
        if self._best is None:
            return Text("no trial measured yet", style="dim")
        best, score = self._best, self.score(self._best.score)
        metric = wording.metric_name(self.scored.score_name)
        text = Text.assemble(
            f"trial {best.trial}: {metric} ",
            (score, "bold green"),
            f" after {epochs_text(best.epochs)}",
        )
        if best.trial != 0 and self._baseline is not None:
            theirs = self.score(self._baseline.score)
            text.append(f" (trial 0: {theirs} after {wording.epochs(self._baseline.epochs)})")
        return text

    def _counts_text(self) -> Text:
        trials = self._trials.values()
        measured = sum(record.score is not None for record in trials)
        parts = [f"{wording.plural(measured, 'trial')} measured"]
        for status in ("failed", "infeasible"):
            count = sum(record.status == status for record in trials)
            parts += [f"{count} {status}"] if count else []
        return Text(", ".join(parts))

    def _table(self, width: int, rows: int) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), width=width, header_style="dim")
        for name in ("trial", "epochs", "score", "weights", "time"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("against trial 0", no_wrap=True, overflow="ellipsis", ratio=1)
        for record in list(self._trials.values())[-rows:]:
            is_best = self._best is not None and record.trial == self._best.trial
            table.add_row(
                str(record.trial),
                wording.epochs(record.epochs) if record.score is not None else "",
                self.score(record.score) if record.score is not None else "",
                wording.short_count(record.params),
                clock(record.wall_s) if record.wall_s else "",
                Text(self._remark(record)),
                style="green" if is_best else "",
            )
        return table

    def _remark(self, record: TrialRecord) -> str:
        if record.reason:
            return f"{record.status}: {record.reason}"
        if record.trial == 0:
            return "the known network"
        if self._baseline is None:
            return ""
        changes = decision_changes(record.decisions, self._baseline.decisions)
        return ", ".join(map(str, changes)) or "as trial 0"

    # Its life

    def __enter__(self) -> LiveProgress:
        self._display.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._display.stop()
        if self._own_stderr is not None:
            self._own_stderr.close()


_DOING = {
    "starting": "starting TensorFlow",
    "data": "reading the data",
    "probe": "measuring how fast this machine trains",
    "search": "choosing a candidate",
    "supernet": "training weights for all candidates to share",
    "shared search": "scoring candidates with shared weights",
    "zero-cost": "scoring candidates without training",
    "final": "training the winner",
    "export": "writing and checking the model",
    "report": "measuring on the test part, writing the report",
}
