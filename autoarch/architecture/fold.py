"""The same network for inference: batch norm, dropout and the rescaling of pixels folded away.

A batch norm behind a convolution is an affine map of each channel, so its factor goes into the
kernel and the rest into a bias. The rescaling of the pixels goes into the first convolutions in
the same way, which saves an int8 network two roundings of its input.

The folded network takes centred pixels, `pixel - 128`, which are exactly the int8 values: its
input needs no quantisation. Its answers are those of the original up to rounding, except that
"same" padding stands for pixel 128 there and for the middle of the rescaled range, 127.5, here.

Source: Jacob et al. (2018), "Quantization and training of neural networks for efficient
integer-arithmetic-only inference", section 3.2, equation 14, for batch norm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from autoarch.architecture.graph import INPUT, Architecture, Node
from autoarch.architecture.inherit import Array, Weights
from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.depthwise_conv2d import DepthwiseConv2D
from autoarch.architecture.ops.dilated_depthwise_conv2d import DilatedDepthwiseConv2D
from autoarch.architecture.ops.dropout import Dropout
from autoarch.architecture.ops.oblong_conv2d import OblongConv2D
from autoarch.architecture.ops.op import Op
from autoarch.architecture.ops.rescale import Rescale
from autoarch.errors import InvalidArchitectureError

CENTRE = 128
"""The folded network's input is `pixel - CENTRE`, where it was pixels."""

_Depthwise = DepthwiseConv2D | DilatedDepthwiseConv2D
Convolution = Conv2D | OblongConv2D | _Depthwise
"""What takes norms and rescaling into its kernel and bias."""


@dataclass(frozen=True)
class _Step:
    """A node of the folded network and what went into it.

    Args:
        node: The node, reading folded nodes.
        rescale: Goes into its kernel, from before; or None.
        norms: The batch norms that go into its kernel, from behind, in their order.
    """

    node: Node
    rescale: Rescale | None = None
    norms: tuple[Node, ...] = ()


def fold(architecture: Architecture, *, pixels: bool = True) -> Architecture:
    """The folded network. Its nodes keep their names, but for those that are gone.

    Args:
        architecture: The original.
        pixels: Whether its input are pixels, to be centred; anything else is taken as it is.

    Example:
        >>> from autoarch.architecture import GraphBuilder
        >>> from autoarch.architecture.ops.dense import Dense
        >>> from autoarch.architecture.ops.pooling import GlobalAveragePool2D
        >>> builder = GraphBuilder((8, 8, 3))
        >>> x = builder.add(Rescale(), INPUT, name="rescale")
        >>> x = builder.add(Conv2D(4), x, name="conv")
        >>> x = builder.add(BatchNorm(), x, name="norm")
        >>> x = builder.add(GlobalAveragePool2D(), x, name="pool")
        >>> _ = builder.add(Dense(2), x, name="logits")
        >>> [node.name for node in fold(builder.finish()).nodes]
        ['conv', 'pool', 'logits']
    """
    steps = _plan(architecture, pixels)
    return Architecture(architecture.input_shape, tuple(step.node for step in steps))


def fold_weights(
    architecture: Architecture, weights: Weights, *, pixels: bool = True
) -> dict[str, Array]:
    """The weights of `fold(architecture, pixels=pixels)`.

    Args:
        architecture: The original.
        weights: Its weights by path, such as `stem_conv/kernel`.
        pixels: As for `fold`.

    Returns:
        Float32 arrays by path, for the folded network.
    """
    found: dict[str, Array] = {}
    for step in _plan(architecture, pixels):
        name = step.node.layer_name
        own = {path: np.asarray(w, np.float64) for path, w in weights.items() if _of(path, name)}
        if step.rescale is not None or step.norms:
            own = {f"{name}/{key}": w for key, w in _folded_kernel(step, own, weights).items()}
        found.update({path: w.astype(np.float32) for path, w in own.items()})
    return found


def unfold_weights(
    architecture: Architecture, folded: Weights, *, pixels: bool = True
) -> dict[str, Array]:
    """Weights of the original that fold to given ones: the inverse of `fold_weights`.

    There are many; here the first batch norm behind a convolution only adds its `beta`, and
    others change nothing.

    Args:
        architecture: The original.
        folded: Weights of `fold(architecture, pixels=pixels)` by path.
        pixels: As for `fold`.

    Returns:
        Float32 arrays by path.

    Raises:
        InvalidArchitectureError: A convolution without bias and batch norm reads the rescaled
            pixels: the folded one has a bias that the original cannot have.
    """
    found: dict[str, Array] = {}
    for step in _plan(architecture, pixels):
        name = step.node.layer_name
        own = {path: np.asarray(w, np.float64) for path, w in folded.items() if _of(path, name)}
        if step.rescale is not None or step.norms:
            own = _unfolded_kernel(architecture, step, own)
        found.update({path: w.astype(np.float32) for path, w in own.items()})
    return found


