"""Depthwise 2-D convolution whose taps stand apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.lite import LiteBuilder
from autoarch.architecture.ops.op import Op, Shape, image_shape, require_positive


@dataclass(frozen=True)
class DilatedDepthwiseConv2D(Op):
    """Depthwise convolution over every `dilation`-th pixel, "same" padding and stride 1.

    A stride of 2 with a dilation of 2 is a plain depthwise convolution of every second pixel.

    Args:
        kernel: Taps a side of the square window.
        dilation: Distance of the taps in pixels.
        use_bias: False where a batch norm follows.

    Source: Yu and Koltun (2016), "Multi-scale context aggregation by dilated convolutions",
    section 2.
    """

    kind: ClassVar[str] = "dilated_depthwise_conv2d"
    kernel: int = 3
    dilation: int = 2
    use_bias: bool = False

    def __post_init__(self) -> None:
        require_positive(self, kernel=self.kernel, dilation=self.dilation)

    def output_shape(self, *inputs: Shape) -> Shape:
        return image_shape(self, *inputs)

    def trainable_params(self, *inputs: Shape) -> int:
        return (self.kernel**2 + self.use_bias) * inputs[0][-1]

    def weight_axes(self) -> Mapping[str, str]:
        return {"/kernel": "hwc1", **({"/bias": "c"} if self.use_bias else {})}

    def macs(self, *inputs: Shape) -> int:
        height, width, channels = inputs[0]
        return height * width * channels * self.kernel**2

    def lower(self, lite: LiteBuilder, inputs: Sequence[str], name: str, *, alone: bool) -> str:
        shape = lite.shape(inputs[0])
        return lite.add(
            "depthwise_conv_2d",
            inputs,
            name,
            shape,
            kernel=(1, self.kernel, self.kernel, shape[-1]),
            channels=shape[-1],
            dilation=self.dilation,
            biased=self.use_bias,
        )

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.DepthwiseConv2D(
            self.kernel,
            dilation_rate=self.dilation,
            padding="same",
            use_bias=self.use_bias,
            depthwise_initializer="he_normal",
            name=name,
            dtype=dtype,
        )(inputs[0])
