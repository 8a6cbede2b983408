"""A live region of the terminal that survives being made narrower.

When a terminal narrows, it breaks the lines that are already there, and a display that moves up
by as many lines as it wrote leaves its upper part behind. Here the lines are written without
trailing spaces, their lengths are kept, and the broken ones are erased too.
"""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderResult
from rich.control import Control
from rich.live import Live
from rich.segment import ControlCode, ControlType, Segment


class Display(Live):
    """A `rich.live.Live` region, gone from the screen when it stops.

    Args:
        console: Where it is drawn.
        draw: Makes the content; called by the display's thread and by whoever prints.
        refresh_per_second: How often it is drawn.
    """

    def __init__(
        self, console: Console, draw: Callable[[], RenderableType], *, refresh_per_second: float
    ):
        self._frame = _Frame(draw)
        super().__init__(
            console=console,
            get_renderable=lambda: self._frame,
            refresh_per_second=refresh_per_second,
            transient=True,
        )

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Called before anything is written; what is drawn last stands above the cursor."""
        extra = self._frame.broken_lines(self.console.width)
        drawn = super().process_renderables(renderables)
        if not extra:
            return drawn
        erase_line = (ControlType.ERASE_IN_LINE, 2)
        up: tuple[ControlCode, ...] = ((ControlType.CURSOR_UP, 1), erase_line)
        return [Control(ControlType.CARRIAGE_RETURN, erase_line, *up * extra), *drawn]


class _Frame:
    """Content written without trailing spaces; remembers how long its lines are."""

    def __init__(self, draw: Callable[[], RenderableType]):
        self._draw = draw
        self._lengths: list[int] = []

    def broken_lines(self, width: int) -> int:
        """How many lines more than were written a terminal of that width shows."""
        return sum(max(0, length - 1) // width for length in self._lengths)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = [
            _without_trailing_spaces(line)
            for line in console.render_lines(self._draw(), options, pad=False)
        ]
        self._lengths = [Segment.get_line_length(line) for line in lines]
        for line in lines:
            yield from line
            yield Segment.line()


def _without_trailing_spaces(line: list[Segment]) -> list[Segment]:
    kept = list(line)
    while kept and not kept[-1].text.strip():
        kept.pop()
    if kept:
        text, style, control = kept.pop()
        kept.append(Segment(text.rstrip(), style, control))
    return kept
