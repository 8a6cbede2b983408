"""Depthwise 2-D convolution: one filter a channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.lite import LiteBuilder
from autoarch.architecture.ops.op import Op, Shape, image_shape, require_positive, strided


@dataclass(frozen=True)
class DepthwiseConv2D(Op):
    """Depthwise convolution with "same" padding and no activation.

    Args:
        kernel: Side of the square window.
        stride: Step of the window; the output is `ceil(size / stride)`.
        use_bias: False where a batch norm follows.
    """

    kind: ClassVar[str] = "depthwise_conv2d"
    kernel: int = 3
    stride: int = 1
    use_bias: bool = False

    def __post_init__(self) -> None:
        require_positive(self, kernel=self.kernel, stride=self.stride)

    def output_shape(self, *inputs: Shape) -> Shape:
        height, width, channels = image_shape(self, *inputs)
        return strided(height, self.stride), strided(width, self.stride), channels

    def trainable_params(self, *inputs: Shape) -> int:
        return (self.kernel**2 + self.use_bias) * inputs[0][-1]

    def weight_axes(self) -> Mapping[str, str]:
        return {"/kernel": "hwc1", **({"/bias": "c"} if self.use_bias else {})}

    def macs(self, *inputs: Shape) -> int:
        height, width, channels = self.output_shape(*inputs)
        return height * width * channels * self.kernel**2

    def lower(self, lite: LiteBuilder, inputs: Sequence[str], name: str, *, alone: bool) -> str:
        channels = lite.shape(inputs[0])[-1]
        return lite.add(
            "depthwise_conv_2d",
            inputs,
            name,
            self.output_shape(lite.shape(inputs[0])),
            kernel=(1, self.kernel, self.kernel, channels),
            channels=channels,
            stride=self.stride,
            biased=self.use_bias,
        )

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.DepthwiseConv2D(
            self.kernel,
            strides=self.stride,
            padding="same",
            use_bias=self.use_bias,
            depthwise_initializer="he_normal",
            name=name,
            dtype=dtype,
        )(inputs[0])
