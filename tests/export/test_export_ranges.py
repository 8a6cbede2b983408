"""Activations that are zero on all calibration pictures: files with them load and answer."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autoarch.export import TrainedModel, ask_int8, integers, quantise
from autoarch.export import ranges as ranges_file
from autoarch.export.formats import litert_int8
from autoarch.export.ranges import OF_HARD_SWISH_INPUT, OF_INPUTS, OF_SUM, wide_enough


def with_weights(model: TrainedModel, **values: float) -> TrainedModel:
    """The model with all numbers of some weights set, by layer and kind: `conv2d__bias=-1`."""
    names = [weight.path.replace("/", "__") for weight in model.architecture.build().weights]
    assert set(values) <= set(names)
    weights = tuple(
        np.full_like(weight, values[name]) if name in values else weight
        for name, weight in zip(names, model.weights)
    )
    return replace(model, weights=weights)


@pytest.fixture(scope="module")
def calibration() -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (40, 8, 8, 3), np.uint8)


DEAD = {
    "squeeze": {"squeeze_excite_reduce__bias": -1e4},
    "gate": {"squeeze_excite_expand__bias": -1e4},
    "h-swish": {"batch_norm__beta": -100.0},
}


def test_without_wider_ranges_a_gate_that_never_fires_is_refused(
    model: TrainedModel, calibration: np.ndarray, tmp_path: Path
) -> None:
    """The cause, step by step: a range of the smallest float, and a scale that no kernel takes."""
    with_weights(model, **DEAD["squeeze"]).folded_model().save(tmp_path / "dead.keras")
    np.save(tmp_path / "pixels.npy", calibration)
    program = f"""
import runpy
from pathlib import Path
from ai_edge_litert import schema_py_generated as schema
int8 = runpy.run_path({litert_int8.__file__!r})
integers = runpy.run_path({integers.__file__!r})
widen = runpy.run_path({ranges_file.__file__!r})["widen"]
def widths(content):
    model = schema.ModelT.InitFromPackedBuf(bytearray(content), 0)
    return [
        float(t.quantization.max[0] - t.quantization.min[0])
        for t in model.subgraphs[0].tensors
        if model.buffers[t.buffer].data is None
    ]
int8["calibrate_network"]("dead.keras", "pixels.npy", "a.tflite")
calibrated = Path("a.tflite").read_bytes()
print(min(widths(calibrated)))
integers["quantise_calibrated"]("a.tflite")
try:
    int8["ask"](Path("a.tflite").read_bytes(), __import__("numpy").load("pixels.npy"))
except RuntimeError as error:
    print(error)
Path("a.tflite").write_bytes(calibrated)
widen("a.tflite")
print(min(widths(Path("a.tflite").read_bytes())))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    before, *refused, after = done.stdout.strip().splitlines()
    assert float(before) < 1e-37 and float(after) > 1e-3
    assert "failed to prepare" in " ".join(refused)


@pytest.mark.parametrize("what", DEAD)
def test_a_dead_activation_makes_a_file_that_answers_as_the_network(
    model: TrainedModel, calibration: np.ndarray, tmp_path: Path, what: str
) -> None:
    dead = with_weights(model, **DEAD[what])
    file = tmp_path / "dead.tflite"
    quantise(dead, calibration, file)
    expected = np.asarray(dead.folded_model()(calibration.astype(np.float32) - 128))
    moved = np.abs(ask_int8(file, calibration) - expected).sum(-1).mean() / 2
    assert moved < 0.03


def test_ranges_that_kernels_can_work_with_stay_as_they_are() -> None:
    found = {0: (-128.0, 127.0), 1: (0.0, 3.0), 2: (-1.0, 2.0), 3: (-1.0, 4.0)}
    ops = [("", [0], [1]), ("hard_swish", [1], [2]), ("add", [1, 2], [3])]
    assert wide_enough(found, ops) == found


def test_dead_ones_behind_each_other_are_all_widened() -> None:
    found = wide_enough(
        {0: (-2.0, 6.0), 1: (0.0, 0.0), 2: (0.0, 0.0)}, [("", [0], [1]), ("", [1], [2])]
    )
    assert found[1] == (0.0, 8.0) and found[2] == (0.0, 8.0)


def test_one_that_hardly_fires_keeps_a_share_of_its_input() -> None:
    found = wide_enough({0: (-1.0, 3.0), 1: (0.0, 0.001)}, [("", [0], [1])])
    assert found[1] == (0.0, 4 * OF_INPUTS)
    found = wide_enough({0: (-1.0, 3.0), 1: (-0.01, 0.0)}, [("hard_swish", [0], [1])])
    assert found[1] == (-4 * OF_HARD_SWISH_INPUT, 0.0)


def test_what_is_added_to_something_much_larger_is_widened_on_its_own_side() -> None:
    ranges = {0: (-0.001, 0.0), 1: (0.0, 512.0), 2: (0.0, 512.0)}
    found = wide_enough(ranges, [("add", [0, 1], [2])])
    assert found[0] == (pytest.approx(-512 * OF_SUM), 0.0)
    assert found[1] == (0.0, 512.0)
