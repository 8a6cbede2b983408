"""What an architecture costs, before it is built."""

from autoarch.costs.model_costs import ModelCosts, model_costs

__all__ = ["ModelCosts", "model_costs"]
