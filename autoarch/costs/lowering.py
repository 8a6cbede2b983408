"""An architecture as the LiteRT ops of its int8 file, without converting it."""

from __future__ import annotations

from collections.abc import Mapping

from autoarch.architecture import INPUT, Architecture, Node
from autoarch.architecture.fold import CONVOLUTIONS
from autoarch.architecture.front_end import integer_part
from autoarch.architecture.lite import LiteBuilder, LiteGraph
from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.rescale import Rescale

SOFTMAX = "probabilities"
"""Name of the tensor that the exported network answers with."""


def lower(architecture: Architecture) -> LiteGraph:
    """The LiteRT ops of a network with its softmax.

    Of a network on waveforms they begin behind its front-end. What is folded is what
    `autoarch.architecture.fold` folds: batch norm into the convolution before it, the rescaling of
    pixels into the convolutions behind it, dropout into nothing.

    Raises:
        InvalidArchitectureError: An op has no LiteRT form.

    Example:
        >>> from autoarch.architecture import GraphBuilder
        >>> from autoarch.architecture.ops.dense import Dense
        >>> builder = GraphBuilder((8,))
        >>> _ = builder.add(Dense(3), INPUT, name="logits")
        >>> [op.kind for op in lower(builder.finish()).ops]
        ['fully_connected', 'softmax']
    """
    architecture = integer_part(architecture)
    nodes = architecture.live_nodes
    readers: dict[str, list[Node]] = {INPUT: []}
    for node in nodes:
        readers[node.name] = []
        for name in node.inputs:
            readers[name].append(node)
    pixels = all(isinstance(reader.op, Rescale) for reader in readers[INPUT])
    lite = LiteBuilder(INPUT, architecture.input_shape, unit_scale=pixels)
    tensors: dict[str, str] = {INPUT: INPUT}
    for before, node in zip((None, *nodes), nodes):
        source = node.inputs[0]
        if _is_folded(node, before, readers):
            tensors[node.name] = tensors[source]
        else:
            tensors[node.name] = node.op.lower(
                lite,
                [tensors[name] for name in node.inputs],
                node.name,
                alone=len(readers[source]) == 1,
            )
    lite.elementwise("softmax", tensors[nodes[-1].name], SOFTMAX)
    return lite.finish()


def _is_folded(node: Node, before: Node | None, readers: Mapping[str, list[Node]]) -> bool:
    """Whether the node's work is done by a convolution before or behind it."""
    if isinstance(node.op, BatchNorm):
        # Spaces write a norm right behind its convolution.
        return (
            before is not None
            and before.name == node.inputs[0]
            and isinstance(before.op, CONVOLUTIONS)
            and len(readers[before.name]) == 1
        )
    return (
        isinstance(node.op, Rescale)
        and node.inputs[0] == INPUT
        and all(isinstance(reader.op, CONVOLUTIONS) for reader in readers[node.name])
    )


__all__ = ["LiteGraph", "lower"]
