"""2-D convolution with an oblong window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.lite import LiteBuilder
from autoarch.architecture.ops.op import Op, Shape, image_shape, require_positive, strided


@dataclass(frozen=True)
class OblongConv2D(Op):
    """Dense convolution over a window of unequal sides, "same" padding, no activation.

    A row and a column behind each other reach as far as a square window at a fraction of its cost.

    Args:
        filters: Output channels.
        height: Height of the window.
        width: Width of the window.
        stride: Step of the window, the same both ways.
        use_bias: False where a batch norm follows.

    Source: Szegedy et al. (2016), "Rethinking the Inception architecture", section 3.2.
    """

    kind: ClassVar[str] = "oblong_conv2d"
    multiplies: ClassVar[bool] = True
    filters: int
    height: int = 1
    width: int = 7
    stride: int = 1
    use_bias: bool = False

    def __post_init__(self) -> None:
        require_positive(
            self, filters=self.filters, height=self.height, width=self.width, stride=self.stride
        )

    def output_shape(self, *inputs: Shape) -> Shape:
        height, width, _ = image_shape(self, *inputs)
        return strided(height, self.stride), strided(width, self.stride), self.filters

    def trainable_params(self, *inputs: Shape) -> int:
        return (self.height * self.width * inputs[0][-1] + self.use_bias) * self.filters

    def weight_axes(self) -> Mapping[str, str]:
        return {"/kernel": "hwio", **({"/bias": "o"} if self.use_bias else {})}

    def macs(self, *inputs: Shape) -> int:
        height, width, _ = self.output_shape(*inputs)
        return height * width * self.height * self.width * inputs[0][-1] * self.filters

    def lower(self, lite: LiteBuilder, inputs: Sequence[str], name: str, *, alone: bool) -> str:
        shape = lite.shape(inputs[0])
        return lite.add(
            "conv_2d",
            inputs,
            name,
            self.output_shape(shape),
            kernel=(self.filters, self.height, self.width, shape[-1]),
            channels=self.filters,
            stride=self.stride,
            biased=self.use_bias,
        )

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.Conv2D(
            self.filters,
            (self.height, self.width),
            strides=self.stride,
            padding="same",
            use_bias=self.use_bias,
            kernel_initializer="he_normal",
            name=name,
            dtype=dtype,
        )(inputs[0])
