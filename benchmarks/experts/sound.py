"""The expert on sounds: a residual network on log-mel spectrograms, for the whole time.

    python benchmarks/experts/sound.py FOLDER --seconds 60 [--seed 0]

Waveform in: 40 mel bands (windows of 32 ms every 12.5 ms), batch norm over the bands, masks in
time and frequency, the network for pictures, average and maximum pooling side by side. Waveforms
change speed by up to 12 %, move by up to 10 %, get noise. Plain Keras.
"""

from __future__ import annotations

from typing import Any

from request import Request, answer

BATCH = 64
CLOSING_S = 4.0
MOST_S = 1.0
"""The network hears at most so much of a clip."""

BANDS = 40
WINDOW_S, HOP_S = 0.032, 0.0125


def solve(request: Request) -> dict[str, Any]:
    import keras
    import numpy as np
    import soundfile
    from reading import decode_sounds, read_folders
    from training import ByTheClock, adamw, choose_precision, residual_trunk, width_for

    keras.utils.set_random_seed(request.seed)
    choose_precision()
    known = sorted((request.data / "train").glob("*/*.wav"))
    rate = soundfile.info(known[0]).samplerate
    longest = np.quantile([soundfile.info(file).duration for file in known[::10]], 0.95)
    samples = round(min(MOST_S, float(longest)) * rate)
    parts = read_folders(
        request.data, lambda files: decode_sounds(files, samples), validate=request.validate
    )
    layers = keras.layers
    seconds = request.left_s - CLOSING_S
    inputs = keras.Input((samples,))
    x = log_mel(rate)(inputs)
    x = layers.BatchNormalization(momentum=0.9, dtype="float32")(x)
    x = masks()(x)
    x = layers.Reshape((*x.shape[1:], 1))(x)
    # A stem that steps by two: at full resolution two or three times the work.
    x = residual_trunk(x, width_for(seconds), stride=2)
    pooled = [layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)]
    x = layers.Dropout(0.3)(layers.Concatenate()(pooled))
    model = keras.Model(inputs, layers.Dense(len(parts.classes), "softmax", dtype="float32")(x))
    model.compile(
        optimizer=adamw(0.05, 5.0),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
    )
    clock = ByTheClock(request.left_s - CLOSING_S, 3e-3)
    data = batches(parts.train, len(parts.classes), request.seed)
    model.fit(data, steps_per_epoch=1_000_000, epochs=1, callbacks=[clock], verbose=0)
    chances = model.predict(parts.test.examples, 100, verbose=0)
    model.save(request.output / "model.keras")
    return {
        "accuracy": float(np.mean(chances.argmax(1) == parts.test.labels)),
        "n": len(parts.test),
        "trials": 1,
        "epochs": round(clock.taken * BATCH / len(parts.train), 1),
        "training_s": round(seconds, 1),
    }


def log_mel(rate: int) -> Any:
    """Waveforms, `(batch, samples)`, to `(batch, frames, bands)` in decibels, as layers."""
    import keras

    window = round(WINDOW_S * rate)
    spectrogram = keras.layers.MelSpectrogram(
        fft_length=2 ** (window - 1).bit_length(),
        sequence_length=window,
        sequence_stride=round(HOP_S * rate),
        sampling_rate=rate,
        num_mel_bins=BANDS,
        min_freq=60.0,
        max_freq=rate / 2,
        dtype="float32",
    )
    return keras.Sequential([spectrogram, keras.layers.Permute((2, 1))])


def masks() -> Any:
    """A layer for training alone: two masks in time and two in frequency, up to 20 % each.

    Source: Park et al. (2019), SpecAugment.
    """
    import keras
    from keras import ops

    @keras.saving.register_keras_serializable("experts")
    class Masks(keras.layers.Layer):
        def __init__(self, **given: Any):
            super().__init__(**given)
            self.seeds = keras.random.SeedGenerator()

        def call(self, x: Any, training: bool = False) -> Any:
            if not training:
                return x
            count = ops.shape(x)[0]
            for axis in (1, 2, 1, 2):
                length = x.shape[axis]
                wide = keras.random.uniform((count, 1), 0, 0.2, seed=self.seeds) * length
                begin = keras.random.uniform((count, 1), seed=self.seeds) * (length - wide)
                places = ops.arange(length, dtype="float32")[None]
                kept = ops.cast((places < begin) | (places >= begin + wide), x.dtype)
                x = x * ops.expand_dims(kept, 3 - axis)
            return x

    return Masks(dtype="float32")


def batches(train: Any, classes: int, seed: int) -> Any:
    """Endless batches of changed waveforms and targets."""
    import tensorflow as tf

    samples = train.examples.shape[1]

    def augment(waves: Any, labels: Any) -> tuple[Any, Any]:
        count = tf.shape(waves)[0]
        speed = tf.random.uniform((count, 1), 0.88, 1.12)
        shift = tf.random.uniform((count, 1), -0.1, 0.1) * samples
        middle = samples / 2
        places = (tf.range(samples, dtype=tf.float32) - middle)[None] * speed + middle + shift
        low = tf.floor(places)
        between = places - low
        first = tf.cast(low, tf.int32)

        def at(indices: Any) -> Any:
            inside = tf.cast((indices >= 0) & (indices < samples), tf.float32)
            return inside * tf.gather(
                waves, tf.clip_by_value(indices, 0, samples - 1), batch_dims=1
            )

        waves = (1 - between) * at(first) + between * at(first + 1)
        level = 0.1 * tf.pow(10.0, tf.random.uniform((count, 1), -40.0, -10.0) / 20)
        waves = waves + level * tf.random.normal((count, samples))
        gain = tf.pow(10.0, tf.random.uniform((count, 1), -6.0, 6.0) / 20)
        return gain * waves, tf.one_hot(labels, classes)

    data = tf.data.Dataset.from_tensor_slices((train.examples, train.labels))
    data = data.shuffle(len(train), seed=seed).repeat().batch(BATCH)
    return data.map(augment, num_parallel_calls=1).prefetch(4)


if __name__ == "__main__":
    answer(__doc__, solve)
