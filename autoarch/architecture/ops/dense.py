"""Fully connected layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.lite import LiteBuilder
from autoarch.architecture.ops.op import Op, Shape, require_positive


@dataclass(frozen=True)
class Dense(Op):
    """Matrix product along the last axis, with bias and no activation.

    Args:
        units: Output features.
    """

    kind: ClassVar[str] = "dense"
    multiplies: ClassVar[bool] = True
    units: int

    def __post_init__(self) -> None:
        require_positive(self, units=self.units)

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != 1 or len(inputs[0]) != 1:
            raise self.reject(*inputs, why="it needs one input of shape (features,)")
        return (self.units,)

    def trainable_params(self, *inputs: Shape) -> int:
        return (inputs[0][-1] + 1) * self.units

    def weight_axes(self) -> Mapping[str, str]:
        return {"/kernel": "io", "/bias": "o"}

    def macs(self, *inputs: Shape) -> int:
        return inputs[0][-1] * self.units

    def lower(self, lite: LiteBuilder, inputs: Sequence[str], name: str, *, alone: bool) -> str:
        kernel = (self.units, lite.shape(inputs[0])[-1])
        return lite.add(
            "fully_connected", inputs, name, (self.units,), kernel=kernel, channels=self.units
        )

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.Dense(self.units, name=name, dtype=dtype)(inputs[0])
