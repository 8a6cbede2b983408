"""Some columns of a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.ops.op import Op, Shape, require_positive
from autoarch.errors import InvalidArchitectureError


@dataclass(frozen=True)
class Columns(Op):
    """The columns from `start` on: `(rows, columns)` becomes `(rows, count)`.

    Args:
        start: The first, from 0.
        count: How many.
    """

    kind: ClassVar[str] = "columns"
    start: int
    count: int

    def __post_init__(self) -> None:
        require_positive(self, count=self.count)
        if self.start < 0:
            raise InvalidArchitectureError(f"`start` of Columns must be >= 0; got {self.start}.")

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != 1 or len(inputs[0]) != 2 or self.start + self.count > inputs[0][1]:
            raise self.reject(*inputs, why="it needs one input (rows, columns) that is wide enough")
        return inputs[0][0], self.count

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        return inputs[0][:, :, self.start : self.start + self.count]
