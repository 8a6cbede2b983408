import math

from autoarch.costs import model_costs
from autoarch.spaces import ResidualSpace


def test_costs_agree_with_the_built_model():
    architecture = ResidualSpace((16, 16, 3), 5, width=8).candidate({}).architecture
    costs = model_costs(architecture)
    model = architecture.build()
    assert costs.params == model.count_params()
    # One output a node: what silu makes on its way is its own affair.
    names = {"input"} | {layer.name for layer in model.layers if layer.name.endswith("_gate")}
    outputs = [layer.output.shape[1:] for layer in model.layers if layer.name not in names]
    assert costs.activation_elements == sum(math.prod(shape) for shape in outputs)


def test_training_memory_grows_with_the_batch():
    costs = model_costs(ResidualSpace((16, 16, 3), 5, width=8).candidate({}).architecture)
    assert costs.training_bytes(64) - costs.training_bytes(32) == 4 * 2 * 32 * (
        costs.activation_elements
    )
