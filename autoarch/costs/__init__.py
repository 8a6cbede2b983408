"""What an architecture costs, before it is built."""

from autoarch.costs.devices import DeviceLimits, DeviceProfile, load_profile, profile_names
from autoarch.costs.latency import LatencyTable
from autoarch.costs.model_costs import ModelCosts, model_costs

__all__ = [
    "DeviceLimits",
    "DeviceProfile",
    "LatencyTable",
    "ModelCosts",
    "load_profile",
    "model_costs",
    "profile_names",
]
