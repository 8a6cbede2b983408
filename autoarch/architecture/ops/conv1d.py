"""Convolutions along a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.ops.op import Op, Shape, require_positive


def sequence_shape(op: Op, *inputs: Shape) -> tuple[int, int]:
    """The single input's `(length, features)`, or the error that it is none."""
    if len(inputs) != 1 or len(inputs[0]) != 2:
        raise op.reject(*inputs, why="it needs one input of shape (length, features)")
    return inputs[0][0], inputs[0][1]


@dataclass(frozen=True)
class Conv1D(Op):
    """Dense convolution with bias and "same" padding: `(length, filters)`.

    Args:
        filters: Output features.
        kernel: Length of the window.
        dilation: Distance of its taps.
    """

    kind: ClassVar[str] = "conv1d"
    filters: int
    kernel: int = 3
    dilation: int = 1

    def __post_init__(self) -> None:
        require_positive(self, filters=self.filters, kernel=self.kernel, dilation=self.dilation)

    def output_shape(self, *inputs: Shape) -> Shape:
        return sequence_shape(self, *inputs)[0], self.filters

    def trainable_params(self, *inputs: Shape) -> int:
        return (self.kernel * inputs[0][1] + 1) * self.filters

    def weight_axes(self) -> Mapping[str, str]:
        return {"/kernel": "wio", "/bias": "o"}

    def macs(self, *inputs: Shape) -> int:
        length, features = inputs[0]
        return length * self.kernel * features * self.filters

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.Conv1D(
            self.filters,
            self.kernel,
            dilation_rate=self.dilation,
            padding="same",
            name=name,
            dtype=dtype,
        )(inputs[0])
