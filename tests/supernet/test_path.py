"""Paths against the Keras models of the same networks with the same weights."""

import numpy as np
import pytest
import tensorflow as tf

from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces import SPACES
from autoarch.supernet.bank import slots_of
from autoarch.supernet.path import BatchStatistics, GivenStatistics, run_path

PICTURES = np.random.default_rng(0).uniform(0, 255, (6, 16, 16, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "seed"), [*((name, 0) for name in sorted(SPACES)), ("mobile", 1), ("chain", 1)]
)
def test_a_path_answers_as_the_keras_model_does(name, seed):
    space = SPACES[name]((16, 16, 3), 5, width=8)
    decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
    setting = {**decisions.sample(np.random.default_rng(seed)), "dropout": 0.0}
    architecture = space.candidate(setting).architecture
    model = architecture.build()
    random = np.random.default_rng(1)
    for variable in model.weights:
        kind = variable.path.rsplit("/", 1)[-1]
        low, high = {"gamma": (0.5, 1.5), "moving_variance": (0.5, 2.0)}.get(kind, (-0.5, 0.5))
        variable.assign(random.uniform(low, high, variable.shape).astype(np.float32))
    weights = {v.path: tf.constant(np.asarray(v.numpy())) for v in model.weights}
    names = {path.rsplit("/", 1)[0] for path in weights if path.endswith("/gamma")}
    given = {n: (weights[f"{n}/moving_mean"], weights[f"{n}/moving_variance"]) for n in names}

    def assert_close(expected, got):
        expected = np.asarray(expected)
        assert np.ptp(expected) > 1e-3
        np.testing.assert_allclose(got, expected, atol=2e-4 * np.abs(expected).max())

    trainable = {v.path: tuple(v.shape) for v in model.trainable_variables}
    assert {slot.path: slot.shape for slot in slots_of(architecture)} == trainable
    own = {slot.path: weights[slot.path] for slot in slots_of(architecture)}
    assert_close(model(PICTURES), run_path(architecture, PICTURES, own, GivenStatistics(given)))
    by_batch = BatchStatistics()
    trained = run_path(architecture, PICTURES, own, by_batch)
    assert_close(model(PICTURES, training=True), trained)
    # what was seen gives the same answers once more, up to the estimate of the variance
    again = run_path(architecture, PICTURES, own, GivenStatistics(by_batch.seen))
    np.testing.assert_allclose(again, trained, atol=0.2 * np.ptp(np.asarray(trained)))
