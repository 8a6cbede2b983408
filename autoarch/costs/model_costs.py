"""Costs of an architecture in closed form; neither Keras nor TensorFlow is involved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from autoarch.architecture import Architecture
from autoarch.architecture.front_end import integer_part
from autoarch.costs.file_size import FilePieces, file_pieces
from autoarch.costs.lowering import LiteGraph, lower
from autoarch.costs.peak_ram import peak_ram_bytes
from autoarch.costs.token_file import DTYPE_OF_IDS, token_file_bytes
from autoarch.errors import InvalidArchitectureError

FLOAT_BYTES = 4
_MIRROR_BYTES = 1100
"""Of the ops that average over mirror images: 940 to 1,060 in files of four spaces."""
_KEPT_FOR_GRADIENTS = 2
"""Training keeps each node's result and, at the peak, about as much again in gradients."""


@dataclass(frozen=True)
class ModelCosts:
    """What a network costs; what takes longer to say is computed when it is first asked for.

    The files and the memory are those of the plain network with the softmax, batch of one,
    without the average over mirror images.

    Args:
        architecture: What is priced.
        params: Number of weights.
        macs: Multiply-adds of one forward pass of one example, each counted once.
        activation_elements: Numbers that all nodes together make for one example.

    Raises:
        InvalidArchitectureError: Where a file, its memory or its latency is asked for and an op
            has no LiteRT form.
    """

    architecture: Architecture
    params: int
    macs: int
    activation_elements: int

    @property
    def has_int8(self) -> bool:
        """Whether there is an int8 file: networks on token ids have none."""
        return self.architecture.input_dtype != DTYPE_OF_IDS

    @cached_property
    def lite_graph(self) -> LiteGraph:
        """The network as the full int8 `.tflite` file holds it."""
        return lower(self.architecture)

    @cached_property
    def _pieces(self) -> FilePieces:
        return file_pieces(self.lite_graph)

    @cached_property
    def int8_file_bytes(self) -> int:
        """Size of the full int8 `.tflite` file."""
        return self._pieces.int8_file_bytes()

    @property
    def mirror_bytes(self) -> int:
        """Most bytes that the average over mirror images of pictures adds to the int8 file: ops,
        and the places of the columns."""
        return _MIRROR_BYTES + 4 * self.architecture.input_shape[1]

    @cached_property
    def float16_file_bytes(self) -> int:
        """Size of the `.tflite` file with float16 weights."""
        if not self.has_int8:
            return token_file_bytes(self.architecture, half=True)
        self._require_whole()
        return self._pieces.float16_file_bytes()

    @cached_property
    def float_file_bytes(self) -> int:
        """Size of the float32 `.tflite` file."""
        if not self.has_int8:
            return token_file_bytes(self.architecture, half=False)
        self._require_whole()
        return self._pieces.float_file_bytes()

    def _require_whole(self) -> None:
        if integer_part(self.architecture) is not self.architecture:
            raise InvalidArchitectureError(
                "Float files of networks on waveforms are not priced, only their int8 files."
            )

    @cached_property
    def peak_ram_bytes(self) -> int:
        """Most bytes of int8 activations that are alive at once, input and output included."""
        return peak_ram_bytes(self.lite_graph)

    def training_bytes(self, batch_size: int) -> int:
        """Rough memory of a training step: weights with two optimizer slots and gradients,
        and the activations of a batch with their gradients."""
        activations = _KEPT_FOR_GRADIENTS * self.activation_elements * batch_size
        return FLOAT_BYTES * (4 * self.params + activations)


def model_costs(architecture: Architecture) -> ModelCosts:
    """Prices an architecture.

    Example:
        >>> from autoarch.architecture import INPUT, Node
        >>> from autoarch.architecture.ops.dense import Dense
        >>> model_costs(Architecture((8,), (Node("logits", Dense(3), (INPUT,)),))).params
        27
    """
    elements = sum(math.prod(architecture.shapes[node.name]) for node in architecture.live_nodes)
    return ModelCosts(
        architecture=architecture,
        params=architecture.params,
        macs=architecture.macs,
        activation_elements=elements,
    )
