"""Progress: which kind is chosen, the plain lines, the live display."""

from __future__ import annotations

import io
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from autoarch.cli.display import Display
from autoarch.cli.live import LiveProgress
from autoarch.cli.text import to_json
from autoarch.cli.watching import watcher
from rich.console import Console
from rich.text import Text

from autoarch.objectives import Objective, get_objective, preferring
from autoarch.report.wording import clock
from autoarch.search.plain import PlainProgress, Watcher
from autoarch.search.progress import RunStart
from autoarch.trials import Fidelity

ACCURACY = get_objective("accuracy")


class Time:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def console(width: int = 80, height: int = 24) -> Console:
    return Console(file=io.StringIO(), width=width, height=height, force_terminal=True)


def lines(progress: LiveProgress) -> list[str]:
    """The display's frame as it would be seen."""
    with progress.console.capture() as capture:
        progress.console.print(progress.frame())
    return [line.rstrip() for line in Text.from_ansi(capture.get()).plain.splitlines()]


def test_clock() -> None:
    assert [clock(s) for s in (-1, 9, 312.9, 3723)] == ["0:00", "0:09", "5:12", "1:02:03"]


def test_json_of_paths_and_infinities() -> None:
    assert to_json({"a": Path("b"), 1: (float("inf"), True)}).split() == [
        *("{", '"a":', '"b",', '"1":', "[", "null,", "true", "]", "}")
    ]


@pytest.mark.parametrize(
    ("quiet", "terminal", "term", "kind"),
    [
        (True, True, "xterm", Watcher),
        (False, False, "xterm", PlainProgress),
        (False, True, "dumb", PlainProgress),
    ],
)
def test_the_kind_of_progress(monkeypatch, quiet, terminal, term, kind) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    monkeypatch.setenv("TERM", term)
    assert type(watcher(quiet=quiet)) is kind


def test_a_watcher_counts_earlier_sittings_and_the_start() -> None:
    now = Time()
    progress = Watcher(now)
    now.seconds = 5.0  # importing TensorFlow
    progress.run_started(
        RunStart(Path("runs/a"), scored=ACCURACY, time_limit_s=None, spent_s=40.0, elapsed_s=45.0)
    )
    now.seconds = 7.0
    assert progress.spent_s == 47.0


def test_plain_progress_is_a_line_a_trial(capsys, story: SimpleNamespace) -> None:
    now = Time()
    progress = PlainProgress(now=now)
    story.tell(progress, Path("runs/a"))
    now.seconds = 75.0
    progress.finished({})
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "[ 0:00] run runs/a, 5 min",
        "[ 0:00] phase data",
        "[ 0:00] 3 duplicates were left out of training.",
        "[ 0:00] phase search",
        "[ 0:00] trial 0: accuracy 60.0 % after 3 epochs, 272 k weights, 12.0 s "
        "(best: trial 0, 60.0 %)",
        "[ 0:00] trial 1: accuracy 70.0 % after 3 epochs, 272 k weights, 12.0 s "
        "(best: trial 1, 70.0 %)",
        "[ 0:00] trial 2: failed: loss became NaN in epoch 2",
        "[ 0:00] phase final",
        "[ 1:15] finished",
    ]


def test_plain_progress_of_a_resumed_run(capsys) -> None:
    PlainProgress(now=Time()).run_started(
        RunStart(Path("a"), scored=ACCURACY, time_limit_s=None, spent_s=61.0, elapsed_s=61.0)
    )
    assert capsys.readouterr().err == "[ 1:01] run a, 1 min 1 s already spent\n"


def test_the_live_frame(story: SimpleNamespace) -> None:
    now = Time()
    progress = LiveProgress(console=console(), now=now)
    story.tell(progress, Path("runs/a"))
    now.seconds = 61.0
    frame = lines(progress)
    assert frame[0].split() == ["AutoArch", "runs/a", "3:59", "left", "of", "5:00"]
    assert frame[2] == "data 0:00  probe  search 0:00  final 1:01  export  report"
    assert frame[4].startswith(
        "now     training the winner, trial 1: epoch 7.2, loss 0.510, 70.0 %"
    )
    assert frame[5:7] == [
        "best    trial 1: accuracy 70.0 % after 3 epochs (trial 0: 60.0 % after 3)",
        "so far  2 trials measured, 1 failed",
    ]
    assert [line.split()[0] for line in frame[8:]] == ["trial", "0", "1", "2"]
    assert "width 32 \N{RIGHTWARDS ARROW} 64" in frame[10]
    assert "failed: loss became NaN in epoch 2" in frame[11]


@pytest.mark.parametrize("width", [200, 80, 60, 30, 10])
@pytest.mark.parametrize("height", [24, 12, 4])
def test_the_live_frame_fits(story: SimpleNamespace, width: int, height: int) -> None:
    progress = LiveProgress(console=console(width, height), now=Time())
    story.tell(progress, Path("runs/with-a-name-that-is-rather-long"))
    for trial in range(3, 20):
        progress.trial_measured(story.measured(trial, 0.5, width=trial), story.measured(1, 0.7))
    frame = lines(progress)
    assert max(map(len, frame)) < width
    assert len(frame) <= max(7, height - 1)


