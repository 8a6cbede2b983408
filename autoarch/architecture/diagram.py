"""An architecture drawn as SVG: a vertical flow of boxes, as in a paper's figure.

Repeated blocks are drawn once, with a count, and chains such as convolution, batch norm and
activation are one box (`autoarch.architecture.flow`). The boxes are layered by their distance from
the input: the longest path is the main column, shortcuts with layers stand beside it, identity
shortcuts are arcs. Colours are CSS variables with fallbacks, so the page around may restyle them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from autoarch.architecture.flow import Box, Repeat, boxes_of, fold, shape_text
from autoarch.architecture.graph import Architecture

_MARGIN, _BOX_GAP, _COLUMN_GAP, _HEADER = 14.0, 18.0, 34.0, 24.0
_TALL, _LOW, _LANE, _CHARACTER = 42.0, 28.0, 13.0, 6.9

_STYLE = (
    ".aa-net text{font:600 12px system-ui,sans-serif;fill:var(--ink,#1d2530)}"
    ".aa-net .aa-sub{font-weight:400;font-size:11px;fill:var(--muted,#5b6675)}"
    ".aa-net .aa-block{font-size:11px;fill:var(--muted,#5b6675);paint-order:stroke;"
    "stroke:var(--panel,#f3f5f8);stroke-width:4px}"
    ".aa-net .aa-times{fill:var(--accent,#1f5fa8)}"
    ".aa-net .aa-panel{fill:var(--panel,#f3f5f8)}"
    ".aa-net .aa-box{fill:var(--paper,#fff);stroke:var(--line,#c9d0d9)}"
    ".aa-net .aa-weights{fill:var(--accent,#1f5fa8)}"
    ".aa-net .aa-edge{fill:none;stroke:var(--faint,#8a95a3);stroke-width:1.4}"
    ".aa-net .aa-skip{stroke:var(--contrast,#c2571a)}"
    ".aa-net .aa-head{fill:var(--faint,#8a95a3);stroke:none}"
    ".aa-net .aa-head.aa-skip{fill:var(--contrast,#c2571a)}"
)


def draw(architecture: Architecture) -> str:
    """Draws the live nodes.

    Returns:
        An `<svg>` element without ids or scripts, its size in CSS pixels; it scales by its view
        box. All text from the architecture is escaped.
    """
    nodes, repeats = fold(architecture)
    return _Drawing(boxes_of(architecture, nodes, repeats), repeats).svg()


@dataclass(eq=False)
class _Tile:
    """A box with its place in the drawing."""

    box: Box
    inputs: list[_Tile]
    column: int = 0
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0

    @property
    def depth(self) -> int:
        return self.box.depth

    @property
    def height(self) -> float:
        return _TALL if self.box.params else _LOW

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    @property
    def centre(self) -> float:
        return self.x + self.width / 2

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def title(self) -> str:
        """The ops; boxes of one line also tell the shape where they change it."""
        changes = self.inputs and self.inputs[0].box.shape != self.box.shape
        if self.box.params or not changes:
            return self.box.title
        return f"{self.box.title} \N{MIDDLE DOT} {shape_text(self.box.shape)}"


class _Drawing:
    """Places the boxes, then writes panels, edges and boxes, in that order."""

    def __init__(self, boxes: Sequence[Box], repeats: Mapping[str, Repeat]):
        tiles: dict[int, _Tile] = {}
        for box in boxes:
            tiles[id(box)] = _Tile(box, [tiles[id(source)] for source in box.inputs])
        self._tiles = list(tiles.values())
        self._repeats = repeats
        self._macs = sum(box.macs for box in boxes)
        self._main = self._main_column()
        self._assign_columns()
        self._lanes = self._assign_lanes()
        self._place()

    def _main_column(self) -> list[_Tile]:
        """The longest path from input to output, one tile for each depth."""
        path = [self._tiles[-1]]
        while path[-1].inputs:
            path.append(max(path[-1].inputs, key=lambda tile: tile.depth))
        return path[::-1]

    def _assign_columns(self) -> None:
        """Side tiles take the first column that is free until what they make is read."""
        taken: dict[int, list[tuple[int, int]]] = {}
        for tile in self._tiles:
            if tile in self._main:
                continue
            last = max(reader.depth for reader in self._tiles if tile in reader.inputs)
            tile.column = 1
            while any(a < last and tile.depth < b for a, b in taken.get(tile.column, [])):
                tile.column += 1
            taken.setdefault(tile.column, []).append((tile.depth, last))

    def _assign_lanes(self) -> dict[tuple[int, int], int]:
        """Left-hand lane of each arc, by the depths it joins; arcs side by side do not touch."""
        arcs = {
            (source.depth, tile.depth)
            for tile in self._main
            for source in tile.inputs
            if source.column == 0 and tile.depth - source.depth > 1
        }
        lanes: dict[tuple[int, int], int] = {}
        for arc in sorted(arcs, key=lambda arc: (arc[1] - arc[0], arc)):
            used = {
                lane for other, lane in lanes.items() if other[0] < arc[1] and arc[0] < other[1]
            }
            lanes[arc] = next(lane for lane in range(1, len(arcs) + 1) if lane not in used)
        return lanes

    def _place(self) -> None:
        columns = 1 + max(tile.column for tile in self._tiles)
        widths = [150.0 if column else 250.0 for column in range(columns)]
        for tile in self._tiles:
            wanted = min(330.0, len(tile.title) * _CHARACTER + 24)
            widths[tile.column] = max(widths[tile.column], wanted)
        left = _MARGIN + 10 + _LANE * max(self._lanes.values(), default=0)
        for tile in self._tiles:
            tile.width = widths[tile.column]
            tile.x = left + sum(widths[: tile.column]) + _COLUMN_GAP * tile.column
        self._width = left + sum(widths) + _COLUMN_GAP * (columns - 1) + 10 + _MARGIN
        y = _MARGIN
        for depth, main in enumerate(self._main):
            if depth and main.box.block != self._main[depth - 1].box.block:
                y += _HEADER if main.box.block else 8
            row = [tile for tile in self._tiles if tile.depth == depth]
            height = max(tile.height for tile in row)
            for tile in row:
                tile.y = y + (height - tile.height) / 2
            y += height + _BOX_GAP
        self._height = y - _BOX_GAP + _MARGIN

    def svg(self) -> str:
        size = f'width="{self._width:.0f}" height="{self._height:.0f}"'
        grounds, titles = self._blocks()
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="aa-net" role="img" '
            f'aria-label="Diagram of the network" {size} '
            f'viewBox="0 0 {self._width:.0f} {self._height:.0f}">',
            f"<style>{_STYLE}</style>",
            *grounds,
            *(self._edge(source, tile) for tile in self._tiles for source in tile.inputs),
            *titles,
            *(self._tile(tile) for tile in self._tiles),
            "</svg>",
        ]
        return "\n".join(parts)

    def _blocks(self) -> tuple[list[str], list[str]]:
        """A tinted ground for each block, and its title: name left, repetitions right."""
        grounds, titles, depth = [], [], 0
        while depth < len(self._main):
            end, main = depth, self._main[depth]
            block = main.box.block
            while end + 1 < len(self._main) and self._main[end + 1].box.block == block:
                end += 1
            if block:
                rows = [tile for tile in self._tiles if depth <= tile.depth <= end]
                top = min(tile.y for tile in rows) - _HEADER + 2
                height = max(tile.bottom for tile in rows) + 8 - top
                grounds.append(
                    f'<rect class="aa-panel" x="{_MARGIN / 2:.0f}" y="{top:.1f}" rx="8" '
                    f'width="{self._width - _MARGIN:.0f}" height="{height:.1f}"/>'
                )
                title = escape(_readable(block))
                titles.append(
                    f'<text class="aa-block" x="{main.x:.1f}" y="{top + 15:.1f}">{title}</text>'
                )
                repeat = self._repeats[block]
                if repeat.times > 1:
                    last = _readable(repeat.last_block.rpartition("/")[2])
                    titles.append(
                        f'<text class="aa-block aa-times" x="{main.right:.1f}" '
                        f'y="{top + 15:.1f}" text-anchor="end">'
                        f"{escape(f'to {last}: {repeat.times} times')}</text>"
                    )
            depth = end + 1
        return grounds, titles

    def _edge(self, source: _Tile, tile: _Tile) -> str:
        down = tile.depth - source.depth
        if source.column == tile.column and down == 1:
            path = f"M{source.centre:.1f} {source.bottom:.1f}V{tile.y - 5:.1f}"
            return _arrow(path, tile.centre, tile.y, "down")
        if source.column == tile.column == 0:
            x = source.x - 6 - _LANE * self._lanes[source.depth, tile.depth]
            path = _turns(
                (source.x, source.middle),
                (x, source.middle),
                (x, tile.middle),
                (tile.x - 5, tile.middle),
            )
            return _arrow(path, tile.x, tile.middle, "right", skip=True)
        if source.column < tile.column and self._free(source, tile.column):
            x, y = tile.centre, source.middle
            path = _turns((source.right, y), (x, y), (x, tile.y - 5))
            return _arrow(path, x, tile.y, "down", skip=True)
        if source.column > tile.column and self._free(tile, source.column):
            x, y = source.centre, tile.middle
            path = _turns((x, source.bottom), (x, y), (tile.right + 5, y))
            return _arrow(path, tile.right, y, "left", skip=True)
        a, b = source.centre, tile.centre
        half = (tile.y - source.bottom) / 2
        path = (
            f"M{a:.1f} {source.bottom:.1f}C{a:.1f} {source.bottom + half:.1f} "
            f"{b:.1f} {tile.y - half:.1f} {b:.1f} {tile.y - 5:.1f}"
        )
        return _arrow(path, b, tile.y, "down", skip=True)

    def _free(self, beside: _Tile, column: int) -> bool:
        """Whether a line from the right of `beside` to `column` along its row crosses no tile."""
        return not any(
            other.depth == beside.depth and beside.column < other.column <= column
            for other in self._tiles
        )

    def _tile(self, tile: _Tile) -> str:
        box, x, y = tile.box, tile.x, tile.y
        names = ", ".join(node.name for node in box.nodes) or "the network's input"
        repeat = self._repeats.get(box.block)
        each, all_ = (" each", " in all") if repeat and repeat.times > 1 else ("", "")
        hint = f"{names}: {box.params:,} weights{each}, {box.macs:,} multiply-adds{all_}"
        room = int((tile.width - 20) / _CHARACTER)
        title = tile.title
        if len(title) > room:
            title = title[: room - 1] + "\N{HORIZONTAL ELLIPSIS}"
        ground = (
            f"<g><title>{escape(hint)}</title>"
            f'<rect class="aa-box" x="{x:.1f}" y="{y:.1f}" width="{tile.width:.1f}" '
            f'height="{tile.height:.1f}" rx="6"/>'
        )
        if not box.params:
            return (
                f'{ground}<text x="{tile.centre:.1f}" y="{y + 18:.1f}" text-anchor="middle">'
                f"{escape(title)}</text></g>"
            )
        share = box.macs / self._macs if self._macs else 0.0
        facts = f"{shape_text(box.shape)} \N{MIDDLE DOT} {box.params:,} weights"
        return (
            f'{ground}<rect class="aa-weights" x="{x:.1f}" y="{tile.bottom - 3:.1f}" rx="1" '
            f'height="3" width="{tile.width * share:.1f}"/>'
            f'<text x="{x + 10:.1f}" y="{y + 16:.1f}">{escape(title)}</text>'
            f'<text class="aa-sub" x="{x + 10:.1f}" y="{y + 31:.1f}">{escape(facts)}</text></g>'
        )


def _readable(block: str) -> str:
    return block.replace("/", " / ").replace("_", " ")


def _turns(*points: tuple[float, float]) -> str:
    """A path along horizontal and vertical lines with rounded corners."""
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        (x0, y0), (x1, y1) = _towards(at, before), _towards(at, after)
        path += f"L{x0:.1f} {y0:.1f}Q{at[0]:.1f} {at[1]:.1f} {x1:.1f} {y1:.1f}"
    return f"{path}L{points[-1][0]:.1f} {points[-1][1]:.1f}"


def _towards(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """The point ten pixels (or as far as there is) from `start` towards `end`, along an axis."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    return start[0] + max(-10.0, min(10.0, dx)), start[1] + max(-10.0, min(10.0, dy))


def _arrow(path: str, x: float, y: float, direction: str, *, skip: bool = False) -> str:
    """A line with its head at `(x, y)`; `skip` marks what leaves the main column."""
    head = {
        "down": f"M{x - 4:.1f} {y - 7:.1f}h8l-4 7z",
        "right": f"M{x - 7:.1f} {y - 4:.1f}v8l7 -4z",
        "left": f"M{x + 7:.1f} {y - 4:.1f}v8l-7 -4z",
    }[direction]
    kind = " aa-skip" if skip else ""
    return f'<path class="aa-edge{kind}" d="{path}"/><path class="aa-head{kind}" d="{head}"/>'
