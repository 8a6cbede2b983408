"""Recurrent networks as `.tflite`: builtin ops only, which their loops are at a batch of one."""

import numpy as np
import pytest

from autoarch.costs.token_file import token_file_bytes
from autoarch.export import flat_file
from autoarch.export.formats import litert
from autoarch.spaces.text import TextSpace


@pytest.mark.parametrize("network", ["gru", "lstm"])
def test_loops_over_time_become_builtin_ops(tmp_path, network):
    space = TextSpace((8, 23), 3, words=30, buckets=20)
    architecture = space.candidate({"network": network, "embedding": 32}).architecture
    model = architecture.build()
    rng = np.random.default_rng(1)  # drawn, since equal weights would be stored once
    model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.weights])
    model.save(tmp_path / "model.keras")
    target = tmp_path / "model.tflite"
    litert.convert_keras_file(str(tmp_path / "model.keras"), str(target), "tokens")
    names = {"inputs": ["tokens"], "outputs": ["probabilities"]}
    flat_file.compact(str(target), signatures=True, **names)
    ids = np.random.default_rng(0).integers(0, 20, (5, 8, 23)).astype(np.int32)
    (found,) = litert.answers(str(target), {"inputs": ids}).values()
    assert np.allclose(found, model(ids), atol=1e-4)
    assert found.std() > 1e-4
    assert 0 <= token_file_bytes(architecture, half=False) - target.stat().st_size < 4500
