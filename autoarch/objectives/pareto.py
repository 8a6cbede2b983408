"""Several objectives at once: Pareto fronts, and how good a set of points is.

Points are rows of an array of shape (n, m): n candidates, m objectives, each turned so that larger
is better. Values must be finite. One point dominates another where it is at least as good in all
objectives and better in one; equal points do not dominate each other.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]


def pareto_front(points: npt.ArrayLike) -> IntArray:
    """Indices, ascending, of the points that no other point dominates.

    Takes O(n log n) for two objectives, and O(n) NumPy work for each point of the front for more.

    Args:
        points: Shape (n, m).
    """
    points = _checked(points)
    # Best first objective first: a point is dominated, if at all, by one that comes before it.
    order = np.lexsort(-points.T[::-1])
    if points.shape[1] == 2 and len(points):
        first, second = points[order].T
        best_before = np.maximum.accumulate(np.concatenate([[-np.inf], second[:-1]]))
        new_best = second > best_before
        # Equal points follow each other; they share the fate of their first.
        repeated = np.concatenate(
            [[False], (first[1:] == first[:-1]) & (second[1:] == second[:-1])]
        )
        group = np.cumsum(~repeated) - 1
        return np.sort(order[new_best[~repeated][group]])
    front = []
    while order.size:
        best, others = points[order[0]], points[order]
        equal = (others == best).all(axis=1)
        front.append(order[equal])
        order = order[(others > best).any(axis=1)]
    return np.sort(np.concatenate(front)) if front else order


def non_dominated_sort(points: npt.ArrayLike) -> Iterator[IntArray]:
    """Yields the indices of the first front, then of the front of what is left, and so on.

    Source: Deb, Pratap, Agarwal and Meyarivan (2002), "A fast and elitist multiobjective genetic
    algorithm: NSGA-II", section III-A. Fronts are peeled off when they are asked for: whoever
    needs the best few of thousands does not sort the rest.

    Args:
        points: Shape (n, m).
    """
    points = _checked(points)
    left = np.arange(len(points))
    while left.size:
        front = pareto_front(points[left])
        yield left[front]
        left = np.delete(left, front)


def crowding_distance(points: npt.ArrayLike) -> FloatArray:
    """How much room each point of a front has: (n,), larger is lonelier; the ends have infinity.

    The sum over the objectives of the distance between a point's two neighbours, as a share of
    the objective's range. Source: Deb et al. (2002), section III-B.

    Args:
        points: Shape (n, m), all of one front.
    """
    points = _checked(points)
    distance = np.zeros(len(points))
    for values in points.T:
        order = np.argsort(values, kind="stable")
        span = float(np.ptp(values)) if len(values) else 0.0
        if span == 0:  # nobody is better than anybody here
            continue
        distance[order[[0, -1]]] = np.inf
        distance[order[1:-1]] += (values[order[2:]] - values[order[:-2]]) / span
    return distance


def hypervolume(points: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """The volume that a set of points dominates above a reference point, exactly.

    Two objectives take a sweep, O(n log n). More are cut into slices along the last objective,
    each a hypervolume of one objective less: O(n^(m-1) log n) at worst, which suits fronts of some
    hundred points in up to five objectives. Source of the slicing: While, Hingston, Barone and
    Huband (2006), "A faster algorithm for calculating hypervolume" (HSO).

    Args:
        points: Shape (n, m); dominated points and those not above the reference add nothing.
        reference: Shape (m,); a point that every point of interest is better than.

    Raises:
        ValueError: The shapes do not fit, or a value is not finite.
    """
    points = _checked(points)
    corner = np.asarray(reference, dtype=float)
    if corner.shape != points.shape[1:]:
        raise ValueError(
            f"`reference` must have one value for each of the {points.shape[1]} objectives; "
            f"got shape {corner.shape}."
        )
    return _volume((points - corner)[(points > corner).all(axis=1)])


def _volume(points: FloatArray) -> float:
    """The hypervolume above the origin of points that are positive everywhere."""
    if not len(points):
        return 0.0
    if points.shape[1] == 1:
        return float(points.max())
    points = points[pareto_front(points)]
    points = points[np.argsort(-points[:, -1], kind="stable")]
    # Between two neighbouring values of the last objective, the points above both count.
    thickness = points[:, -1] - np.append(points[1:, -1], 0.0)
    if points.shape[1] == 2:
        return float(np.maximum.accumulate(points[:, 0]) @ thickness)
    return sum(
        float(thickness[place]) * _volume(points[: place + 1, :-1])
        for place in np.flatnonzero(thickness)
    )


def _checked(points: npt.ArrayLike) -> FloatArray:
    array = np.asarray(points, dtype=float)
    if array.ndim != 2 or array.shape[1] < 1:
        raise ValueError(f"`points` must have shape (n, objectives); got {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError("`points` must be finite.")
    return array
