"""A network on waveforms in two halves: a front-end in float, and what its int8 file holds.

The spectrogram of a sound spans too many orders of magnitude for eight bits, and its fixed
weights would be most of a small file. So everything up to the normalisation of the bands is left
outside, in float (`autoarch.architecture.spectrogram`), and the rest takes normalised bands,
which fit eight bits well.

The rest is seen as a network on pictures: where the bands are features of frames, on pictures of
one row, since LiteRT has no convolution along a sequence and would reshape before and after each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autoarch.architecture.graph import INPUT, Architecture, Node
from autoarch.architecture.inherit import Array, Weights
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.add_channel import AddChannel
from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.cepstrum import Cepstrum
from autoarch.architecture.ops.conv1d import Conv1D
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.dropout import Dropout
from autoarch.architecture.ops.log_mel import LogMel
from autoarch.architecture.ops.loudness import Loudness
from autoarch.architecture.ops.merge import Add, Concat
from autoarch.architecture.ops.oblong_conv2d import OblongConv2D
from autoarch.architecture.ops.op import Op
from autoarch.architecture.ops.pooling import GlobalAveragePool2D, GlobalMaxPool2D
from autoarch.architecture.ops.pooling1d import GlobalAveragePool1D, GlobalMaxPool1D
from autoarch.architecture.spectrogram import FrontEnd
from autoarch.errors import InvalidArchitectureError

_ON_ROWS: Mapping[type[Op], Callable[[Any], Op]] = {
    Conv1D: lambda op: OblongConv2D(op.filters, 1, op.kernel, op.stride, op.use_bias),
    GlobalAveragePool1D: lambda op: GlobalAveragePool2D(),
    GlobalMaxPool1D: lambda op: GlobalMaxPool2D(),
}
"""The same op on a picture of one row."""

_ANYWHERE = (Activation, Add, BatchNorm, Concat, Dense, Dropout)


def integer_part(architecture: Architecture) -> Architecture:
    """What the int8 file of a network holds: of one on waveforms what is behind the front-end.

    Its nodes keep their names. A network on anything else is returned as it is.

    Raises:
        InvalidArchitectureError: The network has an op along sequences that has no int8 form.

    Example:
        >>> from autoarch.architecture import GraphBuilder
        >>> graph = GraphBuilder((800,))
        >>> x = graph.add(LogMel(8000, 200, 100, 10), INPUT, name="log_mel")
        >>> x = graph.add(BatchNorm(), x, name="norm")
        >>> x = graph.add(GlobalMaxPool1D(), x, name="pool")
        >>> _ = graph.add(Dense(2), x, name="logits")
        >>> part = integer_part(graph.finish())
        >>> part.input_shape, [node.name for node in part.nodes]
        ((1, 8, 10), ['pool', 'logits'])
    """
    front = _front(architecture)
    if not front:
        return architecture
    end = front[-1].name
    shape, rest = architecture.shapes[end], architecture.live_nodes[len(front) :]
    names = {end: INPUT}
    picture = isinstance(rest[0].op, AddChannel)
    if picture:
        names[rest[0].name] = INPUT
        rest = rest[1:]
    nodes = tuple(
        Node(
            node.name,
            node.op if picture else _on_rows(node.op),
            tuple(names.get(name, name) for name in node.inputs),
        )
        for node in rest
    )
    return Architecture((*shape, 1) if picture else (1, *shape), nodes)


def float_part(architecture: Architecture) -> Architecture:
    """What `integer_part` leaves out of a network on waveforms, `(samples,)` to normalised bands
    `(frames, bands)`; its nodes keep their names.

    Raises:
        ValueError: The network is one on anything else.
    """
    front = _front(architecture)
    if not front:
        raise ValueError("`architecture` of float_part must be a network on waveforms.")
    return Architecture(architecture.input_shape, front)


def integer_weights(architecture: Architecture, weights: Weights) -> dict[str, Array]:
    """The weights of `integer_part(architecture)`, and perhaps others that it has not.

    Args:
        architecture: The network.
        weights: Its weights by path, such as `stem_conv/kernel`.
    """
    if not _front(architecture):
        return dict(weights)
    # Kernels along a sequence have three axes, those on its picture of one row four.
    on_rows = {path for path, w in weights.items() if path.endswith("/kernel") and w.ndim == 3}
    return {path: w[None] if path in on_rows else w for path, w in weights.items()}


def front_end(architecture: Architecture, weights: Weights) -> FrontEnd | None:
    """The front-end of a network on waveforms; None of one on anything else."""
    front = _front(architecture)
    if not front:
        return None
    steps: list[dict[str, Any]] = []
    for node in front:
        step = node.op.config()
        if isinstance(node.op, BatchNorm):
            gamma, beta, mean, variance = (
                np.asarray(weights[f"{node.layer_name}/{name}"], np.float64)
                for name in ("gamma", "beta", "moving_mean", "moving_variance")
            )
            factor = gamma / np.sqrt(variance + node.op.epsilon)
            offset = beta - mean * factor
            step = {"kind": "normalise", "factor": factor.tolist(), "offset": offset.tolist()}
        steps.append(step)
    (samples,) = architecture.input_shape
    return FrontEnd(steps, samples, integer_part(architecture).input_shape)


def _front(architecture: Architecture) -> tuple[Node, ...]:
    """The chain of nodes from the waveform to the normalised bands; empty without one."""
    nodes, end = architecture.live_nodes, INPUT
    found: list[Node] = []
    for node in nodes:
        bands = any(isinstance(before.op, LogMel) for before in found)
        kinds = (BatchNorm, Cepstrum) if bands else (Loudness, LogMel)
        if node.inputs != (end,) or not isinstance(node.op, kinds):
            return tuple(found) if bands else ()
        found.append(node)
        end = node.name
        if isinstance(node.op, BatchNorm):
            break
    return tuple(found)


def _on_rows(op: Op) -> Op:
    if isinstance(op, _ANYWHERE):
        return op
    if type(op) not in _ON_ROWS or (isinstance(op, Conv1D) and op.dilation > 1):
        raise InvalidArchitectureError(
            f"Op {op.kind!r} has no int8 form: choose another body for small devices."
        )
    return _ON_ROWS[type(op)](op)
