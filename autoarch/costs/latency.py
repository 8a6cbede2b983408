"""Latency of a network on a device, from a table of its ops.

Each op of a network has a signature, such as `conv_2d 32x32x16 k3 o16 relu`. A table says for
each signature how long the op takes; a network takes their sum and what every call costs. For ops
that were not measured see `autoarch.costs.op_laws`.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autoarch.architecture import Architecture
from autoarch.architecture.lite import LiteGraph, LiteOp, Shape
from autoarch.costs.model_costs import model_costs
from autoarch.costs.op_laws import OpLaw, family_and_work, fit_laws
from autoarch.errors import InvalidInputError

COLUMNS = ["signature", "seconds"]
FIXED = "fixed"
"""The row of a CSV that holds what every call costs, whatever the network."""


def signatures(graph: LiteGraph) -> list[str]:
    """The signature of each op, in order: all that its latency depends on."""
    shapes = {graph.input: graph.input_shape, **{op.output: op.shape for op in graph.ops}}
    return [signature(op, [shapes[tensor] for tensor in op.inputs]) for op in graph.ops]


def signature(op: LiteOp, shapes: list[Shape]) -> str:
    """The signature of an op that reads tensors of the given shapes.

    Example:
        >>> conv = LiteOp("conv_2d", ("x",), "y", (16, 16, 8), (8, 3, 3, 4), 8, stride=2)
        >>> signature(conv, [(32, 32, 4)])
        'conv_2d 32x32x4 k3 o8 s2'
    """
    words = [op.kind, "+".join("x".join(map(str, shape)) for shape in shapes)]
    if len(op.kernel) == 4:
        _, height, width, _ = op.kernel
        words.append(f"k{height}" if height == width else f"k{height}x{width}")
    if op.channels:
        words.append(f"o{op.channels}")
    if op.window:
        words.append(f"w{op.window}")
    if op.stride > 1:
        words.append(f"s{op.stride}")
    if op.dilation > 1:
        words.append(f"d{op.dilation}")
    if op.constant:
        words.append("const")
    if op.activation:
        words.append(op.activation)
    return " ".join(words)


@dataclass(frozen=True)
class LatencyTable:
    """Seconds by op, measured on one device.

    Args:
        seconds: Median seconds by signature.
        fixed_s: What every call costs beside its ops.
        device: Where it was measured, one line.
        threads: With how many threads.

    Example:
        >>> from autoarch.architecture import INPUT, Node
        >>> from autoarch.architecture.ops.dense import Dense
        >>> table = LatencyTable({"fully_connected 8 o3": 2e-6, "softmax 3": 1e-6}, fixed_s=1e-6)
        >>> round(1e6 * table.predict_s(Architecture((8,), (Node("y", Dense(3), (INPUT,)),))), 3)
        4.0
    """

    seconds: Mapping[str, float]
    fixed_s: float = 0.0
    device: str = ""
    threads: int = 1

    def predict_s(self, architecture: Architecture) -> float:
        """Seconds of one answer of the network's int8 file.

        An op that was not measured takes what others of its kind let expect.

        Raises:
            InvalidInputError: The table has no op of a kind that the network needs.
        """
        total = self.fixed_s
        wanted = signatures(model_costs(architecture).lite_graph)
        for name in wanted:
            found = self._expected_s(name)
            if found is None:
                raise InvalidInputError(
                    f"The latency table of {self.device or 'the device'} lacks ops of this "
                    f"network, such as {name!r}; measure them with `autoarch latency`."
                )
            total += found
        return total

    def missing(self, architecture: Architecture) -> list[str]:
        """Signatures of the network's ops of which the table has not even the kind."""
        wanted = signatures(model_costs(architecture).lite_graph)
        return sorted({name for name in wanted if self._expected_s(name) is None})

    def _expected_s(self, name: str) -> float | None:
        if name in self.seconds:
            return self.seconds[name]
        kind, family, work = family_and_work(name)
        law = self._laws.get(family) or self._laws.get(kind)
        return None if law is None else law.seconds(work)

    @cached_property
    def _laws(self) -> Mapping[str, OpLaw]:
        return fit_laws(self.seconds)

    def to_csv(self, path: Path) -> None:
        """Writes the table; `from_csv` is the inverse."""
        text = io.StringIO()
        text.write(f"# device: {' '.join(self.device.split())}\n# threads: {self.threads}\n")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        rows = {FIXED: self.fixed_s, **dict(sorted(self.seconds.items()))}
        writer.writerows((name, f"{seconds:.4g}") for name, seconds in rows.items())
        path.write_text(text.getvalue(), encoding="utf-8")

    @classmethod
    def from_csv(cls, path: Path) -> LatencyTable:
        """Reads what `to_csv` wrote, here or on another device.

        Raises:
            InvalidInputError: The file is missing or malformed; the one line says where.
        """
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInputError(f"Latency table {path} cannot be read: {error}.") from error
        notes = dict(
            line.removeprefix("#").strip().split(": ", 1)
            for line in lines
            if line.startswith("#") and ": " in line
        )
        rows = [row for row in csv.reader(li for li in lines if not li.startswith("#")) if row]
        if not rows or rows[0] != COLUMNS:
            raise InvalidInputError(
                f"Latency table {path} must begin with the columns {','.join(COLUMNS)}; write it "
                "with `autoarch latency`."
            )
        seconds = {}
        for row in rows[1:]:
            value = _number(row[1]) if len(row) == len(COLUMNS) else math.nan
            if not (0 <= value < math.inf and _is_signature(row[0])):
                raise InvalidInputError(
                    f"Latency table {path}: a row must be a signature and seconds; got {row}."
                )
            seconds[row[0]] = value
        threads = notes.get("threads", "1")
        return cls(
            seconds,
            seconds.pop(FIXED, 0.0),
            notes.get("device", ""),
            int(threads) if threads.isdigit() else 1,
        )


def _is_signature(name: str) -> bool:
    try:
        return name == FIXED or family_and_work(name)[2] > 0
    except (ValueError, ArithmeticError):
        return False


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
