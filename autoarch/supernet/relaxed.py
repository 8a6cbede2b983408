"""A space relaxed: all options of its choices in one network, each behind a gate.

With gates that are zero but for one of each choice, the network is one of the space's; with gates
between, gradients say which way to go.

Source: Liu et al. (2019), "DARTS", section 2.2; Wu et al. (2019), "FBNet", section 3.2.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from autoarch.architecture import Architecture
from autoarch.architecture.ops.op import Op, Shape
from autoarch.supernet.bank import Slot

Array = npt.NDArray[Any]
Price = Callable[[Architecture], float]


@dataclass(frozen=True)
class Mix(Op):
    """The sum of the inputs, each times its gate; lives in relaxed networks alone.

    Args:
        choice: Where the gates are found among a path's weights, a vector with one for each input;
            those beyond are of options that add nothing.
    """

    kind: ClassVar[str] = "mix"

    choice: str

    def output_shape(self, *inputs: Shape) -> Shape:
        if not inputs or len(set(inputs)) != 1:
            raise self.reject(*inputs, why="it needs inputs of the same shape")
        return inputs[0]

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        raise NotImplementedError("A relaxed network is run by `run_path` and never built.")


class Relaxed(ABC):
    """A relaxed space: the network, and what its gates stand for.

    Gates are float `(choices, options)`; what a row has beyond its choice's options is not
    allowed.

    Attributes:
        classes: Number of classes.
        slots: The weights to train.
        allowed: bool `(choices, options)`.
        costs: What an option costs beyond the cheapest network considered, `(choices, options)`;
            None where costs do not count.
        base_cost: What every network costs beside.
    """

    classes: int
    slots: Sequence[Slot]
    allowed: Array
    costs: Array | None = None
    base_cost: float = 0.0

    @abstractmethod
    def run(self, weights: Mapping[str, Any], gates: Any, x: Any) -> Any:
        """Logits, float32 `(n, classes)`.

        Args:
            weights: Of `slots`, by path.
            gates: `(choices, options)`.
            x: `(n, *input_shape)`, of the type of the weights.
        """

    @abstractmethod
    def discretise(self, shares: Array) -> Array:
        """The gates, 0 or 1, of the network that shares of options stand for."""

    @abstractmethod
    def decisions(self, gates: Array) -> dict[str, Any]:
        """The space's decisions for such a network."""

    def collapsed(self, gates: Array) -> bool:
        """Whether such a network is what a relaxation falls into that has gone on for too long."""
        return False

    def cost(self, gates: Array) -> float:
        """What a network costs."""
        return self.base_cost + float(np.sum(gates * (0.0 if self.costs is None else self.costs)))
