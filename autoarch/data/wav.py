"""WAV files and waveforms of any rate and length inside exported models: TensorFlow functions.

They do what `autoarch.data.clip` does. Where the rate is the network's, to the last digit; other
rates go through a windowed sinc here and through soxr there, which differ by less than the
rounding of 16-bit samples for speech.
"""

from __future__ import annotations

import tensorflow as tf

from autoarch.data.clip import ClipPreprocessing
from autoarch.data.parts import find_part, number, riff_part, take
from autoarch.data.preprocessing import Signature

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_ZERO_CROSSINGS = 32
"""Of the sinc on each side: the steeper, the less of the highest frequencies is lost."""


def decode_wav(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a WAV file: 8-, 16-, 24- or 32-bit integers, 32- or 64-bit floats, any channels.

    Args:
        encoded: Scalar string, the file's bytes.

    Returns:
        Mono waveform, float32 `(any,)` in [-1, 1], and its rate, int64.

    Raises:
        tf.errors.InvalidArgumentError: When run: no WAV file, or one of another coding.
    """
    data = tf.io.decode_raw(encoded, tf.uint8)
    form = find_part(data, 12, lambda d, p: riff_part(d, p, b"fmt "))
    sound = find_part(data, 12, lambda d, p: riff_part(d, p, b"data"))
    is_wav = tf.strings.regex_full_match(tf.strings.substr(_padded(encoded), 8, 4), "WAVE")
    check = tf.Assert(is_wav & (form > 0) & (sound > 0), ["not a WAV file"])
    with tf.control_dependencies([check]):
        fields = take(data, form + 8, 26)

    def field(first: int, count: int) -> tf.Tensor:
        return number(fields[first : first + count], big_endian=False)

    coding = tf.where(field(0, 2) == _EXTENSIBLE, field(24, 2), field(0, 2))
    channels, rate, bits = field(2, 2), field(4, 4), field(14, 2)
    length = number(take(data, sound + 4, 4), big_endian=False)
    frame = tf.maximum(channels * bits // 8, 1)
    there = tf.size(data, out_type=tf.int64) - sound - 8
    length = tf.minimum(length, there) // frame * frame  # a stream's length may be unknown
    body = data[sound + 8 : sound + 8 + length]

    def integers(width: int) -> tf.Tensor:
        digits = tf.cast(tf.reshape(body, (-1, width)), tf.int64)
        value = number(digits, big_endian=False)
        signed = tf.where(value >= 2 ** (8 * width - 1), value - 2 ** (8 * width), value)
        return tf.cast(signed, tf.float32) / 2.0 ** (8 * width - 1)

    def eight() -> tf.Tensor:
        return (tf.cast(body, tf.float32) - 128.0) / 128.0

    def floats(kind: tf.DType, width: int) -> tf.Tensor:
        return tf.cast(tf.bitcast(tf.reshape(body, (-1, width)), kind), tf.float32)

    def other() -> tf.Tensor:
        with tf.control_dependencies([tf.Assert(False, ["WAV of an unsupported coding"])]):
            return tf.zeros((0,))

    known = [(_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32), (_FLOAT, 64)]
    is_kind = [(coding == c) & (bits == b) for c, b in known] + [tf.constant(True)]
    kind = tf.argmax(tf.cast(tf.stack(is_kind), tf.int32), output_type=tf.int32)
    decoders = [
        eight,
        lambda: integers(2),
        lambda: integers(3),
        lambda: integers(4),
        lambda: floats(tf.float32, 4),
        lambda: floats(tf.float64, 8),
        other,
    ]
    samples = tf.switch_case(kind, decoders)
    return tf.reduce_mean(tf.reshape(samples, (-1, tf.maximum(channels, 1))), axis=1), rate


def _padded(encoded: tf.Tensor) -> tf.Tensor:
    return tf.strings.join([encoded, b"\0" * 12])


def resample(wave: tf.Tensor, rate: tf.Tensor, target: int) -> tf.Tensor:
    """Changes the rate of `(any,)` by a sinc under a Kaiser window.

    Source: Smith and Gossett (1984), "A flexible sampling-rate conversion method".
    """
    ratio = tf.cast(rate, tf.float64) / target
    count = tf.cast(tf.math.ceil(tf.cast(tf.size(wave), tf.float64) / ratio), tf.int64)
    cutoff = tf.minimum(tf.constant(1.0, tf.float64), 1 / ratio) * 0.96
    reach = tf.cast(tf.math.ceil(_ZERO_CROSSINGS / cutoff), tf.int64)
    beta = tf.constant(9.0, tf.float64)

    def block(first: tf.Tensor) -> tf.Tensor:
        times = tf.cast(tf.range(first, tf.minimum(first + 2048, count)), tf.float64) * ratio
        nearest = tf.cast(tf.floor(times), tf.int64)
        taps = nearest[:, None] + tf.range(-reach + 1, reach + 1)[None]
        away = times[:, None] - tf.cast(taps, tf.float64)
        inside = tf.maximum(1 - tf.square(away / tf.cast(reach, tf.float64)), 0.0)
        window = tf.math.bessel_i0(beta * tf.sqrt(inside)) / tf.math.bessel_i0(beta)
        angle = 3.141592653589793 * cutoff * away
        sinc = tf.where(tf.abs(angle) < 1e-9, tf.ones_like(angle), tf.sin(angle) / angle)
        weights = cutoff * sinc * window
        there = (taps >= 0) & (taps < tf.size(wave, out_type=tf.int64))
        limit = tf.maximum(tf.size(wave, out_type=tf.int64) - 1, 0)
        values = tf.cast(tf.gather(wave, tf.clip_by_value(taps, 0, limit)), tf.float64)
        return tf.cast(tf.reduce_sum(tf.where(there, weights * values, 0.0), axis=1), tf.float32)

    starts = tf.range(0, tf.maximum(count, 1), 2048)
    blocks = tf.TensorArray(tf.float32, tf.size(starts), infer_shape=False, element_shape=(None,))

    def step(i: tf.Tensor, found: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        return i + 1, found.write(i, block(starts[i]))

    _, blocks = tf.while_loop(
        lambda i, _: i < tf.size(starts), step, (0, blocks), parallel_iterations=1
    )
    return blocks.concat()


def fit_window(waves: tf.Tensor, preprocessing: ClipPreprocessing) -> tf.Tensor:
    """The loudest window of each, or short ones between zeros: `(batch, any)` to
    `(batch, samples)`; see `autoarch.data.clip.fit_window`."""
    samples, step = preprocessing.samples, preprocessing.step
    waves = tf.convert_to_tensor(waves)

    def cut() -> tf.Tensor:
        squares = tf.square(tf.cast(waves, tf.float64))
        energy = tf.pad(tf.cumsum(squares, axis=1), ((0, 0), (1, 0)))
        starts = tf.range(0, tf.shape(waves)[1] - samples + 1, step)
        loudness = tf.gather(energy, starts + samples, axis=1) - tf.gather(energy, starts, axis=1)
        first = tf.gather(starts, tf.argmax(loudness, axis=1))
        return tf.gather(waves, first[:, None] + tf.range(samples)[None], batch_dims=1)

    def pad() -> tf.Tensor:
        missing = samples - tf.shape(waves)[1]
        return tf.pad(waves, ((0, 0), (missing // 2, missing - missing // 2)))

    fitted = tf.cond(tf.shape(waves)[1] > samples, cut, pad)
    return tf.ensure_shape(fitted, (None, samples))


def clip_signatures(preprocessing: ClipPreprocessing) -> dict[str, Signature]:
    """Whole WAV files of any rate and length, or waveforms at the network's rate."""
    files = tf.TensorSpec((None,), tf.string, name="wav_bytes")
    waves = tf.TensorSpec((None, None), tf.float32, name="waveform")

    def from_file(encoded: tf.Tensor) -> tf.Tensor:
        wave, rate = decode_wav(encoded)
        wave = tf.cond(
            rate == preprocessing.rate,
            lambda: wave,
            lambda: resample(wave, rate, preprocessing.rate),
        )
        return fit_window(wave[None], preprocessing)[0]

    def from_files(wav_bytes: tf.Tensor) -> tf.Tensor:
        return tf.map_fn(
            from_file, wav_bytes, fn_output_signature=tf.TensorSpec(preprocessing.shape, tf.float32)
        )

    def from_waveforms(waveform: tf.Tensor) -> tf.Tensor:
        return fit_window(waveform, preprocessing)

    return {
        "serving_default": Signature(waves, from_waveforms),
        "serving_wav": Signature(files, from_files),
    }
