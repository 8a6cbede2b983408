"""Layer normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.ops.op import Op, Shape


@dataclass(frozen=True)
class LayerNorm(Op):
    """Each position's features to mean 0 and variance 1, then a learned factor and addend each.

    Args:
        epsilon: Added to the variance.

    Source: Ba, Kiros and Hinton (2016), equation 3.
    """

    kind: ClassVar[str] = "layer_norm"
    epsilon: float = 1e-3

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != 1:
            raise self.reject(*inputs, why="it needs one input")
        return inputs[0]

    def trainable_params(self, *inputs: Shape) -> int:
        return 2 * inputs[0][-1]

    def weight_axes(self) -> Mapping[str, str]:
        return {"/gamma": "c", "/beta": "c"}

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.LayerNormalization(epsilon=self.epsilon, name=name, dtype=dtype)(
            inputs[0]
        )
