"""`autoarch fit` in a process of its own, as a user starts it, and how tables tell of a run."""

from __future__ import annotations

import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "shared" / "data"
"""The real data sets, beside the checkout."""


class CommandFailedError(RuntimeError):
    """A command ended with another code than 0, or did not end in time."""


def result_of(command: Sequence[str], *, limit_s: float | None = None) -> dict[str, Any]:
    """Runs a command that prints one JSON object; that, and `outside_s`, its seconds as seen
    from outside.

    Args:
        command: Program and arguments.
        limit_s: Seconds after which it is ended.

    Raises:
        CommandFailedError: It failed or took too long; with the end of what it said.
    """
    # Benchmarks of one thread set these for themselves; a user's command has both cores.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    started = time.monotonic()
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            output, complaints = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired as error:
            raise CommandFailedError(f"stopped after {limit_s:.0f} s") from error
        finally:
            if process.poll() is None:  # too late, or Ctrl-C here: with all that it has started
                os.killpg(process.pid, signal.SIGKILL)
    seconds = time.monotonic() - started
    if process.returncode:
        raise CommandFailedError(f"exit code {process.returncode}\n{complaints[-2000:]}")
    return {**json.loads(output), "outside_s": seconds}


def fit(
    source: Path | str,
    options: Sequence[str] = (),
    *,
    limit: str,
    seed: int,
    stop_s: float | None = None,
) -> dict[str, Any]:
    """One run of `autoarch fit`; its result with `outside_s`.

    Args:
        source: The data.
        options: Of the command, beside those below.
        limit: For `--time`.
        seed: For `--seed`.
        stop_s: Seconds after which it is ended.

    Raises:
        CommandFailedError: As `result_of`.
    """
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "autoarch.cli", "fit", str(source), "--json", "--quiet"]
        command += ["--time", limit, "--seed", str(seed), "--output", str(Path(scratch) / "run")]
        return result_of([*command, *options], limit_s=stop_s)


def fit_or_exit(name: str, source: Path | str, *options: str, limit: str, seed: int) -> Any:
    """As `fit`, for benchmarks that have nothing to tell where a run fails."""
    try:
        return fit(source, options, limit=limit, seed=seed)
    except CommandFailedError as error:
        sys.exit(f"{name}, seed {seed}: {error}")


def machine() -> str:
    """The machine class, for a table's head; with the units that training depends on most."""
    flags = Path("/proc/cpuinfo")
    known = flags.read_text().split() if flags.exists() else []
    units = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in known]
    kind = f"{platform.machine()}{' with ' if units else ''}{', '.join(units)}"
    return f"{os.cpu_count()} cores ({kind}), Python {platform.python_version()}"


def phases(result: dict[str, Any]) -> str:
    """Seconds by phase, in a cell."""
    return ", ".join(f"{phase} {seconds:.0f}" for phase, seconds in result["phases"].items())


def spread(scores: Sequence[float], digits: int) -> str:
    """Three cells: median, range and number of seeds.

    >>> spread([0.5, 0.75, 0.7], 2)
    '0.70 | 0.50 to 0.75 | 3'
    """
    return (
        f"{statistics.median(scores):.{digits}f} | "
        f"{min(scores):.{digits}f} to {max(scores):.{digits}f} | {len(scores)}"
    )
