"""What is settled before TensorFlow starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autoarch.training import runtime


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A process that may run on eight cores; where its control group's quota stands."""
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(runtime, "_CPU_MAX", quota)
    return quota


@pytest.mark.parametrize(
    ("quota", "cores"),
    [(None, 8), ("max 100000\n", 8), ("250000 100000\n", 2), ("50000 100000", 1), ("", 8)],
)
def test_cores_are_limited_by_the_control_group(
    eight_cores: Path, quota: str | None, cores: int
) -> None:
    if quota is not None:
        eight_cores.write_text(quota)
    assert runtime.usable_cores() == cores


def test_all_cores_count_where_nothing_limits_them(
    eight_cores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    assert runtime.usable_cores() == 12


def test_an_op_gets_half_of_the_cores_unless_the_user_says_otherwise(
    eight_cores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    runtime.prepare_environment()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "4"
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
    runtime.prepare_environment()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "7"
