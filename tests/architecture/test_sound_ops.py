"""The front-end's numbers against NumPy's own Fourier transform, and the exports that carry it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from autoarch.architecture import INPUT, Architecture, Node
from autoarch.architecture.ops.cepstrum import Cepstrum
from autoarch.architecture.ops.conv1d import Conv1D
from autoarch.architecture.ops.log_mel import LogMel
from autoarch.architecture.ops.loudness import Loudness
from autoarch.errors import InvalidArchitectureError
from autoarch.export.formats.litert import convert_keras_file

RATE = 8000


def computed(op, x):
    inputs = keras.Input(x.shape[1:])
    return keras.Model(inputs, op.apply([inputs], name="op", dtype="float32"))(x).numpy()


def reference(op, x):
    """Frames, `numpy.fft`, and triangles written as interpolation between their corners."""
    samples = x.shape[1] + -x.shape[1] % op.chunk
    count = -(-x.shape[1] // op.hop)
    spare = (count - 1) * op.hop + op.window - samples
    left = max(spare, 0) // op.chunk // 2 * op.chunk
    padded = np.zeros((len(x), left + samples + op.window), np.float64)
    padded[:, left : left + x.shape[1]] = x
    frames = np.stack([padded[:, i * op.hop :][:, : op.window] for i in range(count)], axis=1)
    hann = np.hanning(op.window + 1)[:-1]
    spectrum = np.fft.rfft(frames * hann * 2 / hann.sum())
    hz = np.fft.rfftfreq(op.window, 1 / op.rate)
    mel = lambda f: 2595 * np.log10(1 + f / 700)  # noqa: E731
    corners = np.linspace(mel(op.low_hz), mel(op.rate / 2), op.bands + 2)
    corners = 700 * (10 ** (corners / 2595) - 1)
    bands = np.stack(
        [np.interp(hz, corners[b : b + 3], [0, 1, 0], 0, 0) for b in range(op.bands)], axis=1
    )
    return np.log(np.abs(spectrum) ** 2 @ bands + op.floor)


@pytest.mark.parametrize(
    ("window", "hop", "samples"), [(300, 100, 4000), (256, 128, 4001), (200, 80, 3999)]
)
def test_log_mel_equals_a_fourier_transform(window, hop, samples):
    op = LogMel(RATE, window, hop, 24)
    x = 0.1 * np.random.default_rng(0).normal(size=(3, samples)).astype(np.float32)
    found = computed(op, x)
    assert found.shape == (3, *op.output_shape((samples,)))
    np.testing.assert_allclose(found, reference(op, x), atol=2e-3)


def test_a_tone_lies_in_its_band_with_its_power_and_silence_at_the_floor():
    op = LogMel(RATE, 400, 100, 20, low_hz=0.0)
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 4000 / 700), 22) / 2595) - 1)
    tone = np.round(edges[11] / 20) * 20  # the middle of band 10, on a bin
    x = np.sin(2 * np.pi * tone * np.arange(4000) / RATE)
    found = computed(op, np.stack([x, 0 * x]).astype(np.float32))
    assert (found[0, 5:-5].argmax(-1) == 10).all()
    # one bin has the power 1, its two neighbours under the Hann window a quarter each
    assert np.exp(found[0, 5:-5].max(-1)) == pytest.approx(1.4, abs=0.15)
    np.testing.assert_allclose(found[1], np.log(op.floor), rtol=1e-5)


def test_cepstrum_equals_scipys_cosine_transform():
    from scipy.fft import dct

    x = np.random.default_rng(1).normal(size=(2, 6, 16)).astype(np.float32)
    expected = dct(x, type=2, norm="ortho", axis=-1)[..., :10]
    np.testing.assert_allclose(computed(Cepstrum(10), x), expected, atol=1e-5)


def test_loudness_is_the_same_whatever_the_gain_and_silence_stays():
    x = np.random.default_rng(2).normal(size=(1, 800)).astype(np.float32)
    found = computed(Loudness(rms=0.2), np.concatenate([0.03 * x, 0.9 * x, 0 * x]))
    assert np.sqrt(np.mean(found[:2] ** 2, axis=1)) == pytest.approx([0.2, 0.2], rel=1e-3)
    assert (found[2] == 0).all()


def front_end():
    nodes = (
        Node("loud", Loudness(), (INPUT,)),
        Node("mel", LogMel(RATE, 300, 100, 16), ("loud",)),
        Node("mfcc", Cepstrum(8), ("mel",)),
    )
    return Architecture((2000,), nodes)


def test_the_front_end_stays_in_float32_under_mixed_precision():
    x = np.random.default_rng(3).normal(size=(2, 2000)).astype(np.float32)
    exact = front_end().build()(x).numpy()
    mixed = front_end().build(policy="mixed_bfloat16")(x)
    assert mixed.dtype == tf.float32
    np.testing.assert_allclose(mixed.numpy(), exact, atol=1e-5)


def test_the_front_end_exports_to_keras_and_to_builtin_ops(tmp_path):
    model = front_end().build()
    assert not model.trainable_weights
    x = np.random.default_rng(4).normal(size=(1, 2000)).astype(np.float32)
    expected = model(x).numpy()
    model.save(tmp_path / "front.keras")
    loaded = keras.models.load_model(tmp_path / "front.keras")
    np.testing.assert_array_equal(loaded(x).numpy(), expected)

    from ai_edge_litert.interpreter import Interpreter

    convert_keras_file(str(tmp_path / "front.keras"), str(tmp_path / "front.tflite"), "waveform")
    interpreter = Interpreter(str(tmp_path / "front.tflite"))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LogMel(RATE, 300, 0, 20), "`hop` of LogMel must be a positive int"),
        (lambda: LogMel(RATE, 300, 100, 20, low_hz=4000), "`low_hz` of LogMel"),
        (lambda: Conv1D(4, dilation=2, stride=2), "takes a stride or a dilation"),
        (lambda: Loudness(rms=0), "`rms` and `floor` of Loudness"),
        (lambda: Cepstrum(9).output_shape((5, 8)), "9 coefficients need as many bands"),
        (lambda: LogMel(RATE, 300, 100, 20).output_shape((5, 8)), "of shape \\(samples,\\)"),
    ],
)
def test_bad_settings_are_refused(make, message):
    with pytest.raises(InvalidArchitectureError, match=message):
        make()
