"""Residual networks of dense convolutions: the fastest to train on CPUs per unit of accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops.pooling import AveragePool2D, MaxPool2D
from autoarch.architecture.ops.rescale import Rescale
from autoarch.spaces.blocks import channels, classifier, conv, most_halvings, residual_block
from autoarch.spaces.space import SearchSpace

WIDTHS = (4, 8, 12, 16, 24, 32, 48, 64, 96)
MAX_DEPTH = 3


class ResidualSpace(SearchSpace):
    """Stem, stages that halve the picture and double the width, global pooling, logits.

    Each stage is a downsampling convolution followed by residual blocks. Decisions: width,
    growth of the width, stem (kernel and stride), number of stages, and for each stage its depth;
    kernel, block type (basic or bottleneck), downsampling (strided convolution, or convolution and
    pooling), squeeze-and-excitation, activation, dropout.

    Args:
        input_shape: `(height, width, channels)`, sides of at least 4.
        classes: Number of classes.
        width: Width of trial 0's stem; scaled to data and budget by the caller.
        recipe: Recipe of trial 0.

    Source: He et al. (2016), sections 3.3 and 4.2; Hu et al. (2018) for the gates.

    Example:
        >>> space = ResidualSpace((32, 32, 3), 10, width=16)
        >>> space.candidate({}).architecture.params
        488314
    """

    name: ClassVar[str] = "residual"
    member_epochs: ClassVar[float] = 50.0
    enough_epochs: ClassVar[float] = 400.0
    """Twice as many as are usual for CIFAR-10: Zagoruyko and Komodakis (2016), section 3."""

    def companions(self) -> tuple[Mapping[str, Any], ...]:
        """Networks of the same shape: what they begin with is what makes them err elsewhere."""
        return {"dropout": 0.4}, {"dropout": 0.0}

    def default_stem_stride(self) -> int:
        """Photos are halved at once: most of the cost lies in the first, largest feature maps."""
        return 2 if min(self.input_shape[:2]) >= 64 else 1

    def max_stages(self, stem_stride: int) -> int:
        return max(1, most_halvings(min(self.input_shape[:2]) // stem_stride))

    def architecture(self, hp: Any) -> Architecture:
        widths = sorted({w for w in WIDTHS if self.width / 2 <= w <= self.width * 2} | {self.width})
        width = hp.Choice("width", widths, default=self.width)
        growth = hp.Choice("growth", [1.5, 2.0], default=2.0)
        stem_kernel = hp.Choice("stem_kernel", [3, 5], default=3)
        stem_stride = hp.Choice("stem_stride", [1, 2], default=self.default_stem_stride())
        most = self.max_stages(1)
        default_stages = min(most, self.max_stages(self.default_stem_stride()), 4)
        stages = hp.Choice(
            "stages", list(range(max(1, default_stages - 1), most + 1)), default=default_stages
        )
        kernel = hp.Choice("kernel", [3, 5], default=3)
        block = hp.Choice("block", ["basic", "bottleneck"], default="basic")
        downsampling = hp.Choice(
            "downsampling", ["conv", "max_pool", "average_pool"], default="conv"
        )
        squeeze_excite = hp.Boolean("squeeze_excite", default=False)
        activation = hp.Choice("activation", ["silu", "relu", "hard_silu"], default="silu")
        dropout = hp.Choice("dropout", [0.0, 0.2, 0.4], default=0.2)
        depths = [
            self._depth(hp, stage, active=list(range(stage, most + 1)))
            for stage in range(1, most + 1)
        ]

        graph = GraphBuilder(self.input_shape)
        node = graph.add(Rescale(), INPUT, name="rescale")
        node = conv(
            graph,
            node,
            channels(width),
            kernel=stem_kernel,
            stride=stem_stride,
            name="stem/conv",
            activation=activation,
        )
        for stage in range(1, stages + 1):
            filters = channels(width * growth**stage)
            node = self._downsample(graph, node, filters, downsampling, activation, f"stage{stage}")
            for number in range(1, (depths[stage - 1] or 0) + 1):
                node = residual_block(
                    graph,
                    node,
                    kind=block,
                    kernel=kernel,
                    activation=activation,
                    squeeze_excite=squeeze_excite,
                    name=f"stage{stage}/block{number}",
                )
        classifier(graph, node, self.classes, dropout=dropout)
        return graph.finish()

    @staticmethod
    def _depth(hp: Any, stage: int, active: list[int]) -> int | None:
        with hp.conditional_scope("stages", active):
            depth: int | None = hp.Choice(f"depth{stage}", list(range(MAX_DEPTH + 1)), default=1)
        return depth

    @staticmethod
    def _downsample(
        graph: GraphBuilder, node: str, filters: int, kind: str, activation: str, name: str
    ) -> str:
        if kind == "conv":
            return conv(graph, node, filters, stride=2, name=f"{name}/down", activation=activation)
        node = conv(graph, node, filters, name=f"{name}/down", activation=activation)
        pool = MaxPool2D() if kind == "max_pool" else AveragePool2D()
        return graph.add(pool, node, name=f"{name}/pool")
