"""The space of cells, relaxed: every op on every edge of both cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from autoarch.architecture.ops.rescale import Rescale
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces.cell import NODES, OPS, CellSpace
from autoarch.spaces.cell_ops import EPSILON
from autoarch.spaces.genotype import Cell, Edge, Genotype
from autoarch.supernet.bank import Slot
from autoarch.supernet.relaxed import Array, Relaxed

KINDS = ("normal", "reduction")
EDGES = tuple(
    (kind, node, source)
    for kind in KINDS
    for node in range(1, NODES + 1)
    for source in range(node + 1)
)
"""The choices: the edge of a cell from a state to a node."""

NONE = len(OPS)
"""The last option of each edge, that there is none."""

LARGEST = 5
"""Side of the largest window."""

_WINDOWS = np.zeros((2, LARGEST, LARGEST, 1, 1))
"""1 where an op has taps: one of the two separable ops has a window of 3, so has a dilated one."""
_WINDOWS[0, 1:-1, 1:-1] = _WINDOWS[1] = 1.0

KEPT = 2
"""Edges of a node in the end."""

MOST_SKIPS = 1
"""With more skip connections than that in the normal cell a relaxation has collapsed.

Source: Liang et al. (2019), "DARTS+: Improved differentiable architecture search with early
stopping", section 4.2, criterion 1: two or more.
"""

Take = Callable[[str, str, tuple[int, ...]], Any]
"""(path, axes, shape) -> a weight, see `Slot`."""


class RelaxedCells(Relaxed):
    """All edges of a cell with all ops; "none" takes part in the weighing and is never chosen.

    Written as few large ops, not as `Architecture`: that graph has 1,003 nodes for three cells, a
    step of it takes 3.6 s of CPU time, and its trace minutes. Here each state of a cell is read
    once for all nodes behind it. A depthwise and a 1x1 convolution with nothing in between are one
    dense convolution; small windows are the middle of large ones. So the first convolutions of all
    separable ops on all edges from a state are one, and those of dilated ops, on every second pixel
    of each, another. Gates and sums are a 1x1 convolution.

    Args:
        decisions: The space's; ops that a node may not have are left out of the weighing.
        input_shape: Of the relaxed network, `(height, width, channels)`.
        classes: Number of classes.
        width: Channels of an edge in the first cells.
        cells: Their number; placed as in `cell_network`.

    Source: Liu et al. (2019), "DARTS", sections 2.2 and 2.4.

    Example:
        >>> space = CellSpace((8, 8, 3), 2)
        >>> known = DecisionSpace.from_hyperparameters(space.hyperparameters())
        >>> relaxed = RelaxedCells(known, (8, 8, 3), 2, width=4, cells=3)
        >>> gates = relaxed.discretise(np.full(relaxed.allowed.shape, 1 / 8))
        >>> relaxed.decisions(gates)["normal/op4_2"], relaxed.collapsed(gates)
        ('skip_connect', True)
    """

    def __init__(
        self,
        decisions: DecisionSpace,
        input_shape: tuple[int, ...],
        classes: int,
        *,
        width: int,
        cells: int,
    ):
        self.classes = classes
        self._width, self._cells = width, cells
        legal = {d.name: d.domain for d in decisions.decisions}

        def may(kind: str, node: int, op: str) -> bool:
            return all(legal[f"{kind}/op{node}_{p}"].contains(op) for p in range(1, KEPT + 1))

        self.allowed = np.asarray(
            [[*(may(kind, node, op) for op in OPS), True] for kind, node, _ in EDGES]
        )
        slots: list[Slot] = []

        def note(path: str, axes: str, shape: tuple[int, ...]) -> Any:
            slots.append(Slot(path, path, axes, shape))
            return tf.zeros(shape)

        self._forward(note, tf.zeros(self.allowed.shape), tf.zeros((1, *input_shape)))
        self.slots = slots

    def run(self, weights: Mapping[str, Any], gates: Any, x: Any) -> Any:
        """See `Relaxed.run`."""
        return self._forward(lambda path, axes, shape: weights[path], gates, x)

    def _forward(self, take: Take, gates: Any, x: Any) -> Any:
        gates, width = tf.cast(gates, x.dtype), self._width
        x = x * Rescale().scale + Rescale().offset
        x = _norm(_conv(x, take("stem_conv/kernel", "hwio", (3, 3, x.shape[-1], 3 * width))))
        older = newer = x
        for number in range(self._cells):
            reduction = number in (self._cells // 3, 2 * self._cells // 3)
            width *= 1 + reduction
            states = []
            for place, state in enumerate((older, newer)):
                state = tf.nn.relu(state)
                if state.shape[1:3] != newer.shape[1:3]:
                    state = tf.nn.avg_pool2d(state, 2, 2, "SAME")
                path = f"cell{number + 1}_input{place}_conv/kernel"
                states.append(
                    _norm(_conv(state, take(path, "hwio", (1, 1, state.shape[-1], width))))
                )
            older, newer = newer, _cell(take, gates, states, reduction, f"cell{number + 1}")
        x = tf.reduce_mean(newer, [1, 2])
        kernel = take("head_logits/kernel", "io", (x.shape[-1], self.classes))
        return tf.cast(x @ kernel + take("head_logits/bias", "o", (self.classes,)), tf.float32)

    def discretise(self, shares: Array) -> Array:
        """See `Relaxed.discretise`: a node keeps the two edges with the strongest ops."""
        strengths = np.where(self.allowed, shares, -1.0)[:, :NONE]
        gates = np.zeros(shares.shape, np.float32)
        gates[:, NONE] = 1.0
        for kind in KINDS:
            for node in range(1, NODES + 1):
                rows = [place for place, edge in enumerate(EDGES) if edge[:2] == (kind, node)]
                for row in sorted(rows, key=lambda row: -strengths[row].max())[:KEPT]:
                    gates[row] = np.eye(NONE + 1)[strengths[row].argmax()]
        return gates

    def decisions(self, gates: Array) -> dict[str, Any]:
        """See `Relaxed.decisions`."""
        return CellSpace.decisions_of(genotype_of(gates))

    def collapsed(self, gates: Array) -> bool:
        """See `MOST_SKIPS`."""
        ends = [op for node in genotype_of(gates).normal.nodes for op, _ in node]
        return ends.count("skip_connect") > MOST_SKIPS


def genotype_of(gates: Array) -> Genotype:
    """The cells that gates of 0 and 1 stand for, two edges a node."""
    cells = []
    for kind in KINDS:
        nodes = []
        for number in range(1, NODES + 1):
            ends: list[Edge] = [
                (OPS[gate.argmax()], source)
                for gate, (of, node, source) in zip(gates, EDGES, strict=True)
                if (of, node) == (kind, number) and gate.argmax() != NONE
            ]
            nodes.append((ends[0], ends[1]))
        cells.append(Cell(tuple(nodes), tuple(range(2, NODES + 2))))
    return Genotype(*cells)


def readers(source: int) -> list[int]:
    """The nodes that may read a state.

    >>> readers(0), readers(3)
    ([1, 2, 3, 4], [3, 4])
    """
    return list(range(max(1, source), NODES + 1))


def _cell(take: Take, gates: Any, before: Sequence[Any], reduction: bool, name: str) -> Any:
    """A cell's output behind the two states before it."""
    ends: dict[int, list[Any]] = {node: [] for node in range(1, NODES + 1)}
    states = list(before)
    for source in range(NODES + 1):
        nodes = readers(source)
        rows = [EDGES.index((KINDS[reduction], node, source)) for node in nodes]
        mixed = _edges(
            take,
            tf.gather(gates, rows),
            states[source],
            2 if reduction and source < 2 else 1,
            f"{name}/from{source}",
        )
        for node, end in zip(nodes, tf.split(mixed, len(nodes), -1)):
            ends[node].append(end)
        if source:  # the last that node `source` reads
            states.append(tf.add_n(ends[source]))
    return tf.concat(states[2:], -1)


