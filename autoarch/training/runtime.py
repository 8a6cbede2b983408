"""Preparing the process before TensorFlow is imported. Imports neither Keras nor TensorFlow."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from autoarch.errors import InvalidInputError

_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
"""Quota and period in microseconds, or "max"."""


def prepare_environment() -> None:
    """Sets what TensorFlow reads from the environment at import; the user's own settings win.

    oneDNN's kernels are off by default on CPUs without neural-network instructions, although
    small residual networks train 1.5 times faster with them there (2 cores with AVX2: 73 ms
    instead of 113 ms a step).

    An op gets half of the cores, since training runs two halves of each batch side by side
    (`HALVED_FROM` in `autoarch.training.fit`).

    Raises:
        InvalidInputError: Keras is to run, or runs already, on something else than TensorFlow.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, usable_cores() // 2)))
    keras = sys.modules.get("keras")
    backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if keras is not None and hasattr(keras, "config"):  # what it was imported with counts
        backend = keras.config.backend()
    if backend != "tensorflow":
        raise InvalidInputError(
            f"Keras is set to the backend {backend!r}, and AutoArch trains and exports with "
            "TensorFlow: set KERAS_BACKEND=tensorflow before Keras is imported."
        )
    logging.getLogger("tensorflow").addFilter(_is_news)


def usable_cores() -> int:
    """Cores that this process may use: by affinity, and by the control group's quota."""
    # Not on macOS or Windows.
    affinity = getattr(os, "sched_getaffinity", None)
    allowed = (os.cpu_count() or 1) if affinity is None else len(affinity(0))
    quota, _, period = (_CPU_MAX.read_text() if _CPU_MAX.exists() else "").partition(" ")
    if quota.isdigit() and period.strip().isdigit() and int(period) > 0:
        allowed = min(allowed, max(1, round(int(quota) / int(period))))
    return allowed


def _is_news(record: logging.LogRecord) -> bool:
    """Drops the advice to trace less often: each candidate is a new network, traced once."""
    return "triggered tf.function retracing" not in str(record.msg)
