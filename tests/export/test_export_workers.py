from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from autoarch.errors import ExportError
from autoarch.export import Samples
from autoarch.export.workers import Job, Worker

FUNCTIONS = """
def touch(path):
    open(path, "w").close()

def crash():
    import ctypes
    ctypes.string_at(0)

def fail():
    raise ValueError("first line\\n   second line")

def leave():
    import os
    print("last words")
    os._exit(3)

def chatter():
    import os
    os.write(1, b"noise on the standard output\\n")

def import_autoarch():
    import autoarch

def sleep():
    import time
    time.sleep(60)

def echo(questions):
    assert [type(x) for x in questions["encoded"]] == [bytes] * len(questions["encoded"])
    sizes = [len(x) for x in questions["encoded"]]
    return {"pixels": questions["inputs"], "sizes": sizes, "classes": questions["classes"]}
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "functions.py"
    path.write_text(FUNCTIONS)
    return str(path)


def run(file: str, *functions: str, timeout_s: float = 60) -> None:
    with Worker() as worker:
        for function in functions:
            worker.submit(Job(f"doing {function}", file, function))
        worker.finish(timeout_s)


def test_jobs_are_done_in_order(file: str, tmp_path: Path) -> None:
    with Worker("json") as worker:
        for name in "ab":
            worker.submit(Job(name, file, "touch", {"path": str(tmp_path / name)}))
        worker.finish(60)
    assert (tmp_path / "a").exists() and (tmp_path / "b").exists()
    assert (tmp_path / "a").stat().st_mtime_ns <= (tmp_path / "b").stat().st_mtime_ns


def test_a_segmentation_fault_is_one_line(file: str) -> None:
    with pytest.raises(ExportError) as caught:
        run(file, "chatter", "crash", "chatter")
    assert str(caught.value) == "Export failed: doing crash: its process crashed with SIGSEGV."


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("fail", "Export failed: doing fail: ValueError: first line second line"),
        ("leave", "Export failed: doing leave: its process ended with exit code 3: last words"),
        (
            "import_autoarch",
            "Export failed: doing import_autoarch: AssertionError: autoarch was imported where "
            "only its users' tools may be",
        ),
    ],
)
def test_failures_say_what_was_attempted(file: str, function: str, message: str) -> None:
    with pytest.raises(ExportError) as caught:
        run(file, "chatter", function)
    assert str(caught.value) == message


def test_a_job_that_takes_too_long_is_ended(file: str) -> None:
    start = time.monotonic()
    with pytest.raises(ExportError, match="doing sleep took longer than 1 s"):
        run(file, "sleep", timeout_s=1)
    assert time.monotonic() - start < 30


def test_a_preload_that_is_missing_is_reported(file: str) -> None:
    with Worker("no_such_module") as worker, pytest.raises(ExportError, match="no_such_module"):
        worker.submit(Job("waiting", file, "chatter"))
        worker.finish(60)


def test_questions_arrive_and_answers_come_back(tmp_path: Path, file: str) -> None:
    pixels = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4, 1)
    samples = Samples((b"\0abc", b"d"), pixels, np.zeros((2, 2), np.float32))
    samples.save(tmp_path / "questions.npz", classes=[b"x", "\u732b".encode()])
    job = Job(
        "asking",
        file,
        "echo",
        questions=str(tmp_path / "questions.npz"),
        answers=str(tmp_path / "answers.npz"),
    )
    with Worker() as worker:
        worker.submit(job)
        worker.finish(60)
    with np.load(tmp_path / "answers.npz") as answers:
        assert np.array_equal(answers["pixels"], pixels)
        assert answers["sizes"].tolist() == [4, 1]
        assert answers["classes"].tolist() == [b"x", "\u732b".encode()]


def test_an_idle_process_is_ended_by_close(file: str) -> None:
    worker = Worker()
    pid = worker._process.pid
    worker.close()
    worker.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
