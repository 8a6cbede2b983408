"""Small networks for phones and microcontrollers: few weights, multiply-adds and int8 bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops.rescale import Rescale
from autoarch.spaces.blocks import (
    channels,
    classifier,
    conv,
    inverted_residual,
    most_halvings,
    residual_block,
    separable,
)
from autoarch.spaces.space import SearchSpace

WIDTHS = (4, 8, 12, 16, 24, 32, 48, 64)
MAX_DEPTH = 3
BLOCKS = ("inverted", "separable", "residual")


@dataclass(frozen=True)
class Layer:
    """The decisions of one layer.

    Args:
        block: One of `BLOCKS`.
        kernel: Side of its window.
        expansion: How much wider it is inside; for inverted residual blocks.
    """

    block: str
    kernel: int
    expansion: int


class MobileSpace(SearchSpace):
    """Stem, stages of blocks, a 1x1 convolution, global pooling, logits; int8 builtins only.

    The first layer of a stage halves the picture. Each layer is one of

    - an inverted residual block (MobileNetV2 and V3) with a kernel and an expansion of its own,
      as in FBNet and ProxylessNAS;
    - a depthwise-separable convolution (MobileNetV1);
    - a plain residual block of dense convolutions (ResNet-8 and its like), or one such convolution
      where it halves the picture.

    A layer that FBNet would skip is one that `depth` leaves out, so that few networks have two
    descriptions. Further decisions: width and its growth from stage to stage, stem stride, number
    of stages, gates, the activation of the later stages (h-swish or relu), the width of the last
    1x1 convolution (0: none), dropout. The smallest networks have some hundred weights.

    Args:
        input_shape: `(height, width, channels)`, sides of at least 4.
        classes: Number of classes.
        width: Width of trial 0's stem; others have up to twice as many.
        recipe: Recipe of trial 0.

    Source: Howard et al. (2017), section 3; Sandler et al. (2018), section 3; Howard et al.
    (2019), sections 5.2 and 5.3; Wu et al. (2019), "FBNet", section 3.1; Cai et al. (2019),
    "ProxylessNAS", section 4; He et al. (2016), section 4.2.

    Example:
        >>> MobileSpace((32, 32, 3), 10, width=16).candidate({}).architecture.macs
        6587648
    """

    name: ClassVar[str] = "mobile"

    def architecture(self, hp: Any) -> Architecture:
        widths = sorted({w for w in WIDTHS if w <= self.width * 2} | {self.width})
        width = hp.Choice("width", widths, default=self.width)
        growth = hp.Choice("growth", [1.3, 1.6, 2.0], default=1.6)
        large = min(self.input_shape[:2]) >= 64
        stem_stride = hp.Choice("stem_stride", [1, 2], default=2 if large else 1)
        most = max(1, most_halvings(min(self.input_shape[:2])))
        number = hp.Choice("stages", list(range(1, most + 1)), default=min(most, 4 if large else 3))
        late_activation = hp.Choice("activation", ["hard_silu", "relu"], default="hard_silu")
        head = hp.Choice("head", [0, 1, 2], default=2)
        dropout = hp.Choice("dropout", [0.0, 0.2, 0.4], default=0.2)
        stages = [self._stage(hp, stage, most) for stage in range(1, most + 1)]

        graph = GraphBuilder(self.input_shape)
        node = graph.add(Rescale(), INPUT, name="rescale")
        node = conv(
            graph,
            node,
            channels(width),
            stride=stem_stride,
            name="stem/conv",
            activation=late_activation,
        )
        for index, (gated, layers) in enumerate(stages[:number], start=1):
            # The early, large feature maps keep the cheap relu (Howard et al., section 5.2).
            activation = late_activation if index > number / 2 else "relu"
            filters = channels(width * growth**index)
            for place, layer in enumerate(layers, start=1):
                node = self.add_layer(
                    graph,
                    node,
                    filters,
                    layer,
                    stride=2 if place == 1 else 1,
                    gated=gated,
                    activation=activation,
                    name=f"stage{index}/block{place}",
                )
        if head:
            filters = channels(head * graph.shape(node)[-1])
            node = conv(
                graph, node, filters, kernel=1, name="head/conv", activation=late_activation
            )
        classifier(graph, node, self.classes, dropout=dropout)
        return graph.finish()

    @staticmethod
    def _stage(hp: Any, stage: int, most: int) -> tuple[bool, list[Layer]]:
        """Whether the stage has gates, and its layers; unread where the stage is not used."""
        layers = []
        with hp.conditional_scope("stages", list(range(stage, most + 1))):
            gated = hp.Boolean(f"squeeze_excite{stage}", default=stage > 1)
            depth = hp.Choice(f"depth{stage}", list(range(1, MAX_DEPTH + 1)), default=2)
            for place in range(1, MAX_DEPTH + 1):
                own = f"{stage}_{place}"
                with hp.conditional_scope(f"depth{stage}", list(range(place, MAX_DEPTH + 1))):
                    block = hp.Choice(f"block{own}", list(BLOCKS), default="inverted")
                    kernel = hp.Choice(f"kernel{own}", [3, 5, 7], default=3)
                    with hp.conditional_scope(f"block{own}", ["inverted"]):
                        expansion = hp.Choice(f"expansion{own}", [1, 2, 3, 4, 6], default=4)
                layers.append(Layer(block, kernel, expansion))
        return gated, layers[:depth]

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
        """Adds a layer behind `node` that makes `filters` channels; returns its output."""
        shared: dict[str, Any] = {"kernel": layer.kernel, "activation": activation, "name": name}
        if layer.block == "residual":
            if stride > 1:
                return conv(graph, node, filters, stride=stride, **shared)
            shared["name"] = f"{name}_residual"  # as for separable ones below
            return residual_block(graph, node, squeeze_excite=gated, **shared)
        shared.update(stride=stride, gated=gated)
        if layer.block == "separable":
            # A name of its own: where weights are shared, they are by name, and this depthwise
            # convolution has another task than the inverted block's.
            shared["name"] = f"{name}_separable"
            return separable(graph, node, filters, **shared)
        return inverted_residual(graph, node, filters, expansion=layer.expansion, **shared)
