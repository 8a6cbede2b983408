"""Convolutions along a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.ops.op import Op, Shape, require_positive, strided
from autoarch.errors import InvalidArchitectureError


def sequence_shape(op: Op, *inputs: Shape) -> tuple[int, int]:
    """The single input's `(length, features)`, or the error that it is none."""
    if len(inputs) != 1 or len(inputs[0]) != 2:
        raise op.reject(*inputs, why="it needs one input of shape (length, features)")
    return inputs[0][0], inputs[0][1]


@dataclass(frozen=True)
class Conv1D(Op):
    """Dense convolution with "same" padding: `(ceil(length / stride), filters)`.

    Args:
        filters: Output features.
        kernel: Length of the window.
        dilation: Distance of its taps; 1 where there is a stride.
        stride: Step of the window.
        use_bias: False where a batch norm follows.
    """

    kind: ClassVar[str] = "conv1d"
    multiplies: ClassVar[bool] = True
    filters: int
    kernel: int = 3
    dilation: int = 1
    stride: int = 1
    use_bias: bool = True

    def __post_init__(self) -> None:
        require_positive(
            self,
            filters=self.filters,
            kernel=self.kernel,
            dilation=self.dilation,
            stride=self.stride,
        )
        if self.stride > 1 and self.dilation > 1:
            raise InvalidArchitectureError(
                f"Conv1D takes a stride or a dilation; got {self.stride} and {self.dilation}."
            )

    def output_shape(self, *inputs: Shape) -> Shape:
        return strided(sequence_shape(self, *inputs)[0], self.stride), self.filters

    def trainable_params(self, *inputs: Shape) -> int:
        return (self.kernel * inputs[0][1] + self.use_bias) * self.filters

    def weight_axes(self) -> Mapping[str, str]:
        return {"/kernel": "wio", **({"/bias": "o"} if self.use_bias else {})}

    def macs(self, *inputs: Shape) -> int:
        features = inputs[0][1]
        length, _ = self.output_shape(*inputs)
        return length * self.kernel * features * self.filters

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.Conv1D(
            self.filters,
            self.kernel,
            strides=self.stride,
            dilation_rate=self.dilation,
            use_bias=self.use_bias,
            padding="same",
            name=name,
            dtype=dtype,
        )(inputs[0])
