"""AutoArch: a folder of data and a time budget in, a trained, measured and checked model out.

The public names are loaded when they are first used, so `import autoarch` costs nothing.

Example:
    >>> import autoarch
    >>> search = autoarch.ImageSearch(time="10m")
    >>> search.fit("photos/")                                              # doctest: +SKIP
    >>> search.predict(["new.jpg"])                                        # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoarch.costs.constraints import Constraints
    from autoarch.search.plain import PlainProgress
    from autoarch.search.progress import Progress
    from autoarch.tasks import ImageSearch, SpeechSearch, TextSearch, load, resume

_HOMES = {
    "Constraints": "autoarch.costs.constraints",
    "ImageSearch": "autoarch.tasks",
    "PlainProgress": "autoarch.search.plain",
    "Progress": "autoarch.search.progress",
    "SpeechSearch": "autoarch.tasks",
    "TextSearch": "autoarch.tasks",
    "load": "autoarch.tasks",
    "resume": "autoarch.tasks",
}

__all__ = [
    "Constraints",
    "ImageSearch",
    "PlainProgress",
    "Progress",
    "SpeechSearch",
    "TextSearch",
    "load",
    "resume",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'autoarch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
