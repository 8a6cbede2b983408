"""Sizes, parameters and multiply-adds against built and converted networks of every space.

`benchmarks/costs.py` does the same with a hundred of each.
"""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from autoarch.architecture import INPUT, Architecture, GraphBuilder, Node
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.dilated_depthwise_conv2d import DilatedDepthwiseConv2D
from autoarch.architecture.ops.merge import Concat
from autoarch.architecture.ops.op import Op
from autoarch.architecture.ops.pooling import GlobalAveragePool2D, MaxPool2D
from autoarch.architecture.ops.rescale import Rescale
from autoarch.costs import model_costs
from autoarch.errors import InvalidArchitectureError
from autoarch.spaces import SPACES, SpeechSpace
from autoarch.training.sliced_conv import slice_convolutions

SIMPLE = ("residual", "mobile")
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark():
    """The module `benchmarks/costs.py`, which holds costs against real files."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location("costs_benchmark", BENCHMARKS / "costs.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(BENCHMARKS))
    return module


def check(benchmark, name, cases, n, seed):
    for case in cases:
        for architecture in benchmark.draw(name, *case, n, seed):
            costs = model_costs(architecture)
            sizes = benchmark.sizes(architecture, costs)  # raises where counts differ
            for file, found, real in zip(benchmark.FILES, benchmark.estimates(costs), sizes):
                assert abs(found - real) <= 0.03 * real, (file, found, real, architecture.key)
            found, real = costs.int8_file_bytes, sizes[0]
            assert found >= 0.98 * real, ("int8 estimated too small", found, real, architecture.key)


NAMES = [*SPACES, SpeechSpace.name]
IN_ORDER = (*SIMPLE, SpeechSpace.name)
"""Spaces of few branches."""


@pytest.mark.parametrize("name", IN_ORDER)
def test_costs_are_those_of_the_built_and_converted_network(benchmark, name):
    check(benchmark, name, benchmark.cases_of(name)[::3], 1, seed=3)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", NAMES)
def test_costs_of_a_hundred_networks(benchmark, name):
    check(benchmark, name, benchmark.cases_of(name), 25, seed=20)


@pytest.mark.parametrize("name", NAMES)
def test_the_file_has_the_ops_that_were_priced(benchmark, tmp_path, name):
    shape, number = (16, 16, 3) if name in SPACES else (4000,), 2 if name in IN_ORDER else 1
    for architecture in benchmark.draw(name, shape, 5, 4, number, seed=5):
        check_ops(benchmark, architecture, tmp_path / "network.tflite", name in IN_ORDER)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", NAMES)
def test_two_hundred_networks_train_and_convert_as_they_are_priced(benchmark, tmp_path, name):
    """Those on texts have a file of another kind: `test_token_file.py`."""
    shape = (16, 16, 3) if name in SPACES else (4000,)
    errors = []
    for architecture in benchmark.draw(name, shape, 5, 4, 200, seed=6):
        train_a_step(architecture)
        path = tmp_path / "network.tflite"
        check_ops(benchmark, architecture, path, name in IN_ORDER)
        found, real = model_costs(architecture).int8_file_bytes, path.stat().st_size
        assert -0.03 <= found / real - 1 <= 0.05, (found, real, architecture.to_json())
        errors.append(abs(found - real) / real)
    # How many zero points are alike, and what is brought into which range, depends on the data:
    # cells of pools alone, stacked, and tensors put together twice are up to 4.3 % off.
    assert np.quantile(errors, 0.95) <= 0.03


def train_a_step(architecture):
    """One step of gradient descent; all weights are priced, and stay finite."""
    rng = np.random.default_rng(0)
    keras.backend.clear_session()
    model = architecture.build()
    slice_convolutions(model)  # as where networks are trained
    assert model.count_params() == architecture.params
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss=loss, run_eagerly=True)
    shape = (8, *architecture.input_shape)
    is_sound = len(architecture.input_shape) == 1
    inputs = rng.normal(0, 0.1, shape) if is_sound else rng.integers(0, 256, shape)
    labels = np.arange(8) % architecture.output_shape[0]
    assert np.isfinite(model.train_on_batch(inputs.astype("float32"), labels))
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def sides(shape):
    """Without the batch; the pieces of a picture that is cut into a batch count as channels."""
    batch, *rest = (int(size) for size in shape)
    return (*rest[:-1], rest[-1] * batch)


def check_ops(benchmark, architecture, path, in_order):
    """The file's ops are the lowered graph's: to the order where there are few branches.

    Of many branches the converter sometimes writes another first, so there the ops are compared
    as a multiset.
    """
    from ai_edge_litert import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.BuiltinOperator).items()}
    benchmark.convert_int8(architecture, path)
    model = schema.ModelT.InitFromPackedBuf(bytearray(path.read_bytes()), 0)
    (graph,) = model.subgraphs
    codes = [names[model.operatorCodes[op.opcodeIndex].builtinCode] for op in graph.operators]
    shapes = [graph.tensors[op.outputs[0]].shape for op in graph.operators]
    # Not ops of the network: a picture of one pixel is sometimes made a vector before it is added,
    # and what is put together twice is brought into the second one's range.
    written = [(c, s) for c, s in zip(codes, shapes) if (c, len(s)) != ("RESHAPE", 1)]
    found = [(code, sides(shape)) for code, shape in written if code != "QUANTIZE"]
    priced = [(op.kind.upper(), op.shape) for op in model_costs(architecture).lite_graph.ops]
    if not in_order:
        found, priced = sorted(found), sorted(priced)
    assert found == priced, architecture.to_json()


def twice(op, *, relu=False):
    """A network that does the same twice beside each other, and puts both results together."""
    builder = GraphBuilder((8, 8, 3))
    pixels = builder.add(Rescale(), INPUT, name="rescale")
    stem = builder.add(Conv2D(6), pixels, name="stem")
    pools = [builder.add(op, stem, name=name) for name in ("a", "b")]
    if relu:
        pools[1] = builder.add(Activation("relu"), pools[1], name="relu")
    x = builder.add(Concat(), *pools, name="both")
    x = builder.add(GlobalAveragePool2D(), x, name="pool")
    builder.add(Dense(4), x, name="logits")
    return builder.finish()


@pytest.mark.parametrize("relu", [False, True])
def test_equal_ops_on_one_tensor_are_one_op(benchmark, tmp_path, relu):
    architecture = twice(MaxPool2D(3), relu=relu)
    kinds = [op.kind for op in model_costs(architecture).lite_graph.ops]
    assert kinds.count("max_pool_2d") == 1
    # Another op reads the one that is left, so the relu cannot be a part of it.
    assert kinds.count("relu") == relu
    check_ops(benchmark, architecture, tmp_path / "network.tflite", in_order=True)


def test_ops_with_weights_stay_two(benchmark, tmp_path):
    architecture = twice(Conv2D(3))
    kinds = [op.kind for op in model_costs(architecture).lite_graph.ops]
    assert kinds.count("conv_2d") == 3
    check_ops(benchmark, architecture, tmp_path / "network.tflite", in_order=True)


def test_pixels_that_nothing_rescales_are_put_back_to_where_they_were(benchmark, tmp_path):
    builder = GraphBuilder((8, 8, 3))
    x = builder.add(Conv2D(6), INPUT, name="conv")
    x = builder.add(BatchNorm(), x, name="norm")
    x = builder.add(Activation("relu"), x, name="relu")
    x = builder.add(GlobalAveragePool2D(), x, name="pool")
    builder.add(Dense(4), x, name="logits")
    architecture = builder.finish()
    kinds = [op.kind for op in model_costs(architecture).lite_graph.ops]
    assert kinds == ["add", "conv_2d", "mean", "fully_connected", "softmax"]
    check_ops(benchmark, architecture, tmp_path / "network.tflite", in_order=True)


@pytest.mark.parametrize("norm", [False, True])
def test_dilated_convolutions_are_cut_in_float_files(benchmark, norm):
    builder = GraphBuilder((16, 16, 3))
    x = builder.add(Rescale(), INPUT, name="rescale")
    for step in range(3):
        x = builder.add(DilatedDepthwiseConv2D(3, dilation=2), x, name=f"dilated{step}")
        if norm:
            x = builder.add(BatchNorm(), x, name=f"norm{step}")
        x = builder.add(Activation("relu"), x, name=f"relu{step}")
    x = builder.add(GlobalAveragePool2D(), x, name="pool")
    builder.add(Dense(4), x, name="logits")
    costs = model_costs(builder.finish())
    _, *floats = benchmark.sizes(builder.finish(), costs)
    for found, real in zip((costs.float_file_bytes, costs.float16_file_bytes), floats):
        assert abs(found - real) <= 0.03 * real


def test_an_op_without_lite_form_says_so():
    @dataclass(frozen=True)
    class Odd(Op):
        def output_shape(self, *inputs):
            return inputs[0]

        def apply(self, inputs, *, name, dtype):
            return inputs[0]

    Odd.kind = "odd"  # set later, so that it is not among the ops that exist
    costs = model_costs(Architecture((4,), (Node("odd", Odd(), (INPUT,)),)))
    assert costs.params == 0
    with pytest.raises(InvalidArchitectureError, match="'odd' has no LiteRT form"):
        _ = costs.int8_file_bytes
