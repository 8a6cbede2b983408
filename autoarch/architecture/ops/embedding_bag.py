"""Embeddings of ids, summed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.ops.op import Op, Shape, require_positive


@dataclass(frozen=True)
class EmbeddingBag(Op):
    """Sum of the vectors of the ids in each row, or of all ids, over the root of their number.

    Id 0 stands for nothing. `(rows, columns)` becomes `(rows, size)`, or `(size,)`.

    Args:
        ids: Number of ids, 0 included.
        size: Length of a vector.
        per_row: Whether rows are kept apart.

    Source: Joulin et al. (2017), "Bag of tricks for efficient text classification"; Bojanowski et
    al. (2017) for words as sums of their character n-grams.
    """

    kind: ClassVar[str] = "embedding_bag"
    ids: int
    size: int
    per_row: bool = False

    def __post_init__(self) -> None:
        require_positive(self, ids=self.ids, size=self.size)

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != 1 or len(inputs[0]) != 2:
            raise self.reject(*inputs, why="it needs one input of ids (rows, columns)")
        return (inputs[0][0], self.size) if self.per_row else (self.size,)

    def trainable_params(self, *inputs: Shape) -> int:
        return self.ids * self.size

    def weight_axes(self) -> Mapping[str, str]:
        return {"/embeddings": "io"}

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        (ids,) = inputs
        # float32 throughout: sums of hundreds of terms lose digits in half precision
        vectors = keras.layers.Embedding(
            self.ids,
            self.size,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=0.1),
            name=name,
            dtype="float32",
        )(ids)
        there = keras.ops.cast(keras.ops.not_equal(ids, 0), "float32")
        axes = (2,) if self.per_row else (1, 2)
        total = keras.ops.sum(vectors * keras.ops.expand_dims(there, -1), axis=axes)
        count = keras.ops.expand_dims(keras.ops.sum(there, axis=axes), -1)
        return total * keras.ops.rsqrt(keras.ops.maximum(count, 1.0))
