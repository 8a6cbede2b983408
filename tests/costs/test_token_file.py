"""Networks on texts against the files that they become."""

import keras
import numpy as np
import pytest

from autoarch.costs.token_file import token_file_bytes
from autoarch.export import flat_file
from autoarch.export.formats import litert
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces.text import TextSpace

LENGTH, COLUMNS, IDS, CLASSES = 12, 23, 20, 3


@pytest.mark.parametrize("n", [3, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.timeout(7200)
def test_random_networks_train_convert_and_are_priced(tmp_path, n):
    space = TextSpace((LENGTH, COLUMNS), CLASSES, words=50, buckets=40)
    decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
    rng = np.random.default_rng(10)
    drawn = {}
    while len(drawn) < n:
        architecture = space.candidate(decisions.sample(rng)).architecture
        drawn.setdefault(architecture.key, architecture)
    for number, architecture in enumerate(drawn.values()):
        keras.backend.clear_session()
        model = architecture.build()
        assert model.count_params() == architecture.params
        ids = rng.integers(0, IDS, (6, LENGTH, COLUMNS)).astype(np.int32)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss=loss, run_eagerly=True)
        assert np.isfinite(model.train_on_batch(ids, np.arange(6) % CLASSES))
        # drawn, since equal weights would be stored once
        model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.weights])
        half = bool(number % 2)
        source, target = tmp_path / "model.keras", tmp_path / "model.tflite"
        model.save(source)
        litert.convert_keras_file(str(source), str(target), "tokens", half=half)
        names = {"inputs": ["tokens"], "outputs": ["probabilities"]}
        flat_file.compact(str(target), signatures=True, **names)
        (found,) = litert.answers(str(target), {"inputs": ids}).values()
        expected = np.array(model(ids))
        allowed = (3e-3 if half else 1e-5) * max(10.0, np.abs(expected).max())
        assert np.allclose(found, expected, rtol=0, atol=allowed), architecture.to_json()
        above = token_file_bytes(architecture, half=half) - target.stat().st_size
        assert 0 <= above < 5000, (above, architecture.to_json())
