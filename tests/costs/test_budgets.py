"""Shares of budgets, against prices computed here."""

import pytest

from autoarch.costs import DeviceProfile, LatencyTable, model_costs
from autoarch.costs.budgets import Budgets
from autoarch.costs.constraints import Constraints
from autoarch.errors import InvalidInputError
from autoarch.spaces import ResidualSpace

NETWORK = ResidualSpace((16, 16, 3), 4, width=8).candidate({}).architecture


def test_a_share_is_the_price_by_the_limit():
    costs = model_costs(NETWORK)
    limits = Constraints(max_size=costs.int8_file_bytes * 2, max_params=costs.params, max_ram=1)
    shares = Budgets(limits).shares(NETWORK)
    assert shares == pytest.approx([0.5, 1.0, costs.peak_ram_bytes])


def test_a_limit_of_exactly_the_price_is_kept():
    costs = model_costs(NETWORK)
    exact = Constraints(max_size=costs.int8_file_bytes, max_macs=costs.macs)
    assert max(Budgets(exact).shares(NETWORK)) == 1
    below = Constraints(max_size=costs.int8_file_bytes - 1)
    assert max(Budgets(below).shares(NETWORK)) > 1


def test_what_was_not_measured_is_over_the_limit():
    budgets = Budgets(Constraints(max_latency="1s"), LatencyTable({}))
    assert max(budgets.shares(NETWORK)) > 1
    assert "not measured" in budgets.describe(NETWORK)


def test_a_latency_without_a_table_is_refused():
    with pytest.raises(InvalidInputError, match="autoarch latency"):
        Budgets(Constraints(max_latency="5ms"))


def test_what_a_device_does_not_run_is_over_the_limit():
    everything = frozenset(op.kind for op in model_costs(NETWORK).lite_graph.ops)
    assert max(Budgets(device=DeviceProfile("a", "", runs=everything)).shares(NETWORK)) <= 1
    less = DeviceProfile("b", "", runs=everything - {"softmax", "mean"})
    assert Budgets(device=less).shares(NETWORK) == [3.0]
    assert "mean, softmax" in Budgets(device=less).describe(NETWORK)


def test_used_and_headroom():
    budgets = Budgets(Constraints(max_size=1000))
    assert budgets.used({"size": 900.0, "macs": 5.0}) == {
        "size": {"limit": 1000.0, "used": 900.0, "headroom": 100.0}
    }
    assert not Budgets()
