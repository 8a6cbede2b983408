"""Affine rescaling by constants: pixels to network inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.lite import LiteBuilder
from autoarch.architecture.ops.op import Op, Shape


@dataclass(frozen=True)
class Rescale(Op):
    """Computes `x * scale + offset`; the defaults take pixels in [0, 255] to [-1, 1].

    Args:
        scale: Factor.
        offset: Added after scaling.
    """

    kind: ClassVar[str] = "rescale"
    scale: float = 1 / 127.5
    offset: float = -1.0

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != 1:
            raise self.reject(*inputs, why="it needs one input")
        return inputs[0]

    def lower(self, lite: LiteBuilder, inputs: Sequence[str], name: str, *, alone: bool) -> str:
        # Only where no convolution takes it.
        shape = lite.shape(inputs[0])
        scaled = lite.add("mul", inputs, f"{name}/mul", shape, constant=f"{name}/mul")
        return lite.add("add", (scaled,), name, shape, constant=f"{name}/add")

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.Rescaling(self.scale, self.offset, name=name, dtype=dtype)(inputs[0])
