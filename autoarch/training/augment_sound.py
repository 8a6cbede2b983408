"""Augmentation of a batch of waveforms in one compiled function, shared by all trials of a run.

SpecAugment's masks are laid over the waveform (silence in a stretch of time, a band taken out of
the spectrum) and not over the network's spectrogram: the recipe then decides on them without
another trace, for every front-end alike, and exported networks know nothing of them.

Source: Park et al. (2019), "SpecAugment", section 2; Ko et al. (2015), "Audio augmentation for
speech recognition", for the speed.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from autoarch.training.augment import (
    MIXED_SHARE,
    Augmenter,
    compile_augmenter,
    random_numbers,
    smoothed,
)
from autoarch.training.recipe import Recipe

SPEED = 0.12
"""Largest relative change of the speed at strength 1."""
QUIETEST_NOISE_DB, LOUDEST_NOISE_DB = -40.0, -10.0
NOISY_SHARE = 0.5
"""Share of the clips that noise is added to."""
MASKS = 2
"""Of each kind."""


class SoundStrengths(NamedTuple):
    """The recipe's numbers, as the compiled function takes them."""

    shift: float
    speed: float
    gain_db: float
    noise: float
    masking: float
    mixup: float
    label_smoothing: float

    @classmethod
    def of(cls, recipe: Recipe) -> SoundStrengths:
        return cls(
            shift=recipe.time_shift,
            speed=SPEED * recipe.augmentation,
            gain_db=recipe.gain_db,
            noise=recipe.noise,
            masking=recipe.masking,
            mixup=MIXED_SHARE * (recipe.mixing == "mixup"),
            label_smoothing=recipe.label_smoothing,
        )


def _move(x: tf.Tensor, seed: tf.Tensor, s: SoundStrengths) -> tf.Tensor:
    """Speed about the middle, shift and gain; sample values between two by a straight line."""
    n, samples = tf.shape(x)[0], x.shape[1]
    speed = 1.0 + random_numbers(seed, 1, [n, 1], -1.0, 1.0) * s.speed
    shift = random_numbers(seed, 2, [n, 1], -1.0, 1.0) * s.shift * samples
    middle = (samples - 1) / 2
    times = (tf.range(samples, dtype=tf.float32)[None] - middle) * speed + middle + shift
    before = tf.floor(times)
    share = times - before
    # a zero on each side is what lies beyond the clip; the clips lie one behind another
    padded = tf.reshape(tf.pad(x, ((0, 0), (1, 2))), [-1])
    index = tf.cast(tf.clip_by_value(before, -1.0, float(samples)), tf.int32)
    index += (samples + 3) * tf.range(n)[:, None] + 1
    left, right = tf.gather(padded, index), tf.gather(padded, index + 1)
    inside = tf.cast((before >= -1) & (before < samples), tf.float32)
    gain = random_numbers(seed, 3, [n, 1], -1.0, 1.0) * s.gain_db
    return (left + (right - left) * share) * inside * tf.pow(10.0, gain / 20)


def _noise(x: tf.Tensor, seed: tf.Tensor, s: SoundStrengths) -> tf.Tensor:
    """White noise, relative to the clip's own loudness, in some of the clips."""
    n = tf.shape(x)[0]
    level = random_numbers(seed, 4, [n, 1], QUIETEST_NOISE_DB, LOUDEST_NOISE_DB)
    noisy = tf.cast(random_numbers(seed, 5, [n, 1]) < NOISY_SHARE, tf.float32) * s.noise
    loudness = tf.sqrt(tf.reduce_mean(tf.square(x), axis=1, keepdims=True) + 1e-10)
    # as white as of a normal distribution
    peak = 3**0.5
    drawn = tf.random.stateless_uniform(
        tf.shape(x), seed + tf.constant([0, 6], tf.int32), -peak, peak
    )
    return x + drawn * loudness * tf.pow(10.0, level / 20) * noisy


def _kept(seed: tf.Tensor, stream: int, n: tf.Tensor, size: int, widest: tf.Tensor) -> tf.Tensor:
    """`(n, size)`: zeros in `MASKS` stretches of up to `widest` (a share), ones elsewhere."""
    places = (tf.range(size, dtype=tf.float32)[None, None] + 0.5) / size
    width = random_numbers(seed, stream, [n, MASKS, 1]) * widest
    first = random_numbers(seed, stream + 1, [n, MASKS, 1]) * (1.0 - width)
    hidden = (places >= first) & (places < first + width)
    return 1.0 - tf.cast(tf.reduce_any(hidden, axis=1), tf.float32)


def _mask(x: tf.Tensor, seed: tf.Tensor, s: SoundStrengths) -> tf.Tensor:
    n, samples = tf.shape(x)[0], x.shape[1]
    length = samples + samples % 2
    spectrum = tf.signal.rfft(x, [length])
    bands = _kept(seed, 7, n, length // 2 + 1, s.masking)
    x = tf.signal.irfft(spectrum * tf.cast(bands, tf.complex64), [length])[:, :samples]
    return x * _kept(seed, 9, n, samples, s.masking)


def make_sound_augmenter(shape: tuple[int, ...], classes: int) -> Augmenter:
    """Compiles the augmentation for waveforms of one length.

    Args:
        shape: `(samples,)`.
        classes: Number of classes.

    Returns:
        Its function is of (waveforms: float32 `(n, samples)`, targets `(n, classes)`, seed: int32
        `(2,)`, strengths in the order of `SoundStrengths`), and returns waveforms and targets
        `(n, classes)` whose rows sum to 1. Equal seeds give equal batches.
    """

    def augment(
        waves: tf.Tensor, targets: tf.Tensor, seed: tf.Tensor, strengths: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        s = SoundStrengths(*tf.unstack(strengths))
        y = smoothed(targets, s.label_smoothing)
        x = tf.cond(s.shift + s.speed + s.gain_db > 0, lambda: _move(waves, seed, s), lambda: waves)
        x = tf.cond(s.masking > 0, lambda: _mask(x, seed, s), lambda: x)
        x = tf.cond(s.noise > 0, lambda: _noise(x, seed, s), lambda: x)
        share = random_numbers(seed, 11, []) * tf.cast(
            random_numbers(seed, 12, []) < s.mixup, tf.float32
        )
        x = x + (tf.roll(x, 1, axis=0) - x) * share
        y = y + (tf.roll(y, 1, axis=0) - y) * share
        return tf.ensure_shape(x, (None, *shape)), y

    return compile_augmenter(augment, SoundStrengths.of, shape, tf.float32, classes)
