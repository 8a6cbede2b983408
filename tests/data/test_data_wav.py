"""What exported models do with WAV files and waveforms, against soundfile, soxr and NumPy."""

import io

import numpy as np
import pytest
import soundfile
import soxr
import tensorflow as tf

from autoarch.data.clip import ClipPreprocessing, prepare
from autoarch.data.wav import clip_signatures, decode_wav, fit_window, resample


def sound(rate, seconds=0.5):
    times = np.arange(round(rate * seconds)) / rate
    wave = 0.3 * np.sin(2 * np.pi * 440 * times) + 0.1 * np.sin(2 * np.pi * 3000 * times)
    return (wave * np.hanning(len(wave))).astype(np.float32)


def wav(wave, rate, form="WAV", subtype="PCM_16"):
    file = io.BytesIO()
    soundfile.write(file, wave, rate, format=form, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize("form", ["WAV", "WAVEX"])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_files_are_decoded_as_soundfile_does(form, subtype):
    stereo = np.stack([sound(8000), -0.4 * sound(8000)], axis=1)
    data = wav(stereo, 8000, form, subtype)
    found, rate = decode_wav(tf.constant(data))
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    assert int(rate) == 8000
    np.testing.assert_allclose(found.numpy(), expected.mean(axis=1), atol=1e-7)


def test_a_stream_of_unknown_length_and_chunks_between_are_read():
    data = wav(sound(8000), 8000)
    at = data.index(b"data")
    odd = b"LIST\x03\0\0\0abc\0"
    changed = data[:at] + odd + b"data\xff\xff\xff\xff" + data[at + 8 :]
    np.testing.assert_array_equal(decode_wav(tf.constant(changed))[0], decode_wav(data)[0])


@pytest.mark.parametrize("data", [b"", b"nonsense" * 9, b"RIFF\0\0\0\0WAVE"])
def test_what_is_no_wav_file_fails(data):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_wav(tf.constant(data))


def test_other_codings_fail():
    with pytest.raises(tf.errors.InvalidArgumentError, match="unsupported coding"):
        decode_wav(tf.constant(wav(sound(8000), 8000, subtype="ULAW")))


@pytest.mark.parametrize(
    ("rate", "target"), [(16_000, 8000), (48_000, 16_000), (44_100, 16_000), (8000, 16_000)]
)
def test_rates_are_changed_as_soxr_does(rate, target):
    wave = sound(rate)
    found = resample(tf.constant(wave), tf.constant(rate, tf.int64), target).numpy()
    expected = soxr.resample(wave, rate, target, quality="HQ")
    assert len(found) == len(expected)
    error = np.mean((found - expected) ** 2) / np.mean(expected**2)
    assert 10 * np.log10(error) < -90


@pytest.mark.parametrize("samples", [1, 799, 800, 801, 3001])
def test_windows_are_those_of_training(samples):
    preprocessing = ClipPreprocessing(8000, 800)
    waves = np.random.default_rng(samples).normal(size=(3, samples)).astype(np.float32)
    found = fit_window(tf.constant(waves), preprocessing).numpy()
    expected = [prepare(wave, 8000, preprocessing) for wave in waves]
    np.testing.assert_array_equal(found, expected)


def test_the_signatures_give_what_encoding_took():
    preprocessing = ClipPreprocessing(8000, 800)
    waves = np.random.default_rng(0).normal(size=(2, 800)).astype(np.float32)
    ways = clip_signatures(preprocessing)
    files = tf.constant(preprocessing.encode(waves))
    np.testing.assert_array_equal(ways["serving_wav"].prepare(files).numpy(), waves)
    np.testing.assert_array_equal(ways["serving_default"].prepare(waves).numpy(), waves)
