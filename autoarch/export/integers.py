"""Makes a calibrated `.tflite` file int8 throughout.

TensorFlow's converter leaves a convolution in floats, between a dequantising and a quantising op,
where it reads a pool of what is also concatenated, be it pooled or not, and the pool comes behind
the concatenation (TensorFlow 2.21; two of 700 random networks). Order is free there, so pools that
come behind are put before, and what still has floats afterwards is refused.

This file runs on its own, in a process where autoarch is not imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any


def quantise_calibrated(path: str) -> None:
    """Makes a float file whose activations have ranges int8, in place; may crash the process.

    Raises:
        RuntimeError: The converter left an op in floats.
    """
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    def quantised(content: bytes) -> bytes:
        made: bytes = mlir_quantize(content, input_data_type=tf.int8, output_data_type=tf.int8)
        return made

    file = Path(path)
    content = file.read_bytes()
    made = quantised(content)
    if holds_floats(made):
        made = quantised(with_pools_first(content))
    if holds_floats(made):
        raise RuntimeError("TensorFlow's converter left an op in floats")
    file.write_bytes(made)


def holds_floats(content: bytes) -> bool:
    """Whether a `.tflite` file has a tensor in floats."""
    from ai_edge_litert import schema_py_generated as schema

    (graph,) = _model(content).subgraphs
    return any(tensor.type == schema.TensorType.FLOAT32 for tensor in graph.tensors)


def with_pools_first(content: bytes) -> bytes:
    """The same file with each pool before the concatenations of what it reads."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    builtin = schema.BuiltinOperator
    pooling = (builtin.MAX_POOL_2D, builtin.AVERAGE_POOL_2D)
    model = _model(content)
    (graph,) = model.subgraphs

    def kind(op: Any) -> int:
        return int(model.operatorCodes[op.opcodeIndex].builtinCode)

    found: list[Any] = []
    for op in graph.operators:
        place = len(found)
        if kind(op) in pooling:
            pools = [other for other in found if kind(other) in pooling]
            joining = [
                i
                for i, other in enumerate(found)
                if kind(other) == builtin.CONCATENATION
                and op.inputs[0] in _in_one_range(other.inputs, pools)
            ]
            made = [i + 1 for i, other in enumerate(found) if op.inputs[0] in other.outputs]
            place = max(min(joining, default=place), *made, 0)
        found.insert(place, op)
    graph.operators = found
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _in_one_range(tensors: Iterable[int], pools: Iterable[Any]) -> set[int]:
    """The tensors, and others that have their range since pools keep it."""
    found, grown = set(tensors), True
    while grown:
        before = len(found)
        for pool in pools:
            ends = {pool.inputs[0], pool.outputs[0]}
            if ends & found:
                found |= ends
        grown = len(found) > before
    return found


def _model(content: bytes) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromPackedBuf(bytearray(content), 0)
