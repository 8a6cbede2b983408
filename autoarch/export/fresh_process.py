"""The program of a fresh process: runs functions of stand-alone files, never importing autoarch.

    python fresh_process.py [MODULE...]

The modules are imported at once. Then each line of standard input is a job, JSON `{"file",
"function", "arguments", "questions", "answers"}`: the function of the file is called with the
arguments. Where `questions` is a path, its contents are passed as the argument `questions`, and
the arrays that the function returns are written to `answers`, an `.npz`. Each finished job is
answered by a line on standard output, `{}` or `{"error": text}`.

This file runs by its path, so it must not import anything of autoarch.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import sys
from typing import Any

# Keras and TensorFlow import these where installed, which nearly doubles the start; neither
# loading nor converting a model needs them, and a machine that serves models lacks them anyway.
_NOT_NEEDED = ("matplotlib", "pandas", "sklearn")


def main() -> None:
    # Native code may print: what it prints is noise and goes to standard error.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for name in _NOT_NEEDED:
        sys.modules[name] = None  # type: ignore[assignment]  # makes an import fail
    gc.disable()  # imports create objects that stay; looking for garbage among them is in vain
    for name in sys.argv[1:]:
        importlib.import_module(name)
    gc.freeze()
    gc.enable()
    for line in sys.stdin:
        reply = _run(json.loads(line))
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _run(job: dict[str, Any]) -> dict[str, str]:
    try:
        function = runpy.run_path(job["file"])[job["function"]]
        if job["questions"] is None:
            function(**job["arguments"])
        else:
            _save(job["answers"], function(**job["arguments"], questions=_load(job["questions"])))
        if "autoarch" in sys.modules:
            raise AssertionError("autoarch was imported where only its users' tools may be")
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {}


def _load(path: str) -> dict[str, Any]:
    import numpy as np

    with np.load(path, allow_pickle=False) as file:
        return {
            "inputs": file["inputs"],
            "encoded": _split(file["encoded"], file["lengths"]),
            "classes": _split(file["classes"], file["class_lengths"]),
        }


def _split(joined: Any, lengths: Any) -> list[bytes]:
    data = joined.tobytes()
    ends = lengths.cumsum()
    return [data[end - length : end] for end, length in zip(ends, lengths)]


def _save(path: str, arrays: dict[str, Any]) -> None:
    import numpy as np

    np.savez(path, allow_pickle=False, **arrays)


if __name__ == "__main__":
    main()
