"""Batch normalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.lite import LiteBuilder
from autoarch.architecture.ops.op import Op, Shape


@dataclass(frozen=True)
class BatchNorm(Op):
    """Batch normalisation over all axes but the last.

    Args:
        momentum: Of the moving statistics; 0.9 forgets fast enough for short trainings.
        epsilon: Added to the variance.

    Source: Ioffe and Szegedy (2015), algorithm 1.
    """

    kind: ClassVar[str] = "batch_norm"
    momentum: float = 0.9
    epsilon: float = 1e-3

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != 1:
            raise self.reject(*inputs, why="it needs one input")
        return inputs[0]

    def trainable_params(self, *inputs: Shape) -> int:
        return 2 * inputs[0][-1]

    def state_params(self, *inputs: Shape) -> int:
        return 2 * inputs[0][-1]

    def weight_axes(self) -> Mapping[str, str]:
        return {f"/{name}": "c" for name in ("gamma", "beta", "moving_mean", "moving_variance")}

    def lower(self, lite: LiteBuilder, inputs: Sequence[str], name: str, *, alone: bool) -> str:
        # Only where no convolution takes it: a factor and an addend for each channel.
        shape = lite.shape(inputs[0])
        scaled = lite.add("mul", inputs, f"{name}/mul", shape, constant=f"{name}/mul")
        return lite.add("add", (scaled,), name, shape, constant=f"{name}/add")

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.BatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, name=name, dtype=dtype
        )(inputs[0])