def _edges(take: Take, gates: Any, x: Any, stride: int, name: str) -> Any:
    """What all edges from a state give, `(batch, height, width, nodes * channels)`.

    Args:
        take: Gives weights; those of the ops of one kind on all edges are one, op by op.
        gates: `(nodes, options)`.
        x: The state.
        stride: 1 or 2.
        name: Prefix of the weights.
    """
    nodes, channels = gates.shape[0], x.shape[-1]
    window = tf.constant(np.repeat(_WINDOWS, nodes, axis=0), x.dtype)

    def depthwise(kind: str) -> Any:
        shape = (2 * nodes, LARGEST, LARGEST, channels, 1)
        return take(f"{name}/{kind}/kernel", "ahwc1", shape) * window

    def pointwise(kind: str, ops: int = 2) -> Any:
        return take(f"{name}/{kind}/kernel", "ahwio", (ops * nodes, 1, 1, channels, channels))

    rectified = tf.nn.relu(x)
    kernel = _joined(depthwise("separable/depthwise1") * pointwise("separable/pointwise1"))
    near = tf.nn.relu(_norm(_conv(rectified, kernel, stride)))
    kernel = tf.transpose(depthwise("separable/depthwise2"), (1, 2, 0, 3, 4))
    kernel = tf.reshape(kernel, (LARGEST, LARGEST, -1, 1))
    near = tf.nn.depthwise_conv2d(near, kernel, (1, 1, 1, 1), "SAME")
    near = _conv(near, _block_diagonal(pointwise("separable/pointwise2")))
    kernel = _joined(depthwise("dilated/depthwise") * pointwise("dilated/pointwise"))
    far = _conv(rectified[:, ::2, ::2], kernel) if stride == 2 else _dilated(rectified, kernel)
    own = [near, far]
    alike = [pool(x, 3, stride, "SAME") for pool in (tf.nn.max_pool2d, tf.nn.avg_pool2d)]
    by_own, by_alike = gates[:, 3:NONE], gates[:, 1:3]
    if stride == 1:
        alike, by_alike = [x, *alike], gates[:, :3]
    else:
        halved = tf.nn.avg_pool2d(rectified, 2, 2, "SAME")
        own.append(_conv(halved, _joined(pointwise("skip_connect/conv", 1))))
        by_own = tf.concat([by_own, gates[:, :1]], 1)
    # Gates and the sum over options are one 1x1 convolution: from (option, node, channel) for what
    # each edge has of its own, and from (option, channel) for what is alike on all.
    to = np.eye(nodes * channels).reshape(nodes, channels, nodes, channels)
    from_own = tf.transpose(by_own)[:, :, None, None, None] * tf.constant(to, x.dtype)
    same = tf.constant(np.eye(channels)[:, None, :], x.dtype)
    from_alike = tf.transpose(by_alike)[:, None, :, None] * same
    sums = [tf.reshape(part, (-1, nodes * channels)) for part in (from_own, from_alike)]
    ends = tf.concat([_norm(tf.concat(own, -1)), *alike], -1)
    return _conv(ends, tf.concat(sums, 0)[None, None])


