"""Loudness of a recording brought to a fixed level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.ops.op import Op, Shape
from autoarch.errors import InvalidArchitectureError


@dataclass(frozen=True)
class Loudness(Op):
    """Scales a waveform `(samples,)` to a root mean square of `rms`; silence stays silence.

    Args:
        rms: Of the result.
        floor: Added to the mean square, so that noise below its root is not made loud.
    """

    kind: ClassVar[str] = "loudness"
    rms: float = 0.1
    floor: float = 1e-7

    def __post_init__(self) -> None:
        if not (self.rms > 0 and self.floor > 0):
            raise InvalidArchitectureError(
                f"`rms` and `floor` of Loudness must be positive; got {self.rms}, {self.floor}."
            )

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != 1 or len(inputs[0]) != 1:
            raise self.reject(*inputs, why="it needs one input of shape (samples,)")
        return inputs[0]

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        from keras import layers, ops

        (x,) = inputs
        # in float32 whatever the policy: squares of quiet samples vanish in half precision
        square = layers.Multiply(name=f"{name}_square", dtype="float32")([x, x])
        power = ops.add(ops.mean(square, axis=-1, keepdims=True), self.floor)
        factor = ops.multiply(ops.rsqrt(power), self.rms)
        return layers.Multiply(name=name, dtype="float32")([x, factor])
