"""The relaxed mobile network against networks of the space."""

import numpy as np
import pytest
import tensorflow as tf

from autoarch.errors import TrialFailedError
from autoarch.spaces import MobileSpace
from autoarch.spaces.steering import Steering
from autoarch.supernet.bank import Bank, slots_of
from autoarch.supernet.path import BatchStatistics, run_path
from autoarch.supernet.relaxed_mobile import OPTIONS, SKIPPED, RelaxedMobile

SPACE = MobileSpace((16, 16, 1), 3, width=4)


def macs(architecture):
    return float(architecture.macs)


def relaxed(space=SPACE, **decisions):
    return RelaxedMobile(space, decisions, width=4, price=macs)


def random_gates(whole, seed):
    random = np.random.default_rng(seed)
    return whole.discretise(random.dirichlet(np.ones(SKIPPED + 1), len(whole.allowed)))


def option_names(gates, layers):
    """By the place of a block in the discrete network, the prefix of its weights in the relaxed
    one."""
    names, depth = {}, {}
    for gate, (stage, place) in zip(gates, layers):
        if gate.argmax() != SKIPPED:
            depth[stage] = depth.get(stage, 0) + 1
            option = OPTIONS[gate.argmax()]
            label = f"{option.block}_k{option.kernel}_e{option.expansion}"
            names[f"stage{stage}_block{depth[stage]}_"] = f"stage{stage}_block{place}_{label}_"
    return names


@pytest.mark.parametrize("seed", [0, 1])
def test_with_one_gate_open_it_is_the_network_of_the_space(seed):
    whole, bank = relaxed(), Bank(seed=3)
    gates = random_gates(whole, seed)
    weights = {slot.path: bank.take(slot) for slot in whole.slots}
    network = SPACE.candidate(whole.decisions(gates)).architecture
    layers = [(stage, place) for stage in (1, 2) for place in (1, 2, 3)]
    assert len(layers) == len(gates)
    names = option_names(gates, layers)
    own = {}
    for slot in slots_of(network):
        path = slot.path
        for old, new in names.items():
            if path.startswith(old):
                path = new + path.removeprefix(old)
                break
        norm = np.full(slot.shape, float(path.endswith("/gamma")), np.float32)
        own[slot.path] = tf.constant(weights.get(path, norm))
        assert path in weights or path.endswith(("/gamma", "/beta"))
    pictures = np.random.default_rng(0).uniform(0, 255, (5, 16, 16, 1)).astype(np.float32)
    expected = run_path(network, pictures, own, BatchStatistics()).numpy()
    found = whole.run({p: tf.constant(w) for p, w in weights.items()}, tf.constant(gates), pictures)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_the_cost_of_gates_is_that_of_the_network():
    whole = relaxed(squeeze_excite1=True, growth=2.0)
    for seed in range(4):
        gates = random_gates(whole, seed)
        decisions = whole.decisions(gates)
        assert decisions["growth"] == 2.0
        assert whole.cost(gates) == pytest.approx(macs(SPACE.candidate(decisions).architecture))


def test_it_has_all_stages_on_smaller_pictures_too():
    space = MobileSpace((32, 32, 1), 3, width=8)
    whole = relaxed(space)
    assert len(whole.allowed) == 9
    weights = {slot.path: Bank(seed=3).take(slot) for slot in whole.slots}
    gates = tf.constant(random_gates(whole, 0))
    pictures = tf.random.stateless_uniform((5, 16, 16, 1), (0, 1), 0, 255)
    logits = whole.run({p: tf.constant(w) for p, w in weights.items()}, gates, pictures)
    assert logits.shape == (5, 3) and np.ptp(logits) > 0.1


def test_layers_that_are_left_out_make_a_stage_shallower():
    whole = relaxed()
    gates = whole.discretise(np.eye(SKIPPED + 1)[[7, SKIPPED, 4, 0, SKIPPED, SKIPPED]])
    decisions = SPACE.candidate(whole.decisions(gates)).decisions
    assert (decisions["depth1"], decisions["depth2"]) == (2, 1)
    assert decisions["block1_1"] == "residual"
    assert (decisions["block1_2"], decisions["kernel1_2"], decisions["expansion1_2"]) == (
        "inverted",
        5,
        3,
    )


def test_what_is_forbidden_is_not_found():
    space = MobileSpace((16, 16, 1), 3, width=4)
    space.steer(Steering({}, {}, {"block": ["inverted"]}))
    whole = relaxed(space)
    decisions = whole.decisions(whole.discretise(np.ones(whole.allowed.shape)))
    assert {v for k, v in decisions.items() if k.startswith("block")} == {"separable"}


def test_a_depth_that_is_fixed_stays():
    space = MobileSpace((16, 16, 1), 3, width=4)
    space.steer(Steering({}, {"depth1": 1, "depth2": 3}, {}))
    whole = relaxed(space)
    assert len(whole.allowed) == 4
    for seed in range(8):
        decisions = whole.decisions(random_gates(whole, seed))
        assert (decisions["depth1"], decisions["depth2"]) == (1, 3)


def test_where_a_layer_has_nothing_to_choose_there_is_no_relaxed_network():
    space = MobileSpace((16, 16, 1), 3, width=4)
    space.steer(Steering({}, {"kernel": 7}, {}))
    with pytest.raises(TrialFailedError, match="leaves a layer nothing to choose"):
        relaxed(space)
