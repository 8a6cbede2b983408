"""Networks on the log-mel spectrogram of a waveform, which is computed inside the network."""

from __future__ import annotations

from typing import Any, ClassVar

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops.add_channel import AddChannel
from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.cepstrum import Cepstrum
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.dropout import Dropout
from autoarch.architecture.ops.log_mel import LogMel
from autoarch.architecture.ops.loudness import Loudness
from autoarch.architecture.ops.merge import Concat
from autoarch.architecture.ops.pooling import GlobalAveragePool2D, GlobalMaxPool2D
from autoarch.architecture.ops.pooling1d import GlobalAveragePool1D, GlobalMaxPool1D
from autoarch.architecture.ops.recurrent import Recurrent
from autoarch.spaces.blocks import channels, conv, depthwise, residual_block
from autoarch.spaces.blocks1d import conformer_block, conv1d, residual_block1d
from autoarch.spaces.space import SearchSpace
from autoarch.training.recipe import SOUND_RECIPE, Recipe, decide_sound_recipe

WIDTHS = (4, 8, 12, 16, 24, 32, 48, 64)
MAX_STAGES = 4
PICTURE_BODIES = ("residual", "separable")
"""See frames and bands as the two sides of a picture; the others see bands as features."""
STAGED_BODIES = (*PICTURE_BODIES, "temporal")
BODIES = (*STAGED_BODIES, "attention", "recurrent")
INTEGER_BODIES = STAGED_BODIES
"""Those that an int8 file can hold: the converter fails on recurrent networks, and attention is
left out with them, whose layer normalisation eight bits serve badly."""


