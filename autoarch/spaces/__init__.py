"""Search spaces, one file per family."""

from __future__ import annotations

from autoarch.errors import InvalidInputError
from autoarch.spaces.mobile import MobileSpace
from autoarch.spaces.residual import ResidualSpace
from autoarch.spaces.space import Candidate, SearchSpace
from autoarch.spaces.speech import SpeechSpace

SPACES: dict[str, type[ResidualSpace] | type[MobileSpace]] = {
    space.name: space for space in (ResidualSpace, MobileSpace)
}
"""Image spaces by the name they have on the command line."""


def get_space(name: str) -> type[ResidualSpace] | type[MobileSpace]:
    """Returns the space of that name.

    Raises:
        InvalidInputError: The name is unknown; the message lists those that exist.
    """
    if name not in SPACES:
        raise InvalidInputError(f"`space` must be one of auto, {', '.join(SPACES)}; got {name!r}.")
    return SPACES[name]


__all__ = [
    "SPACES",
    "Candidate",
    "MobileSpace",
    "ResidualSpace",
    "SearchSpace",
    "SpeechSpace",
    "get_space",
]
