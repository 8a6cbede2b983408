"""Networks that come trained: written as architectures, their weights taken from Keras's files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.depthwise_conv2d import DepthwiseConv2D
from autoarch.architecture.ops.frozen_batch_norm import FrozenBatchNorm
from autoarch.architecture.ops.merge import Concat
from autoarch.architecture.ops.op import Op
from autoarch.architecture.ops.pooling import MaxPool2D
from autoarch.architecture.ops.rescale import Rescale
from autoarch.data.weights_file import WEIGHT_FILES, Array, LayerWeights, read_weights_file
from autoarch.errors import InvalidInputError

CAFFE_MEAN = (123.68, 116.779, 103.939)
"""Mean of ImageNet's red, green and blue, which SqueezeNet's pixels were reduced by."""

MOBILENETS = {"mobilenet": 32, "mobilenet-0.75": 24, "mobilenet-0.5": 16, "mobilenet-0.25": 8}
"""Channels of the stem of the MobileNets that Keras Applications has weights of."""


def write_mobilenet(graph: GraphBuilder, node: str, width: int) -> list[str]:
    """MobileNet without its head: a stem and thirteen depthwise-separable convolutions.

    Args:
        graph: Is added to.
        node: Pixels in [-1, 1].
        width: Channels of the stem.

    Returns:
        The last node of the stem and of each block; all others of a part begin with its name.

    Source: Howard et al. (2017), "MobileNets", table 1.
    """

    def add(op: Op, node: str, name: str) -> str:
        node = graph.add(op, node, name=name)
        node = graph.add(FrozenBatchNorm(), node, name=f"{name}_norm")
        return graph.add(Activation("relu6"), node, name=f"{name}_relu6")

    ends = [add(Conv2D(width, 3, 2), node, "part0/conv")]
    layers = [(2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2), *[(16, 1)] * 5, (32, 2), (32, 1)]
    for number, (factor, stride) in enumerate(layers, start=1):
        x = add(DepthwiseConv2D(3, stride), ends[-1], f"part{number}/depthwise")
        ends.append(add(Conv2D(width * factor, 1), x, f"part{number}/pointwise"))
    return ends


def write_squeezenet(graph: GraphBuilder, node: str, width: int) -> list[str]:
    """SqueezeNet 1.1 without its head: a stem and eight fire modules; see `write_mobilenet`.

    "Same" padding, where the original pads nothing, adds a row and a column at the far edges.

    Source: Iandola et al. (2016), "SqueezeNet", table 1; version 1.1 as its authors published it,
    `forresti/SqueezeNet: SqueezeNet_v1.1/train_val.prototxt`.
    """

    def conv(filters: int, kernel: int, node: str, name: str, stride: int = 1) -> str:
        node = graph.add(Conv2D(filters, kernel, stride, use_bias=True), node, name=name)
        return graph.add(Activation("relu"), node, name=f"{name}_relu")

    x = conv(width, 3, node, "part0/conv", stride=2)
    ends = [graph.add(MaxPool2D(3, 2), x, name="part0/pool")]
    for number in range(1, 9):
        squeezed = width // 4 * ((number + 1) // 2)
        x = conv(squeezed, 1, ends[-1], f"part{number}/squeeze")
        wide = [conv(4 * squeezed, k, x, f"part{number}/expand{k}") for k in (1, 3)]
        x = graph.add(Concat(), *wide, name=f"part{number}/concat")
        if number in (2, 4):
            x = graph.add(MaxPool2D(3, 2), x, name=f"part{number}/pool")
        ends.append(x)
    return ends


Write = Callable[[GraphBuilder, str, int], list[str]]
FAMILIES: dict[str, tuple[Write, tuple[int, ...]]] = {
    "mobilenet": (write_mobilenet, tuple(MOBILENETS.values())),
    "squeezenet": (write_squeezenet, (64,)),
}
"""What writes each kind of network, and the widths in which it comes."""


@dataclass(frozen=True, eq=False)
class Backbone:
    """A network with its weights, without its head.

    Args:
        name: Of the network, such as "mobilenet-0.25".
        family: A key of `FAMILIES`.
        width: Channels of its stem.
        weights: By path, for pictures of three channels with pixels in [-1, 1].
    """

    name: str
    family: str
    width: int
    weights: Mapping[str, Array]

    def write(self, graph: GraphBuilder) -> list[str]:
        """Adds the network to a graph that is still empty; see `write_mobilenet`."""
        node = graph.add(Rescale(), INPUT, name="rescale")
        return FAMILIES[self.family][0](graph, node, self.width)

    def weights_for(self, channels: int) -> Mapping[str, Array]:
        """The weights for pictures of so many channels: grey stands for red, green and blue."""
        if channels == 3:
            return self.weights
        first = "part0_conv/kernel"
        return {**self.weights, first: self.weights[first].sum(axis=2, keepdims=True)}


def read_backbone(path: Path) -> Backbone:
    """The network whose weights a file holds, recognised by their shapes.

    Raises:
        InvalidInputError: The file cannot be read, or holds another network.
    """
    return recognise(read_weights_file(path), str(path))


def recognise(layers: LayerWeights, source: str) -> Backbone:
    """The network that weights belong to.

    Args:
        layers: Of the whole network; layers behind its body, such as a head, do not matter.
        source: Where they are from, for the message.

    Raises:
        InvalidInputError: They are of no network in `FAMILIES`.
    """
    for family, (write, widths) in FAMILIES.items():
        for width in widths:
            graph = GraphBuilder((224, 224, 3))
            write(graph, graph.add(Rescale(), INPUT, name="rescale"), width)
            weights = _matched(graph.finish(), layers)
            if weights is not None:
                names = {v: k for k, v in MOBILENETS.items()}
                name = names[width] if family == "mobilenet" else family
                if family == "squeezenet":
                    weights |= _from_caffe(weights)
                return Backbone(name, family, width, weights)
    raise InvalidInputError(
        f"{source} holds another network than {', '.join(MOBILENETS)} or squeezenet; give weights "
        "of one of these."
    )


def _matched(architecture: Architecture, layers: LayerWeights) -> dict[str, Array] | None:
    """The weights by path, each kind of layer in its order; None where a shape differs."""
    left = {kind: iter(found) for kind, found in layers.items()}
    weights: dict[str, Array] = {}
    for node in architecture.nodes:
        kind, ends = _expected(node.op)
        if not ends:
            continue
        found = next(left.get(kind, iter(())), ())
        if len(found) != len(ends):
            return None
        weights |= {f"{node.layer_name}/{end}": array for end, array in zip(ends, found)}
    model_shapes = _weight_shapes(architecture)
    fits = all(weights[path].shape == shape for path, shape in model_shapes.items())
    return weights if fits else None


def _expected(op: Op) -> tuple[str, tuple[str, ...]]:
    """The kind of layer, as in `LayerWeights`, and the ends of its weights' paths."""
    if isinstance(op, FrozenBatchNorm):
        return "batch_normalization", ("gamma", "beta", "moving_mean", "moving_variance")
    if isinstance(op, Conv2D):
        return "conv2d", ("kernel", "bias") if op.use_bias else ("kernel",)
    if isinstance(op, DepthwiseConv2D):
        return "depthwise_conv2d", ("kernel",)
    return "", ()


