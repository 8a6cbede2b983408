"""Training by the clock: what the experts' networks have in common."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import keras

WARM_UP = 0.06


class ByTheClock(keras.callbacks.Callback):
    """The learning rate over elapsed seconds, linear warm-up and a cosine to zero; stops there.

    Args:
        seconds: For all steps, the first one's trace included.
        peak: Highest learning rate.
        steps: Where there are so few, the rate goes by whichever is further on; or None.
        last: Step after which to stop, the schedule being what it is; or None.
    """

    def __init__(
        self, seconds: float, peak: float, *, steps: int | None = None, last: int | None = None
    ):
        super().__init__()
        self.seconds, self.peak, self.steps = seconds, peak, steps
        self.last = steps if last is None else last
        self.taken = 0
        self.began = 0.0

    @property
    def share(self) -> float:
        """How far the schedule is."""
        share = (time.monotonic() - self.began) / self.seconds
        return share if self.steps is None else max(share, self.taken / self.steps)

    def on_train_begin(self, logs: Any = None) -> None:
        self.began = time.monotonic()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        share = min(self.share, 1.0)
        cosine = (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP))) / 2
        rate = self.peak * (share / WARM_UP if share < WARM_UP else cosine)
        self.model.optimizer.learning_rate = max(rate, 1e-8)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.taken += 1
        if self.share >= 1 or (self.last is not None and self.taken >= self.last):
            self.model.stop_training = True


def adamw(weight_decay: float, clip: float) -> keras.optimizers.Optimizer:
    """AdamW that leaves biases and batch norms their size."""
    optimizer = keras.optimizers.AdamW(weight_decay=weight_decay, global_clipnorm=clip)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def choose_precision() -> None:
    """bfloat16 where the processor multiplies it, as it then trains in two thirds of the time."""
    flags = Path("/proc/cpuinfo")
    if flags.exists() and "avx512_bf16" in flags.read_text():
        keras.mixed_precision.set_global_policy("mixed_bfloat16")


def residual_trunk(x: Any, width: int, *, stride: int) -> Any:
    """Stem and three stages of a strided convolution and a residual block; doubles the width
    three times. `(batch, height, width, channels)` in and out."""
    layers = keras.layers

    def convolve(x: Any, filters: int, strides: int = 1) -> Any:
        x = layers.Conv2D(filters, 3, strides, "same", use_bias=False)(x)
        return layers.BatchNormalization(momentum=0.9)(x)

    x = layers.ReLU()(convolve(x, width, stride))
    for factor in (2, 4, 8):
        x = layers.ReLU()(convolve(x, factor * width, 2))
        branch = layers.ReLU()(convolve(x, factor * width))
        x = layers.ReLU()(layers.Add()([x, convolve(branch, factor * width)]))
    return x


def width_for(seconds: float) -> int:
    """Width of the stem that so many seconds of training can use on two cores."""
    if seconds < 240:
        return 16
    return 24 if seconds < 600 else 32