def _conv(x: Any, kernel: Any, stride: int = 1) -> Any:
    return tf.nn.conv2d(x, kernel, stride, "SAME")


def _norm(x: Any) -> Any:
    channels = x.shape[-1]
    return tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=tf.ones(channels),
        offset=tf.zeros(channels),
        mean=(),
        variance=(),
        epsilon=EPSILON,
    ).y


def _joined(kernels: Any) -> Any:
    """Kernels `(n, h, w, c, d)` on the same input, as one `(h, w, c, n * d)`."""
    _, height, width, channels, _ = kernels.shape
    return tf.reshape(tf.transpose(kernels, (1, 2, 3, 0, 4)), (height, width, channels, -1))


def _block_diagonal(kernels: Any) -> Any:
    """1x1 kernels `(n, 1, 1, c, d)`, each on channels of its own, as one."""
    number, *_, channels, filters = kernels.shape
    apart = tf.constant(np.eye(number)[:, None, :, None], kernels.dtype)
    blocks = tf.reshape(kernels, (number, channels, 1, filters)) * apart
    return tf.reshape(blocks, (1, 1, number * channels, number * filters))


def _dilated(x: Any, kernel: Any) -> Any:
    """A convolution with taps two pixels apart: dense ones on every second pixel."""
    height, width = x.shape[1:3]
    around = LARGEST - 1
    paddings = [(around, around + height % 2), (around, around + width % 2)]
    phases = tf.nn.conv2d(tf.space_to_batch(x, (2, 2), paddings), kernel, 1, "VALID")
    return tf.batch_to_space(phases, (2, 2), [(0, height % 2), (0, width % 2)])
