"""Depthwise-separable convolution along a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.ops.conv1d import sequence_shape
from autoarch.architecture.ops.op import Op, Shape, require_positive


@dataclass(frozen=True)
class SeparableConv1D(Op):
    """One window for each feature, then a matrix over the features; "same" padding, bias.

    Args:
        filters: Output features.
        kernel: Length of the window.

    Source: Chollet (2017), "Xception"; Kaiser et al. (2018) for sequences.
    """

    kind: ClassVar[str] = "separable_conv1d"
    filters: int
    kernel: int = 3

    def __post_init__(self) -> None:
        require_positive(self, filters=self.filters, kernel=self.kernel)

    def output_shape(self, *inputs: Shape) -> Shape:
        return sequence_shape(self, *inputs)[0], self.filters

    def trainable_params(self, *inputs: Shape) -> int:
        features = inputs[0][1]
        return self.kernel * features + (features + 1) * self.filters

    def weight_axes(self) -> Mapping[str, str]:
        return {"/depthwise_kernel": "wi1", "/pointwise_kernel": "1io", "/bias": "o"}

    def macs(self, *inputs: Shape) -> int:
        length, features = inputs[0]
        return length * features * (self.kernel + self.filters)

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.SeparableConv1D(
            self.filters, self.kernel, padding="same", name=name, dtype=dtype
        )(inputs[0])
