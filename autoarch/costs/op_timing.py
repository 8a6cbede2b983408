"""Times single LiteRT ops in int8. Runs on its own, on any device that has `ai-edge-litert`:

    python op_timing.py ops.json table.csv [THREADS]

`ops.json` is a list of ops as `autoarch latency --board FOLDER` writes it, beside a copy of this
file; `table.csv` is what `[latency]` of a device profile names. Nothing of autoarch is imported.

An op is timed in a file that holds it several times, all reading the same input, so that what
every call costs is a small part, and that part, measured with a tiny file, is taken off.
"""

from __future__ import annotations

import csv
import json
import math
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

COPIES = 4
MANY_COPIES = 32
"""Of an op so short that what every call costs would be a large part."""
SCALE = 0.05
"""Of all activations: any will do, since integer kernels take as long for any values."""

_OPTIONS = {
    "conv_2d": "Conv2D",
    "depthwise_conv_2d": "DepthwiseConv2D",
    "fully_connected": "FullyConnected",
    "add": "Add",
    "mul": "Mul",
    "mean": "Reducer",
    "reduce_max": "Reducer",
    "softmax": "Softmax",
    "concatenation": "Concatenation",
    "max_pool_2d": "Pool2D",
    "average_pool_2d": "Pool2D",
}
_VERSIONS = {"conv_2d": 3, "depthwise_conv_2d": 3, "fully_connected": 4, "hard_swish": 1}
"""The first version of each op that calculates in int8; 2 for the others."""
_ACTIVATIONS = {"": 0, "relu": 1, "relu6": 3}


