"""The space of networks on waveforms."""

import numpy as np
import pytest

from autoarch.architecture import Architecture
from autoarch.costs.lowering import lower
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces import SpeechSpace
from autoarch.spaces.speech import BODIES, INTEGER_BODIES, PICTURE_BODIES, STAGED_BODIES
from autoarch.training.recipe import SOUND_RECIPE


def draws(space, n):
    decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
    rng = np.random.default_rng(0)
    return [space.candidate(decisions.sample(rng)) for _ in range(n)]


@pytest.mark.parametrize(("samples", "rate"), [(800, 8000), (5600, 8000), (16_000, 16_000)])
def test_every_draw_is_a_legal_network(samples, rate):
    space = SpeechSpace((samples,), 7, rate=rate, width=8)
    found = draws(space, 40)
    for candidate in found:
        architecture = candidate.architecture
        assert architecture.input_shape == (samples,) and architecture.output_shape == (7,)
        assert Architecture.from_json(architecture.to_json()).key == architecture.key
        assert space.candidate(candidate.decisions) == candidate
        assert candidate.recipe.mixing in ("none", "mixup")
    assert len({candidate.architecture.key for candidate in found}) > 30


def test_the_recipe_decides_on_each_change_of_the_sounds():
    found = [c.recipe for c in draws(SpeechSpace((800,), 3, rate=8000, width=8), 60)]
    for field in ("masking", "noise", "time_shift", "gain_db", "augmentation"):
        assert len({getattr(recipe, field) for recipe in found}) > 1, field
    assert SpeechSpace((800,), 3, rate=8000).candidate({}).recipe == SOUND_RECIPE


def test_parameters_equal_those_of_the_built_model():
    for candidate in draws(SpeechSpace((1600,), 4, rate=8000, width=8), 6):
        model = candidate.architecture.build()
        assert model.count_params() == candidate.architecture.params
        trained = sum(int(np.prod(v.shape)) for v in model.trainable_weights)
        assert trained == candidate.architecture.trainable_params


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("samples", [400, 6400])
def test_every_body_builds_as_declared_from_few_frames_on(body, samples):
    space = SpeechSpace((samples,), 5, rate=8000, width=8)
    candidate = space.candidate({"body": body})
    architecture = candidate.architecture
    model = architecture.build()
    assert model.count_params() == architecture.params
    assert model.output_shape == (None, 5)
    wave = np.random.default_rng(0).normal(size=(2, samples)).astype(np.float32)
    assert np.isfinite(model(wave).numpy()).all()
    assert ("stem_stride" in candidate.decisions) == (body in PICTURE_BODIES)
    assert ("depth1" in candidate.decisions) == (body in STAGED_BODIES)


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_a_conformer_adds_feed_forwards_attention_and_convolutions(blocks):
    space = SpeechSpace((800,), 5, rate=8000, width=8)
    nodes = space.candidate({"body": "attention", "blocks": blocks}).architecture.live_nodes
    for number in range(1, blocks + 1):
        steps = [
            node.name.split("/", 1)[1] for node in nodes if node.name.startswith(f"block{number}/")
        ]
        order = ["first/add", "attention", "conv", "add", "second/add"]
        assert [step for step in steps if step in order] == order
    assert not any(node.name.startswith(f"block{blocks + 1}/") for node in nodes)
    added = [node for node in nodes if node.op.kind == "add"]
    assert len(added) == 3 * blocks and len({len(node.inputs) for node in added}) == 1
    assert space.candidate({"body": "attention"}).decisions["blocks"] == 2


def test_every_decision_of_the_front_end_makes_another_network():
    space = SpeechSpace((4000,), 5, rate=8000, width=8)
    others = [
        {"features": "cepstrum"},
        {"hop_ms": 16.0},
        {"window_hops": 2},
        {"bands": 64},
        {"equal_loudness": False},
    ]
    found = [space.candidate(decisions).architecture.key for decisions in ({}, *others)]
    assert len(set(found)) == len(found)


def test_all_networks_have_an_int8_form_where_they_must():
    space = SpeechSpace((4000,), 5, rate=8000, width=8, integers=True)
    found = draws(space, 30)
    assert {candidate.decisions["body"] for candidate in found} == set(INTEGER_BODIES)
    for candidate in found:
        assert lower(candidate.architecture).ops
        assert (
            SpeechSpace((4000,), 5, rate=8000, width=8).candidate(candidate.decisions) == candidate
        )


def test_trial_0_hears_all_loudnesses_alike():
    model = SpeechSpace((1600,), 4, rate=8000, width=8).candidate({}).architecture.build()
    wave = np.random.default_rng(0).normal(size=(1, 1600)).astype(np.float32)
    quiet, loud = model(0.05 * wave).numpy(), model(0.5 * wave).numpy()
    np.testing.assert_allclose(quiet, loud, atol=1e-3)
