"""Known small networks as architectures, for comparisons."""

from __future__ import annotations

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.merge import Add
from autoarch.architecture.ops.pooling import GlobalAveragePool2D
from autoarch.architecture.ops.rescale import Rescale


def resnet8(
    input_shape: tuple[int, ...] = (32, 32, 3), classes: int = 10, width: int = 16
) -> Architecture:
    """ResNet-8, the network of MLPerf Tiny's image classification.

    Three stages of one residual block, 16, 32 and 64 channels wide, the later two halving the
    picture; convolutions with bias, as there. The stem halves photos (64 pixels and more).

    Args:
        input_shape: `(height, width, channels)`.
        classes: Number of classes.
        width: Channels of the stem and the first stage; 16 there.

    Source: Banbury et al. (2021), "MLPerf Tiny benchmark", section 4.3; its reference code,
    `mlcommons/tiny: benchmark/training/image_classification/keras_model.py`.

    Example:
        >>> resnet8().params
        78666
    """
    graph = GraphBuilder(tuple(input_shape))
    stem_stride = 2 if min(input_shape[:2]) >= 64 else 1

    def conv(node: str, filters: int, stride: int, name: str) -> str:
        node = graph.add(Conv2D(filters, 3, stride, use_bias=True), node, name=name)
        return graph.add(BatchNorm(), node, name=f"{name}_norm")

    node = graph.add(Rescale(), INPUT, name="rescale")
    node = graph.add(
        Activation("relu"), conv(node, width, stem_stride, "stem/conv"), name="stem/relu"
    )
    for stage, (factor, stride) in enumerate([(1, 1), (2, 2), (4, 2)], start=1):
        filters = width * factor
        block = f"stage{stage}"
        x = conv(node, filters, stride, f"{block}/conv1")
        x = graph.add(Activation("relu"), x, name=f"{block}/relu1")
        x = conv(x, filters, 1, f"{block}/conv2")
        if stride > 1:
            shortcut = Conv2D(filters, 1, stride, use_bias=True)
            node = graph.add(shortcut, node, name=f"{block}/shortcut")
        node = graph.add(Add(), node, x, name=f"{block}/add")
        node = graph.add(Activation("relu"), node, name=f"{block}/relu2")
    node = graph.add(GlobalAveragePool2D(), node, name="head/pool")
    graph.add(Dense(classes), node, name="head/logits")
    return graph.finish()
