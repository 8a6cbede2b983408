"""Self-attention along a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.ops.conv1d import sequence_shape
from autoarch.architecture.ops.op import Op, Shape, require_positive


@dataclass(frozen=True)
class SelfAttention(Op):
    """Attention of each position to all, added to its input, and layer normalisation.

    Args:
        heads: Number of heads.
        size: Features of a head.

    Source: Vaswani et al. (2017), section 3.2.
    """

    kind: ClassVar[str] = "self_attention"
    multiplies: ClassVar[bool] = True
    heads: int
    size: int

    def __post_init__(self) -> None:
        require_positive(self, heads=self.heads, size=self.size)

    def output_shape(self, *inputs: Shape) -> Shape:
        return sequence_shape(self, *inputs)

    def trainable_params(self, *inputs: Shape) -> int:
        features, inner = inputs[0][1], self.heads * self.size
        return 4 * features * inner + 3 * inner + features + 2 * features

    def macs(self, *inputs: Shape) -> int:
        length, features = inputs[0]
        inner = self.heads * self.size
        return 4 * length * features * inner + 2 * length * length * inner

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        from keras import layers

        (x,) = inputs
        attended = layers.MultiHeadAttention(
            self.heads, self.size, flash_attention=False, name=f"{name}_attention", dtype=dtype
        )(x, x)
        total = layers.Add(name=f"{name}_add", dtype=dtype)([x, attended])
        return layers.LayerNormalization(name=name, dtype=dtype)(total)
