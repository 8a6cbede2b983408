"""Networks that are known by name, scaled to the data at hand."""

from __future__ import annotations

from collections.abc import Callable

from autoarch.architecture import Architecture
from autoarch.errors import InvalidInputError
from autoarch.spaces.genotype import Genotype, cell_network
from autoarch.spaces.genotypes import AMOEBANET_A, DARTS_V2, NASNET_A
from autoarch.spaces.mobilenets import mobilenet_v1, mobilenet_v2, mobilenet_v3_small
from autoarch.spaces.references import resnet8

Make = Callable[[tuple[int, ...], int, int | None], Architecture]
"""From `(height, width, channels)`, the number of classes and a width, or None."""

PUBLISHED_CELLS, SCALED_CELLS = 20, 8
"""Cells of the published networks, and of those that are scaled down."""


def _of_cells(genotype: Genotype, published: int) -> Make:
    def make(input_shape: tuple[int, ...], classes: int, width: int | None) -> Architecture:
        return cell_network(
            genotype,
            input_shape,
            classes,
            width=published if width is None else width,
            cells=PUBLISHED_CELLS if width is None else SCALED_CELLS,
        )

    return make


def _of_width(network: Callable[[tuple[int, ...], int, int], Architecture], published: int) -> Make:
    def make(input_shape: tuple[int, ...], classes: int, width: int | None) -> Architecture:
        return network(input_shape, classes, published if width is None else width)

    return make


NAMED: dict[str, Make] = {
    "nasnet-a": _of_cells(NASNET_A, 32),
    "amoebanet-a": _of_cells(AMOEBANET_A, 36),
    "darts": _of_cells(DARTS_V2, 36),
    "mobilenet_v1": _of_width(mobilenet_v1, 32),
    "mobilenet_v2": _of_width(mobilenet_v2, 32),
    "mobilenet_v3_small": _of_width(mobilenet_v3_small, 16),
    "resnet8": _of_width(resnet8, 16),
}
"""What makes each network, by its name on the command line."""


def named_architecture(
    name: str, input_shape: tuple[int, ...], classes: int, width: int | None = None
) -> Architecture:
    """A network that others found or designed.

    Small pictures are halved less often than the published ones: never below four pixels.

    Args:
        name: A key of `NAMED`.
        input_shape: `(height, width, channels)`, sides of at least 4.
        classes: Number of classes.
        width: Channels of the stem or, for networks of cells, of the first cells, which are then 8
            in place of 20; None for the published network.

    Raises:
        InvalidInputError: The name is unknown; the message lists those that exist.

    Example:
        >>> named_architecture("resnet8", (32, 32, 3), 10).params
        78666
        >>> named_architecture("darts", (32, 32, 3), 10).trainable_params
        3349342
    """
    if name not in NAMED:
        raise InvalidInputError(f"`architecture` must be one of {', '.join(NAMED)}; got {name!r}.")
    return NAMED[name](tuple(input_shape), classes, width)
