"""Dense and grouped 2-D convolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.lite import LiteBuilder
from autoarch.architecture.ops.op import Op, Shape, image_shape, require_positive, strided


@dataclass(frozen=True)
class Conv2D(Op):
    """2-D convolution with "same" padding and no activation.

    Args:
        filters: Output channels.
        kernel: Side of the square window.
        stride: Step of the window; the output is `ceil(size / stride)`.
        groups: Input channels are split into this many independent groups.
        use_bias: False where a batch norm follows.
    """

    kind: ClassVar[str] = "conv2d"
    multiplies: ClassVar[bool] = True
    filters: int
    kernel: int = 3
    stride: int = 1
    groups: int = 1
    use_bias: bool = False

    def __post_init__(self) -> None:
        require_positive(
            self, filters=self.filters, kernel=self.kernel, stride=self.stride, groups=self.groups
        )

    def output_shape(self, *inputs: Shape) -> Shape:
        height, width, channels = image_shape(self, *inputs)
        if channels % self.groups or self.filters % self.groups:
            raise self.reject(*inputs, why=f"channels must divide by groups={self.groups}")
        return strided(height, self.stride), strided(width, self.stride), self.filters

    def trainable_params(self, *inputs: Shape) -> int:
        channels = inputs[0][-1]
        weights = self.kernel**2 * (channels // self.groups) * self.filters
        return weights + (self.filters if self.use_bias else 0)

    def weight_axes(self) -> Mapping[str, str]:
        if self.groups > 1:
            return {}
        return {"/kernel": "hwio", **({"/bias": "o"} if self.use_bias else {})}

    def macs(self, *inputs: Shape) -> int:
        height, width, _ = self.output_shape(*inputs)
        return height * width * self.kernel**2 * (inputs[0][-1] // self.groups) * self.filters

    def lower(self, lite: LiteBuilder, inputs: Sequence[str], name: str, *, alone: bool) -> str:
        channels = lite.shape(inputs[0])[-1]
        return lite.add(
            "conv_2d",
            inputs,
            name,
            self.output_shape(lite.shape(inputs[0])),
            kernel=(self.filters, self.kernel, self.kernel, channels // self.groups),
            channels=self.filters,
            stride=self.stride,
            biased=self.use_bias,
        )

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.Conv2D(
            self.filters,
            self.kernel,
            strides=self.stride,
            padding="same",
            groups=self.groups,
            use_bias=self.use_bias,
            kernel_initializer="he_normal",
            name=name,
            dtype=dtype,
        )(inputs[0])
