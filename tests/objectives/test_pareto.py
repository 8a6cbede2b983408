"""Fronts and hypervolumes against definitions, closed forms, inclusion-exclusion, Monte Carlo."""

import itertools
import time

import numpy as np
import pytest

from autoarch.objectives import (
    crowding_distance,
    hypervolume,
    non_dominated_sort,
    pareto_front,
)


def dominates(a, b):
    return all(x >= y for x, y in zip(a, b)) and any(x > y for x, y in zip(a, b))


def front_by_definition(points):
    return [i for i, a in enumerate(points) if not any(dominates(b, a) for b in points)]


def by_inclusion_exclusion(points, reference):
    """The volume of a union of boxes from those of all intersections."""
    total = 0.0
    for size in range(1, len(points) + 1):
        for chosen in itertools.combinations(points, size):
            sides = np.min(chosen, axis=0) - reference
            total += (-1) ** (size + 1) * float(np.prod(np.maximum(sides, 0)))
    return total


@pytest.mark.parametrize("m", [1, 2, 3, 4])
@pytest.mark.parametrize("levels", [3, 1000])  # few levels: many ties and equal points
def test_the_front_is_what_its_definition_says(m, levels):
    rng = np.random.default_rng(m)
    for n in (1, 2, 10, 60):
        points = rng.integers(levels, size=(n, m)).astype(float)
        assert pareto_front(points).tolist() == front_by_definition(points.tolist())


def test_equal_points_are_all_in_the_front():
    assert pareto_front([[1.0, 2.0], [0.0, 0.0], [1.0, 2.0]]).tolist() == [0, 2]


def test_no_points_make_an_empty_front():
    for m in (1, 2, 3):
        assert pareto_front(np.empty((0, m))).tolist() == []
        assert list(non_dominated_sort(np.empty((0, m)))) == []
        assert hypervolume(np.empty((0, m)), np.zeros(m)) == 0.0


@pytest.mark.parametrize("m", [2, 3])
def test_each_front_is_dominated_by_the_one_before_only(m):
    points = np.random.default_rng(0).integers(8, size=(80, m)).astype(float)
    fronts = [front.tolist() for front in non_dominated_sort(points)]
    assert sorted(itertools.chain(*fronts)) == list(range(80))
    rank = {place: level for level, front in enumerate(fronts) for place in front}
    for place in range(80):
        above = [rank[o] for o in range(80) if dominates(points[o], points[place])]
        assert rank[place] == (max(above) + 1 if above else 0)


def test_thousands_of_points_are_sorted_quickly():
    points = np.random.default_rng(0).random((5000, 2))
    begin = time.thread_time()
    next(non_dominated_sort(points))
    assert time.thread_time() - begin < 0.2
    begin = time.thread_time()
    assert sum(len(front) for front in non_dominated_sort(points)) == 5000
    assert time.thread_time() - begin < 2


def test_crowding_by_hand():
    front = [[0.0, 10.0], [1.0, 8.0], [3.0, 2.0], [4.0, 0.0]]
    distance = crowding_distance(front)
    assert distance[[0, 3]].tolist() == [np.inf, np.inf]
    assert distance[1] == pytest.approx(3 / 4 + 8 / 10)
    assert distance[2] == pytest.approx(3 / 4 + 8 / 10)
    shuffled = [2, 0, 3, 1]
    assert crowding_distance(np.array(front)[shuffled]).tolist() == distance[shuffled].tolist()


def test_crowding_where_an_objective_says_nothing():
    assert crowding_distance([[1.0, 5.0], [1.0, 5.0]]).tolist() == [0.0, 0.0]
    assert crowding_distance([[1.0, 5.0]]).tolist() == [0.0]
    assert crowding_distance(np.empty((0, 2))).tolist() == []


def test_hypervolume_of_known_shapes():
    assert hypervolume([[3.0], [5.0]], [1.0]) == 4
    assert hypervolume([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]], [0.0, 0.0]) == 6
    assert hypervolume([[2.0, 3.0, 4.0]], [1.0, 1.0, 1.0]) == 6
    # two boxes of 2 x 1 x 1 that share a unit cube
    assert hypervolume([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0]], [0.0, 0.0, 0.0]) == 3


@pytest.mark.parametrize("m", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("levels", [4, 1000])
def test_hypervolume_by_inclusion_and_exclusion(m, levels):
    rng = np.random.default_rng(m)
    for n in (1, 4, 9):
        points = rng.integers(levels, size=(n, m)).astype(float)
        reference = np.full(m, levels / 10)
        assert hypervolume(points, reference) == pytest.approx(
            by_inclusion_exclusion(points, reference)
        )


@pytest.mark.parametrize("m", [2, 3, 4])
def test_hypervolume_by_monte_carlo(m):
    rng = np.random.default_rng(m)
    points = rng.random((40, m))
    drawn = rng.random((20_000, m))
    share = (points[None] >= drawn[:, None]).all(axis=2).any(axis=1).mean()
    assert hypervolume(points, np.zeros(m)) == pytest.approx(share, abs=0.015)


def test_what_is_dominated_or_below_the_reference_adds_nothing():
    points = np.random.default_rng(0).random((30, 3))
    volume = hypervolume(points, [0.2, 0.2, 0.2])
    assert hypervolume(points[pareto_front(points)], [0.2, 0.2, 0.2]) == pytest.approx(volume)
    below = np.vstack([points, [[0.1, 5.0, 5.0]]])
    assert hypervolume(below, [0.2, 0.2, 0.2]) == pytest.approx(volume)
    assert hypervolume([[1.0, 1.0]], [1.0, 0.0]) == 0


def test_shapes_and_values_are_checked():
    with pytest.raises(ValueError, match="one value for each of the 2 objectives"):
        hypervolume([[1.0, 2.0]], [0.0])
    with pytest.raises(ValueError, match="must have shape"):
        pareto_front([1.0, 2.0])
    with pytest.raises(ValueError, match="must be finite"):
        hypervolume([[1.0, float("nan")]], [0.0, 0.0])
