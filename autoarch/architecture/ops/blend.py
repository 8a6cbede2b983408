"""The mean of what a network learns and of what the data gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.ops.op import Op, Shape
from autoarch.errors import InvalidArchitectureError


@dataclass(frozen=True)
class Blend(Op):
    """`(1 - share) * first + share * second`, for two inputs of equal shape.

    The second is a model that the data gives (`Candidate.constants`), fitted on its own. It knows
    the training examples by heart, so a network taught on top of it would have nothing left to
    learn: training looks at the first input alone, see `Architecture.learner`.

    Args:
        share: Of the second input, between 0 and 1.

    Source: Genest and Zidek (1986), "Combining probability distributions", the logarithmic pool:
    a mean of logits is the geometric mean of probabilities.
    """

    kind: ClassVar[str] = "blend"
    LEARNED: ClassVar[str] = "_learned"
    """End of the name of the layer whose input is what was learned."""
    share: float

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise InvalidArchitectureError(
                f"`share` of Blend must be between 0 and 1; got {self.share}."
            )

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != 2 or inputs[0] != inputs[1]:
            raise self.reject(*inputs, why="it needs two inputs of the same shape")
        return inputs[0]

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        learned, given = inputs
        parts = [
            keras.layers.Rescaling(1 - self.share, name=name + self.LEARNED, dtype=dtype)(learned),
            keras.layers.Rescaling(self.share, name=f"{name}_given", dtype=dtype)(given),
        ]
        return keras.layers.Add(name=name, dtype=dtype)(parts)
