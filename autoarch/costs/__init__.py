"""What an architecture costs, before it is built."""

from autoarch.costs.devices import DeviceProfile, load_profile, profile_names
from autoarch.costs.latency import LatencyTable
from autoarch.costs.measuring import (
    Latency,
    cached_table,
    keep_table,
    measure_latency,
    measure_ops,
)
from autoarch.costs.model_costs import ModelCosts, model_costs

__all__ = [
    "DeviceProfile",
    "Latency",
    "LatencyTable",
    "ModelCosts",
    "cached_table",
    "keep_table",
    "load_profile",
    "measure_latency",
    "measure_ops",
    "model_costs",
    "profile_names",
]
