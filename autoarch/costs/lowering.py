"""An architecture as the LiteRT ops of its int8 file, without converting it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast, get_args

from autoarch.architecture import INPUT, Architecture, Node
from autoarch.architecture.fold import Convolution
from autoarch.architecture.front_end import integer_part
from autoarch.architecture.lite import LiteBuilder, LiteGraph
from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.dilated_depthwise_conv2d import DilatedDepthwiseConv2D
from autoarch.architecture.ops.frozen_batch_norm import FrozenBatchNorm
from autoarch.architecture.ops.op import strided
from autoarch.architecture.ops.rescale import Rescale
from autoarch.architecture.ops.zero import Zero

SOFTMAX = "probabilities"
"""Name of the tensor that the exported network answers with."""

_SCALING = frozenset({BatchNorm, FrozenBatchNorm, Zero})
"""What is constant factors and addends, and goes into a convolution before it."""

_CONVOLUTIONS = frozenset(get_args(Convolution))
# Sets of types, not `isinstance`: ops are abstract in part, of which that asks ten times as long,
# and this is asked of each node of thousands of networks a second.


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
    whole, architecture = architecture, integer_part(architecture)
    nodes = {node.name: node for node in architecture.live_nodes}
    readers: dict[str, list[Node]] = {INPUT: [], **{name: [] for name in nodes}}
    for node in nodes.values():
        for name in node.inputs:
            readers[name].append(node)
    rescaled = all(isinstance(reader.op, Rescale) for reader in readers[INPUT])
    pixels = rescaled or (architecture is whole and len(architecture.input_shape) == 3)
    lite = LiteBuilder(INPUT, shape := architecture.input_shape, unit_scale=pixels)
    tensors: dict[str, str] = {INPUT: INPUT}
    if pixels and not rescaled:  # centred pixels are put back to where they were, see `fold`
        tensors[INPUT] = lite.add("add", (INPUT,), f"{INPUT}/centre", shape, constant="centre")
    convolved: set[str] = set()  # convolutions, and the norms in them
    seen: dict[tuple[str, DilatedDepthwiseConv2D], str] = {}  # tensors in pieces
    for name in _in_file_order(readers):
        node = nodes[name]
        source, op = node.inputs[0], type(node.op)
        if op in _CONVOLUTIONS:
            convolved.add(node.name)
        if op in _SCALING and source in convolved and len(readers[source]) == 1:
            convolved.add(node.name)
            lite.give_bias(tensors[source])
            tensors[node.name] = tensors[source]
        elif rescaled and _is_folded_rescale(node, readers):
            tensors[node.name] = tensors[source]
        elif op is DilatedDepthwiseConv2D and _like(node, readers[source]) > 1:
            tensors[node.name] = _lower_in_pieces(
                lite, cast(DilatedDepthwiseConv2D, node.op), tensors[source], node.name, seen
            )
        else:
            tensors[node.name] = node.op.lower(
                lite,
                [tensors[read] for read in node.inputs],
                node.name,
                alone=len(readers[source]) == 1,
            )
    lite.elementwise("softmax", tensors[architecture.nodes[-1].name], SOFTMAX)
    return lite.finish()


def _in_file_order(readers: Mapping[str, list[Node]]) -> list[str]:
    """The names of the nodes as the converter orders them, on which the peak of the memory depends.

    Depth first: of several readers of a tensor, the branch of the one whose name comes first is
    written as far as it goes, then the next (reverse post-order, as TensorFlow imports a graph).
    """
    finished: list[str] = []
    seen: set[str] = set()
    stack = [(INPUT, False)]
    while stack:
        name, done = stack.pop()
        if done:
            finished.append(name)
        elif name not in seen:
            seen.add(name)
            stack.append((name, True))
            following = readers[name]
            if len(following) > 1:
                following = sorted(following, key=lambda reader: f"{reader.layer_name}_")
            stack += [(reader.name, False) for reader in following if reader.name not in seen]
    return finished[-2::-1]


def _like(node: Node, readers: Iterable[Node]) -> int:
    """How many of the readers are of the same op as the node."""
    return sum(reader.op == node.op for reader in readers)


def _lower_in_pieces(
    lite: LiteBuilder,
    op: DilatedDepthwiseConv2D,
    tensor: str,
    name: str,
    seen: dict[tuple[str, DilatedDepthwiseConv2D], str],
) -> str:
    """What dilated convolutions become that share their input with others of their kind.

    TensorFlow cuts the padded picture into `dilation ** 2` coarser ones, which plain convolutions
    read as a batch; the converter makes it one dilated convolution again unless the pieces have
    several readers. The pieces' numbers are told as channels here.

    Args:
        lite: Is added to.
        op: The convolution.
        tensor: What it reads.
        name: Of the result.
        seen: The pieces of tensors that were cut already.
    """
    height, width, channels = shape = lite.shape(tensor)
    pieces = op.dilation**2
    reach = (op.kernel - 1) * op.dilation
    coarse = [strided(side + reach, op.dilation) for side in (height, width)]
    made = [side - op.kernel + 1 for side in coarse]
    if (tensor, op) not in seen:
        seen[tensor, op] = lite.add(
            "space_to_batch_nd",
            (tensor,),
            f"{name}/cut",
            (coarse[0], coarse[1], channels * pieces),
            constant="paddings",
        )
    x = lite.add(
        "depthwise_conv_2d",
        (seen[tensor, op],),
        f"{name}/pieces",
        (made[0], made[1], channels * pieces),
        kernel=(1, op.kernel, op.kernel, channels),
        channels=channels,
        biased=op.use_bias,
    )
    return lite.add("batch_to_space_nd", (x,), name, shape, constant="crops")


def _is_folded_rescale(node: Node, readers: Mapping[str, list[Node]]) -> bool:
    """Whether the node rescales pixels for convolutions alone."""
    return (
        type(node.op) is Rescale
        and node.inputs[0] == INPUT
        and all(type(reader.op) in _CONVOLUTIONS for reader in readers[node.name])
    )


__all__ = ["LiteGraph", "lower"]
