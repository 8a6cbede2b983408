"""Networks along the frames of a sound become builtin ops of LiteRT, front-end included."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from autoarch.export.formats.litert import convert_keras_file
from autoarch.spaces import SpeechSpace


@pytest.mark.parametrize("body", ["temporal", "attention", "recurrent"])
def test_answers_are_those_of_the_keras_model(body, tmp_path):
    space = SpeechSpace((800,), 4, rate=8000, width=4)
    model = space.candidate({"body": body, "blocks": 1, "stages": 2}).architecture.build()
    model.save(tmp_path / "model.keras")
    convert_keras_file(
        str(tmp_path / "model.keras"), str(tmp_path / "model.tflite"), name="waveform"
    )
    predict = Interpreter(str(tmp_path / "model.tflite")).get_signature_runner()
    wave = 0.1 * np.random.default_rng(0).normal(size=(1, 800)).astype(np.float32)
    (found,) = predict(waveform=wave).values()
    np.testing.assert_allclose(found, model(wave).numpy(), atol=1e-3)
