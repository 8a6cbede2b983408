"""Limits as people write them."""

import dataclasses
import json
import math

import pytest

from autoarch.costs.constraints import Constraints
from autoarch.errors import InvalidInputError


@pytest.mark.parametrize(
    ("argument", "text", "expected"),
    [
        ("max_size", "100KB", 100_000),
        ("max_size", "100 kb", 100_000),
        ("max_size", "100KiB", 102_400),
        ("max_size", "1.5MB", 1_500_000),
        ("max_size", "1 MiB", 1_048_576),
        ("max_size", "2048", 2048),
        ("max_size", 2048.9, 2048),  # no byte more than allowed
        ("max_ram", "256K", 256_000),
        ("max_params", "100k", 100_000),
        ("max_macs", "5M", 5_000_000),
        ("max_macs", "1.2G", 1_200_000_000),
        ("max_macs", "4.35M", 4_350_000),  # 4.35 * 1e6 is a little less in floating point
        ("max_latency", "5ms", 0.005),
        ("max_latency", "300us", 0.0003),
        ("max_latency", 0.25, 0.25),
    ],
)
def test_amounts_have_units(argument, text, expected):
    assert getattr(Constraints(**{argument: text}), argument) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "value",
    ["3 bananas", "", "KB", "-1KB", "0", "0.4", "nan", "inf", "1e999", 0, -5, math.nan, True, [1]],
)
@pytest.mark.parametrize("argument", ["max_size", "max_params"])
def test_what_is_no_amount_is_refused_in_one_line(argument, value):
    with pytest.raises(InvalidInputError) as error:
        Constraints(**{argument: value})
    message = str(error.value)
    assert argument in message
    assert message.endswith(f"got {value!r}.")
    assert "\n" not in message


def test_seconds_are_no_bytes():
    with pytest.raises(InvalidInputError, match="max_latency"):
        Constraints(max_latency="5KB")
    with pytest.raises(InvalidInputError, match="max_size"):
        Constraints(max_size="5ms")


def test_constraints_are_values_that_go_through_json():
    constraints = Constraints(max_size="100KB", max_latency="5ms", device="phone")
    stored = json.loads(json.dumps(constraints.to_json()))
    assert Constraints.of(stored) == constraints
    assert constraints.limits == {"size": 100_000, "latency": 0.005}
    with pytest.raises(dataclasses.FrozenInstanceError):
        constraints.max_size = 1
    assert not Constraints()
    assert Constraints(device="phone")


def test_of_two_limits_the_smaller_one_holds():
    both = Constraints(max_size=100, device="a").within({"size": 200, "ram": 50})
    assert both == Constraints(max_size=100, max_ram=50, device="a")
    assert Constraints(max_size=100).within({"size": 20}).limits == {"size": 20}


def test_unknown_limits_are_refused():
    with pytest.raises(InvalidInputError, match="no 'max_weight'"):
        Constraints.of({"max_weight": 3})
    with pytest.raises(InvalidInputError, match="must be a Constraints"):
        Constraints.of("100KB")
