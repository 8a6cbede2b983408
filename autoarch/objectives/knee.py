"""The point of a front at which giving up one objective stops paying in the others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def knee_point(points: npt.ArrayLike) -> int:
    """The place of the knee of a front.

    Each objective is put on [0, 1], from its worst to its best value on the front. The knee lies
    farthest beyond the plane through the points that are best in one objective and worst in all
    others; of equals it is the first. Of two points, where none is beyond, it is the first as well.

    Args:
        points: Shape (n, m), n >= 1, larger is better, none dominating another, finite.

    Source: Das (1999), "On characterizing the 'knee' of the Pareto curve based on normal-boundary
    intersection", Structural Optimization 18.

    Example:
        >>> knee_point([[0.90, -100.0], [0.88, -20.0], [0.60, -10.0]])
        1
    """
    values = np.asarray(points, dtype=float)
    if values.ndim != 2 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"`points` must be finite, of shape (n, m); got {values.shape}.")
    span = np.ptp(values, axis=0)
    scaled = (values - values.min(axis=0)) / np.where(span > 0, span, 1.0)
    # The distance from the plane x_1 + ... + x_m = 1 grows with the sum.
    return int(np.argmax(np.round(scaled.sum(axis=1), 12)))
