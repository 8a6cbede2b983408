"""Widens ranges of activations that no int8 kernel could work with, before they are quantised.

An activation that is zero on every calibration picture, such as that of a relu in a gate that
never fires, is calibrated to the range 0 to 1.2e-38, the smallest float, and gets a scale of
4.6e-41. An h-swish whose input is far below zero comes out the same. LiteRT finds the ratio of an
op's scales outside of what its kernels can multiply by, and refuses the whole file: "failed to
create XNNPACK runtime", "output_multiplier_exponent <= 0 was not true", or a crash.

So such an activation takes the range of what it is made of, and others keep at least a share of
it, and of the sum that they go into. What is lost is precision that nobody could have seen: steps
below a 1024th of the inputs' range.

This file runs on its own, in a process where autoarch is not imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

DEAD = 2.0**-20
"""Below this share of its widest input's range an activation counts as zero."""

OF_INPUTS = 2.0**-10
"""Smallest range of an op's result, as a share of its widest input's."""

OF_HARD_SWISH_INPUT = 2.0**-6
"""The same of a h-swish, whose kernel takes ratios from 2**-7."""

OF_SUM = 2.0**-9
"""Smallest range of what is added, as a share of the sum's: the kernels take ratios from 2**-10."""


def widen(path: str) -> None:
    """Widens too narrow ranges of a calibrated `.tflite` file in place.

    Args:
        path: A float file of one subgraph whose activations have `min` and `max`.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    file = Path(path)
    model = schema.ModelT.InitFromPackedBuf(bytearray(file.read_bytes()), 0)
    (graph,) = model.subgraphs
    ranges = {
        index: (float(tensor.quantization.min[0]), float(tensor.quantization.max[0]))
        for index, tensor in enumerate(graph.tensors)
        if model.buffers[tensor.buffer].data is None and _is_calibrated(tensor)
    }
    kinds = {schema.BuiltinOperator.ADD: "add", schema.BuiltinOperator.HARD_SWISH: "hard_swish"}
    ops = [
        (
            kinds.get(model.operatorCodes[op.opcodeIndex].builtinCode, ""),
            [index for index in op.inputs if index in ranges],
            [index for index in op.outputs if index in ranges],
        )
        for op in graph.operators
    ]
    widened = wide_enough(ranges, ops)
    if widened == ranges:
        return
    for index, (low, high) in widened.items():
        quantization = graph.tensors[index].quantization
        quantization.min, quantization.max = [low], [high]
    builder = flatbuffers.Builder(file.stat().st_size)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    file.write_bytes(bytes(builder.Output()))


def _is_calibrated(tensor: Any) -> bool:
    found = tensor.quantization
    return found is not None and found.min is not None and len(found.min) == 1


def wide_enough(
    ranges: dict[int, tuple[float, float]], ops: list[tuple[str, list[int], list[int]]]
) -> dict[int, tuple[float, float]]:
    """Ranges in which no op's scales are too far apart.

    Args:
        ranges: Smallest and largest value by activation.
        ops: In their order: "add", "hard_swish" or another kind, the activations that it reads,
            and those that it makes.

    Example:
        >>> dead_relu = {0: (0.0, 4.0), 1: (0.0, 0.0), 2: (-1.0, 1.0)}
        >>> wide_enough(dead_relu, [("", [0], [1]), ("", [1], [2])])[1]
        (0.0, 4.0)
    """
    found = dict(ranges)

    def keep(index: int, least: float) -> bool:
        low, high = min(found[index][0], 0.0), max(found[index][1], 0.0)
        if high - low >= least:
            return False
        # Values of one sign stay so: behind a relu there is nothing below zero.
        found[index] = (high - least, high) if -low > high else (low, low + least)
        return True

    def width(index: int) -> float:
        return max(found[index][1], 0.0) - min(found[index][0], 0.0)

    changed = True
    while changed:  # shares are at most 1, so nothing grows beyond the widest
        changed = False
        for kind, inputs, outputs in ops:
            least = OF_HARD_SWISH_INPUT if kind == "hard_swish" else OF_INPUTS
            widest = max(map(width, inputs), default=0.0)
            for index in outputs:
                # A share of a share, and so on, would end in ratios of a million again.
                dead = width(index) < DEAD * widest
                changed |= keep(index, widest if dead else least * widest)
            total = max(map(width, outputs), default=0.0)
            for index in inputs if kind == "add" else ():
                changed |= keep(index, OF_SUM * total)
    return found
