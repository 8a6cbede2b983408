"""Size of the float `.tflite` file of a network on token ids, without converting.

Tables of vectors are nearly all of such a file. So weights are counted exactly, as the exporter
writes them (`autoarch.export.flat_file`: equal vectors are stored once), and what else an op takes
is a bound, linear in the numbers of ops of each kind: the one with the least mean and largest
excess (a linear program) that is above all of 400 random networks of the space, and 250 bytes more.
It is at most about 4.5 kB too large.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator

from autoarch.architecture import Architecture
from autoarch.architecture.ops.conv1d import Conv1D
from autoarch.architecture.ops.embedding_bag import EmbeddingBag
from autoarch.architecture.ops.op import Op
from autoarch.architecture.ops.recurrent import Recurrent

DTYPE_OF_IDS = "int32"
"""`Architecture.input_dtype` of networks on token ids."""

_FIXED = (2610, 3160)
"""The softmax and what every file has; in float32 and in float16, as below."""
_OVERHEAD = collections.defaultdict(
    lambda: (20, 20),
    activation=(240, 40),
    add=(80, 80),
    blend=(1150, 1150),
    columns=(780, 730),
    concat=(0, 110),
    conv1d=(50, 270),
    dense=(2400, 1320),
    dilated=(140, 910),
    dropout=(0, 60),
    embedding_bag=(300, 300),
    global_average_pool1d=(120, 140),
    global_max_pool1d=(90, 110),
    gru=(6730, 6360),
    layer_norm=(800, 1300),
    lstm=(6100, 5630),
    self_attention=(3000, 3000),
    separable_conv1d=(780, 830),
)
"""Bytes of an op, its tensors and its small constants, beside its weights."""


def token_file_bytes(architecture: Architecture, *, half: bool) -> int:
    """Size of the file, in bytes; at most a few kB above the true one.

    Args:
        architecture: A network on token ids.
        half: Whether its weights are in half precision.

    Example:
        >>> from autoarch.architecture import INPUT, GraphBuilder
        >>> graph = GraphBuilder((8, 1), "int32")
        >>> _ = graph.add(EmbeddingBag(1000, 3), INPUT, name="bag")
        >>> [token_file_bytes(graph.finish(), half=half) for half in (False, True)]
        [14910, 9460]
    """
    overhead = sum(_OVERHEAD[_kind(node.op)][half] for node in architecture.live_nodes)
    return _FIXED[half] + overhead + (2 if half else 4) * sum(_stored(architecture))


def _kind(op: Op) -> str:
    if isinstance(op, Recurrent):
        return op.cell
    if isinstance(op, Conv1D) and op.dilation > 1:
        return "dilated"
    return op.kind


def _stored(architecture: Architecture) -> Iterator[int]:
    """Numbers of weights that the file stores.

    What the data gives for some columns of ids, bags of the same columns have alike: their scales,
    and vectors that come trained.
    """
    nodes = {node.name: node for node in architecture.live_nodes}
    given: set[tuple[object, ...]] = set()
    for node in architecture.live_nodes:
        inputs = [architecture.shapes[name] for name in node.inputs]
        yield node.op.trainable_params(*inputs)
        if not isinstance(node.op, EmbeddingBag):
            yield node.op.state_params(*inputs)
            continue
        source = node.inputs[0]
        columns, op = nodes[source].op if source in nodes else source, node.op
        tables: list[tuple[object, int, int, bool | None]]
        tables = [(columns, op.ids, op.size, op.scaled)] * op.frozen
        tables += [(columns, op.ids, 1, None)] * op.scaled
        for table in tables:
            if table not in given:
                given.add(table)
                yield table[1] * table[2]
