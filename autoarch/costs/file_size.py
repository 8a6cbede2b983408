"""Sizes of the exported `.tflite` files, without converting.

A file is a FlatBuffer: tables of 4-byte fields for tensors and ops, and vectors, those of the
weights aligned to 16 bytes. The numbers here are the bytes of each piece as the exporter writes
it (`autoarch.export.flat_file`: names left out, equal vectors stored once). One thing depends on
trained values: which zero points of activations are equal, and so stored once. Their expected
number is taken, so the size of an int8 file is exact but for about a hundred bytes either way.

Source: the LiteRT schema (`schema.fbs`) and "FlatBuffers internals" of its documentation.
"""

from __future__ import annotations

import collections
import functools
import math
from dataclasses import dataclass

from autoarch.architecture.lite import LiteGraph, Shape

_FIXED_INT8 = 300
_FIXED_FLOAT = 425
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
    "concatenation": 8,
    "space_to_batch_nd": 4,
    "batch_to_space_nd": 4,
    "mul": 4,
    "mean": 8,
    "reduce_max": 8,
    "softmax": 8,
}
_FUSED = 4
"""Options grow by this where an activation is fused, and where padding is "valid"."""
_DILATED = 8
"""Two more fields of the options."""
_REQUANTISE = 78
"""An op that brings a tensor into another range, and its result."""
_CUT = 36
"""An op that cuts a picture for a dilated convolution, or puts it together, with its lists."""
_DILATIONS, _PER_DILATION = 80, 150
"""Constants and shapes that all dilated convolutions share, and those of one shape."""
_WEIGHTED = frozenset({"conv_2d", "depthwise_conv_2d", "fully_connected"})
_BUFFER = 16
_SCALARS = frozenset({"0", "1/6", "3", "axes", "centre", "crops", "paddings"})
_SAME_RANGE = 12
_POSITIVE_RANGE = 20
"""Nothing is below zero: the zero point is -128, stored once for all."""
_KEEPS_SIGN = frozenset(
    {"add", "mul", "mean", "concatenation", "max_pool_2d", "average_pool_2d", "reduce_max"}
)
"""What makes nothing negative of what is not."""
_POSITIVE = frozenset({"", "axes", "1/6"})
_ANY_RANGE = 36
_RANGE_BYTES = collections.defaultdict(
    lambda: _ANY_RANGE,
    # They leave scale and zero point as they are.
    max_pool_2d=_SAME_RANGE,
    average_pool_2d=_SAME_RANGE,
    reduce_max=_SAME_RANGE,
    concatenation=_SAME_RANGE,
    space_to_batch_nd=_SAME_RANGE,
    batch_to_space_nd=_SAME_RANGE,
    **dict.fromkeys(("relu", "relu6", "logistic", "softmax"), _POSITIVE_RANGE),
    # A small negative end: the few zero points that there can be are sometimes equal.
    **dict.fromkeys(("hard_swish", "mul"), 34),
)
"""Scale and zero point of a result, by the op that makes it."""
_ZERO_POINT = 12
_ZERO_POINTS = 200
"""As many there might be if all were equally likely, of which equal ones are stored once."""
_ALIKE = 0.5
"""A sum of a tensor with what was pooled of it has about its range: so often the same zero point.
Without, cells of pools alone, stacked, were priced up to 4.3 % too high."""


@dataclass(frozen=True)
class Format:
    """How a kind of file stores tensors; all in bytes.

    Args:
        fixed: What every file has.
        activation: Table of an activation.
        constant: Table of a constant.
        weight: One weight.
        bias: One bias.
        shapes: How often the shape of an activation is stored: once more where the batch is free.
        zeros: Whether a bias of zeros that is stored already is a tensor of its own.
        expanded: Table, op and slots that turn a constant back into float32 on loading.
    """

    fixed: int
    activation: int
    constant: int
    weight: int
    bias: int
    shapes: int
    zeros: bool
    expanded: int


INT8 = Format(_FIXED_INT8, 20, 24, weight=1, bias=4, shapes=1, zeros=True, expanded=0)
FLOAT = Format(_FIXED_FLOAT, 16, 16, weight=4, bias=4, shapes=2, zeros=False, expanded=0)
FLOAT16 = Format(
    _FIXED_FLOAT + _KIND, 16, 20, weight=2, bias=2, shapes=2, zeros=False, expanded=42 + 2 * _SLOT
)