def op_file(op: dict[str, Any], copies: int = COPIES) -> bytes:
    """A `.tflite` file with an op several times.

    Args:
        op: The fields of `autoarch.architecture.lite.LiteOp`, and `reads`, the shapes of its
            inputs without the batch.
        copies: How often it is in the file.
    """
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    rng = np.random.default_rng(0)
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs = 3, [graph]
    model.buffers, graph.tensors, graph.operators = [schema.BufferT()], [], []

    def tensor(shape: Any, scales: Any, data: Any = None, axis: int = 0, zero: int = 0) -> int:
        made = schema.TensorT()
        made.shape = np.array(shape, np.int32)
        kind = np.dtype(np.int8) if data is None else data.dtype
        made.type = schema.TensorType.INT8 if kind == np.int8 else schema.TensorType.INT32
        made.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            made.buffer = len(model.buffers)
            model.buffers.append(buffer)
        if scales is not None:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale = np.array(scales, np.float32)
            made.quantization.zeroPoint = np.full(len(scales), zero, np.int64)
            made.quantization.quantizedDimension = axis
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, op["kind"].upper())
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = _VERSIONS.get(op["kind"], 2)
    model.operatorCodes = [code]
    pieces, kind = _pieces(op), op["kind"]

    def batched(shape: Any, whole: str) -> Any:
        """The shape with its batch; a whole picture is what `whole` reads or writes."""
        if pieces == 1 or kind == whole:
            return (1, *shape)
        return (pieces, *shape[:-1], shape[-1] // pieces)

    graph.inputs = [tensor(batched(s, "space_to_batch_nd"), [SCALE]) for s in op["reads"]]
    graph.outputs = []
    for _ in range(copies):
        reads = list(graph.inputs)
        if channels := op["channels"]:
            kernel = rng.integers(-127, 128, op["kernel"], dtype=np.int8)
            axis = 3 if op["kind"] == "depthwise_conv_2d" else 0
            bias = rng.integers(-1000, 1000, channels, dtype=np.int32)
            reads.append(tensor(kernel.shape, [0.01] * channels, kernel, axis))
            reads.append(tensor(bias.shape, [0.01 * SCALE] * channels, bias))
        elif op["kind"] in ("mean", "reduce_max"):
            reads.append(tensor((2,), None, np.array([1, 2], np.int32)))
        elif kind in ("space_to_batch_nd", "batch_to_space_nd"):
            coarse, whole = op["shape"], op["reads"][0]
            if kind == "batch_to_space_nd":
                coarse, whole = whole, coarse
            step = math.isqrt(pieces)
            beyond = [[0, step * part - side] for part, side in zip(coarse[:2], whole[:2])]
            reads.append(tensor((2,), None, np.array([step, step], np.int32)))
            reads.append(tensor((2, 2), None, np.array(beyond, np.int32)))
        elif op["constant"]:
            reads.append(tensor((), [0.01], np.array(100, np.int8)))
        low = op["kind"] in ("logistic", "softmax")
        scales, zero = ([1 / 256], -128) if low else ([SCALE], 0)
        output = tensor(batched(op["shape"], "batch_to_space_nd"), scales, zero=zero)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = 0, reads, [output]
        _set_options(schema, operator, op)
        graph.operators.append(operator)
        graph.outputs.append(output)
    return _packed(model)


def _pieces(op: dict[str, Any]) -> int:
    """Coarser pictures that a dilated convolution is cut into, a batch of them; `op` tells their
    number as channels (see `autoarch.costs.lowering`)."""
    read, made = op["reads"][0][-1], op["shape"][-1]
    if op["kind"] == "space_to_batch_nd":
        return int(made // read)
    if op["kind"] == "batch_to_space_nd":
        return int(read // made)
    return int(read // op["kernel"][-1]) if op["kind"] == "depthwise_conv_2d" else 1


def _set_options(schema: Any, operator: Any, op: dict[str, Any]) -> None:
    name = _OPTIONS.get(op["kind"])
    if name is None:
        return
    options = getattr(schema, f"{name}OptionsT")()
    operator.builtinOptionsType = getattr(schema.BuiltinOptions, f"{name}Options")
    operator.builtinOptions = options
    values: dict[str, Any] = {
        "strideW": op["stride"],
        "strideH": op["stride"],
        "filterWidth": op["window"],
        "filterHeight": op["window"],
        "depthMultiplier": 1,
        "dilationWFactor": op.get("dilation", 1),
        "dilationHFactor": op.get("dilation", 1),
        "fusedActivationFunction": _ACTIVATIONS[op["activation"]],
        "keepDims": len(op["shape"]) == 3,
        "beta": 1.0,
        "axis": len(op["shape"]),  # the channels
        "padding": int(_pieces(op) > 1),  # pieces of a picture come padded
    }
    for key, value in values.items():
        if hasattr(options, key):
            setattr(options, key, value)


def _packed(model: Any) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def time_file(
    content: bytes, threads: int = 1, *, least_runs: int = 15, least_s: float = 0.02
) -> tuple[float, float]:
    """Median and 90 % quantile of the seconds of one call, after a warm-up.

    Args:
        content: A `.tflite` file; its input is zeros.
        threads: Of LiteRT.
        least_runs: Calls at least.
        least_s: Seconds at least.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=threads)
    interpreter.allocate_tensors()
    for _ in range(3):
        interpreter.invoke()
    clock, invoke = time.perf_counter, interpreter.invoke
    seconds: list[float] = []
    end = clock() + least_s
    while len(seconds) < least_runs or clock() < end:
        begin = clock()
        invoke()
        seconds.append(clock() - begin)
    seconds.sort()
    return statistics.median(seconds), seconds[int(0.9 * (len(seconds) - 1))]


def time_fixed(threads: int = 1) -> float:
    """Seconds of a call that hardly computes anything."""
    op = {
        "kind": "softmax",
        "reads": [[2]],
        "shape": [2],
        "kernel": [],
        "channels": 0,
        "stride": 1,
        "window": 0,
        "activation": "",
        "constant": "",
    }
    return time_file(op_file(op, copies=1), threads, least_s=0.2)[0]


def time_op(op: dict[str, Any], threads: int, fixed_s: float) -> float:
    """Median seconds of an op in a network; see `op_file` for `op`."""
    copies = COPIES
    median, _ = time_file(op_file(op, copies), threads)
    if median < 10 * fixed_s:
        copies = MANY_COPIES
        median, _ = time_file(op_file(op, copies), threads)
    return max(median - fixed_s, 0.0) / copies


def main() -> None:
    source, target, *rest = sys.argv[1:]
    threads = int(rest[0]) if rest else 1
    fixed_s = time_fixed(threads)
    rows = [("fixed", fixed_s)]
    for op in json.loads(Path(source).read_text(encoding="utf-8")):
        rows.append((op["signature"], time_op(op, threads, fixed_s)))
        print(f"{len(rows) - 1}: {op['signature']}", file=sys.stderr)  # noqa: T201
    with Path(target).open("w", newline="", encoding="utf-8") as file:
        file.write(f"# device: {platform.node()} {platform.machine()}\n# threads: {threads}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["signature", "seconds"])
        writer.writerows((name, f"{seconds:.4g}") for name, seconds in rows)


if __name__ == "__main__":
    main()
