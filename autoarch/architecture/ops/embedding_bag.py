"""Embeddings of ids, summed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.ops.op import Op, Shape, require_positive

SCALES = "_scales/embeddings"
"""End of the path of the ids' scales in the Keras model."""
SUM = "_sum"
"""End of the name of the layer that gives the sum."""


@dataclass(frozen=True)
class EmbeddingBag(Op):
    """Scaled sum of the vectors of the ids in each row, or of all ids.

    Id 0 stands for nothing. The sum is divided by the root of the sum of the squared scales, which
    are 1 unless `scaled`: a vector of scales has length 1 then, as TF-IDF vectors have.
    `(rows, columns)` becomes `(rows, size)`, or `(size,)`.

    Args:
        ids: Number of ids, 0 included.
        size: Length of a vector.
        per_row: Whether rows are kept apart.
        scaled: Whether each id has a scale of its own, such as its inverse document frequency,
            which the data gives (`Candidate.constants`) and training leaves as it is.
        from_zero: Whether vectors begin at zero, as a linear model's do.
        frozen: Whether the data gives the vectors, and training leaves them as they are.

    Source: Joulin et al. (2017), "Bag of tricks for efficient text classification"; Bojanowski et
    al. (2017) for words as sums of their character n-grams; Salton and Buckley (1988), "Term-
    weighting approaches in automatic text retrieval", for scales and length.
    """

    kind: ClassVar[str] = "embedding_bag"
    ids: int
    size: int
    per_row: bool = False
    scaled: bool = False
    from_zero: bool = False
    frozen: bool = False

    def __post_init__(self) -> None:
        require_positive(self, ids=self.ids, size=self.size)

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != 1 or len(inputs[0]) != 2:
            raise self.reject(*inputs, why="it needs one input of ids (rows, columns)")
        return (inputs[0][0], self.size) if self.per_row else (self.size,)

    def trainable_params(self, *inputs: Shape) -> int:
        return 0 if self.frozen else self.ids * self.size

    def state_params(self, *inputs: Shape) -> int:
        return self.ids * (self.size * self.frozen + self.scaled)

    def weight_axes(self) -> Mapping[str, str]:
        # "u": the ids are the same in all networks of a run
        axes = {"/embeddings": "uo"}
        return axes | {SCALES: "u1"} if self.scaled else axes

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        (ids,) = inputs
        # float32 throughout: sums of hundreds of terms lose digits in half precision
        start = "zeros" if self.from_zero else keras.initializers.RandomNormal(stddev=0.1)
        vectors = keras.layers.Embedding(
            self.ids,
            self.size,
            embeddings_initializer=start,
            trainable=not self.frozen,
            name=name,
            dtype="float32",
        )(ids)
        scales = keras.ops.expand_dims(keras.ops.cast(keras.ops.not_equal(ids, 0), "float32"), -1)
        if self.scaled:
            scales *= keras.layers.Embedding(
                self.ids,
                1,
                embeddings_initializer="ones",
                trainable=False,
                name=f"{name}{SCALES.split('/')[0]}",
                dtype="float32",
            )(ids)
        axes = (2,) if self.per_row else (1, 2)
        total = keras.ops.sum(vectors * scales, axis=axes)
        squares = keras.ops.sum(scales * scales, axis=axes)
        length = keras.ops.rsqrt(keras.ops.maximum(squares, 1e-3))
        return keras.layers.Multiply(name=name + SUM, dtype="float32")([total, length])
