"""Batch normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

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

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.BatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, name=name, dtype=dtype
        )(inputs[0])
