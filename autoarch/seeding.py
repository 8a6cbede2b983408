"""One seed for everything: independent, named random streams derived from it.

>>> rng("split", seed=7).integers(100) == rng("split", seed=7).integers(100)
np.True_
"""

from __future__ import annotations

import zlib

import numpy as np


def derive_seed(*path: str | int, seed: int) -> int:
    """Returns a seed in [0, 2**31) that depends on `seed` and on the stream's name only.

    Args:
        path: Name of the stream, e.g. `("trial", 3, "shuffle")`.
        seed: The user's seed.
    """
    words = [zlib.crc32(str(part).encode()) for part in path]
    sequence = np.random.SeedSequence([seed & 0xFFFFFFFF, *words])
    return int(sequence.generate_state(1, np.uint32)[0] & 0x7FFFFFFF)


def rng(*path: str | int, seed: int) -> np.random.Generator:
    """Returns the NumPy generator of the named stream."""
    return np.random.default_rng(derive_seed(*path, seed=seed))
