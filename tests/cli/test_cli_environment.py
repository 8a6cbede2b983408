"""TensorFlow's start: its noise is left out, everything else is passed on. And `autoarch info`."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from autoarch.cli import machine
from autoarch.cli.environment import without_noise
from autoarch.cli.info import _text

NOISE = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "I0000 00:00:1795510262.071516    5850 cudart_stub.cc:31] Could not find cuda drivers.\n"
    "2025-11-24 08:37:42.071516: I tensorflow/core/util/port.cc:153] oneDNN custom operations\n"
    "To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow.\n"
    "E0000 00:00:1795510262.1 1 cuda_fft.cc:477] Unable to register cuFFT factory: registered.\n"
)
SPEECH = (
    "E0000 00:00:1795510262.1 1 cuda_platform.cc:52] failed call to cuInit\n"
    "W0000 00:00:1795510262.1 1 loader.cc:1] something to know\n"
    "Information from a user's own module\n"
)


def test_noise_is_left_out_and_the_rest_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with without_noise():
        os.write(2, (NOISE + SPEECH).encode())
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == SPEECH + "afterwards\n"


def test_a_failing_import_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ImportError, match="broken"), without_noise():
        os.write(2, b"ImportError: libsomething.so: cannot open shared object file\n")
        raise ImportError("broken")
    assert "libsomething.so" in capfd.readouterr().err


def test_the_last_words_of_a_crash_are_heard() -> None:
    code = (
        "import os\n"
        "from autoarch.cli.environment import without_noise\n"
        "with without_noise():\n"
        "    os.write(2, b'F0000 00:00:1 1 cpu.cc:1] compiled to use AVX instructions\\n')\n"
        "    os.abort()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode != 0
    assert "compiled to use AVX instructions" in done.stderr


def test_info_starts_tensorflow_without_noise() -> None:
    program = "from autoarch.cli.main import main; main()"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    done = subprocess.run(
        [sys.executable, "-c", program, "info", "--json"],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert (done.returncode, done.stderr) == (0, "")
    facts = json.loads(done.stdout)
    assert set(facts["versions"]) == {"python", *machine.DISTRIBUTIONS}
    assert 1 <= facts["cpu"]["usable_cores"] <= facts["cpu"]["cores"]
    assert facts["environment"]["TF_ENABLE_ONEDNN_OPTS"] == "1"
    half = max(1, facts["cpu"]["usable_cores"] // 2)
    assert facts["environment"]["TF_NUM_INTRAOP_THREADS"] == str(half)
    assert facts["advice"]
    assert facts["versions"]["tensorflow"] in _text(facts)


CPUINFO = "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx2 fma avx512_bf16\n"
MEMINFO = "MemTotal:        8000000 kB\nMemAvailable:    6000000 kB\nHugePages_Total:  0\n"


def test_processor() -> None:
    assert machine.cpu_model(CPUINFO) == "Some CPU"
    assert machine.cpu_features(CPUINFO) == ("avx2", "fma", "avx512_bf16")
    assert machine.cpu_features("Features\t: fp asimd bf16\n") == ("asimd", "bf16")
    assert (machine.cpu_model(""), machine.cpu_features("")) == (None, ())


def test_memory_is_limited_by_the_control_group() -> None:
    everything = {"usable_bytes": 8_192_000_000, "available_bytes": 6_144_000_000}
    assert machine.memory(MEMINFO, "max\n") == everything
    assert machine.memory(MEMINFO, "4000000000\n") == {
        "usable_bytes": 4_000_000_000,
        "available_bytes": 4_000_000_000,
    }
    assert machine.memory("", "") == {"usable_bytes": None, "available_bytes": None}


@pytest.mark.parametrize(
    ("features", "capabilities", "word"),
    [
        ((), ["8.0"], "mixed_float16"),
        ((), ["6.1"], "No tensor cores"),
        ((), [None], "No tensor cores"),
        (("avx2", "amx_bf16"), [], "computes in bfloat16"),
        (("avx2",), [], "no bfloat16"),
        (("avx",), [], "Without AVX2"),
    ],
)
def test_advice(features, capabilities, word: str) -> None:
    assert word in " ".join(machine.advice(features, capabilities))
