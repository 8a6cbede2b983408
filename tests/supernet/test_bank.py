"""Shared weights: what a path takes, how arrays grow, and Adam against a plain loop."""

import math

import numpy as np
import pytest
import tensorflow as tf

from autoarch.errors import InvalidInputError
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces import CellSpace, MobileSpace, SpeechSpace
from autoarch.supernet.bank import CLIP_NORM, Bank, Slot, slots_of
from autoarch.supernet.path import BatchStatistics, require_sharing, run_path

WIDE = Slot("conv/kernel", "conv:conv2d/kernel", "hwio", (5, 5, 3, 8))
NARROW = Slot("conv/kernel", "conv:conv2d/kernel", "hwio", (3, 3, 2, 4))


def test_a_path_takes_first_channels_and_the_middle_of_windows():
    bank = Bank(seed=1)
    bank.update([WIDE], [np.ones(WIDE.shape, np.float32)], 0.1)
    wide = bank.take(WIDE)
    np.testing.assert_array_equal(bank.take(NARROW), wide[1:4, 1:4, :2, :4])


def test_what_grows_keeps_what_was_there():
    bank = Bank(seed=1)
    bank.update([NARROW], [np.ones(NARROW.shape, np.float32)], 0.1)
    before = bank.take(NARROW).copy()
    bank.update([WIDE], [np.zeros(WIDE.shape, np.float32)], 0.0)
    assert bank.take(WIDE).shape == WIDE.shape
    np.testing.assert_array_equal(bank.take(NARROW), before)
    mean = bank.state()[WIDE.role][1]
    assert np.count_nonzero(mean) == before.size  # fresh weights have fresh averages
    grown = bank.take(WIDE)
    assert not grown[[0, -1]].any() and not grown[:, [0, -1]].any() and not grown[:, :, 2].any()
    assert grown[1:4, 1:4, :2, 4:].all()  # new outputs of what was there are drawn


@pytest.mark.parametrize(("decision", "value"), [("kernel", 5), ("expansion", 6)])
def test_a_network_that_grew_answers_as_before_until_it_learns(decision, value):
    space = MobileSpace((16, 16, 3), 3, width=8)
    known = space.candidate({})
    decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
    larger = {name: value for name in decisions.names if name.startswith(decision)}
    grown = space.candidate(decisions.activate({**known.decisions, **larger}))
    assert grown.architecture.params > known.architecture.params
    bank = Bank(seed=3)
    for slot in slots_of(known.architecture):
        bank.put(slot, bank.take(slot))
    x = np.random.default_rng(0).normal(size=(8, 16, 16, 3)).astype(np.float32)
    small, large = (
        run_path(
            candidate.architecture,
            tf.constant(x),
            {slot.path: tf.constant(bank.take(slot)) for slot in slots_of(candidate.architecture)},
            BatchStatistics(),
        )
        for candidate in (known, grown)
    )
    np.testing.assert_allclose(small, large, rtol=1e-3, atol=1e-3)


def test_looking_at_weights_leaves_no_trace():
    one, other = Bank(seed=1), Bank(seed=1)
    other.take(NARROW)
    assert len(other) == 0
    np.testing.assert_array_equal(one.take(WIDE), other.take(WIDE))


def test_an_update_touches_the_path_alone_and_equals_adam_written_out():
    bank, rng = Bank(seed=2), np.random.default_rng(0)
    bank.update([WIDE], [np.zeros(WIDE.shape, np.float32)], 0.0)
    start = bank.take(WIDE).copy()
    m = v = 0.0
    weight = float(start[1, 1, 0, 0])
    for step in range(4):
        gradient = rng.normal(size=NARROW.shape).astype(np.float32) * 10
        bank.update([NARROW], [gradient], 0.01)
        norm = math.sqrt(sum(float(x) ** 2 for x in gradient.ravel()))
        g = float(gradient[0, 0, 0, 0]) * min(1.0, CLIP_NORM / norm)
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
        weight -= 0.01 * m / (math.sqrt(v) + 1e-7)
        if step == 0:
            assert float(start[1, 1, 0, 0]) - weight == pytest.approx(math.copysign(0.01, g), 1e-3)
    assert float(bank.take(NARROW)[0, 0, 0, 0]) == pytest.approx(weight, rel=1e-4)
    changed = bank.take(WIDE) != start
    assert changed[1:4, 1:4, :2, :4].all()
    assert changed.sum() == math.prod(NARROW.shape)


def test_each_op_on_each_edge_of_a_cell_has_weights_of_its_own():
    space = CellSpace((16, 16, 3), 3, width=4)
    edge = {"normal/op2_1": "sep_conv_3x3", "normal/from2_1": 0}
    roles = [
        {s.role for s in slots_of(space.candidate({**edge, **change}).architecture)}
        for change in ({}, {"normal/op2_1": "sep_conv_5x5"}, {"normal/from2_1": 2})
    ]
    own = [{role for role in found if ">cell1/node2/" in role} for found in roles]
    for a, b in ((0, 1), (0, 2)):
        # two times a depthwise and a pointwise kernel, with a norm
        assert len(own[a] - own[b]) == len(own[b] - own[a]) == 8


def test_separable_and_inverted_blocks_share_no_kernels():
    space = MobileSpace((16, 16, 3), 3, width=8)
    roles = [
        {s.role for s in slots_of(space.candidate({"block1_1": block}).architecture)}
        for block in ("inverted", "separable", "residual")
    ]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert not any(">stage1/block1" in role for role in roles[a] & roles[b])
        assert any(">stage1/block2" in role for role in roles[a] & roles[b])


def test_gates_of_residual_and_inverted_blocks_share_no_weights():
    space = MobileSpace((16, 16, 3), 3, width=8)
    gated = {"squeeze_excite2": True, "depth2": 2}
    roles = [
        {s.role for s in slots_of(space.candidate({**gated, "block2_2": block}).architecture)}
        for block in ("inverted", "residual")
    ]
    own = [{role for role in found if ">stage2/block2" in role} for found in roles]
    assert all(any("squeeze_excite" in role for role in found) for found in own)
    assert not own[0] & own[1]


def test_heads_behind_other_stages_share_no_weights():
    space = MobileSpace((16, 16, 3), 3, width=8)
    roles = [
        {s.role for s in slots_of(space.candidate(decisions).architecture)}
        for decisions in ({"stages": 1}, {"stages": 2}, {"stages": 2, "head": 0})
    ]
    one, two, bare = ({r for r in found if ">head/" in r} for found in roles)
    assert {r for r in one & two if "head/conv:" in r} == set()
    assert {r for r in one & two if "head/logits:" in r}  # they read what a head has made
    assert not bare & (one | two)
    assert {r for r in roles[0] & roles[1] if r.startswith("stem>stage1/")}


def test_networks_with_other_ops_are_refused():
    with pytest.raises(InvalidInputError, match="'loudness' cannot share weights"):
        require_sharing(SpeechSpace((4000,), 3, rate=8000).candidate({}).architecture)
