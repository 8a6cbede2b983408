"""The weighted mean of what several networks answer, as logits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.ops.op import Op, Shape
from autoarch.errors import InvalidArchitectureError

_LEAST = 1e-30
"""Added to each probability, so that none has minus infinity as its logarithm."""


@dataclass(frozen=True)
class ProbabilityMean(Op):
    """`log(sum_i weights[i] * softmax(input_i))`: logits whose softmax is the weighted mean of the
    inputs' probabilities.

    Args:
        weights: One for each input, positive, adding up to 1.

    Source: Genest and Zidek (1986), "Combining probability distributions", the linear pool.
    """

    kind: ClassVar[str] = "probability_mean"
    foldable: ClassVar[bool] = False
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", tuple(self.weights))  # a list in JSON
        if not self.weights or min(self.weights) <= 0 or not math.isclose(sum(self.weights), 1):
            raise InvalidArchitectureError(
                "`weights` of ProbabilityMean must be positive and add up to 1; "
                f"got {self.weights}."
            )

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != len(self.weights) or len(set(inputs)) != 1 or len(inputs[0]) != 1:
            raise self.reject(*inputs, why="it needs a vector of the same length for each weight")
        return inputs[0]

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        parts = []
        for number, (logits, weight) in enumerate(zip(inputs, self.weights)):
            softmax = keras.layers.Softmax(name=f"{name}_softmax{number}", dtype="float32")
            share = keras.layers.Rescaling(
                weight, offset=_LEAST, name=f"{name}_share{number}", dtype="float32"
            )
            parts.append(share(softmax(logits)))
        if len(parts) == 1:
            return keras.ops.log(parts[0])
        return keras.ops.log(keras.layers.Add(name=f"{name}_sum", dtype="float32")(parts))