@dataclass(frozen=True)
class FilePieces:
    """What the three files of a network consist of; see `file_pieces`.

    Args:
        ops: Bytes of all ops, with their kinds and lists.
        activations: Number of tensors that are no constants.
        shapes: Bytes of their shapes, each once.
        constant_shapes: Bytes of the shapes of constants, each once.
        weights: Numbers of weights and of biases, by op; 0 where the biases are stored already.
        extras: Bytes of small constants, such as the axes of a mean.
        factors: Numbers in constants that are a vector, of norms behind no convolution.
        dilated: Of each dilated depthwise convolution its channels, whether a norm follows it, and
            whether an activation does.
        dilations: Number of different shapes of them.
        quantisation: Bytes of scales and zero points in the int8 file.
    """

    ops: int
    activations: int
    shapes: int
    constant_shapes: int
    weights: tuple[tuple[int, int], ...]
    extras: int
    factors: int
    dilated: tuple[tuple[int, bool, bool], ...]
    dilations: int
    quantisation: int

    def int8_file_bytes(self) -> int:
        """Size of the full int8 file."""
        return self._bytes(INT8) + self.quantisation

    def float_file_bytes(self) -> int:
        """Size of the float32 file."""
        return self._bytes(FLOAT) + self._float_only_bytes(FLOAT)

    def float16_file_bytes(self) -> int:
        """Size of the file with float16 weights."""
        return self._bytes(FLOAT16) + self._float_only_bytes(FLOAT16)

    def _float_only_bytes(self, file: Format) -> int:
        """What is a part of convolutions in integers: pixels are rescaled; dilated depthwise
        convolutions read a batch of pieces, so what follows finds no convolution there."""
        activation = file.activation + _SLOT
        constant = file.constant + 2 * _SLOT + _BUFFER + file.expanded
        calculation = _op_bytes("mul", False, False, 2) + activation
        normed = [channels for channels, norm, _ in self.dilated if norm]
        activated = sum(activation and not norm for _, norm, activation in self.dilated)
        return (
            2 * (calculation + constant + 16)
            + 2 * (_CUT + activation) * len(self.dilated)
            + self.dilations * _PER_DILATION
            + (2 * _KIND + _DILATIONS) * bool(self.dilated)
            + 2 * sum(calculation + constant + file.bias * channels for channels in normed)
            + (_op_bytes("relu", False, False, 1) + activation) * activated
        )

    def _bytes(self, file: Format) -> int:
        weight, bias = file.weight, file.bias
        # Rounding up to 16 bytes is written with masks: this is asked thousands of times a second.
        buffers = sum(
            ((weight * size + 15) & ~15) + ((bias * biases + 15) & ~15)
            for size, biases in self.weights
        )
        table = file.constant + 2 * _SLOT + file.expanded + _BUFFER
        shared = sum(not biases for _, biases in self.weights)
        spared = _BUFFER + _SLOT if file.zeros else table
        return (
            file.fixed
            + self.ops
            + self.activations * (file.activation + _SLOT)
            + self.shapes * file.shapes
            + self.constant_shapes
            + 2 * len(self.weights) * table
            - shared * spared
            + buffers
            + self.extras
            + self.factors * file.weight
        )


