"""Weight inheritance: a network begins with what another, similar one has learned.

Nodes of the two graphs are matched by name and kind: the spaces name their nodes by stage and
block. What the parent knows is then carried through the child's graph as an index: channel `j`
of a node's output is channel `index[j]` of the parent's. The child computes exactly what its
parent does (up to rounding) where it is the parent

- made wider: channels are repeated in turn, in the same way all along a residual stream, and
  who reads a repeated channel shares its weight out among the copies. The shares are random, and
  others for each reader, so that the copies do not stay equal in training;
- made deeper: a new residual block adds nothing at first, since the last batch norm of its
  branch begins at zero. An activation behind the sum must not change what it is applied to twice
  (relu; with silu the block only comes close);
- given larger kernels, from 3 on: the new border is zero.

Elsewhere it is a good start, no more: smaller kernels lose their border, narrower layers keep the
channels of the largest batch norm factors, changed ops begin afresh.

Source: Chen et al. (2016), "Net2Net", sections 2.2 and 2.3; Wei et al. (2016), "Network morphism",
section 3 for kernels; Cai et al. (2018), "Efficient architecture search by network
transformation", section 3; Liu et al. (2017), "Network slimming", section 3 for the factors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autoarch.architecture.graph import INPUT, Architecture, Node
from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.dropout import Dropout
from autoarch.architecture.ops.merge import Add, Concat
from autoarch.architecture.ops.squeeze_excite import SqueezeExcite

Array = npt.NDArray[Any]
Weights = Mapping[str, Array]
"""Arrays by their path in the Keras model, such as `stem_conv/kernel`."""


@dataclass(frozen=True, eq=False)
class Inheritance:
    """What a child begins with.

    Args:
        weights: All weights of the child.
        share: Share of them, by number, that comes from the parent.
    """

    weights: dict[str, Array]
    share: float


@dataclass(frozen=True, eq=False)
class _Channels:
    """Which of the parent's channels the channels of a node are.

    Args:
        parent: Number of the parent's channels.
        index: For each channel of the child one of the parent's.
    """

    parent: int
    index: Array


def inherit_weights(
    parent: Architecture,
    trained: Weights,
    child: Architecture,
    fresh: Weights,
    rng: np.random.Generator,
) -> Inheritance:
    """Gives a child the weights of its parent, as far as they fit.

    Args:
        parent: The trained network.
        trained: Its weights.
        child: The network to begin.
        fresh: Weights it would begin with otherwise.
        rng: Draws the shares of repeated channels.

    Returns:
        Weights of the shapes of `fresh`, float32.
    """
    kin = {node.name: node for node in parent.live_nodes}
    channels = _trace_channels(parent, trained, child)
    weights = {path: np.array(value, np.float32) for path, value in fresh.items()}
    inherited = 0
    for node in child.live_nodes:
        reads, makes = channels[node.inputs[0]], channels[node.name]
        if isinstance(node.op, Add) and makes is not None:
            for name in node.inputs:
                if channels[name] is None:
                    _silence(child, name, weights)
        if reads is None or makes is None or not _is_kin(node, kin, parent, reads):
            continue
        index = {"i": reads.index, "c": makes.index, "o": makes.index}
        for suffix, axes in node.op.weight_axes().items():
            path = node.layer_name + suffix
            weights[path] = _fit(trained[path], axes, fresh[path].shape, index, rng)
            inherited += weights[path].size
    return Inheritance(weights, inherited / max(sum(w.size for w in weights.values()), 1))


def _is_kin(
    node: Node, kin: Mapping[str, Node], parent: Architecture, reads: _Channels | None
) -> bool:
    """Whether the parent has the same node, reading as many channels as are known to arrive."""
    other = kin.get(node.name)
    return (
        other is not None
        and reads is not None
        and other.op.kind == node.op.kind
        and other.op.weight_axes().keys() == node.op.weight_axes().keys()
        and parent.shapes[other.inputs[0]][-1] == reads.parent
    )


def _trace_channels(
    parent: Architecture, trained: Weights, child: Architecture
) -> dict[str, _Channels | None]:
    """For each node of the child the parent's channels in its output; None where it has none."""
    kin = {node.name: node for node in parent.live_nodes}
    streams, unlearned = _streams(child), _unlearned(child)
    every = np.arange(parent.input_shape[-1])
    same_input = parent.input_shape[-1] == child.input_shape[-1]
    channels: dict[str, _Channels | None] = {
        INPUT: _Channels(len(every), every) if same_input else None
    }
    for node in child.live_nodes:
        inputs = [channels[name] for name in node.inputs]
        known = [found for found in inputs if found is not None]
        found = None
        if _keeps_channels(node, child):
            # What a sum lacks is silenced; everything else needs all its inputs.
            found = known[0] if known and (known == inputs or isinstance(node.op, Add)) else None
        elif isinstance(node.op, Concat):
            if len(known) == len(inputs):
                starts = np.cumsum([0, *(part.parent for part in known)])
                parts = [part.index + start for part, start in zip(known, starts)]
                found = _Channels(int(starts[-1]), np.concatenate(parts))
        elif _is_kin(node, kin, parent, inputs[0]) and node.op.weight_axes():
            size, wanted = parent.shapes[node.name][-1], child.shapes[node.name][-1]
            together = [n for n in child.live_nodes if streams[n.name] == streams[node.name]]
            found = _Channels(size, _choose(size, wanted, together, trained))
        elif node.name in kin and kin[node.name].op.kind == node.op.kind:
            # Bands of a spectrogram, columns of ids, or the one channel that a picture of either
            # has: nobody has learned which is which, so as many are the same ones.
            width = child.shapes[node.name][-1]
            same = width == parent.shapes[node.name][-1]
            if same and (width == 1 or node.name in unlearned):
                found = _Channels(width, np.arange(width))
        channels[node.name] = found
    return channels


