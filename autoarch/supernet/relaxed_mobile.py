"""The mobile space, relaxed: each layer is one of several blocks, or left out where it can be.

Source: Wu et al. (2019), "FBNet", section 3.1 and table 2; Cai et al. (2019), "ProxylessNAS",
section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from autoarch.architecture import GraphBuilder
from autoarch.errors import TrialFailedError
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces.mobile import MAX_DEPTH, Layer, MobileSpace
from autoarch.supernet.bank import slots_of
from autoarch.supernet.networks import Reader
from autoarch.supernet.path import BatchStatistics, run_path
from autoarch.supernet.relaxed import Array, Mix, Price, Relaxed

OPTIONS = (
    *(Layer("inverted", kernel, expansion) for kernel in (3, 5) for expansion in (1, 3, 6)),
    Layer("separable", 3, 1),
    Layer("residual", 3, 1),
)
"""FBNet's blocks, those of grouped convolutions left out, and the space's two others."""

SKIPPED = len(OPTIONS)
"""The last option: the layer is left out. Not of a stage's first layer."""

_OF_LAYERS = ("depth", "block", "kernel", "expansion")
"""What the names of the decisions begin with that are relaxed."""


class RelaxedMobile(Relaxed):
    """All options in each layer; everything else is as in one network of the space.

    Args:
        space: The space, for the legal values and the prices of options.
        decisions: Of the network; decisions on blocks, and depths, are ignored.
        width: Of the relaxed network's stem, which has stride 1: pictures come small.
        price: What a network of the space costs; above 1.

    Example:
        >>> space = MobileSpace((8, 8, 1), 3, width=4)
        >>> relaxed = RelaxedMobile(space, {}, width=4, price=lambda n: float(n.macs))
        >>> gates = relaxed.discretise(relaxed.allowed / relaxed.allowed.sum(1, keepdims=True))
        >>> decisions = relaxed.decisions(gates)
        >>> decisions["depth1"], decisions["block1_1"], decisions["expansion1_1"]
        (3, 'inverted', 1)
        >>> relaxed.cost(gates) == space.candidate(decisions).architecture.macs
        True
    """

    def __init__(
        self,
        space: MobileSpace,
        decisions: Mapping[str, Any],
        *,
        width: int,
        price: Price,
    ):
        self.classes = space.classes
        known = DecisionSpace.from_hyperparameters(space.hyperparameters())
        self._given = known.activate(decisions)
        legal = {d.name: d.domain for d in known.decisions}
        stages = range(1, int(self._given["stages"]) + 1)
        depths = {
            stage: [d for d in range(1, MAX_DEPTH + 1) if legal[f"depth{stage}"].contains(d)]
            for stage in stages
        }
        self._layers = [
            (stage, place) for stage in stages for place in range(1, max(depths[stage]) + 1)
        ]
        deepest = {f"depth{stage}": max(depths[stage]) for stage in stages}
        self._network = _MixedSpace(space.input_shape, space.classes, width=width).architecture(
            Reader({**self._given, **deepest, "width": width, "stem_stride": 1})
        )
        slots = slots_of(self._network)
        self._norms = {
            slot.path: np.full(slot.shape, float(slot.path.endswith("/gamma")), np.float32)
            for slot in slots
            if slot.path.endswith(("/gamma", "/beta"))
        }
        self.slots = [slot for slot in slots if slot.path not in self._norms]

        def may(stage: int, place: int, option: Layer) -> bool:
            chosen = _layer_decisions(stage, place, option)
            return all(legal[name].contains(value) for name, value in chosen.items())

        self.allowed = np.asarray(
            [
                [*(may(stage, place, o) for o in OPTIONS), place > min(depths[stage])]
                for stage, place in self._layers
            ]
        )
        if not self.allowed[:, :SKIPPED].any(axis=1).all():
            raise TrialFailedError("what is fixed or forbidden leaves a layer nothing to choose")
        plain = MobileSpace(space.input_shape, space.classes, width=space.width)

        def cost(gates: Array) -> float:
            return price(plain.architecture(Reader(self.decisions(gates))))

        # Layers cost what they cost whatever the others are, so one change at a time tells all.
        usual = np.eye(SKIPPED + 1)[[0] * len(self._layers)]
        self.base_cost = cost(usual)
        self.costs = np.zeros(usual.shape, np.float32)
        for row, column in zip(*np.nonzero(self.allowed)):
            changed = usual.copy()
            changed[row] = np.eye(SKIPPED + 1)[column]
            self.costs[row, column] = cost(changed) - self.base_cost

    def run(self, weights: Mapping[str, Any], gates: Any, x: Any) -> Any:
        """See `Relaxed.run`."""
        mixes = [node.op.choice for node in self._network.nodes if isinstance(node.op, Mix)]
        named = {**weights, **self._norms, **dict(zip(mixes, tf.unstack(gates), strict=True))}
        return run_path(self._network, x, named, BatchStatistics())

    def discretise(self, shares: Array) -> Array:
        """See `Relaxed.discretise`: each layer has the option with the largest share."""
        best = np.where(self.allowed, shares, -1.0).argmax(1)
        gates: npt.NDArray[Any] = np.eye(SKIPPED + 1, dtype=np.float32)[best]
        return gates

    def decisions(self, gates: Array) -> dict[str, Any]:
        """See `Relaxed.decisions`; the layers behind one that is left out move up."""
        chosen = {n: v for n, v in self._given.items() if not n.startswith(_OF_LAYERS)}
        for (stage, _), gate in zip(self._layers, gates, strict=True):
            chosen.setdefault(f"depth{stage}", 0)
            if gate.argmax() != SKIPPED:
                chosen[f"depth{stage}"] += 1
                option = OPTIONS[gate.argmax()]
                chosen |= _layer_decisions(stage, chosen[f"depth{stage}"], option)
        return chosen


class _MixedSpace(MobileSpace):
    """The space with all options in each of its layers."""

    def add_layer(
        self,
        graph: GraphBuilder,
        node: str,
        filters: int,
        layer: Layer,
        *,
        stride: int,
        gated: bool,
        activation: str,
        name: str,
    ) -> str:
        ends = []
        for option in OPTIONS:
            own = f"{name}/{option.block}_k{option.kernel}_e{option.expansion}"
            ends.append(
                super().add_layer(
                    graph,
                    node,
                    filters,
                    option,
                    stride=stride,
                    gated=gated,
                    activation=activation,
                    name=own,
                )
            )
        if stride == 1:
            ends.append(node)
        return graph.add(Mix(name), *ends, name=f"{name}/mix")


def _layer_decisions(stage: int, place: int, layer: Layer) -> dict[str, Any]:
    own = f"{stage}_{place}"
    found = {f"block{own}": layer.block, f"kernel{own}": layer.kernel}
    return found | ({f"expansion{own}": layer.expansion} if layer.block == "inverted" else {})
