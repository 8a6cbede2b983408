"""Fresh processes that convert and check exported files, seen from the process that exports."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from autoarch.errors import ExportError
from autoarch.export.formats import FORMATS

_logger = logging.getLogger(__name__)
_PROGRAM = Path(__file__).with_name("fresh_process.py")
_LONGEST_REASON = 400


@dataclass(frozen=True)
class Job:
    """A call of a function in a fresh process.

    Args:
        what: Says in an error what was attempted, e.g. "converting to model.tflite".
        file: Path of a Python file that runs on its own.
        function: Name of the function in it.
        arguments: Its keyword arguments, JSON values.
        questions: Path of a `Samples` file to be passed as `questions`, or None.
        answers: Where the arrays that the function returns are written, with `questions` only.
    """

    what: str
    file: str
    function: str
    arguments: dict[str, Any] = field(default_factory=dict)
    questions: str | None = None
    answers: str | None = None

    def line(self) -> bytes:
        request = {
            name: getattr(self, name)
            for name in ("file", "function", "arguments", "questions", "answers")
        }
        return json.dumps(request).encode() + b"\n"


class Worker:
    """One fresh Python process, in which autoarch is never imported, on the CPU only.

    It starts at once, imports `preload`, and does its jobs in order while this process goes on.

    Args:
        preload: Names of modules to import before the first job arrives.
    """

    def __init__(self, *preload: str):
        self._jobs: list[Job] = []
        self._process = subprocess.Popen(
            # -P keeps this room's files from being found as top-level modules
            [sys.executable, "-P", str(_PROGRAM), *preload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for the caller, who may want the export even so
        )

    def submit(self, job: Job) -> None:
        """Hands over a job and returns at once."""
        self._jobs.append(job)
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(job.line())
            self._process.stdin.flush()
        except BrokenPipeError:
            _logger.debug("The process died before %s; `finish` says why.", job.what)

    def finish(self, timeout_s: float) -> None:
        """Waits for all jobs and ends the process.

        Raises:
            ExportError: A job failed, crashed the process, or took longer than `timeout_s`.
        """
        try:
            stdout, stderr = self._process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            self.close()
            what = ", ".join(job.what for job in self._jobs)
            raise ExportError(
                f"Export failed: {what} took longer than {timeout_s:.0f} s."
            ) from error
        noise = stderr.decode(errors="replace")
        _logger.debug("Standard error of the export's process:\n%s", noise)
        replies = [json.loads(line) for line in stdout.splitlines()]
        for job, reply in zip(self._jobs, replies):
            if "error" in reply:
                raise ExportError(f"Export failed: {job.what}: {_one_line(reply['error'])}")
        if len(replies) < len(self._jobs):
            reason = _death(self._process.returncode, noise)
            raise ExportError(f"Export failed: {self._jobs[len(replies)].what}: {reason}")

    def close(self) -> None:
        """Ends the process, whatever it does."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class ExportWorkers:
    """The processes with TensorFlow that an export needs: one converts, one checks.

    Start them some seconds before the export, for instance while the final training ends, and
    the export need not wait for TensorFlow to be imported. Each takes about 400 MB of memory.

    Args:
        formats: What will be exported; names from `FORMATS`.

    Example:
        >>> with ExportWorkers() as workers:  # doctest: +SKIP
        ...     model = train()
        ...     export_bundle(model, directory, samples=samples, card=card, workers=workers)
    """

    def __init__(self, formats: Iterable[str] = tuple(FORMATS)) -> None:
        chosen = [FORMATS[name] for name in formats]
        converts = any(format_.CONVERTS for format_ in chosen)
        checked = [format_ for format_ in chosen if not format_.CONVERTS]
        needs = {module for format_ in checked for module in format_.NEEDS}
        self.converter = Worker("tensorflow") if converts else None
        self.checker = Worker(*sorted(needs)) if checked else None

    def close(self) -> None:
        """Ends the processes; may be called twice."""
        for worker in (self.converter, self.checker):
            if worker:
                worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _environment() -> dict[str, str]:
    """Ours, made quiet, and without GPUs: the final training may still hold their memory."""
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}


def _death(returncode: int, stderr: str) -> str:
    if returncode < 0:
        name = signal.Signals(-returncode).name
        hint = " (out of memory?)" if returncode == -signal.SIGKILL else ""
        return f"its process crashed with {name}{hint}."
    last = next((line for line in reversed(stderr.splitlines()) if line.strip()), "no message")
    return f"its process ended with exit code {returncode}: {_one_line(last)}"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_REASON else line[:_LONGEST_REASON] + "..."
