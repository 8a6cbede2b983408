"""Which arithmetic this machine trains fastest with, and how fast: measured, not believed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autoarch.errors import InvalidInputError
from autoarch.training.fit import parts_of

POLICIES = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
TENSOR_CORES = (7, 0)
"""Compute capability from which NVIDIA GPUs multiply float16 matrices fast."""

USUAL_MACS_PER_S = 2e10
"""Of two cores with AVX2, about."""

_SIDE, _CHANNELS, _BATCH, _REPEATS = 16, 32, 32, 20
_FEWEST_REPEATS, _HOPELESS = 5, 4.0
"""After so many steps, a policy that takes this many times as long as the fastest is left alone:
without units of their own CPUs emulate bfloat16, ten times as slowly, which cost a run seconds."""
_MACS = 2 * _SIDE * _SIDE * 9 * _CHANNELS * _CHANNELS * _BATCH
_CLEARLY = 0.9
"""bfloat16 must take at most this share of float32's time: a tie is not worth lost digits."""


@dataclass(frozen=True)
class Speed:
    """What the probe found.

    Args:
        policy: Keras dtype policy to train with.
        macs_per_s: Multiply-adds of the forward pass per second of a training step.
        float32_ms: Milliseconds of the probe's step in float32.
        bfloat16_ms: The same in mixed_bfloat16; None where not measured.
        device: "cpu" or "gpu".
    """

    policy: str
    macs_per_s: float
    float32_ms: float
    bfloat16_ms: float | None
    device: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def _seconds(policies: Sequence[str]) -> list[float]:
    """Of a training step of two convolutions, the best of several by policy; by turns, since other
    programs come and go."""
    steps = [_step(policy) for policy in policies]
    times: list[list[float]] = [[] for _ in policies]
    for turn in range(_REPEATS):
        for step, found in zip(steps, times):
            if turn >= _FEWEST_REPEATS and min(found) > _HOPELESS * min(map(min, times)):
                continue
            started = time.perf_counter()
            step()
            found.append(time.perf_counter() - started)
    return [min(found) for found in times]


def _step(policy: str) -> Callable[[], None]:
    """A training step of two convolutions, traced."""
    options: dict[str, Any] = {"padding": "same", "activation": "relu", "dtype": policy}
    x = inputs = keras.Input((_SIDE, _SIDE, _CHANNELS))
    for _ in range(2):
        x = keras.layers.Conv2D(_CHANNELS, 3, **options)(x)
    model = keras.Model(inputs, x)
    variables = model.trainable_variables

    @tf.function(autograph=False, jit_compile=False)
    def step(batch: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            # In parts side by side, as `Trainer` computes them.
            parts = [model(part, training=True) for part in tf.split(batch, parts_of(_BATCH))]
            loss = tf.add_n([tf.reduce_mean(tf.square(tf.cast(y, tf.float32))) for y in parts])
        gradients: list[tf.Tensor] = tape.gradient(loss, variables)
        return gradients

    batch = tf.constant(
        np.random.default_rng(0).normal(size=(_BATCH, _SIDE, _SIDE, _CHANNELS)), tf.float32
    )

    def run() -> None:
        for gradient in step(batch):
            gradient.numpy()  # waits for the device

    run()
    return run


def probe_speed(precision: str = "auto", *, timed: bool = True) -> Speed:
    """Measures a small training step and settles the dtype policy.

    With "auto", GPUs with tensor cores get `mixed_float16` (Keras then scales the loss), and CPUs
    get `mixed_bfloat16` where it is measured clearly faster than float32, else float32.

    Args:
        precision: One of `POLICIES`.
        timed: Whether the run has a time limit. Without one a seed repeats it to the last digit,
            so nothing depends on what was measured: CPUs get float32, and networks are sized for
            `USUAL_MACS_PER_S`.

    Raises:
        InvalidInputError: Unknown precision.
    """
    if precision not in POLICIES:
        raise InvalidInputError(
            f"`precision` must be one of {', '.join(POLICIES)}; got {precision!r}."
        )
    gpus = tf.config.list_physical_devices("GPU")
    compares = precision == "auto" and timed and not gpus
    float32_s, *others = _seconds(["float32", "mixed_bfloat16"] if compares else ["float32"])
    bfloat16_s = others[0] if others else None
    policy = precision
    if precision == "auto":
        if gpus:
            details = tf.config.experimental.get_device_details(gpus[0])
            capability = details.get("compute_capability", (0, 0))
            policy = "mixed_float16" if capability >= TENSOR_CORES else "float32"
        else:
            faster = bfloat16_s is not None and bfloat16_s < _CLEARLY * float32_s
            policy = "mixed_bfloat16" if faster else "float32"
    return Speed(
        policy=policy,
        macs_per_s=_MACS / float32_s if timed else USUAL_MACS_PER_S,
        float32_ms=1000 * float32_s,
        bfloat16_ms=None if bfloat16_s is None else 1000 * bfloat16_s,
        device="gpu" if gpus else "cpu",
    )


def let_gpu_memory_grow() -> None:
    """Takes GPU memory as needed, so that other processes and later trials find some."""
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