def file_pieces(graph: LiteGraph) -> FilePieces:
    """Takes stock of a network once for all three files."""
    shapes: set[Shape] = {graph.input_shape}
    kernels: set[Shape] = set()
    channel_counts: set[int] = set()
    zeros: set[int] = set()
    constants: dict[str, int] = {}  # numbers in those that are vectors, 0 in the others
    weights, dilated = [], []
    dilations: set[tuple[Shape, Shape]] = set()
    ops = quantisation = 0
    for op in graph.ops:
        channels, kernel, shape = op.channels, op.kernel, op.shape
        shapes.add(shape)
        if channels:
            # Without a rescaling in it, a bias that no norm has gone into is zeros.
            zero = not op.biased and op.inputs[0] != graph.input
            weights.append((math.prod(kernel), 0 if zero and channels in zeros else channels))
            if zero:
                zeros.add(channels)
            kernels.add(kernel)
            channel_counts.add(channels)
            # Where the input's scale is 1, a kernel's scales serve the bias behind it as well.
            vectors = 1 if graph.unit_scale and op.inputs[0] == graph.input else 2
            quantisation += 32 + 4 * channels * vectors
            if op.kind == "depthwise_conv_2d":
                quantisation += 4
        elif op.constant:
            constants[op.constant] = 0 if op.constant in _SCALARS else shape[-1]
        valid = op.kind == "conv_2d" and kernel[1] == kernel[2] == 1 and shape[0] == shape[1] == 1
        reads = len(op.inputs) + bool(op.constant)
        ops += _op_bytes(op.kind, bool(op.activation), valid, reads)
        if op.dilation > 1:
            ops += _DILATED
            if op.kind == "depthwise_conv_2d":
                dilated.append((channels, op.biased, bool(op.activation)))
                dilations.add((shape, kernel))
    return FilePieces(
        ops=ops + _KIND * len({op.kind for op in graph.ops}),
        activations=1 + len(graph.ops),
        shapes=sum(8 + 4 * len(shape) for shape in shapes),
        constant_shapes=sum(4 + 4 * len(kernel) for kernel in kernels - shapes)
        + 8 * len(channel_counts),
        weights=tuple(weights),
        extras=sum(104 if numbers else 64 for numbers in constants.values()),
        factors=sum(constants.values()),
        dilated=tuple(dilated),
        dilations=len(dilations),
        # A vector of zero points for each number of channels, and the input's own.
        quantisation=quantisation
        + _activation_ranges(graph)
        + sum(8 + 8 * count for count in channel_counts)
        + 36,
    )


def _activation_ranges(graph: LiteGraph) -> int:
    """Bytes of the scales and zero points of activations, and of what brings one into another's."""
    ranges: dict[str, int] = {}
    positive: set[str] = set()
    source: dict[str, str] = {}  # of pooled tensors, what was pooled
    kin: dict[str, str] = {}  # of sums of a tensor with what was pooled of it, that tensor
    joined: collections.Counter[str] = collections.Counter()
    requantised = alike = 0
    for op in graph.ops:
        if op.kind == "concatenation":
            # What is put together has one range. What is put together again, pooled or not, gets
            # there by an op of its own.
            ranges.update((tensor, _SAME_RANGE) for tensor in op.inputs)
            sources = [source.get(tensor, tensor) for tensor in op.inputs]
            requantised += sum(joined.pop(tensor, 0) for tensor in {*sources})
            joined.update(sources)
        elif op.window:
            source[op.output] = source.get(op.inputs[0], op.inputs[0])
        if op.window or op.kind == "add":
            family = {kin.get(tensor, tensor) for tensor in op.inputs}
            if len(family) == 1:
                kin[op.output] = family.pop()
        own = _RANGE_BYTES["relu" if op.activation else op.kind]
        if op.constant == "0":
            own = _SAME_RANGE
        elif own == _POSITIVE_RANGE or (
            op.kind in _KEEPS_SIGN and op.constant in _POSITIVE and positive.issuperset(op.inputs)
        ):
            positive.add(op.output)
            own = min(own, _POSITIVE_RANGE)
        ranges[op.output] = own
        alike += op.kind == "add" and op.output in kin and own == _ANY_RANGE
    free = sum(size == _ANY_RANGE for size in ranges.values())
    repeated = free - _ZERO_POINTS * (1 - math.exp(-free / _ZERO_POINTS))
    repeated += _ALIKE * alike
    return sum(ranges.values()) - int(repeated) * _ZERO_POINT + requantised * _REQUANTISE


@functools.cache
def _op_bytes(kind: str, fused: bool, valid: bool, reads: int) -> int:
    """An op's table, options, and lists of what it reads and makes.

    Args:
        kind: The builtin.
        fused: Whether it does an activation as well.
        valid: Whether its padding is "valid".
        reads: Number of tensors beside kernel and bias; a single one's list is stored already.
    """
    options = _OPTIONS.get(kind)
    if options is None:
        return _OP + 8 + _SLOT
    lists = 16 if kind in _WEIGHTED else 4 + 4 * reads if reads > 1 else 0
    return _OP_WITH_OPTIONS + options + _FUSED * (fused + valid) + lists + 8 + _SLOT