class SpeechSpace(SearchSpace):
    """Front-end, then a network on frames and bands, pooling, logits.

    Decisions of the front-end: log-mel bands or cepstra, hop, window, bands, whether the loudness
    is made equal. The body is one of `BODIES`: on the spectrogram as a picture a residual network
    of dense convolutions, which trains fastest on CPUs, or a depthwise-separable one (DS-CNN);
    along the frames a residual network (TC-ResNet with kernels of 9), a small conformer
    (attention, convolutions and feed-forwards), or a GRU in both directions. Also width, stages,
    depth, kernels, activation, pooling (average, or average and maximum side by side) and dropout.

    Args:
        input_shape: `(samples,)`.
        classes: Number of classes.
        rate: Samples a second.
        width: Width of trial 0's stem.
        recipe: Recipe of trial 0.
        integers: Whether all networks must have an int8 form.

    Source: Tang and Lin (2018), "Deep residual learning for small-footprint keyword spotting";
    Zhang et al. (2017), "Hello edge", section 3.6 for DS-CNN; Choi et al. (2019), "Temporal
    convolution for real-time keyword spotting on mobile devices", section 2.2; Gulati et al.
    (2020), "Conformer".

    Example:
        >>> space = SpeechSpace((8000,), 10, rate=8000, width=16)
        >>> space.candidate({}).architecture.output_shape
        (10,)
    """

    name: ClassVar[str] = "speech"

    def __init__(
        self,
        input_shape: tuple[int, ...],
        classes: int,
        *,
        rate: int,
        width: int = 16,
        recipe: Recipe | None = None,
        integers: bool = False,
    ):
        super().__init__(input_shape, classes, width=width, recipe=recipe or SOUND_RECIPE)
        self.bodies = INTEGER_BODIES if integers else BODIES
        self.rate = rate

    def recipe(self, hp: Any) -> Recipe:
        return decide_sound_recipe(hp, self.default_recipe)

    def architecture(self, hp: Any) -> Architecture:
        graph = GraphBuilder(self.input_shape)
        node = self._front_end(hp, graph)
        widths = sorted({w for w in WIDTHS if self.width / 2 <= w <= self.width * 2} | {self.width})
        width = hp.Choice("width", widths, default=self.width)
        body = hp.Choice("body", list(self.bodies), default="residual")
        activation = hp.Choice("activation", ["silu", "relu", "hard_silu"], default="silu")
        maximum = hp.Boolean("max_pooling", default=True)
        dropout = hp.Choice("dropout", [0.0, 0.3, 0.5], default=0.3)
        with hp.conditional_scope("body", list(PICTURE_BODIES)):
            kernel = hp.Choice("stem_kernel", [3, 5], default=5)
            stride = hp.Choice("stem_stride", [1, 2], default=2)
        with hp.conditional_scope("body", list(STAGED_BODIES)):
            stages = hp.Choice("stages", [2, 3, 4], default=3)
            depths = [self._depth(hp, stage) for stage in range(1, MAX_STAGES + 1)]
        with hp.conditional_scope("body", self._among("temporal", "attention")):
            time_kernel = hp.Choice("time_kernel", [3, 5, 9], default=9)
        blocks = None
        if "attention" in self.bodies:
            with hp.conditional_scope("body", ["attention"]):
                blocks = hp.Choice("blocks", [1, 2, 3], default=2)

        if body in PICTURE_BODIES:
            node = graph.add(AddChannel(), node, name="front/picture")
            node = conv(
                graph,
                node,
                channels(width),
                kernel=kernel,
                stride=stride,
                name="stem/conv",
                activation=activation,
            )
            for stage in range(1, stages + 1):
                depth = depths[stage - 1] or 0
                node = self._stage(graph, node, width, stage, depth, body, activation)
        elif body == "temporal":
            node = conv1d(
                graph, node, channels(2 * width), kernel=3, name="stem/conv", activation=activation
            )
            for stage in range(1, stages + 1):
                node = conv1d(
                    graph,
                    node,
                    channels(width * 2**stage),
                    kernel=time_kernel,
                    stride=2,
                    name=f"stage{stage}/down",
                    activation=activation,
                )
                for number in range(1, (depths[stage - 1] or 0) + 1):
                    name = f"stage{stage}/block{number}"
                    node = residual_block1d(
                        graph, node, kernel=time_kernel, activation=activation, name=name
                    )
        else:
            # twice as fast a stem as frames: attention costs the square of their number
            node = conv1d(
                graph,
                node,
                channels(4 * width),
                kernel=5,
                stride=2,
                name="stem/conv",
                activation=activation,
            )
            if body == "recurrent":
                node = graph.add(Recurrent(channels(2 * width)), node, name="recurrent")
            for number in range(1, (blocks or 0) + 1):
                name = f"block{number}"
                node = conformer_block(
                    graph, node, kernel=time_kernel, activation=activation, name=name
                )
        self._head(graph, node, maximum, dropout)
        return graph.finish()

    def _among(self, *bodies: str) -> list[str]:
        return [body for body in bodies if body in self.bodies]

    @staticmethod
    def _stage(
        graph: GraphBuilder,
        node: str,
        width: int,
        stage: int,
        depth: int,
        body: str,
        activation: str,
    ) -> str:
        """Half of the frames and bands, twice the channels, then blocks of one kind."""
        filters = channels(width * 2**stage)
        # short clips have few frames: an axis is halved no further than it goes
        stride = 2 if min(graph.shape(node)[:2]) >= 2 else 1
        node = conv(
            graph, node, filters, stride=stride, name=f"stage{stage}/down", activation=activation
        )
        for number in range(1, depth + 1):
            name = f"stage{stage}/block{number}"
            if body == "residual":
                node = residual_block(graph, node, activation=activation, name=name)
            else:
                node = depthwise(
                    graph, node, kernel=3, name=f"{name}/depthwise", activation=activation
                )
                node = conv(
                    graph, node, filters, kernel=1, name=f"{name}/pointwise", activation=activation
                )
        return node

    def _head(self, graph: GraphBuilder, node: str, maximum: bool, dropout: float) -> None:
        flat = len(graph.shape(node)) == 3
        average = GlobalAveragePool2D() if flat else GlobalAveragePool1D()
        pooled = graph.add(average, node, name="head/average")
        if maximum:
            largest = GlobalMaxPool2D() if flat else GlobalMaxPool1D()
            most = graph.add(largest, node, name="head/maximum")
            pooled = graph.add(Concat(), pooled, most, name="head/both")
        if dropout > 0:
            pooled = graph.add(Dropout(dropout), pooled, name="head/dropout")
        graph.add(Dense(self.classes), pooled, name="head/logits")

    def _front_end(self, hp: Any, graph: GraphBuilder) -> str:
        hop_ms = hp.Choice("hop_ms", [8.0, 10.0, 12.5, 16.0], default=12.5)
        frames = hp.Choice("window_hops", [2, 3], default=3)
        bands = hp.Choice("bands", [32, 40, 64], default=40)
        features = hp.Choice("features", ["log_mel", "cepstrum"], default="log_mel")
        equal = hp.Boolean("equal_loudness", default=True)
        hop = max(1, round(self.rate * hop_ms / 1000))
        node = INPUT
        if equal:
            node = graph.add(Loudness(), node, name="front/loudness")
        op = LogMel(self.rate, frames * hop, hop, bands)
        node = graph.add(op, node, name="front/log_mel")
        if features == "cepstrum":
            node = graph.add(Cepstrum(bands // 2), node, name="front/cepstrum")
        return graph.add(BatchNorm(), node, name="front/norm")

    @staticmethod
    def _depth(hp: Any, stage: int) -> int | None:
        active = [stages for stages in (2, 3, 4) if stages >= stage]
        with hp.conditional_scope("stages", active):
            depth: int | None = hp.Choice(f"depth{stage}", [0, 1, 2, 3], default=1)
        return depth
