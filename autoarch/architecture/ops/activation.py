"""Elementwise activation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.lite import LiteBuilder
from autoarch.architecture.ops.op import Op, Shape
from autoarch.errors import InvalidArchitectureError

FUNCTIONS = ("relu", "relu6", "silu", "hard_silu", "gelu", "sigmoid", "hard_sigmoid", "softmax")

_LITE_NAMES = {
    "hard_silu": "hard_swish",
    "gelu": "gelu",
    "sigmoid": "logistic",
    "softmax": "softmax",
}


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

    def lower(self, lite: LiteBuilder, inputs: Sequence[str], name: str, *, alone: bool) -> str:
        (x,) = inputs
        if self.function in ("relu", "relu6"):
            return lite.activate(self.function, x, name, alone=alone)
        if self.function == "silu":
            gate = lite.elementwise("logistic", x, f"{name}/gate")
            return lite.add("mul", (x, gate), name, lite.shape(x))
        if self.function == "hard_sigmoid":
            shape = lite.shape(x)
            shifted = lite.add("add", (x,), f"{name}/add", shape, activation="relu6", constant="3")
            return lite.add("mul", (shifted,), name, shape, constant="1/6")
        return lite.elementwise(_LITE_NAMES[self.function], x, name)

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        from keras import layers

        (x,) = inputs
        if self.function == "silu":
            # `tf.nn.silu` has a gradient of its own, which TensorFlow keeps for ever, and each
            # traced graph with it. This is also a tenth faster on two cores.
            gate = layers.Activation("sigmoid", name=f"{name}_gate", dtype=dtype)(x)
            return layers.Multiply(name=name, dtype=dtype)([x, gate])
        return layers.Activation(self.function, name=name, dtype=dtype)(x)
