"""A spectrogram seen as a picture of one channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.ops.op import Op, Shape


@dataclass(frozen=True)
class AddChannel(Op):
    """`(frames, bands)` becomes `(frames, bands, 1)`."""

    kind: ClassVar[str] = "add_channel"

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != 1 or len(inputs[0]) != 2:
            raise self.reject(*inputs, why="it needs one input of shape (frames, bands)")
        return (*inputs[0], 1)

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        shape = self.output_shape(tuple(inputs[0].shape[1:]))
        return keras.layers.Reshape(shape, name=name, dtype=dtype)(inputs[0])
