"""Recurrent layers, read in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.ops.conv1d import sequence_shape
from autoarch.architecture.ops.op import Op, Shape, require_positive
from autoarch.errors import InvalidArchitectureError

GATES = {"gru": 3, "lstm": 4}
"""Matrices of each cell."""


@dataclass(frozen=True)
class Recurrent(Op):
    """A GRU or an LSTM from the front and one from the back: `(length, 2 * units)`.

    Args:
        units: Of each direction.
        cell: "gru" or "lstm".

    Source: Cho et al. (2014) for the GRU; Hochreiter and Schmidhuber (1997) for the LSTM; Schuster
    and Paliwal (1997) for both directions.
    """

    kind: ClassVar[str] = "recurrent"
    units: int
    cell: str = "gru"

    def __post_init__(self) -> None:
        require_positive(self, units=self.units)
        if self.cell not in GATES:
            raise InvalidArchitectureError(
                f"`cell` of Recurrent must be one of {', '.join(GATES)}; got {self.cell!r}."
            )

    def output_shape(self, *inputs: Shape) -> Shape:
        return sequence_shape(self, *inputs)[0], 2 * self.units

    def trainable_params(self, *inputs: Shape) -> int:
        biases = 2 if self.cell == "gru" else 1  # Keras's GRU has one for each matrix
        rows = inputs[0][1] + self.units + biases
        return 2 * GATES[self.cell] * self.units * rows

    def macs(self, *inputs: Shape) -> int:
        length, features = inputs[0]
        return 2 * length * GATES[self.cell] * self.units * (features + self.units)

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        from keras import layers

        kind = layers.GRU if self.cell == "gru" else layers.LSTM
        # Names of its own: the layer names those of its two directions after the cell's.
        cell = kind(self.units, return_sequences=True, name=f"{name}_cell", dtype=dtype)
        return layers.Bidirectional(cell, name=name, dtype=dtype)(inputs[0])
