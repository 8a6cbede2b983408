"""Several networks as one: their graphs side by side, and the weighted mean of their answers.

So an ensemble is an architecture like any other: priced, named, stored, drawn and exported as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from autoarch.architecture.graph import INPUT, Architecture, Node
from autoarch.architecture.ops.op import Op
from autoarch.architecture.ops.probability_mean import ProbabilityMean
from autoarch.errors import InvalidArchitectureError

Weight = npt.NDArray[np.float32]
Weights = Sequence[Weight]

MEAN = "mean"
"""Name of the node that makes the answer."""


def average(members: Sequence[Architecture], shares: Sequence[float]) -> Architecture:
    """The network whose probabilities are the weighted mean of the members'.

    The nodes of the first member are called `member1/...`, those of the second `member2/...`.

    Args:
        members: From inputs of one shape and type to logits of one length.
        shares: One for each member, positive, adding up to 1.

    Raises:
        InvalidArchitectureError: The members do not fit each other, or the shares are none.

    Example:
        >>> from autoarch.architecture.ops.dense import Dense
        >>> tiny = Architecture((8,), (Node("logits", Dense(3), (INPUT,)),))
        >>> both = average([tiny, tiny], [0.75, 0.25])
        >>> [node.name for node in both.nodes], both.params
        (['member1/logits', 'member2/logits', 'mean'], 54)
    """
    inputs = {(member.input_shape, member.input_dtype) for member in members}
    if len(inputs) != 1:
        raise InvalidArchitectureError(
            f"The members of an average must take the same input; got {sorted(inputs)}."
        )
    nodes: list[Node] = []
    ends = []
    for number, member in enumerate(members, start=1):
        prefix = _prefix(number)
        nodes += [
            Node(
                prefix + node.name,
                node.op,
                tuple(name if name == INPUT else prefix + name for name in node.inputs),
            )
            for node in member.live_nodes
        ]
        ends.append(nodes[-1].name)
    nodes.append(Node(MEAN, ProbabilityMean(tuple(shares)), tuple(ends)))
    ((input_shape, input_dtype),) = inputs
    return Architecture(input_shape, tuple(nodes), input_dtype)


def average_trained(
    members: Sequence[Architecture], shares: Sequence[float], weights: Sequence[Weights]
) -> tuple[Architecture, list[Weight]]:
    """The average of trained networks, and its weights in the order of its Keras model.

    What members have in common is there once: pretrained vectors, a linear model of the data.

    Args:
        members, shares: As for `average`.
        weights: Of each member, in the order of its Keras model.

    Raises:
        InvalidArchitectureError: As `average`.
    """
    by_path: dict[str, Weight] = {}
    by_layer: dict[str, list[Weight]] = {}
    for number, (member, learned) in enumerate(zip(members, weights, strict=True), start=1):
        model, prefix = member.build(), _prefix(number).replace("/", "_")
        model.set_weights(list(learned))
        for layer in model.layers:
            own = by_layer[prefix + layer.name] = layer.get_weights()
            by_path |= {prefix + v.path: w for v, w in zip(layer.weights, own)}
    whole = _without_repeats(average(members, shares), by_path)
    built = whole.build()
    for layer in built.layers:
        if layer.weights:
            layer.set_weights(by_layer[layer.name])
    return whole, [np.asarray(value, np.float32) for value in built.get_weights()]


def _without_repeats(network: Architecture, weights: Mapping[str, Weight]) -> Architecture:
    """The network without nodes that give what another one does: of the same op, inputs and
    weights."""
    kept: dict[tuple[Op, tuple[str, ...]], list[Node]] = {}
    stands_for = {INPUT: INPUT}
    nodes: list[Node] = []
    for node in network.live_nodes:
        node = Node(node.name, node.op, tuple(stands_for[name] for name in node.inputs))
        shapes = [network.shapes[name] for name in node.inputs]
        alike = kept.setdefault((node.op, node.inputs), [])
        same = next((other for other in alike if _same(node, other, shapes, weights)), None)
        if same is None:
            alike.append(node)
            nodes.append(node)
        stands_for[node.name] = (same or node).name
    return Architecture(network.input_shape, tuple(nodes), network.input_dtype)


def _same(
    node: Node, other: Node, shapes: Sequence[tuple[int, ...]], weights: Mapping[str, Weight]
) -> bool:
    """Whether two nodes of one op have the same weights."""
    pairs = [
        (weights[node.layer_name + end], weights[other.layer_name + end])
        for end in node.op.weight_axes()
    ]
    # An op that does not name all of its weights may differ in others.
    count = node.op.trainable_params(*shapes) + node.op.state_params(*shapes)
    return sum(own.size for own, _ in pairs) == count and all(
        np.array_equal(own, its) for own, its in pairs
    )


def _prefix(number: int) -> str:
    return f"member{number}/"
