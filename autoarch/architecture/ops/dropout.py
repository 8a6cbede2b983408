"""Dropout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.lite import LiteBuilder
from autoarch.architecture.ops.op import Op, Shape
from autoarch.errors import InvalidArchitectureError


@dataclass(frozen=True)
class Dropout(Op):
    """Sets features to zero at random while training, and does nothing afterwards.

    Args:
        rate: Share of the features dropped, in [0, 1).
    """

    kind: ClassVar[str] = "dropout"
    rate: float

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            raise InvalidArchitectureError(
                f"`rate` of Dropout must be in [0, 1); got {self.rate!r}."
            )

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != 1:
            raise self.reject(*inputs, why="it needs one input")
        return inputs[0]

    def lower(self, lite: LiteBuilder, inputs: Sequence[str], name: str, *, alone: bool) -> str:
        return inputs[0]

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.Dropout(self.rate, name=name, dtype=dtype)(inputs[0])
