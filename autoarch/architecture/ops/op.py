"""The contract of an op: one kind of node in an architecture.

An op is a frozen dataclass in a file of its own beside this one. It knows the shape that it
makes, what it costs, and its Keras layers. Fields are plain JSON values. Shapes leave the batch
out: `(height, width, channels)` for images, `(features,)` for vectors.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from autoarch.architecture.lite import LiteBuilder
from autoarch.errors import InvalidArchitectureError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Op(ABC):
    """One kind of node. Subclasses set `kind` and the fields, and register by being imported."""

    kind: ClassVar[str]
    commutative: ClassVar[bool] = False
    """Whether the order of the inputs changes nothing; the canonical key then ignores it."""
    foldable: ClassVar[bool] = True
    """Whether networks with it have an int8 form."""
    multiplies: ClassVar[bool] = False
    """Whether it is a product of matrices at heart: what 16-bit arithmetic makes faster on CPUs."""

    @abstractmethod
    def output_shape(self, *inputs: Shape) -> Shape:
        """Shape of the result.

        Raises:
            InvalidArchitectureError: The inputs do not fit the op.
        """

    def trainable_params(self, *inputs: Shape) -> int:
        """Number of weights that training changes by gradient."""
        return 0

    def state_params(self, *inputs: Shape) -> int:
        """Number of weights that gradients do not reach, such as moving means."""
        return 0

    def weight_axes(self) -> Mapping[str, str]:
        """What the axes of each weight stand for, so that weights can be inherited.

        Returns:
            By the end of the weight's path in the Keras model, one letter an axis: `h` and `w`
            window, `i` input channels, `o` output channels, `c` channels that are input and
            output alike, `u` hidden units, `1` nothing. A layer's matrix has its two axes of
            channels last, input first. Empty where there are no weights, or where they cannot
            be inherited.
        """
        return {}

    def macs(self, *inputs: Shape) -> int:
        """Multiply-adds for one example; convolutions and matrix products only."""
        return 0

    def lower(self, lite: LiteBuilder, inputs: Sequence[str], name: str, *, alone: bool) -> str:
        """Adds the LiteRT ops that the converter makes of this op.

        Args:
            lite: Receives the ops.
            inputs: Names of tensors in `lite`.
            name: For the result; further tensors take it as a prefix.
            alone: Whether nothing else reads the first input.

        Returns:
            The name of the result's tensor.

        Raises:
            InvalidArchitectureError: The op has no LiteRT form, so that its networks cannot be
                priced for small devices.
        """
        raise InvalidArchitectureError(
            f"Op {self.kind!r} has no LiteRT form: choose a space without it for small devices."
        )

    @abstractmethod
    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        """Adds the op's Keras layers.

        Args:
            inputs: Keras tensors, batch dimension first.
            name: Name for the layer; several layers take it as a prefix.
            dtype: Keras dtype policy, e.g. "mixed_bfloat16".

        Returns:
            The Keras tensor of the result.
        """

    def config(self) -> dict[str, Any]:
        """The op as JSON: its kind and its fields."""
        return {"kind": self.kind, **asdict(self)}

    def reject(self, *inputs: Shape, why: str) -> InvalidArchitectureError:
        """The error for inputs that do not fit; raise what it returns."""
        return InvalidArchitectureError(f"{self!r} cannot take inputs {list(inputs)}: {why}.")


def strided(size: int, stride: int) -> int:
    """Length of an axis after a window with "same" padding: ceil(size / stride)."""
    return -(-size // stride)


def image_shape(op: Op, *inputs: Shape) -> tuple[int, int, int]:
    """The single input's `(height, width, channels)`, or the error that it is none."""
    if len(inputs) != 1 or len(inputs[0]) != 3:
        raise op.reject(*inputs, why="it needs one input of shape (height, width, channels)")
    height, width, channels = inputs[0]
    return height, width, channels


def require_positive(op: Op, **values: int) -> None:
    """Raises where a field is not a positive int."""
    for name, value in values.items():
        if not isinstance(value, int) or value < 1:
            raise InvalidArchitectureError(
                f"`{name}` of {type(op).__name__} must be a positive int; got {value!r}."
            )
