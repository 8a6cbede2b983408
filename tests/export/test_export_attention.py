"""Blocks of attention beside a bag as `.tflite`: builtin ops only, and not above the size said."""

import numpy as np
import pytest

from autoarch.costs.token_file import token_file_bytes
from autoarch.export import flat_file
from autoarch.export.formats import litert
from autoarch.spaces.text import TextSpace


@pytest.mark.parametrize("half", [False, True])
def test_blocks_of_attention_become_builtin_ops(tmp_path, half):
    space = TextSpace((8, 23), 3, words=30, buckets=20)
    decisions = {"network": "attention", "second": "bag", "blocks": 2, "embedding": 32}
    architecture = space.candidate(decisions).architecture
    model = architecture.build()
    rng = np.random.default_rng(1)  # drawn, since equal weights would be stored once
    model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.weights])
    model.save(tmp_path / "model.keras")
    target = tmp_path / "model.tflite"
    litert.convert_keras_file(str(tmp_path / "model.keras"), str(target), "tokens", half=half)
    names = {"inputs": ["tokens"], "outputs": ["probabilities"]}
    flat_file.compact(str(target), signatures=True, **names)
    ids = np.random.default_rng(0).integers(0, 20, (5, 8, 23)).astype(np.int32)
    (found,) = litert.answers(str(target), {"inputs": ids}).values()
    assert np.allclose(found, model(ids), atol=2e-2 if half else 1e-4)
    assert found.std() > 1e-4
    assert 0 <= token_file_bytes(architecture, half=half) - target.stat().st_size < 4500
