"""The network as the full int8 `.tflite` file holds it: a list of LiteRT ops.

Batch norm, dropout and the rescaling of pixels are folded away and activations fused, as
`autoarch.architecture.fold` and the converter do it. From this list come the size of the file,
the memory of its activations, and its latency.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

Shape = tuple[int, ...]

FUSING = frozenset(
    {"conv_2d", "depthwise_conv_2d", "fully_connected", "add", "average_pool_2d", "max_pool_2d"}
)
"""Ops that a relu or relu6 behind them becomes a part of."""


class LiteOp(NamedTuple):
    """One op of the file.

    Args:
        kind: LiteRT's builtin, in lower case.
        inputs: Names of the tensors that it reads and earlier ops make; constants are left out.
        output: Name of the tensor that it makes.
        shape: Of the output, without the batch.
        kernel: Shape of the weights; empty where it has none. The output channels are last for
            "depthwise_conv_2d", else first.
        channels: Output channels that have a scale and a bias each; 0 without weights.
        stride: Step of a window.
        window: Side of a pooling window.
        activation: "", "relu" or "relu6", done in the same op.
        constant: Which small constant it reads, equal names standing for one tensor.
        dilation: Distance of a window's taps.
        biased: Whether there is more than zeros in its bias.
    """

    kind: str
    inputs: tuple[str, ...]
    output: str
    shape: Shape
    kernel: Shape = ()
    channels: int = 0
    stride: int = 1
    window: int = 0
    activation: str = ""
    constant: str = ""
    dilation: int = 1
    biased: bool = True


@dataclass(frozen=True)
class LiteGraph:
    """The ops in the order in which they run.

    Args:
        input: Name of the input tensor.
        input_shape: Without the batch.
        ops: Each reads the input or what earlier ones make; the last makes the output.
        unit_scale: Whether the input's scale is 1, as that of centred pixels.
    """

    input: str
    input_shape: Shape
    ops: tuple[LiteOp, ...]
    unit_scale: bool = True


class LiteBuilder:
    """Writes a `LiteGraph` op by op; what `Op.lower` uses.

    Args:
        input: Name of the input tensor.
        shape: Its shape, without the batch.
        unit_scale: As in `LiteGraph`.
    """

    def __init__(self, input: str, shape: Shape, *, unit_scale: bool = True):
        self._input = input
        self._unit_scale = unit_scale
        self._shapes: dict[str, Shape] = {input: shape}
        self._ops: dict[str, LiteOp] = {}
        self._made: dict[tuple[Any, ...], str] = {}  # by ops without weights
        self._shared: set[str] = set()

    def shape(self, tensor: str) -> Shape:
        """Shape of a tensor, without the batch."""
        return self._shapes[tensor]

    def add(
        self,
        kind: str,
        inputs: Sequence[str],
        output: str,
        shape: Shape,
        *,
        kernel: Shape = (),
        channels: int = 0,
        stride: int = 1,
        window: int = 0,
        activation: str = "",
        constant: str = "",
        dilation: int = 1,
        biased: bool = True,
    ) -> str:
        """Adds an op and returns the name of its output; see `LiteOp` for the arguments.

        Of equal ops without weights on the same tensors there is one, as in the converted file.
        """
        if not channels:
            made = self._made.setdefault((kind, *inputs, shape, stride, window, constant), output)
            if made is not output and not self._ops[made].activation:
                self._shared.add(made)
                return made
        self._shapes[output] = shape
        self._ops[output] = LiteOp(
            kind, tuple(inputs), output, shape, kernel, channels, stride, window, activation,
            constant, dilation, biased,
        )  # fmt: skip
        return output

    def give_bias(self, tensor: str) -> None:
        """Tells of the convolution that makes a tensor that a norm has gone into its bias."""
        self._ops[tensor] = self._ops[tensor]._replace(biased=True)

    def elementwise(self, kind: str, tensor: str, output: str) -> str:
        """Adds an op that keeps the shape of the one tensor that it reads."""
        return self.add(kind, (tensor,), output, self._shapes[tensor])

    def activate(self, function: str, tensor: str, output: str, *, alone: bool) -> str:
        """Adds a relu or relu6, as a part of the op before where nothing else reads that.

        Args:
            function: "relu" or "relu6".
            tensor: What it reads.
            output: Name of the result if it becomes an op of its own.
            alone: Whether nothing else reads `tensor`.
        """
        before = self._ops.get(tensor)
        alone = alone and tensor not in self._shared
        if alone and before is not None and before.kind in FUSING and not before.activation:
            self._ops[tensor] = before._replace(activation=function)
            return tensor
        return self.elementwise(function, tensor, output)

    def finish(self) -> LiteGraph:
        """The graph; its output is what the op added last makes."""
        ops = tuple(self._ops.values())
        return LiteGraph(self._input, self._shapes[self._input], ops, self._unit_scale)
