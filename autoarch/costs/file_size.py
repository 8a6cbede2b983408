"""Sizes of the exported `.tflite` files, without converting.

A file is a FlatBuffer: tables of 4-byte fields for tensors and ops, and vectors, those of the
weights aligned to 16 bytes. The numbers here are the bytes of each piece as the exporter writes
it (`autoarch.export.flat_file`: names left out, equal vectors stored once). What depends on
trained values is taken at its largest: the zero points of activations, of which equal ones are
stored once. So sizes are exact but for a few bytes a layer, on the upper side.

Source: the LiteRT schema (`schema.fbs`) and "FlatBuffers internals" of its documentation.
"""

from __future__ import annotations

from dataclasses import dataclass

from autoarch.architecture.lite import LiteGraph, LiteOp, Shape

_FIXED_INT8 = 260
_FIXED_FLOAT = 520
"""Header, model, subgraph, names of input and output, and the layouts of tables (vtables); float
files have a signature as well."""
_KIND = 30
"""A kind of op: its code, and the layout of its options."""
_SLOT = 4
"""A table's entry in the list of its like."""
_OP, _OP_WITH_OPTIONS = 16, 24
_OPTIONS = {
    "conv_2d": 12,
    "depthwise_conv_2d": 16,
    "fully_connected": 4,
    "max_pool_2d": 20,
    "average_pool_2d": 20,
    "add": 4,
    "mul": 4,
    "mean": 8,
    "softmax": 8,
}
_FUSED = 4
"""Options grow by this where an activation is fused, and where padding is "valid"."""
_AT_LOWEST = frozenset({"logistic", "softmax", "relu", "relu6"})
"""Their results are quantised with the zero point -128, which is stored once."""
_OFTEN_EQUAL = frozenset({"hard_swish", "mul"})
"""Results with a small negative end: the few zero points that they can have are often equal."""
_AS_BEFORE = frozenset({"max_pool_2d", "average_pool_2d"})
"""Their results are quantised as what they read."""


@dataclass(frozen=True)
class _Format:
    """How a kind of file stores tensors.

    Args:
        fixed: What every file has.
        activation: Table of an activation.
        constant: Table of a constant.
        weight: Bytes of a weight.
        bias: Bytes of a bias.
        shapes: How often the shape of an activation is stored: once more where the batch is free.
        expanded: Table, op and slots that turn a constant back into float32 on loading.
    """

    fixed: int
    activation: int
    constant: int
    weight: int
    bias: int
    shapes: int = 1
    expanded: int = 0


_INT8 = _Format(_FIXED_INT8, 20, 24, weight=1, bias=4)
_FLOAT = _Format(_FIXED_FLOAT, 24, 20, weight=4, bias=4, shapes=2)
_FLOAT16 = _Format(_FIXED_FLOAT, 24, 24, weight=2, bias=2, shapes=2, expanded=20 + 24 + 2 * _SLOT)


def int8_file_bytes(graph: LiteGraph) -> int:
    """Size of the full int8 file."""
    total = _structure_bytes(graph, _INT8)
    # The input's scale is 1, so the scales of a first convolution serve its bias too.
    total += 12 + 8 + 16
    zeros: set[int] = set()
    for op in graph.ops:
        if op.kind in _AS_BEFORE:
            total += 12
        elif op.activation or op.kind in _AT_LOWEST:
            total += 20
        elif op.kind in _OFTEN_EQUAL:
            total += 26
        else:
            total += 34
        channels = op.channels
        if channels:
            total += 32 + 4 * channels
            if op.inputs[0] != graph.input:
                total += 4 * channels
            if op.kind == "depthwise_conv_2d":
                total += 4
            if channels not in zeros:
                zeros.add(channels)
                total += 8 + 8 * channels
    return total


def float16_file_bytes(graph: LiteGraph) -> int:
    """Size of the file with float16 weights."""
    return _structure_bytes(graph, _FLOAT16) + _rescale_bytes(_FLOAT16)


def float_file_bytes(graph: LiteGraph) -> int:
    """Size of the float32 file."""
    return _structure_bytes(graph, _FLOAT) + _rescale_bytes(_FLOAT)


def _rescale_bytes(format_: _Format) -> int:
    """The two ops that rescale pixels, which the float files keep."""
    op = _OP_WITH_OPTIONS + 4 + 12 + 8 + 2 * _SLOT + format_.activation
    return 2 * (op + format_.constant + _SLOT + 36 + format_.expanded)


def _structure_bytes(graph: LiteGraph, format_: _Format) -> int:
    """Bytes of all but the quantisation: ops, tensors with their shapes, and weights."""
    shapes: set[Shape] = {graph.input_shape}
    biases: set[int] = set()
    constants: set[str] = set()
    kinds: set[str] = set()
    total = format_.fixed + format_.activation + _SLOT + format_.shapes * _vector(graph.input_shape)
    constant = format_.constant + 2 * _SLOT + format_.expanded
    for op in graph.ops:
        kinds.add(op.kind)
        total += 8 + 2 * _SLOT + format_.activation
        total += _op_bytes(op)
        if op.shape not in shapes:
            shapes.add(op.shape)
            total += format_.shapes * _vector(op.shape)
        if op.kernel:
            size = format_.weight
            for side in op.kernel:
                size *= side
            total += 2 * constant + _buffer(size) + _buffer(format_.bias * op.channels)
            if op.kernel not in shapes:
                shapes.add(op.kernel)
                total += 4 + 4 * len(op.kernel)
            if op.channels not in biases:
                biases.add(op.channels)
                total += 8
        elif op.constant and op.constant not in constants:
            constants.add(op.constant)
            total += 104 if op.constant in ("axes", "1/6", "3") else 104 + 4 * op.shape[-1]
    return total + _KIND * len(kinds)


def _op_bytes(op: LiteOp) -> int:
    """The op's table, options and list of inputs; a single input's list is stored already."""
    options = _OPTIONS.get(op.kind)
    if options is None:
        return _OP
    total = _OP_WITH_OPTIONS + options
    if op.activation:
        total += _FUSED
    if op.kernel:
        total += 16
        if op.kind == "conv_2d" and op.shape[0] == op.shape[1] == 1 and op.kernel[1] == 1:
            total += _FUSED  # its padding is "valid"
    elif len(op.inputs) > 1 or op.constant:
        total += 4 + 4 * max(2, len(op.inputs))
    return total


def _vector(shape: Shape) -> int:
    """A shape with its batch."""
    return 8 + 4 * len(shape)


def _buffer(size: int) -> int:
    """The bytes of a constant, aligned, with their table."""
    return 16 + (size + 15) // 16 * 16
