"""The contract of search spaces, run over every one of them."""

import numpy as np
import pytest

from autoarch.architecture import Architecture
from autoarch.costs import model_costs
from autoarch.errors import InvalidInputError
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces import SPACES, get_space

SHAPES = [(8, 8, 1), (32, 32, 3), (96, 64, 3), (224, 224, 3)]
STAGED = ("residual", "mobile")


def draws(space, n, seed=0):
    decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
    rng = np.random.default_rng(seed)
    return [space.candidate(decisions.sample(rng)) for _ in range(n)]


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_draw_is_a_legal_network_for_the_data(name, shape):
    space = SPACES[name](shape, 7, width=8)
    for number, candidate in enumerate(draws(space, 50)):
        architecture, costs = candidate.architecture, model_costs(candidate.architecture)
        assert architecture.input_shape == shape and architecture.output_shape == (7,)
        assert Architecture.from_json(architecture.to_json()).key == architecture.key
        if number < 5:
            assert space.candidate(candidate.decisions).architecture == architecture
        assert costs.macs > 0 and costs.int8_file_bytes > costs.params / 2
        assert len({node.layer_name for node in architecture.nodes}) == len(architecture.nodes)


@pytest.mark.parametrize("name", STAGED)
def test_all_decisions_are_declared_by_one_call_and_inactive_ones_are_left_out(name):
    space = SPACES[name]((32, 32, 3), 10, width=8)
    hp = space.hyperparameters()
    names = {decision.name for decision in hp.space}
    fewest = min(d for d in hp._hps["stages"][0].values)
    candidate = space.candidate({"stages": fewest})
    assert set(candidate.decisions) < names
    assert f"depth{fewest}" in candidate.decisions
    assert f"depth{fewest + 1}" not in candidate.decisions


@pytest.mark.parametrize("name", SPACES)
def test_trial_0_grows_with_its_width(name):
    sizes = [
        SPACES[name]((32, 32, 3), 10, width=width).candidate({}).architecture.macs
        for width in (8, 16, 32)
    ]
    assert sizes == sorted(sizes) and sizes[0] * 4 < sizes[2]


@pytest.mark.parametrize("name", SPACES)
def test_decisions_change_the_network(name):
    candidates = draws(SPACES[name]((32, 32, 3), 10, width=8), 60)
    assert len({c.architecture.key for c in candidates}) > 50


# What compiles a model is the base class; compiling a network of many cells takes half a minute.
@pytest.mark.parametrize("name", ("residual", "chain"))
def test_a_space_is_a_plain_hypermodel(name):
    space = SPACES[name]((8, 8, 1), 3, width=4)
    model = space.build(space.hyperparameters())
    x = np.random.default_rng(0).integers(0, 255, (16, 8, 8, 1)).astype("float32")
    history = model.fit(x, np.arange(16) % 3, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"][0])


def test_an_unknown_space_names_the_known_ones():
    with pytest.raises(InvalidInputError, match="auto, residual, mobile, cell"):
        get_space("cube")


def test_residual_networks_are_averaged_with_others_of_the_same_shape():
    space = get_space("residual")((32, 32, 3), 10)
    found = [space.candidate(decisions) for decisions in ({}, *space.companions())]
    assert len({c.key for c in found}) == 3
    assert len({(c.architecture.params, c.architecture.macs) for c in found}) == 1
