"""TensorFlow's environment, and its start without the noise."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# What TensorFlow writes straight to file descriptor 2 while it is imported, before its own log
# level applies: notes of severity I, the line that announces them, and complaints about CUDA
# libraries being registered twice, which mean nothing. All else is passed on.
NOISE = (
    r"WARNING: All log messages before absl::InitializeLog\(\)"
    r"|I\d{4} \d\d:\d\d:"
    r"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: I "
    r"|To enable the following instructions: "
    r"|[WE]\d{4} .*(Unable to register cu|computation placer already registered)"
)

# A process of its own: were it a thread, the last words of an import that crashes (an illegal
# instruction, say) would die with the crash.
_FILTER = """
import re, sys
noise = re.compile(sys.argv[1].encode())
for line in sys.stdin.buffer:
    if not noise.match(line):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""


def start_tensorflow() -> None:
    """Imports TensorFlow (seconds) without the notes it writes while starting.

    Real warnings and errors reach stderr as ever. Where the user has set TF_CPP_MIN_LOG_LEVEL
    below 3, nothing is held back.
    """
    from autoarch.training.runtime import prepare_environment

    prepare_environment()
    if "tensorflow" in sys.modules:
        return
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] != "3":
        importlib.import_module("tensorflow")
        return
    with without_noise():
        importlib.import_module("tensorflow")


@contextmanager
def without_noise() -> Iterator[None]:
    """Leaves lines that match `NOISE` out of what is written to file descriptor 2."""
    sys.stderr.flush()
    try:
        stderr = os.dup(2)
    except OSError:  # no stderr at all: nothing to filter
        yield
        return
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _FILTER, NOISE],
        stdin=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,  # Ctrl-C is for this process, whose last words it passes on
    )
    assert child.stdin is not None
    os.dup2(child.stdin.fileno(), 2)
    child.stdin.close()  # descriptor 2 is now the only writing end
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(stderr, 2)
        os.close(stderr)
        # It ends when the pipe is closed, at once; a process started meanwhile may hold it open.
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
