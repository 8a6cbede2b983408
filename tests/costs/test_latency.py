import math

import numpy as np
import pytest

from autoarch.architecture import INPUT, Architecture, Node
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.rescale import Rescale
from autoarch.costs import (
    LatencyTable,
    cached_table,
    keep_table,
    measure_latency,
    measure_ops,
    op_timing,
)
from autoarch.costs.latency import signatures
from autoarch.costs.lowering import lower
from autoarch.costs.measuring import distinct_ops
from autoarch.errors import InvalidInputError
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces import SPACES, SpeechSpace


def draw(name, n, seed=0):
    space = SPACES[name]((16, 16, 3), 4, width=8)
    decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
    rng = np.random.default_rng(seed)
    return [space.candidate(decisions.sample(rng)).architecture for _ in range(n)]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "autoarch"


def test_a_network_takes_the_sum_of_its_ops():
    (architecture,) = draw("mobile", 1)
    ops = distinct_ops([architecture])
    table = LatencyTable({name: 1e-6 * i for i, name in enumerate(ops)}, fixed_s=5e-6)
    times = dict.fromkeys(ops, 0)
    for name in signatures(lower(architecture)):
        times[name] += 1
    expected = 5e-6 + sum(table.seconds[name] * n for name, n in times.items())
    assert table.predict_s(architecture) == pytest.approx(expected)


def test_a_table_that_lacks_ops_names_one():
    (architecture,) = draw("residual", 1)
    table = LatencyTable({}, device="the board")
    assert len(table.missing(architecture)) == len(distinct_ops([architecture]))
    with pytest.raises(InvalidInputError, match=r"the board lacks .* such as 'conv_2d"):
        table.predict_s(architecture)


def test_an_op_that_was_not_measured_follows_those_of_its_kind():
    def seconds(side, filters):
        return 2e-11 * (side * side * 9 * 8 * filters) ** 0.9

    known = {
        f"conv_2d {side}x{side}x8 k3 o{filters}": seconds(side, filters)
        for side in (4, 8, 32)
        for filters in (8, 16, 64)
    }
    table = LatencyTable({**known, "softmax 8": 1e-7})
    rescale = Node("rescale", Rescale(), (INPUT,))
    conv = Node("conv", Conv2D(32), ("rescale",))
    architecture = Architecture((16, 16, 8), (rescale, conv))
    assert table.missing(architecture) == []
    conv_s = table.predict_s(architecture) - 16 * 16 * 32 / 8 * 1e-7
    assert conv_s == pytest.approx(seconds(16, 32), rel=1e-6)


def test_csv_keeps_a_table(tmp_path):
    table = LatencyTable({"conv_2d 8x8x4 k3 o4, relu": 1.25e-5, "add 4+4": 0.0}, 2e-6, "a, b", 3)
    table.to_csv(tmp_path / "t.csv")
    assert LatencyTable.from_csv(tmp_path / "t.csv") == table


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must begin with the columns"),
        ("op,ms\na,1\n", "must begin with the columns"),
        ("signature,seconds\nadd 4,fast\n", "a row must be a signature and seconds"),
        ("signature,seconds\nadd 4,-1\n", "a row must be a signature and seconds"),
        ("signature,seconds\nadd 4,nan\n", "a row must be a signature and seconds"),
        ("signature,seconds\nadd 4\n", "a row must be a signature and seconds"),
        ("signature,seconds\nconv_2d,1e-5\n", "a row must be a signature and seconds"),
        ("signature,seconds\nadd 0x4x4,1e-5\n", "a row must be a signature and seconds"),
    ],
)
def test_malformed_csv_is_refused(tmp_path, text, message):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=message) as caught:
        LatencyTable.from_csv(path)
    assert "\n" not in str(caught.value)


def test_a_missing_csv_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="cannot be read"):
        LatencyTable.from_csv(tmp_path / "none.csv")


def test_each_op_is_measured_once_and_kept(cache):
    networks = draw("mobile", 2) + draw("residual", 1)
    table = measure_ops(networks)
    assert set(table.seconds) == set(distinct_ops(networks))
    assert all(table.predict_s(network) > 0 for network in networks)
    asked = []
    again = measure_ops(networks, table=table, progress=lambda *counts: asked.append(counts))
    assert again == table and not asked
    assert cached_table() is None
    assert keep_table(table).parent == cache
    assert cached_table() == table and cached_table(threads=2) is None
    keep_table(table).write_text("[]")
    assert cached_table() is None


def test_more_work_takes_longer():
    small, large = (
        {
            "kind": "conv_2d", "reads": [(side, side, 16)], "shape": (side, side, 16),
            "kernel": (16, 3, 3, 16), "channels": 16, "stride": 1, "window": 0,
            "activation": "relu", "constant": "",
        }
        for side in (8, 64)
    )  # fmt: skip
    assert op_timing.time_op(large, 1, 0.0) > 5 * op_timing.time_op(small, 1, 0.0)


def test_every_kind_of_op_runs_alone():
    """Each op file that the table is measured with answers, and with the declared shape."""
    from ai_edge_litert.interpreter import Interpreter

    kinds = {}
    networks = [network for space in SPACES for network in draw(space, 12)]
    sounds = SpeechSpace((8000,), 4, rate=8000, width=8, integers=True)
    for op in distinct_ops([*networks, sounds.candidate({}).architecture]).values():
        like = (op["kind"], op["activation"], bool(op["constant"]), len(op["shape"]))
        kinds.setdefault((*like, op_timing._pieces(op)), op)
    assert {kind for kind, *_ in kinds} >= {
        *("conv_2d", "depthwise_conv_2d", "hard_swish", "mean", "concatenation"),
        *("space_to_batch_nd", "batch_to_space_nd"),
    }
    for op in kinds.values():
        interpreter = Interpreter(model_content=op_timing.op_file(op))
        interpreter.allocate_tensors()
        interpreter.invoke()
        outputs = interpreter.get_output_details()
        assert len(outputs) == op_timing.COPIES
        sizes = {math.prod(output["shape"]) for output in outputs}
        assert sizes == {math.prod(op["shape"])}, op


def test_what_is_no_model_is_refused(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"no model")
    with pytest.raises(InvalidInputError, match="cannot be run by LiteRT"):
        measure_latency(path)
