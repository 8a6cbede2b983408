"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before TensorFlow is imported. A worker a core runs tests, so one thread is enough for an op.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of small real data sets that lies beside a checkout."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir() and not os.environ.get("CI"):
        pytest.skip(f"the real data sets are not beside the checkout ({folder})")
    return folder
