"""How fast a network trains, known before it is traced."""

from __future__ import annotations

import time

import numpy as np
import tensorflow as tf

from autoarch.architecture import Architecture
from autoarch.supernet.bank import Bank, slots_of
from autoarch.supernet.path import BatchStatistics, run_path

BATCH = 32
STEPS = 3


def step_s(architecture: Architecture) -> float:
    """Seconds of a gradient of a batch, each op on its own; the best of some.

    Absolute times are not those of a traced step, ratios of networks nearly are: what a
    depthwise convolution costs beside a dense one is not in their multiply-adds.

    Args:
        architecture: One whose weights can be shared.

    Raises:
        InvalidInputError: It has an op that has no place in a supernet.

    Example:
        >>> from autoarch.spaces import MobileSpace
        >>> step_s(MobileSpace((8, 8, 3), 2, width=8).candidate({}).architecture) > 0
        True
    """
    slots, bank = slots_of(architecture), Bank(seed=0)
    weights = [tf.constant(bank.take(slot)) for slot in slots]
    named = {slot.path: weight for slot, weight in zip(slots, weights)}
    pixels = np.random.default_rng(0).uniform(0, 255, (BATCH, *architecture.input_shape))
    x = tf.constant(pixels, tf.float32)
    times = []
    for _ in range(STEPS):
        started = time.perf_counter()
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            logits = run_path(architecture, x, named, BatchStatistics())
            loss = tf.reduce_sum(logits * logits)
        gradients = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        gradients[0].numpy()
        times.append(time.perf_counter() - started)
    return min(times)
