"""A space of one network: a known one, asked for by name."""

from __future__ import annotations

from typing import Any, ClassVar

from autoarch.architecture import Architecture
from autoarch.spaces.cell import CellSpace
from autoarch.spaces.named import named_architecture
from autoarch.spaces.pretrained import SLOWNESS as OF_BACKBONES
from autoarch.spaces.space import SearchSpace
from autoarch.training.recipe import Recipe

SLOWNESS = {
    **dict.fromkeys(("nasnet-a", "amoebanet-a", "darts"), CellSpace.slowness),
    **dict.fromkeys(
        ("mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small"), OF_BACKBONES["mobilenet"]
    ),
}
"""See `SearchSpace.slowness`; 1 for others."""


class ReferenceSpace(SearchSpace):
    """The named network, as published where that is no larger than the width asks for.

    Args:
        network: A key of `NAMED`.
        input_shape: `(height, width, channels)`.
        classes: Number of classes.
        width: What data and time ask for; a network that is published with fewer multiply-adds
            is taken as it was published.
        exact: Whether the width is taken as it is.
        recipe: The recipe.

    Raises:
        InvalidInputError: The name is unknown.

    Example:
        >>> ReferenceSpace("resnet8", (32, 32, 3), 10, width=64).candidate({}).architecture.params
        78666
        >>> ReferenceSpace("resnet8", (32, 32, 3), 10, width=8).candidate({}).architecture.params
        20266
    """

    name: ClassVar[str] = "reference"

    def __init__(
        self,
        network: str,
        input_shape: tuple[int, ...],
        classes: int,
        *,
        width: int = 16,
        exact: bool = False,
        recipe: Recipe | None = None,
    ):
        super().__init__(input_shape, classes, recipe=recipe)
        self.name = network  # type: ignore[misc]
        self.slowness = SLOWNESS.get(network, 1.0)
        self._network = named_architecture(network, self.input_shape, classes, width)
        self._width: int | None = width
        if not exact:
            published = named_architecture(network, self.input_shape, classes)
            if published.macs <= self._network.macs:
                self._network, self._width = published, None

    def architecture(self, hp: Any) -> Architecture:
        hp.Choice("architecture", [self.name])
        if self._width is not None:
            hp.Choice("width", [self._width])
        return self._network
