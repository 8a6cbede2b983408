"""Zeros: what is left where every way through a cell is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.lite import LiteBuilder
from autoarch.architecture.ops.op import Op, Shape


@dataclass(frozen=True)
class Zero(Op):
    """Zeros of the input's shape.

    Source: Dong and Yang (2020), "NAS-Bench-201", section 2.1, operation "zeroize".
    """

    kind: ClassVar[str] = "zero"

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != 1:
            raise self.reject(*inputs, why="it needs one input")
        return inputs[0]

    def lower(self, lite: LiteBuilder, inputs: Sequence[str], name: str, *, alone: bool) -> str:
        return lite.add("mul", inputs, name, lite.shape(inputs[0]), constant="0")

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.Rescaling(0.0, name=name, dtype=dtype)(inputs[0])
