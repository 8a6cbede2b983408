"""Inverted residual networks in the manner of MobileNetV3: few weights and multiply-adds."""

from __future__ import annotations

from typing import Any, ClassVar

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops.merge import Add
from autoarch.architecture.ops.rescale import Rescale
from autoarch.architecture.ops.squeeze_excite import SqueezeExcite
from autoarch.spaces.blocks import channels, classifier, conv, depthwise
from autoarch.spaces.space import SearchSpace
from autoarch.training.recipe import Recipe

WIDTHS = (4, 8, 12, 16, 24, 32, 48, 64)
MAX_STAGES = 5
MAX_DEPTH = 3
SMALLEST_SIDE = 4
GROWTH = 1.6


class MobileSpace(SearchSpace):
    """Stem, stages of inverted residual blocks, a 1x1 convolution, global pooling, logits.

    Decisions: width, stem stride, number of stages, dropout, the activation of the later stages
    (h-swish or relu), and for each stage its depth, expansion, kernel and gates. The first block
    of a stage halves the picture.

    Args:
        input_shape: `(height, width, channels)`, sides of at least 4.
        classes: Number of classes.
        width: Width of trial 0's stem.
        recipe: Recipe of trial 0.

    Source: Sandler et al. (2018), section 3; Howard et al. (2019), sections 5.2 and 5.3.

    Example:
        >>> MobileSpace((32, 32, 3), 10, width=16).candidate({}).architecture.macs < 5_000_000
        True
    """

    name: ClassVar[str] = "mobile"

    def __init__(
        self,
        input_shape: tuple[int, ...],
        classes: int,
        *,
        width: int = 16,
        recipe: Recipe | None = None,
    ):
        super().__init__(input_shape, classes, recipe=recipe)
        self.width = width

    def _max_stages(self) -> int:
        side, stages = min(self.input_shape[:2]), 0
        while side // 2 >= SMALLEST_SIDE and stages < MAX_STAGES:
            side //= 2
            stages += 1
        return max(1, stages)

    def architecture(self, hp: Any) -> Architecture:
        widths = sorted({w for w in WIDTHS if self.width / 2 <= w <= self.width * 2} | {self.width})
        width = hp.Choice("width", widths, default=self.width)
        large = min(self.input_shape[:2]) >= 64
        stem_stride = hp.Choice("stem_stride", [1, 2], default=2 if large else 1)
        most = self._max_stages()
        default_stages = min(most, 4 if large else 3)
        stages = hp.Choice(
            "stages", list(range(max(1, default_stages - 1), most + 1)), default=default_stages
        )
        late_activation = hp.Choice("activation", ["hard_silu", "relu"], default="hard_silu")
        dropout = hp.Choice("dropout", [0.0, 0.2, 0.4], default=0.2)
        settings = [self._stage(hp, stage, most) for stage in range(1, most + 1)]

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
        for stage in range(1, stages + 1):
            depth, expansion, kernel, gated = settings[stage - 1]
            # The early, large feature maps keep the cheap relu (Howard et al., section 5.2).
            activation = late_activation if stage > stages / 2 else "relu"
            for number in range(1, depth + 1):
                node = self._block(
                    graph,
                    node,
                    channels(width * GROWTH**stage),
                    expansion,
                    kernel,
                    gated,
                    activation,
                    stride=2 if number == 1 else 1,
                    name=f"stage{stage}/block{number}",
                )
        node = conv(
            graph,
            node,
            channels(2 * graph.shape(node)[-1]),
            kernel=1,
            name="head/conv",
            activation=late_activation,
        )
        classifier(graph, node, self.classes, dropout=dropout)
        return graph.finish()

    @staticmethod
    def _stage(hp: Any, stage: int, most: int) -> tuple[Any, Any, Any, Any]:
        with hp.conditional_scope("stages", list(range(stage, most + 1))):
            return (
                hp.Choice(f"depth{stage}", list(range(1, MAX_DEPTH + 1)), default=2),
                hp.Choice(f"expansion{stage}", [2, 3, 4, 6], default=4),
                hp.Choice(f"kernel{stage}", [3, 5], default=3),
                hp.Boolean(f"squeeze_excite{stage}", default=stage > 1),
            )

    @staticmethod
    def _block(
        graph: GraphBuilder,
        node: str,
        filters: int,
        expansion: int,
        kernel: int,
        gated: bool,
        activation: str,
        *,
        stride: int,
        name: str,
    ) -> str:
        inputs = graph.shape(node)[-1]
        x = conv(
            graph,
            node,
            channels(inputs * expansion),
            kernel=1,
            name=f"{name}/expand",
            activation=activation,
        )
        x = depthwise(
            graph, x, kernel=kernel, stride=stride, name=f"{name}/depthwise", activation=activation
        )
        if gated:
            x = graph.add(SqueezeExcite(), x, name=f"{name}/squeeze_excite")
        x = conv(graph, x, filters, kernel=1, name=f"{name}/project", activation=None)
        if stride == 1 and inputs == filters:
            x = graph.add(Add(), node, x, name=f"{name}/add")
        return x
