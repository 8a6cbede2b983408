"""Data sets that come with a dependency, so that a first run needs no download."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from autoarch.data.dataset import Pixels
from autoarch.errors import DataError

DEMO_PREFIX = "demo:"
DEMO_NAMES = ("digits",)
DEMO_TEST_SHARE = 0.2


def load_demo(source: str) -> tuple[str, Pixels, npt.NDArray[Any]]:
    """Loads a demonstration set.

    Args:
        source: "demo:digits": 1797 handwritten digits of 8 x 8 pixels, with scikit-learn.

    Returns:
        Its name, images uint8 `(n, h, w)` and labels `(n,)`.

    Raises:
        DataError: There is no set of this name.
    """
    name = source.removeprefix(DEMO_PREFIX)
    if name not in DEMO_NAMES:
        known = ", ".join(DEMO_PREFIX + known for known in DEMO_NAMES)
        raise DataError(f"There is no demonstration set {source!r}; there is {known}.")
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    return name, images, digits.target
