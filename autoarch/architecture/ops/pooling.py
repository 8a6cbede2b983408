"""Pooling over windows and over whole images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.lite import LiteBuilder
from autoarch.architecture.ops.op import Op, Shape, image_shape, require_positive, strided


@dataclass(frozen=True)
class _WindowPool(Op):
    """Pooling with "same" padding.

    Args:
        size: Side of the square window.
        stride: Step of the window; the output is `ceil(size / stride)`.
    """

    size: int = 2
    stride: int = 2

    def __post_init__(self) -> None:
        require_positive(self, size=self.size, stride=self.stride)

    def output_shape(self, *inputs: Shape) -> Shape:
        height, width, channels = image_shape(self, *inputs)
        return strided(height, self.stride), strided(width, self.stride), channels

    def _lower_window(self, kind: str, lite: LiteBuilder, inputs: Sequence[str], name: str) -> str:
        shape = self.output_shape(lite.shape(inputs[0]))
        return lite.add(kind, inputs, name, shape, stride=self.stride, window=self.size)


@dataclass(frozen=True)
class MaxPool2D(_WindowPool):
    """Maximum over a window."""

    kind: ClassVar[str] = "max_pool2d"

    def lower(self, lite: LiteBuilder, inputs: Sequence[str], name: str, *, alone: bool) -> str:
        return self._lower_window("max_pool_2d", lite, inputs, name)

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.MaxPooling2D(
            self.size, strides=self.stride, padding="same", name=name, dtype=dtype
        )(inputs[0])


@dataclass(frozen=True)
class AveragePool2D(_WindowPool):
    """Mean over a window; padding is left out of the mean."""

    kind: ClassVar[str] = "average_pool2d"

    def lower(self, lite: LiteBuilder, inputs: Sequence[str], name: str, *, alone: bool) -> str:
        return self._lower_window("average_pool_2d", lite, inputs, name)

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.AveragePooling2D(
            self.size, strides=self.stride, padding="same", name=name, dtype=dtype
        )(inputs[0])


@dataclass(frozen=True)
class GlobalAveragePool2D(Op):
    """Mean over height and width: `(height, width, channels)` becomes `(channels,)`."""

    kind: ClassVar[str] = "global_average_pool2d"

    def output_shape(self, *inputs: Shape) -> Shape:
        return (image_shape(self, *inputs)[2],)

    def lower(self, lite: LiteBuilder, inputs: Sequence[str], name: str, *, alone: bool) -> str:
        shape = self.output_shape(lite.shape(inputs[0]))
        return lite.add("mean", inputs, name, shape, constant="axes")

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.GlobalAveragePooling2D(name=name, dtype=dtype)(inputs[0])


@dataclass(frozen=True)
class GlobalMaxPool2D(Op):
    """Maximum over height and width: `(height, width, channels)` becomes `(channels,)`."""

    kind: ClassVar[str] = "global_max_pool2d"

    def output_shape(self, *inputs: Shape) -> Shape:
        return (image_shape(self, *inputs)[2],)

    def lower(self, lite: LiteBuilder, inputs: Sequence[str], name: str, *, alone: bool) -> str:
        shape = self.output_shape(lite.shape(inputs[0]))
        return lite.add("reduce_max", inputs, name, shape, constant="axes")

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.GlobalMaxPooling2D(name=name, dtype=dtype)(inputs[0])
