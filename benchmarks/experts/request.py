"""What an expert is asked on its command line, and how it answers: one JSON object."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STARTED = time.monotonic()

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported


@dataclass(frozen=True)
class Request:
    """What is asked.

    Args:
        data: Folder of the set.
        seconds: For everything from the start of the process, or None.
        seed: Of everything random.
        weights: Folder of weights of networks that come trained, or None.
        output: Where the model is written.
        validate: Whether a fifth of the training part stands for the test part, which is then
            not read: for trying things.
    """

    data: Path
    seconds: float | None
    seed: int
    weights: Path | None
    output: Path
    validate: bool

    @property
    def left_s(self) -> float:
        """Seconds left; infinite without a limit."""
        if self.seconds is None:
            return float("inf")
        return self.seconds - (time.monotonic() - STARTED)


def answer(doc: str | None, solve: Callable[[Request], dict[str, Any]]) -> None:
    """Reads the command line, and prints what `solve` finds, with the bytes of the model.

    Args:
        doc: The script's docstring.
        solve: From a request to `accuracy`, `n` (test examples) and `trials` at least.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--validate", action="store_true")
    given = parser.parse_args()
    with _folder(given.output) as output, contextlib.redirect_stdout(sys.stderr):
        request = Request(**{**vars(given), "output": output})
        found = solve(request)
        size = sum(file.stat().st_size for file in output.rglob("*") if file.is_file())
    print(json.dumps({**found, "size_bytes": size}))


@contextlib.contextmanager
def _folder(asked: Path | None) -> Iterator[Path]:
    """The folder that was asked for, or one for the while."""
    import tempfile

    if asked is None:
        with tempfile.TemporaryDirectory() as scratch:
            yield Path(scratch)
    else:
        asked.mkdir(parents=True, exist_ok=True)
        yield asked
