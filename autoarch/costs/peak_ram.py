"""Memory of a network's int8 activations, by the time for which each is needed."""

from __future__ import annotations

import math

from autoarch.architecture.lite import LiteGraph


def peak_ram_bytes(graph: LiteGraph) -> int:
    """Most bytes of activations that are alive at once, one byte a number.

    A tensor is alive from the op that makes it until the last op that reads it; the input from
    the beginning, the output until the end. An op's inputs and its output are alive together:
    nothing is written in place. What a runtime adds (its own structures, scratch buffers,
    fragmentation of the arena) is not counted.

    Example:
        >>> from autoarch.architecture.lite import LiteBuilder
        >>> lite = LiteBuilder("x", (4, 4, 2))
        >>> x = lite.elementwise("logistic", "x", "gate")
        >>> x = lite.add("mean", (x,), "pool", (2,))
        >>> peak_ram_bytes(lite.finish())
        64
    """
    last_read: dict[str, int] = {}
    for step, op in enumerate(graph.ops):
        for tensor in op.inputs:
            last_read[tensor] = step
    sizes = {graph.input: math.prod(graph.input_shape)}
    alive = peak = sizes[graph.input]
    for step, op in enumerate(graph.ops):
        sizes[op.output] = size = math.prod(op.shape)
        alive += size
        if alive > peak:
            peak = alive
        for tensor in {*op.inputs}:
            if last_read[tensor] == step:
                alive -= sizes[tensor]
    return peak
