"""Latency measured on this machine with LiteRT, and its table, kept in the user's cache."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from autoarch.architecture import Architecture
from autoarch.costs.latency import LatencyTable, signature
from autoarch.costs.model_costs import model_costs
from autoarch.errors import InvalidInputError


@dataclass(frozen=True)
class Latency:
    """How long one answer takes.

    Args:
        median_s: Median seconds.
        p90_s: Nine of ten answers take no longer.
    """

    median_s: float
    p90_s: float


def measure_latency(path: Path, *, threads: int = 1, least_s: float = 0.5) -> Latency:
    """Times a `.tflite` file on this machine, batch of one, after a warm-up.

    Args:
        path: The file.
        threads: Of LiteRT.
        least_s: Seconds of measuring, at least; other work on the machine disturbs less then.

    Raises:
        InvalidInputError: The file cannot be read or run.
    """
    from autoarch.costs import op_timing

    try:
        median_s, p90_s = op_timing.time_file(path.read_bytes(), threads, least_s=least_s)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidInputError(f"{path} cannot be run by LiteRT: {reason}") from error
    return Latency(median_s, p90_s)


def distinct_ops(architectures: Iterable[Architecture]) -> dict[str, dict[str, Any]]:
    """Each distinct op of some networks by signature, as JSON that `op_timing` reads."""
    found = {}
    for architecture in architectures:
        graph = model_costs(architecture).lite_graph
        shapes = {graph.input: graph.input_shape, **{op.output: op.shape for op in graph.ops}}
        for op in graph.ops:
            reads = [shapes[tensor] for tensor in op.inputs]
            name = signature(op, reads)
            if name not in found:
                found[name] = {**op._asdict(), "signature": name, "reads": reads}
    return found


def measure_ops(
    architectures: Iterable[Architecture],
    *,
    table: LatencyTable | None = None,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> LatencyTable:
    """A table that covers some networks, measuring each op once that it lacks.

    Args:
        architectures: The networks.
        table: What is known already, with the same number of threads.
        threads: Of LiteRT.
        progress: Is told the number of ops measured and to measure.

    Returns:
        `table` with what it lacked.
    """
    from autoarch.costs import op_timing

    if table is None:
        fixed_s = op_timing.time_fixed(threads)
        table = LatencyTable({}, fixed_s, machine(), threads)
    ops = distinct_ops(architectures)
    missing = [name for name in sorted(ops) if name not in table.seconds]
    seconds = dict(table.seconds)
    for number, name in enumerate(missing, start=1):
        seconds[name] = op_timing.time_op(ops[name], table.threads, table.fixed_s)
        if progress:
            progress(number, len(missing))
    return replace(table, seconds=seconds)


def machine() -> str:
    """This machine in words: what its latencies depend on."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    litert = metadata.version("ai-edge-litert")
    return f"{model}, {os.cpu_count()} cores, LiteRT {litert}"


def cached_table(threads: int = 1) -> LatencyTable | None:
    """What `keep_table` kept on this machine; None where there is nothing that can be read."""
    path = _cache_file(threads)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        seconds = {str(name): float(value) for name, value in data["seconds"].items()}
        return LatencyTable(seconds, float(data["fixed_s"]), str(data["device"]), threads)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # a cache: what is damaged is measured again


def keep_table(table: LatencyTable) -> Path:
    """Keeps a table of this machine for later runs; returns where."""
    path = _cache_file(table.threads)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.part")
    text = json.dumps(
        {"device": table.device, "fixed_s": table.fixed_s, "seconds": dict(table.seconds)}
    )
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
    return path


def _cache_file(threads: int) -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "autoarch"
    digest = hashlib.blake2b(machine().encode(), digest_size=6).hexdigest()
    return folder / f"latency-{digest}-{threads}.json"
