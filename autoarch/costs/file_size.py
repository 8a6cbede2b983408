"""Sizes of exported `.tflite` files, to the byte or nearly, without converting."""

from __future__ import annotations

from autoarch.architecture import Architecture
from autoarch.architecture.lite import LiteGraph
from autoarch.costs.lowering import lower


def int8_file_bytes(graph: LiteGraph) -> int:
    """Size of the full int8 file."""
    total = 900
    for op in graph.ops:
        total += 100
        if op.kernel:
            weights = 1
            for size in op.kernel:
                weights *= size
            total += weights + 12 * op.channels + 130
    return total


def float16_file_bytes(architecture: Architecture) -> int:
    """Size of the file with float16 weights."""
    return int(1.02 * 2 * architecture.params) + 600 * len(lower(architecture).ops)


def float_file_bytes(architecture: Architecture) -> int:
    """Size of the float32 file."""
    return int(1.02 * 4 * architecture.params) + 600 * len(lower(architecture).ops)
