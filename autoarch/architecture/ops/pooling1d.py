"""Pooling over a whole sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.ops.conv1d import sequence_shape
from autoarch.architecture.ops.op import Op, Shape


@dataclass(frozen=True)
class GlobalMaxPool1D(Op):
    """Maximum over the length: `(length, features)` becomes `(features,)`."""

    kind: ClassVar[str] = "global_max_pool1d"

    def output_shape(self, *inputs: Shape) -> Shape:
        return (sequence_shape(self, *inputs)[1],)

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.GlobalMaxPooling1D(name=name, dtype=dtype)(inputs[0])


@dataclass(frozen=True)
class GlobalAveragePool1D(Op):
    """Mean over the length: `(length, features)` becomes `(features,)`."""

    kind: ClassVar[str] = "global_average_pool1d"

    def output_shape(self, *inputs: Shape) -> Shape:
        return (sequence_shape(self, *inputs)[1],)

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.GlobalAveragePooling1D(name=name, dtype=dtype)(inputs[0])
