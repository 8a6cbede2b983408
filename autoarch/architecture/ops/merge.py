"""Ops that join branches: sum and concatenation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.lite import LiteBuilder
from autoarch.architecture.ops.op import Op, Shape


@dataclass(frozen=True)
class Add(Op):
    """Elementwise sum of inputs of equal shape."""

    kind: ClassVar[str] = "add"
    commutative: ClassVar[bool] = True

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) < 2 or len(set(inputs)) != 1:
            raise self.reject(*inputs, why="it needs two or more inputs of the same shape")
        return inputs[0]

    def lower(self, lite: LiteBuilder, inputs: Sequence[str], name: str, *, alone: bool) -> str:
        total = inputs[0]
        for number, other in enumerate(inputs[1:], start=2):
            output = name if number == len(inputs) else f"{name}/{number}"
            total = lite.add("add", (total, other), output, lite.shape(total))
        return total

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.Add(name=name, dtype=dtype)(inputs)


@dataclass(frozen=True)
class Concat(Op):
    """Concatenation along the last axis."""

    kind: ClassVar[str] = "concat"

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) < 2 or len({shape[:-1] for shape in inputs}) != 1:
            raise self.reject(*inputs, why="it needs inputs that differ in the last axis only")
        return (*inputs[0][:-1], sum(shape[-1] for shape in inputs))

    def lower(self, lite: LiteBuilder, inputs: Sequence[str], name: str, *, alone: bool) -> str:
        shape = self.output_shape(*(lite.shape(tensor) for tensor in inputs))
        return lite.add("concatenation", inputs, name, shape)

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.Concatenate(name=name, dtype=dtype)(inputs)
