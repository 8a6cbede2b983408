"""Domains: legality, declared types, positions, moves."""

import math

import numpy as np
import pytest

from autoarch.oracles.domains import Finite, Interval

DOMAINS = [
    Finite(("a", "b", "c"), ordered=False),
    Finite((8, 16, 32, 64), ordered=True),
    Finite((0.1, 0.2, 0.3), ordered=True),
    Finite((True, False), ordered=False),
    Finite(range(3, 40, 4), ordered=True),
    Finite(range(1, 1001), ordered=True, sampling="log"),
    Finite(range(1, 1001), ordered=True, sampling="reverse_log"),
    Interval(-1.0, 1.0),
    Interval(1e-5, 1e-1, sampling="log"),
    Interval(1e-5, 1e-1, sampling="reverse_log"),
]


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_every_position_is_a_legal_value_and_leads_back_to_it(domain):
    for position in [0.0, *np.linspace(0, 1, 50).tolist(), np.nextafter(1.0, 0).item()]:
        value = domain.from_unit(position)
        assert domain.contains(value)
        assert domain.declared(value) == value
        again = domain.from_unit(domain.to_unit(value))
        assert again == pytest.approx(value) if isinstance(value, float) else again == value


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
@pytest.mark.parametrize("near", [0.0, 0.5, 1.0])
def test_a_move_is_legal_and_changes_the_value(domain, near):
    rng = np.random.default_rng(0)
    value = domain.from_unit(0.5)
    for _ in range(200):
        moved = domain.move(value, rng, near=near)
        assert domain.contains(moved)
        assert moved != value
        value = moved


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_neighbours_are_legal_distinct_and_others(domain):
    for position in (0.0, 0.3, 1.0):
        value = domain.from_unit(position)
        neighbours = domain.neighbours(value)
        assert neighbours
        assert len(set(neighbours)) == len(neighbours)
        assert value not in neighbours
        assert all(domain.contains(neighbour) for neighbour in neighbours)


def test_near_moves_of_a_size_stay_next_to_it():
    domain = Finite((8, 16, 32, 64, 128), ordered=True)
    rng = np.random.default_rng(0)
    moves = [domain.move(32, rng, near=1.0) for _ in range(200)]
    assert moves.count(16) > 70
    assert moves.count(64) > 70
    assert moves.count(8) + moves.count(128) < 10
    assert {domain.move(8, rng, near=1.0) for _ in range(20)} == {16}
    assert {domain.move(128, rng, near=1.0) for _ in range(20)} == {64}


def test_near_moves_in_a_long_range_keep_its_scale():
    rng = np.random.default_rng(0)
    for domain in (Finite(range(1000), ordered=True), Interval(0, 1000)):
        jumps = [
            abs(domain.move(500 * domain.declared(1), rng, near=1.0) - 500) for _ in range(300)
        ]
        assert 50 < np.mean(jumps) < 110  # a tenth of the range is the standard deviation


def test_kinds_reach_each_other_equally_often():
    domain = Finite(("a", "b", "c", "d"), ordered=False)
    rng = np.random.default_rng(0)
    moves = [domain.move("b", rng, near=0.5) for _ in range(3000)]
    assert {kind: moves.count(kind) > 900 for kind in "acd"} == dict.fromkeys("acd", True)


def test_a_single_value_cannot_move():
    assert Finite((3,), ordered=True).move(3, np.random.default_rng(0), near=0.5) == 3
    assert Finite((3,), ordered=True).neighbours(3) == []


def test_log_sampling_spends_as_much_on_each_decade():
    domain = Interval(1e-4, 1e-2, sampling="log")
    assert domain.from_unit(0.5) == pytest.approx(1e-3)
    values = [Finite(range(1, 1001), ordered=True, sampling="log").from_unit(u / 1000)
              for u in range(1000)]  # fmt: skip
    assert 300 < sum(value < 10 for value in values) < 370


@pytest.mark.parametrize(
    ("domain", "given", "declared"),
    [
        (Finite((8, 16), ordered=True), np.int64(8), 8),
        (Finite((8, 16), ordered=True), 8.0, 8),
        (Finite(range(10), ordered=True), 3.0, 3),
        (Finite(range(10), ordered=True), 3.5, None),
        (Finite(range(10), ordered=True), math.nan, None),
        (Finite(range(10), ordered=True), "3", None),
        (Finite(("3",), ordered=False), 3, None),
        (Finite((8, 16), ordered=True), [8], None),
        (Interval(0, 1), 1, 1.0),
        (Interval(0, 1), np.float32(0.5), 0.5),
        (Interval(0, 1), 1.5, None),
        (Interval(0, 1), "0.5", None),
        (Interval(0, 1), math.nan, None),
        (Interval(0, 1), [0.5], None),
    ],
)
def test_declared_finds_the_value_that_equals(domain, given, declared):
    found = domain.declared(given)
    assert found == declared
    assert type(found) is type(declared)


def test_contains_is_strict_about_types():
    assert not Finite((8, 16), ordered=True).contains(8.0)
    assert not Finite((8, 16), ordered=True).contains(np.int64(8))
    assert not Finite((0, 1), ordered=True).contains(True)
    assert not Finite(range(10), ordered=True).contains(3.0)
    assert not Interval(0, 1).contains(1)


def test_a_long_range_is_not_listed():
    domain = Finite(range(0, 10**12, 7), ordered=True)
    assert domain.contains(7 * 10**9)
    assert not domain.contains(7 * 10**9 + 1)
    assert domain.contains(domain.move(700, np.random.default_rng(0), near=0.5))


def test_empty_domains_are_refused():
    with pytest.raises(ValueError, match="must not be empty"):
        Finite((), ordered=False)
    with pytest.raises(ValueError, match="below `high`"):
        Interval(1.0, 1.0)


def test_an_interval_is_told_by_its_ends():
    assert str(Interval(0.001, 1, sampling="log")) == "0.001 to 1"