def test_a_phase_that_comes_back_adds_up() -> None:
    now = Time()
    progress = LiveProgress(console=console(), now=now)
    for name, seconds in (("probe", 2.0), ("data", 5.0), ("probe", 3.0), ("search", 7.0)):
        progress.phase(name)
        now.seconds += seconds
    assert lines(progress)[2] == "data 0:05  probe 0:05  search 0:07  final  export  report"


def test_what_is_going_on_now(story: SimpleNamespace) -> None:
    progress = LiveProgress(console=console(), now=Time())

    def now() -> str:
        return lines(progress)[4].removeprefix("now").strip()

    assert now() == "starting TensorFlow"
    progress.phase("data")
    assert now() == "reading the data"
    progress.reading(1200, 10_000)
    assert now() == "reading 1,200 of 10,000 examples"
    progress.phase("search")
    fresh = replace(story.measured(0, 0.6), measurements=())
    progress.trial_started(fresh, Fidelity(1))
    assert now() == "trial 0: new, 1 epoch"
    progress.epoch(fresh, epoch=0.5, epochs=1.0, loss=2.0)
    assert now() == "trial 0: epoch 0.5 of 1, loss 2.000"
    progress.trial_started(story.measured(0, 0.6), Fidelity(9, done=3))
    assert now() == "trial 0: 60.0 % after 3 epochs, promoted to 9 epochs"


def test_without_a_time_limit_the_time_so_far_is_shown() -> None:
    now = Time()
    progress = LiveProgress(console=console(), now=now)
    progress.run_started(
        RunStart(Path("runs/a"), scored=ACCURACY, time_limit_s=None, spent_s=0.0, elapsed_s=0.0)
    )
    now.seconds = 3.0
    assert lines(progress)[0].split() == ["AutoArch", "runs/a", "0:03", "so", "far"]


def test_a_resumed_run_shows_its_earlier_trials(run: Path) -> None:
    progress = LiveProgress(console=console(), now=Time())
    progress.run_started(
        RunStart(run, scored=ACCURACY, time_limit_s=300.0, spent_s=20.0, elapsed_s=20.0)
    )
    text = "\n".join(lines(progress))
    assert "trial 1: accuracy 70.0 % after 3 epochs (trial 0: 60.0 % after 3)" in text
    assert "2 trials measured, 1 failed" in text


@pytest.mark.parametrize(
    ("scored", "text"),
    [
        (get_objective("log_loss"), "log loss 0.432"),
        (preferring(ACCURACY, {"size": 1e5}), "weighed accuracy 0.432"),
    ],
)
def test_what_is_no_share_is_not_in_per_cent(
    story: SimpleNamespace, scored: Objective, text: str
) -> None:
    progress = LiveProgress(console=console(), now=Time())
    progress.run_started(
        RunStart(Path("a"), scored=scored, time_limit_s=None, spent_s=0.0, elapsed_s=0.0)
    )
    progress.trial_measured(story.measured(0, 0.4321), story.measured(0, 0.4321))
    assert f"trial 0: {text}" in lines(progress)[5]


def test_the_display_goes_and_notes_stay(story: SimpleNamespace) -> None:
    screen = console()
    with LiveProgress(console=screen) as progress:
        story.tell(progress, Path("runs/a"))
        sys.stdout.write("printed by a library\n")
    text = screen.file.getvalue()
    assert "3 duplicates were left out of training." in text
    assert "printed by a library" in text
    assert text.endswith("\x1b[?25h") or "\x1b[?25h" in text[text.rindex("AutoArch") :]


def test_the_clock_goes_on_while_the_run_is_busy() -> None:
    screen = console()
    now = Time()
    with LiveProgress(console=screen, now=now) as progress:
        progress.run_started(
            RunStart(Path("a"), scored=ACCURACY, time_limit_s=600.0, spent_s=0.0, elapsed_s=0.0)
        )
        now.seconds = 100.0
        deadline = time.monotonic() + 10
        while "8:20" not in screen.file.getvalue():
            assert time.monotonic() < deadline, "the display was not drawn again"
            time.sleep(0.02)


def test_lines_broken_by_a_narrower_terminal_are_erased() -> None:
    screen = console(width=50)
    display = Display(screen, lambda: Text("x" * 45 + "\nshort   "), refresh_per_second=1)
    with display:
        display.refresh()
        before = len(screen.file.getvalue())
        screen.width = 20  # 45 columns are three lines now
        display.refresh()
        written = screen.file.getvalue()[before:]
    up = "\x1b[1A\x1b[2K"
    assert written.startswith("\r\x1b[2K" + 2 * up)
    assert "short   " not in screen.file.getvalue()
