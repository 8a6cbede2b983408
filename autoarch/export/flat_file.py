"""Makes a `.tflite` file as small as its format allows, without changing what it computes.

The converter writes a name for each tensor, an empty buffer for each activation, an empty range for
each float, its own version and, for each channel of each convolution, 16 bytes of zeros (zero
points of kernel and bias). Here only input and output keep names, equal vectors are stored once,
and what nothing refers to is left out. The file stays a FlatBuffer of the same schema.

This file runs on its own, in a process where autoarch is not imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

ALIGNMENT = 16
"""The schema's `force_align` of the weights' bytes."""


def compact(path: str, inputs: list[str], outputs: list[str], signatures: bool = False) -> None:
    """Rewrites a `.tflite` file in place.

    Args:
        path: The file; its first graph is the network, others are bodies of loops in that.
        inputs: New names of its inputs.
        outputs: New names of its outputs.
        signatures: Whether its signatures stay, for `get_signature_runner`.
    """
    from ai_edge_litert import schema_py_generated as schema

    file = Path(path)
    model = schema.ModelT.InitFromPackedBuf(bytearray(file.read_bytes()), 0)
    model.description = model.metadata = model.metadataBuffer = None
    if not signatures:
        model.signatureDefs = None
    tensors = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    _share_buffers(model, tensors)
    for tensor in tensors:
        tensor.name = None
        if tensor.quantization is not None:
            tensor.quantization.min = tensor.quantization.max = None
            if tensor.quantization.scale is None:
                tensor.quantization = None
    for graph in model.subgraphs:
        graph.name = None
    graph = model.subgraphs[0]
    for indices, names in ((graph.inputs, inputs), (graph.outputs, outputs)):
        for index, name in zip(indices, names, strict=True):
            graph.tensors[index].name = name
    builder = _builder(file.stat().st_size)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    file.write_bytes(bytes(builder.Output()))


def _share_buffers(model: Any, tensors: list[Any]) -> None:
    """Keeps one buffer for all activations, the empty first one, and one for equal constants."""
    kept = [model.buffers[0]]
    place: dict[bytes, int] = {b"": 0}
    for tensor in tensors:
        data = model.buffers[tensor.buffer].data
        key = b"" if data is None else bytes(data)
        if key not in place:
            place[key] = len(kept)
            kept.append(model.buffers[tensor.buffer])
        tensor.buffer = place[key]
    model.buffers = kept


def _builder(size: int) -> Any:
    """A FlatBuffer builder that writes equal vectors once; readers follow offsets anyway."""
    import flatbuffers
    import numpy as np

    class Sharing(flatbuffers.Builder):
        def __init__(self, size: int):
            super().__init__(size)
            self._written: dict[tuple[str, bytes], int] = {}

        def CreateNumpyVector(self, x: Any) -> int:  # noqa: N802
            payload = x.astype(x.dtype.newbyteorder("<")).tobytes()
            key = (x.dtype.str, payload)
            if key not in self._written:
                # Bytes are weights here: nothing else in a model is a vector of uint8.
                alignment = ALIGNMENT if x.dtype == np.uint8 else x.dtype.alignment
                self.StartVector(x.itemsize, x.size, alignment)
                self.head -= len(payload)
                self.Bytes[self.head : self.head + len(payload)] = payload
                self.vectorNumElems = x.size
                self._written[key] = self.EndVector()
            return self._written[key]

    return Sharing(size)
