"""Several networks as one: their graphs side by side, and the weighted mean of their answers.

So an ensemble is an architecture like any other: priced, named, stored, drawn and exported as one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from autoarch.architecture.graph import INPUT, Architecture, Node
from autoarch.architecture.ops.probability_mean import ProbabilityMean
from autoarch.errors import InvalidArchitectureError

Weights = Sequence[npt.NDArray[np.float32]]

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


def averaged_weights(
    members: Sequence[Architecture], weights: Sequence[Weights], whole: Architecture
) -> list[npt.NDArray[np.float32]]:
    """The weights of `average(members, ...)`, in the order of its Keras model.

    Args:
        members: As they were given to `average`.
        weights: Of each member, in the order of its Keras model.
        whole: What `average` made of them.
    """
    built = whole.build()
    for number, (member, own) in enumerate(zip(members, weights, strict=True), start=1):
        model, prefix = member.build(), _prefix(number).replace("/", "_")
        model.set_weights(list(own))
        for layer in model.layers:
            if layer.weights:
                built.get_layer(prefix + layer.name).set_weights(layer.get_weights())
    return [np.asarray(value, np.float32) for value in built.get_weights()]


def _prefix(number: int) -> str:
    return f"member{number}/"
