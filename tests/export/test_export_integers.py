"""Networks of which TensorFlow's converter alone would leave a piece in floats."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autoarch.architecture import INPUT, GraphBuilder
from autoarch.architecture.ops import OPS
from autoarch.data.dataset import ImagePreprocessing
from autoarch.export import TrainedModel, ask_int8, integers, quantise
from autoarch.export.formats import litert_int8


def pooled_and_concatenated(*, before: bool = False) -> TrainedModel:
    """A tensor that is concatenated, and pooled for a convolution that joins later.

    Args:
        before: Whether it is pooled for the concatenation, too.
    """
    builder = GraphBuilder((12, 12, 1))

    def add(kind: str, *inputs: str, name: str, **fields: object) -> str:
        return builder.add(OPS[kind](**fields), *inputs, name=name)

    x = add("rescale", INPUT, name="rescale")
    x = add("conv2d", x, name="stem", filters=8)
    x = add("activation", x, name="stem_relu", function="relu")
    y = add("depthwise_conv2d", x, name="depthwise", kernel=5)
    y = add("conv2d", y, name="pointwise", filters=8, kernel=1)
    y = add("activation", y, name="pointwise_relu", function="relu")
    joined = [x, y]
    if before:
        joined = [add("max_pool2d", part, name=f"pool_{part}", size=3, stride=2) for part in joined]
    y = add("concat", *joined, name="joined")
    y = add("average_pool2d", y, name="joined_pool", size=3, stride=2)
    side = 4 if before else 2
    z = add("max_pool2d", x, name="side_pool", size=side, stride=side)
    z = add("conv2d", z, name="behind_pool", filters=16, kernel=1)
    x = add("add", z, y, name="sum")
    x = add("global_average_pool2d", x, name="average")
    add("dense", x, name="logits", units=3)
    network = builder.finish()
    rng = np.random.default_rng(0)
    weights = tuple(
        rng.normal(0, 0.3, array.shape).astype(np.float32)
        for array in network.build().get_weights()
    )
    return TrainedModel(network, weights, ("a", "b", "c"), ImagePreprocessing(12, 12, 1))


def pictures() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (40, 12, 12, 1), dtype=np.uint8)


@pytest.mark.parametrize("before", [False, True])
def test_the_file_holds_integers_alone_and_answers_as_the_network(
    tmp_path: Path, before: bool
) -> None:
    model, file = pooled_and_concatenated(before=before), tmp_path / "model.tflite"
    quantise(model, pictures(), file)
    assert not integers.holds_floats(file.read_bytes())
    expected = np.asarray(model.serving_model()(pictures()))
    assert np.abs(ask_int8(file, pictures()) - expected).mean() < 0.02


@pytest.mark.parametrize("before", [False, True])
def test_the_converter_alone_leaves_floats(tmp_path: Path, before: bool) -> None:
    """The cause; should this fail with another TensorFlow, `with_pools_first` can go."""
    pooled_and_concatenated(before=before).folded_model().save(tmp_path / "folded.keras")
    np.save(tmp_path / "pixels.npy", pictures())
    program = f"""
import runpy
from pathlib import Path
import tensorflow as tf
from tensorflow.lite.python.convert import mlir_quantize
int8 = runpy.run_path({litert_int8.__file__!r})
integers = runpy.run_path({integers.__file__!r})
int8["calibrate_network"]("folded.keras", "pixels.npy", "a.tflite")
content = Path("a.tflite").read_bytes()
first = integers["with_pools_first"](content)
for each in (content, first, integers["with_pools_first"](first)):
    made = mlir_quantize(each, input_data_type=tf.int8, output_data_type=tf.int8)
    print(integers["holds_floats"](made))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False", "False"]