def _unfolded_kernel(
    architecture: Architecture, step: _Step, own: Mapping[str, Array]
) -> dict[str, Array]:
    name, kernel = step.node.layer_name, own[f"{step.node.layer_name}/kernel"]
    bias = own[f"{name}/bias"]
    if step.rescale is not None:
        kernel = kernel / step.rescale.scale
        offset = step.rescale.offset + CENTRE * step.rescale.scale
        bias = bias - offset * kernel.sum(_other_axes(step.node.op))
    (original,) = (node.op for node in architecture.nodes if node.name == step.node.name)
    assert isinstance(original, Convolution)
    found = {f"{name}/kernel": kernel}
    zeros = np.zeros_like(bias)
    for number, node in enumerate(step.norms):
        assert isinstance(node.op, BatchNorm)
        norm = {
            "gamma": zeros + np.sqrt(1 + node.op.epsilon),
            "beta": zeros if number else bias,
            "moving_mean": zeros,
            "moving_variance": zeros + 1,
        }
        found |= {f"{node.layer_name}/{key}": value for key, value in norm.items()}
    if not step.norms and not original.use_bias:
        raise InvalidArchitectureError(
            f"Node {step.node.name!r} has no bias and no batch norm behind it; its folded twin has."
        )
    if original.use_bias:
        found[f"{name}/bias"] = zeros if step.norms else bias
    return found


def _other_axes(op: Op) -> tuple[int, ...]:
    """The axes of a kernel but that of the output channels: third in depthwise ones
    (h, w, c, 1)."""
    return (0, 1, 3) if isinstance(op, _Depthwise) else (0, 1, 2)


def _of(path: str, layer: str) -> bool:
    """Whether a weight belongs to a node; gates have layers of their own with endings."""
    return path.rsplit("/", 1)[0] in (layer, f"{layer}_reduce", f"{layer}_expand")


def _folded_kernel(step: _Step, own: Mapping[str, Array], weights: Weights) -> dict[str, Array]:
    name, op = step.node.layer_name, step.node.op
    kernel = own[f"{name}/kernel"]
    shape = (-1, 1) if isinstance(op, _Depthwise) else (-1,)
    channels = kernel.shape[2] if isinstance(op, _Depthwise) else kernel.shape[3]
    bias = own.get(f"{name}/bias", np.zeros(channels))
    if step.rescale is not None:
        offset = step.rescale.offset + CENTRE * step.rescale.scale
        bias = bias + offset * kernel.sum(_other_axes(op))
        kernel = kernel * step.rescale.scale
    for node in step.norms:
        norm = {
            key: np.asarray(weights[f"{node.layer_name}/{key}"], np.float64)
            for key in ("gamma", "beta", "moving_mean", "moving_variance")
        }
        assert isinstance(node.op, BatchNorm)
        factor = norm["gamma"] / np.sqrt(norm["moving_variance"] + node.op.epsilon)
        kernel = kernel * factor.reshape(shape)
        bias = (bias - norm["moving_mean"]) * factor + norm["beta"]
    return {"kernel": kernel, "bias": bias}


def _plan(architecture: Architecture, pixels: bool) -> list[_Step]:
    """The nodes of the folded network, each with what is folded into it."""
    if any(not node.op.foldable for node in architecture.live_nodes):
        raise InvalidArchitectureError("The network is a whole Keras model: it has no int8 form.")
    nodes = {node.name: node for node in architecture.live_nodes}
    readers: dict[str, list[Node]] = {INPUT: [], **{name: [] for name in nodes}}
    for node in architecture.live_nodes:
        for name in node.inputs:
            readers[name].append(node)
    now: dict[str, str] = {INPUT: INPUT}
    steps: dict[str, _Step] = {}
    rescales: dict[str, Rescale] = {}
    if pixels and any(not isinstance(reader.op, Rescale) for reader in readers[INPUT]):
        # Nothing there to fold: the pixels are put back to where they were.
        now[INPUT] = _free("centre", nodes)
        steps[now[INPUT]] = _Step(Node(now[INPUT], Rescale(1.0, float(CENTRE)), (INPUT,)))
    for node in architecture.live_nodes:
        inputs = tuple(now[name] for name in node.inputs)
        op, source = node.op, inputs[0]
        now[node.name] = node.name
        if isinstance(op, Dropout):
            now[node.name] = source
        elif isinstance(op, Rescale) and node.inputs == (INPUT,) and source == INPUT:
            if all(isinstance(reader.op, Convolution) for reader in readers[node.name]):
                rescales[node.name] = op
                now[node.name] = INPUT
            else:
                centred = replace(op, offset=op.offset + CENTRE * op.scale)
                steps[node.name] = _Step(Node(node.name, centred, inputs))
        elif isinstance(op, BatchNorm) and _takes_norm(nodes, node, readers):
            step = _with_bias(steps[source])
            steps[source] = replace(step, norms=(*step.norms, node))
            now[node.name] = source
        else:
            step = _Step(replace(node, inputs=inputs), rescales.get(node.inputs[0]))
            steps[node.name] = _with_bias(step) if step.rescale is not None else step
    return list(steps.values())


def _takes_norm(nodes: Mapping[str, Node], norm: Node, readers: Mapping[str, list[Node]]) -> bool:
    """Whether there are but norms between it and a convolution that nothing else reads."""
    source = nodes.get(norm.inputs[0])
    while source is not None and readers[source.name] == [norm]:
        if isinstance(source.op, Convolution):
            return True
        if not isinstance(source.op, BatchNorm):
            return False
        norm, source = source, nodes.get(source.inputs[0])
    return False


def _with_bias(step: _Step) -> _Step:
    assert isinstance(step.node.op, Convolution)
    return replace(step, node=replace(step.node, op=replace(step.node.op, use_bias=True)))


def _free(name: str, nodes: Mapping[str, Node]) -> str:
    while name in nodes:
        name += "_"
    return name
