"""What `valid=` and `test=` mean: a share to draw, a folder, or the source's own split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from autoarch.data.split import DEFAULT_SHARE
from autoarch.errors import DataError

_LARGEST = 0.5


@dataclass(frozen=True)
class Part:
    """Where a split comes from.

    Args:
        share: To be drawn from train; None where it comes from elsewhere, 0 where not wanted.
        folder: A folder of class folders, or None.
    """

    share: float | None = None
    folder: Path | None = None

    @property
    def is_none(self) -> bool:
        return self.share == 0


def parse_part(
    name: str,
    given: float | str | Path | None,
    *,
    has_own: bool,
    default: float | None = None,
) -> Part:
    """Reads the argument `valid` or `test`.

    Args:
        name: "valid" or "test"; only test may be 0.
        given: What the caller gave; a number may come as text.
        has_own: The source brings this split.
        default: Share to draw where nothing is given; 0.15 unless told otherwise.

    Raises:
        DataError: Out of range, or beside a split that the source has already.
    """
    if given is None:
        return Part() if has_own else Part(share=DEFAULT_SHARE if default is None else default)
    share = _as_share(given)
    if share is None:
        if has_own:
            raise DataError(f"The data has its own {name} split; leave `{name}` out.")
        return Part(folder=Path(str(given)))
    lowest = "[0" if name == "test" else "(0"
    if not (0 < share <= _LARGEST or (share == 0 and name == "test")):
        raise DataError(
            f"`{name}` must be a share in {lowest}, {_LARGEST}] or a folder; got {given!r}."
        )
    if has_own and share > 0:
        raise DataError(f"The data has its own {name} split; leave `{name}` out.")
    return Part(share=share)


def _as_share(given: float | str | Path) -> float | None:
    if isinstance(given, bool):
        raise DataError(f"A share must be a number; got {given!r}.")
    if isinstance(given, str) and not Path(given).exists():
        try:
            return float(given)
        except ValueError:
            return None
    return None if isinstance(given, str | Path) else float(given)
