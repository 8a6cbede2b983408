"""The learning rate over a training: linear warm-up, then a cosine to zero."""

from __future__ import annotations

import math

WARM_UP = 0.06
"""Share of the training in which the rate rises."""


def warm_up_cosine(progress: float, *, warm_up: float = WARM_UP) -> float:
    """Factor of the peak learning rate.

    Args:
        progress: Share of the training done, in steps or in seconds; clipped to [0, 1].
        warm_up: Share of the training in which the rate rises linearly.

    Returns:
        A factor in [0, 1]: 1 at the end of the warm-up, 0 at the end of the training.

    Source: Loshchilov and Hutter (2017), equation 5, without restarts.

    >>> [round(warm_up_cosine(p), 3) for p in (0.03, 0.06, 0.53, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    progress = min(max(progress, 0.0), 1.0)
    if progress < warm_up:
        return progress / warm_up
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))
