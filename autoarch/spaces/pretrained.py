"""Networks that come trained, adapted to new classes: mostly what few photos need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from autoarch.architecture import Architecture, GraphBuilder
from autoarch.architecture.ops.merge import Concat
from autoarch.architecture.ops.pooling import GlobalAveragePool2D
from autoarch.spaces.backbones import Backbone
from autoarch.spaces.blocks import classifier
from autoarch.spaces.space import Candidate, SearchSpace
from autoarch.training.linear_head import LinearHeads
from autoarch.training.recipe import Recipe

Array = npt.NDArray[Any]

TRAINED = (0.0, 0.3, 0.6, 1.0)
"""Shares of a backbone's parts that may be trained, counted from its end."""

LEFT_OFF = (0, 1, 2)
"""Parts that may be left off at its end: the last ones know most of the classes it came with."""

SLOWNESS = {"mobilenet": 2.8, "squeezenet": 1.6}
"""By family: seconds of a training step on two cores, by those that its multiply-adds would take
in a dense convolution of 32 channels (`SearchSpace.slowness`)."""


class PretrainedSpace(SearchSpace):
    """A backbone with its weights, global pooling, logits.

    Decisions: which backbone, how many parts are left off at its end, what share of its parts is
    trained (the others stay frozen), dropout. Batch norm stays as it comes.

    Args:
        input_shape: `(height, width, channels)`.
        classes: Number of classes.
        backbones: By name; at least one.
        backbone: The name of trial 0's; the first where left out.
        recipe: Recipe of trial 0.
        heads: Fits the last layer that training begins with; without, it begins at random.
    """

    name: ClassVar[str] = "pretrained"

    def __init__(
        self,
        input_shape: tuple[int, ...],
        classes: int,
        *,
        backbones: Mapping[str, Backbone],
        backbone: str | None = None,
        recipe: Recipe | None = None,
        heads: LinearHeads | None = None,
    ):
        super().__init__(input_shape, classes, recipe=recipe)
        self._backbones = dict(backbones)
        self._default = backbone or next(iter(backbones))
        self._heads = heads
        self._fitted: dict[tuple[str, int], Mapping[str, Array]] = {}
        self.slowness = SLOWNESS[self._backbones[self._default].family]

    def companions(self) -> tuple[Mapping[str, Any], ...]:
        """The other backbones, which have learned other features, but for those that cost more."""
        most = self._macs(self._default)
        others = [name for name in self._backbones if name != self._default]
        return tuple({"backbone": name} for name in others if self._macs(name) <= most)

    def _macs(self, backbone: str) -> int:
        graph = GraphBuilder(self.input_shape)
        self._backbones[backbone].write(graph)
        return graph.finish().macs

    def architecture(self, hp: Any) -> Architecture:
        name = hp.Choice("backbone", list(self._backbones), default=self._default)
        left_off = hp.Choice("left_off", list(LEFT_OFF), default=0)
        hp.Choice("trained", list(TRAINED), default=1.0)
        dropout = hp.Choice("dropout", [0.0, 0.2, 0.4], default=0.2)
        graph = GraphBuilder(self.input_shape)
        ends = self._backbones[name].write(graph)
        classifier(graph, ends[-1 - left_off], self.classes, dropout=dropout)
        return _live(graph.finish())

    def candidate(self, decisions: Mapping[str, Any]) -> Candidate:
        found = super().candidate(decisions)
        backbone = self._backbones[found.decisions["backbone"]]
        weights = backbone.weights_for(self.input_shape[2])
        parts = sorted({_part(node.name) for node in found.architecture.nodes} - {-1})
        first = len(parts) - round(found.decisions["trained"] * len(parts))
        layers = {n.layer_name: _part(n.name) for n in found.architecture.nodes}
        frozen: dict[str, Array] = {}
        trained: dict[str, Array] = {}
        for path, array in weights.items():
            part = layers.get(path.split("/")[0], -1)
            if part >= 0:
                (trained if part >= first else frozen)[path] = array

        def initial() -> Mapping[str, Array]:
            if self._heads is None:
                return trained
            return {**trained, **self._head(backbone, found.decisions["left_off"], self._heads)}

        return replace(found, constants=frozen, initial=initial)

    def _head(self, backbone: Backbone, left_off: int, heads: LinearHeads) -> Mapping[str, Array]:
        """The last layer fitted to the frozen backbone; one pass over the data serves all ends."""
        if (backbone.name, left_off) not in self._fitted:
            graph = GraphBuilder(self.input_shape)
            ends = backbone.write(graph)
            last = [ends[-1 - off] for off in LEFT_OFF]
            pooled = [graph.add(GlobalAveragePool2D(), end, name=f"{end}/mean") for end in last]
            graph.add(Concat(), *pooled, name="features")
            weights = backbone.weights_for(self.input_shape[2])
            features = heads.features(graph.finish(), weights)
            sizes = np.cumsum([0, *(graph.shape(node)[-1] for node in pooled)])
            kernel, bias = heads.fit(features[..., sizes[left_off] : sizes[left_off + 1]])
            head = {"head_logits/kernel": kernel, "head_logits/bias": bias}
            self._fitted[backbone.name, left_off] = head
        return self._fitted[backbone.name, left_off]


def _part(node: str) -> int:
    """The number of the backbone's part that a node belongs to, -1 for none."""
    head = node.split("/")[0]
    return int(head.removeprefix("part")) if head.startswith("part") else -1


def _live(architecture: Architecture) -> Architecture:
    """Without the nodes that nothing needs."""
    return Architecture(architecture.input_shape, architecture.live_nodes)
