"""Elementwise activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.ops.op import Op, Shape
from autoarch.errors import InvalidArchitectureError

FUNCTIONS = ("relu", "relu6", "silu", "hard_silu", "gelu", "sigmoid", "hard_sigmoid", "softmax")


@dataclass(frozen=True)
class Activation(Op):
    """An activation by its Keras name; `hard_silu` is h-swish.

    Args:
        function: One of `FUNCTIONS`.
    """

    kind: ClassVar[str] = "activation"
    function: str

    def __post_init__(self) -> None:
        if self.function not in FUNCTIONS:
            raise InvalidArchitectureError(
                f"`function` of Activation must be one of {', '.join(FUNCTIONS)}; "
                f"got {self.function!r}."
            )

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != 1:
            raise self.reject(*inputs, why="it needs one input")
        return inputs[0]

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        from keras import layers

        (x,) = inputs
        if self.function == "silu":
            # `tf.nn.silu` has a gradient of its own, which TensorFlow keeps for ever, and each
            # traced graph with it. This is also a tenth faster on two cores.
            gate = layers.Activation("sigmoid", name=f"{name}_gate", dtype=dtype)(x)
            return layers.Multiply(name=name, dtype=dtype)([x, gate])
        return layers.Activation(self.function, name=name, dtype=dtype)(x)
