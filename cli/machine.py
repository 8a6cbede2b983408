"""What this machine offers to training: cores, memory, instructions, GPUs."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autoarch.cli.version import version

from autoarch.training.runtime import usable_cores

DISTRIBUTIONS = (
    *("autoarch", "tensorflow", "keras", "keras-tuner", "ai-edge-litert"),
    *("numpy", "pillow", "scikit-learn"),
)

# Instruction sets that decide how fast networks train, by the kernel's names (x86, then ARM).
FEATURES = (
    *("avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"),
    *("asimd", "asimdhp", "asimddp", "bf16", "i8mm", "sve"),
)
_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}

_CPUINFO = Path("/proc/cpuinfo")
_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def describe() -> dict[str, Any]:
    """Everything `autoarch info` prints; starts TensorFlow to ask for the devices."""
    features = cpu_features(_text_of(_CPUINFO))
    gpus = _gpus()
    cores = os.cpu_count() or 1
    return {
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in DISTRIBUTIONS},
        },
        "system": platform.platform(),
        "cpu": {
            "model": cpu_model(_text_of(_CPUINFO)) or platform.processor() or platform.machine(),
            "cores": cores,
            "usable_cores": usable_cores(),
            "features": list(features),
        },
        "memory": memory(_text_of(_MEMINFO), _text_of(_CGROUP / "memory.max")),
        "gpus": gpus,
        "environment": {
            name: os.environ[name]
            for name in ("TF_ENABLE_ONEDNN_OPTS", "TF_NUM_INTRAOP_THREADS", "CUDA_VISIBLE_DEVICES")
            if name in os.environ
        },
        "advice": list(advice(features, [gpu["capability"] for gpu in gpus])),
    }


def cpu_features(cpuinfo: str) -> tuple[str, ...]:
    """The instruction sets of `FEATURES` that the kernel lists; empty where it lists none."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            present = set(value.split())
            return tuple(feature for feature in FEATURES if feature in present)
    return ()


def cpu_model(cpuinfo: str) -> str | None:
    """The processor's name, or None."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return None


def memory(meminfo: str, memory_max: str) -> dict[str, int | None]:
    """Bytes of memory: `usable_bytes` (a control group's limit counts) and `available_bytes`.

    Args:
        meminfo: Contents of `/proc/meminfo`; "" gives None for both.
        memory_max: Contents of the control group's `memory.max`: bytes, or "max".
    """
    kibibytes = {}
    for line in meminfo.splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if words and words[0].isdigit():
            kibibytes[name] = int(words[0]) * 1024
    total, available = kibibytes.get("MemTotal"), kibibytes.get("MemAvailable")
    limit = int(memory_max) if memory_max.strip().isdigit() else None
    if limit is not None and total is not None:
        total = min(total, limit)
    if total is not None and available is not None:
        available = min(available, total)
    return {"usable_bytes": total, "available_bytes": available}


def advice(features: Sequence[str], capabilities: Sequence[str | None]) -> list[str]:
    """What to expect and what to choose, in sentences.

    Args:
        features: As `cpu_features` gives them.
        capabilities: Compute capability of each GPU, e.g. "8.0", or None where unknown.
    """
    if capabilities:
        known = [float(capability) for capability in capabilities if capability is not None]
        if known and min(known) >= 7.0:
            return ["Tensor cores: --precision auto trains in mixed_float16."]
        return ["No tensor cores found: --precision auto trains in float32."]
    lines = ["No GPU: training runs on the processor; small images and short runs suit it."]
    if _BFLOAT16.intersection(features):
        lines.append(
            "The processor computes in bfloat16: --precision auto measures whether it pays."
        )
    else:
        lines.append("The processor has no bfloat16 instructions: float32 is the fastest here.")
    if features and not {"avx2", "asimd"}.intersection(features):
        lines.append("Without AVX2, training is several times slower than on recent processors.")
    return lines


def _gpus() -> list[dict[str, str | None]]:
    import tensorflow as tf

    found = []
    for device in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(device)
        capability = details.get("compute_capability")
        found.append(
            {
                "name": device.name.removeprefix("/physical_device:"),
                "device": details.get("device_name", "unknown"),
                "capability": ".".join(map(str, capability)) if capability else None,
            }
        )
    return found


def _text_of(path: Path) -> str:
    """The file's text; "" where the system has no such file or does not show it."""
    try:
        return path.read_text()
    except OSError:
        return ""
