"""The architecture: a frozen graph of ops, the value at the centre of AutoArch.

A search space makes one from decisions; it is priced without building anything, named by a
canonical key, stored as JSON, drawn, and built into a Keras model.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from autoarch.architecture.canonical import Certificate, LabelledGraph
from autoarch.architecture.ops import Op, Shape, op_from_config
from autoarch.architecture.ops.blend import Blend
from autoarch.errors import InvalidArchitectureError

INPUT = "input"
"""Name under which nodes refer to the network's input."""

_FORMAT = 1

INPUT_DTYPES = ("float32", "int32")


@dataclass(frozen=True)
class Node:
    """One op in the graph.

    Args:
        name: Unique in the architecture; the Keras layer is named after it.
        op: What it computes.
        inputs: Names of earlier nodes, or `INPUT`.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]

    @property
    def layer_name(self) -> str:
        """Name of the Keras layer: a slash would open a scope."""
        return self.name.replace("/", "_")


@dataclass(frozen=True)
class Architecture:
    """A network as a value. Nodes are in topological order; the last one is the output.

    Args:
        input_shape: Without the batch, e.g. `(32, 32, 3)`.
        nodes: At least one; each refers to earlier ones only.
        input_dtype: "float32", or "int32" for token ids.

    Raises:
        InvalidArchitectureError: Names repeat, an input is unknown, or shapes clash.

    Example:
        >>> from autoarch.architecture.ops.dense import Dense
        >>> tiny = Architecture((8,), (Node("logits", Dense(3), (INPUT,)),))
        >>> tiny.params, tiny.macs, tiny.output_shape
        (27, 24, (3,))
        >>> Architecture.from_json(tiny.to_json()) == tiny
        True
    """

    input_shape: Shape
    nodes: tuple[Node, ...]
    input_dtype: str = "float32"

    def __post_init__(self) -> None:
        if not self.nodes:
            raise InvalidArchitectureError("An architecture needs at least one node; got none.")
        if not self.input_shape or any(size < 1 for size in self.input_shape):
            raise InvalidArchitectureError(
                f"`input_shape` must hold positive sizes; got {self.input_shape}."
            )
        if self.input_dtype not in INPUT_DTYPES:
            raise InvalidArchitectureError(
                f"`input_dtype` must be one of {', '.join(INPUT_DTYPES)}; got {self.input_dtype!r}."
            )
        _ = self.shapes

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """Output shape of every node by name, the input included."""
        shapes: dict[str, Shape] = {INPUT: self.input_shape}
        for node in self.nodes:
            if node.name in shapes:
                raise InvalidArchitectureError(f"Two nodes are named {node.name!r}.")
            if unknown := [name for name in node.inputs if name not in shapes]:
                raise InvalidArchitectureError(
                    f"Node {node.name!r} takes {unknown[0]!r}, which no earlier node makes."
                )
            shapes[node.name] = node.op.output_shape(*self._input_shapes(node, shapes))
        return shapes

    @staticmethod
    def _input_shapes(node: Node, shapes: Mapping[str, Shape]) -> list[Shape]:
        return [shapes[name] for name in node.inputs]

    @property
    def output_shape(self) -> Shape:
        """Shape of the last node's result, without the batch."""
        return self.shapes[self.nodes[-1].name]

    @cached_property
    def live_nodes(self) -> tuple[Node, ...]:
        """The nodes that the output depends on; the others cost nothing and are not built."""
        needed = {self.nodes[-1].name}
        for node in reversed(self.nodes):
            if node.name in needed:
                needed.update(node.inputs)
        return tuple(node for node in self.nodes if node.name in needed)

    @cached_property
    def _counts(self) -> tuple[int, int, int]:
        """Weights that gradients reach, other weights, and multiply-adds."""
        shapes = self.shapes
        trainable = state = macs = 0
        for node in self.live_nodes:
            inputs = [shapes[name] for name in node.inputs]
            trainable += node.op.trainable_params(*inputs)
            state += node.op.state_params(*inputs)
            macs += node.op.macs(*inputs)
        return trainable, state, macs

    @property
    def trainable_params(self) -> int:
        """Number of weights that gradients reach."""
        return self._counts[0]

    @property
    def params(self) -> int:
        """Number of all weights; equals Keras's `count_params()` of the built model."""
        return self._counts[0] + self._counts[1]

    @property
    def macs(self) -> int:
        """Multiply-adds of one forward pass of one example, each counted once."""
        return self._counts[2]

    @cached_property
    def key(self) -> str:
        """Canonical key: equal exactly for equal networks, whatever their nodes are called.

        Each node is hashed with the hashes of its inputs (sorted where the op is commutative);
        the key is the hash of the output with the multiset of all hashes, which tells a node
        that is used twice from two equal nodes. That leaves one thing open: which of several equal
        nodes it is that a node reads, where one of them has several readers. Such graphs are
        written down in canonical order, too.
        """
        hashes = {INPUT: _digest(self._input_kind, self.input_shape)}
        for node in self.live_nodes:
            inputs = [hashes[name] for name in node.inputs]
            if node.op.commutative:
                inputs.sort()
            hashes[node.name] = _digest(node.op.config(), inputs)
        live = [hashes[node.name] for node in self.live_nodes]
        if self._has_shared_twins(hashes):
            return _digest(live[-1], sorted(live), self._canonical_form(hashes))
        return _digest(live[-1], sorted(live))

    def _has_shared_twins(self, hashes: Mapping[str, str]) -> bool:
        """Whether a node that several read has the hash of another node."""
        reads = Counter(name for node in self.live_nodes for name in node.inputs)
        alike = Counter(hashes[node.name] for node in self.live_nodes)
        return any(count > 1 and alike[hashes[name]] > 1 for name, count in reads.items())

    def _canonical_form(self, hashes: Mapping[str, str]) -> Certificate:
        places = {INPUT: 0} | {node.name: i for i, node in enumerate(self.live_nodes, start=1)}
        return LabelledGraph(
            [hashes[name] for name in places],
            [(), *([places[name] for name in node.inputs] for node in self.live_nodes)],
            [False, *(not node.op.commutative for node in self.live_nodes)],
        ).certificate()

    @property
    def _input_kind(self) -> str:
        return "input" if self.input_dtype == "float32" else f"{self.input_dtype} input"

    def build(
        self, *, policy: str = "float32", products_only: bool = False, name: str = "network"
    ) -> Any:
        """Builds the Keras model with fresh weights.

        Args:
            policy: Keras dtype policy of all layers but those of the logits, which are float32 so
                that they and the loss keep their precision.
            products_only: Whether the policy is that of matrix products alone (`Op.multiplies`),
                and all else computes in float32.
            name: Name of the model.

        Returns:
            A `keras.Model` from input `(batch, *input_shape)` of `input_dtype` to the last
            node's result.
        """
        import keras

        entry = keras.Input(self.input_shape, name=INPUT, dtype=self.input_dtype)
        tensors: dict[str, Any] = {INPUT: entry}
        output = self.nodes[-1]
        logits = [output.name, *(output.inputs[:1] if isinstance(output.op, Blend) else ())]
        for node in self.live_nodes:
            wide = node.name in logits or (products_only and not node.op.multiplies)
            tensors[node.name] = node.op.apply(
                [tensors[name] for name in node.inputs],
                name=node.layer_name,
                dtype="float32" if wide else policy,
            )
        return keras.Model(tensors[INPUT], tensors[output.name], name=name)

    def learner(self, model: Any) -> Any:
        """The part of a built model that training compares with the answers, a `keras.Model` with
        the same weights: all of it, or what a final `Blend` blends with what the data gives."""
        import keras

        output = self.nodes[-1]
        if not isinstance(output.op, Blend):
            return model
        learned = model.get_layer(output.layer_name + Blend.LEARNED)
        return keras.Model(model.input, learned.input, name="learner")

    def to_json(self) -> dict[str, Any]:
        """The architecture as JSON; `from_json` is the inverse."""
        return {
            "format": _FORMAT,
            "input_shape": list(self.input_shape),
            "input_dtype": self.input_dtype,
            "nodes": [
                {"name": node.name, "op": node.op.config(), "inputs": list(node.inputs)}
                for node in self.nodes
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Architecture:
        """Reads what `to_json` wrote.

        Raises:
            InvalidArchitectureError: Another format, or not a legal graph.
        """
        if data.get("format") != _FORMAT:
            raise InvalidArchitectureError(
                f"Architecture format must be {_FORMAT}; got {data.get('format')!r}."
            )
        try:
            nodes = tuple(
                Node(str(node["name"]), op_from_config(node["op"]), tuple(node["inputs"]))
                for node in data["nodes"]
            )
            input_shape = tuple(int(size) for size in data["input_shape"])
        except (KeyError, TypeError) as error:
            raise InvalidArchitectureError(f"Not an architecture: {error!r}.") from error
        return cls(input_shape, nodes, data.get("input_dtype", "float32"))


def _digest(*parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


class GraphBuilder:
    """Writes an architecture node by node; what search spaces use.

    Args:
        input_shape: Without the batch.
        input_dtype: As for `Architecture`.

    Example:
        >>> from autoarch.architecture.ops.dense import Dense
        >>> builder = GraphBuilder((4,))
        >>> _ = builder.add(Dense(2), INPUT, name="logits")
        >>> builder.finish().params
        10
    """

    def __init__(self, input_shape: Shape, input_dtype: str = "float32"):
        self._dtype = input_dtype
        self._shapes: dict[str, Shape] = {INPUT: tuple(input_shape)}
        self._nodes: list[Node] = []

    def add(self, op: Op, *inputs: str, name: str) -> str:
        """Adds a node and returns its name, to be used as an input of later ones."""
        if name in self._shapes:
            raise InvalidArchitectureError(f"Two nodes are named {name!r}.")
        self._shapes[name] = op.output_shape(*(self._shapes[node] for node in inputs))
        self._nodes.append(Node(name, op, inputs))
        return name

    def shape(self, node: str) -> Shape:
        """Output shape of a node already added, or of `INPUT`."""
        return self._shapes[node]

    def finish(self) -> Architecture:
        """The architecture; its output is the node added last."""
        return Architecture(self._shapes[INPUT], tuple(self._nodes), self._dtype)