def _unlearned(architecture: Architecture) -> set[str]:
    """The input, and nodes whose output depends on nothing that is learned."""
    found = {INPUT}
    for node in architecture.live_nodes:
        inputs = [architecture.shapes[name] for name in node.inputs]
        if found.issuperset(node.inputs) and not node.op.trainable_params(*inputs):
            found.add(node.name)
    return found


def _keeps_channels(node: Node, child: Architecture) -> bool:
    """Whether channel `j` of the output belongs to channel `j` of each input."""
    axes = node.op.weight_axes()
    inputs = [child.shapes[name] for name in node.inputs]
    if not axes and node.op.trainable_params(*inputs):
        return False
    width = child.shapes[node.name][-1]
    return not any("o" in a for a in axes.values()) and all(s[-1] == width for s in inputs)


def _streams(child: Architecture) -> dict[str, str]:
    """A label for each node, equal for those whose channels must be chosen alike."""
    label = {INPUT: INPUT}
    for node in child.live_nodes:
        joined = {label[name] for name in node.inputs} if _keeps_channels(node, child) else set()
        label = {name: node.name if old in joined else old for name, old in label.items()}
        label[node.name] = node.name
    return label


def _choose(size: int, wanted: int, stream: Iterable[Node], trained: Weights) -> Array:
    """`wanted` of `size` channels: each in turn, or those of the largest batch norm factors."""
    if wanted >= size:
        return np.arange(wanted) % size
    strength = np.zeros(size)
    for node in stream:
        factors = trained.get(f"{node.layer_name}/gamma")
        if isinstance(node.op, BatchNorm) and factors is not None and len(factors) == size:
            strength += np.abs(factors)
    return np.sort(np.argsort(-strength, kind="stable")[:wanted])


def _fit(
    array: Array,
    axes: str,
    shape: tuple[int, ...],
    index: Mapping[str, Array],
    rng: np.random.Generator,
) -> Array:
    """One weight of the parent in the child's shape; see `Op.weight_axes` for the letters."""
    read: Array | None = None
    for axis, (letter, size) in enumerate(zip(axes, shape)):
        if letter in "hw":
            array = _centred(array, axis, size)
        elif letter != "1":
            place = index.get(letter, np.arange(size) % array.shape[axis])
            array = np.take(array, place, axis)
            # Of two axes of channels the first is read, and its repeated channels are shared out.
            if axis == len(axes) - 2 and axes[axis + 1] != "1":
                read = place
    if read is not None:
        array = array * _shares(read, array.shape[-1], rng)
    return np.asarray(array, np.float32)


def _centred(array: Array, axis: int, size: int) -> Array:
    """Cuts or pads an axis of a window, so that the centre stays where "same" padding has it."""
    before = (size - 1) // 2 - (array.shape[axis] - 1) // 2
    if size < array.shape[axis]:
        cut: Array = np.take(array, np.arange(size) - before, axis)
        return cut
    pads = [(0, 0)] * array.ndim
    pads[axis] = (before, size - array.shape[axis] - before)
    return np.pad(array, pads)


def _shares(index: Array, outputs: int, rng: np.random.Generator) -> Array:
    """Factors `(len(index), outputs)` that sum to 1 over equal entries of `index`."""
    drawn: Array = rng.uniform(0.5, 1.5, (len(index), outputs))
    sums: Array = np.zeros((int(index.max()) + 1, outputs))
    np.add.at(sums, index, drawn)
    drawn /= sums[index]
    return drawn


def _silence(child: Architecture, name: str, weights: dict[str, Array]) -> None:
    """Lets a fresh branch add nothing at first: its last batch norm becomes zero."""
    nodes = {node.name: node for node in child.live_nodes}
    node = nodes.get(name)
    while node is not None and isinstance(node.op, SqueezeExcite | Dropout):
        node = nodes.get(node.inputs[0])
    if node is not None and isinstance(node.op, BatchNorm):
        weights[f"{node.layer_name}/gamma"][:] = 0.0
