"""Search spaces, one file per family."""

from __future__ import annotations

from autoarch.errors import InvalidInputError
from autoarch.spaces.cell import CellSpace
from autoarch.spaces.chain import ChainSpace
from autoarch.spaces.mobile import MobileSpace
from autoarch.spaces.named import NAMED, named_architecture
from autoarch.spaces.nasbench201 import NasBench201Space
from autoarch.spaces.pretrained import PretrainedSpace
from autoarch.spaces.reference import ReferenceSpace
from autoarch.spaces.residual import ResidualSpace
from autoarch.spaces.space import Candidate, SearchSpace
from autoarch.spaces.speech import SpeechSpace
from autoarch.spaces.steering import Steering
from autoarch.spaces.topology import TopologySpace

ImageSpace = ResidualSpace | MobileSpace | CellSpace | ChainSpace | TopologySpace | NasBench201Space

SPACES: dict[str, type[ImageSpace]] = {
    space.name: space
    for space in (
        ResidualSpace,
        MobileSpace,
        CellSpace,
        ChainSpace,
        TopologySpace,
        NasBench201Space,
    )
}
"""Image spaces by the name they have on the command line."""


def get_space(name: str) -> type[ImageSpace]:
    """Returns the space of that name.

    Raises:
        InvalidInputError: The name is unknown; the message lists those that exist.
    """
    if name not in SPACES:
        raise InvalidInputError(f"`space` must be one of auto, {', '.join(SPACES)}; got {name!r}.")
    return SPACES[name]


__all__ = [
    "NAMED",
    "SPACES",
    "Candidate",
    "CellSpace",
    "ChainSpace",
    "ImageSpace",
    "MobileSpace",
    "NasBench201Space",
    "PretrainedSpace",
    "ReferenceSpace",
    "ResidualSpace",
    "SearchSpace",
    "SpeechSpace",
    "Steering",
    "TopologySpace",
    "get_space",
    "named_architecture",
]