def _weight_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """The shape of each weight by path."""
    shapes: dict[str, tuple[int, ...]] = {}
    for node in architecture.nodes:
        channels = architecture.shapes[node.inputs[0]][-1]
        op, name = node.op, node.layer_name
        for end in _expected(op)[1]:
            shape: tuple[int, ...] = (architecture.shapes[node.name][-1],)
            if end == "kernel" and isinstance(op, Conv2D):
                shape = (op.kernel, op.kernel, channels, op.filters)
            elif end == "kernel" and isinstance(op, DepthwiseConv2D):
                shape = (op.kernel, op.kernel, channels, 1)
            shapes[f"{name}/{end}"] = shape
    return shapes


def _from_caffe(weights: Mapping[str, Array]) -> dict[str, Array]:
    """The first convolution for red, green and blue in [-1, 1], in place of blue, green and red
    with the means taken off: pixel - mean = 127.5 x + (127.5 - mean)."""
    kernel = np.asarray(weights["part0_conv/kernel"], np.float64)[:, :, ::-1]
    offset = 127.5 - np.array(CAFFE_MEAN)
    bias = weights["part0_conv/bias"] + np.einsum("hwio,i->o", kernel, offset)
    return {
        "part0_conv/kernel": (127.5 * kernel).astype(np.float32),
        "part0_conv/bias": bias.astype(np.float32),
    }


def find_backbones(given: str) -> tuple[dict[str, Backbone], list[str]]:
    """Trained networks by name.

    Args:
        given: A file of weights, a folder of such files, or a name in `MOBILENETS`, whose weights
            are downloaded through Keras Applications unless they are on this machine already.

    Returns:
        The networks, and a line on each that had to be left out. Both are empty only where none is.

    Raises:
        InvalidInputError: There is no such name, file or folder, or nothing in it can be used.
    """
    path = Path(given)
    if given in MOBILENETS and not path.exists():
        return _downloaded(given)
    if not path.exists():
        raise InvalidInputError(
            f"`pretrained` must be a file of weights, a folder of such files, or one of "
            f"{', '.join(MOBILENETS)}; there is no {given!r}."
        )
    if path.is_file():
        backbone = read_backbone(path)
        return {backbone.name: backbone}, []
    found: dict[str, Backbone] = {}
    left_out = []
    for file in sorted(file for file in path.iterdir() if file.suffix in WEIGHT_FILES):
        try:
            backbone = read_backbone(file)
        except InvalidInputError as error:
            left_out.append(f"Left out: {error}")
        else:
            found.setdefault(backbone.name, backbone)
    if not found:
        raise InvalidInputError(
            left_out[0].removeprefix("Left out: ")
            if left_out
            else f"{path} has no file of weights ({', '.join(WEIGHT_FILES)}); give one."
        )
    return found, left_out


def _downloaded(name: str) -> tuple[dict[str, Backbone], list[str]]:
    import keras

    try:
        model = keras.applications.MobileNet(
            (224, 224, 3), alpha=MOBILENETS[name] / 32, include_top=False, weights="imagenet"
        )
    except Exception as error:  # keras.utils.get_file raises a bare Exception
        if "URL fetch failure" not in str(error):
            raise
        return {}, [
            f"The weights of {name} are not on this machine and cannot be downloaded; the search "
            "goes on without them. Give `pretrained` a file of weights to use some."
        ]
    layers: LayerWeights = {}
    kinds = {
        keras.layers.DepthwiseConv2D: "depthwise_conv2d",
        keras.layers.Conv2D: "conv2d",
        keras.layers.BatchNormalization: "batch_normalization",
    }
    for layer in model.layers:
        kind = kinds.get(type(layer))
        if kind is not None:
            layers.setdefault(kind, []).append(tuple(layer.get_weights()))
    backbone = recognise(layers, name)
    return {name: backbone}, []
