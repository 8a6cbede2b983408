"""What a drawing of an architecture shows: repeated blocks folded, chains of nodes as one box.

Nodes belong to the block that their name begins with: `stage1/block0/conv1` is in
`stage1/block0`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autoarch.architecture.graph import INPUT, Architecture, Node
from autoarch.architecture.ops import Op, Shape

_JOINING = {"batch_norm", "frozen_batch_norm", "activation", "dropout"}
"""Kinds that share the box of the node they follow or precede."""

_SHORT_NAMES = {
    "conv2d": "conv",
    "depthwise_conv2d": "depthwise conv",
    "dilated_depthwise_conv2d": "dilated depthwise conv",
    "oblong_conv2d": "conv",
    "batch_norm": "BN",
    "frozen_batch_norm": "BN",
    "activation": "",
    "squeeze_excite": "squeeze-excite",
    "max_pool2d": "max pool",
    "average_pool2d": "average pool",
    "global_average_pool2d": "global average pool",
}


@dataclass(frozen=True)
class Stage:
    """The nodes under one first part of the name, e.g. "stage1".

    Args:
        name: That part; the node's own name where it has only one.
        nodes: How many.
        output_shape: Shape of the last one's result, without the batch.
        params: Their weights.
        macs: Their multiply-adds for one example.
    """

    name: str
    nodes: int
    output_shape: Shape
    params: int
    macs: int


def stages(architecture: Architecture) -> tuple[Stage, ...]:
    """Costs by stage, in order of first appearance; they add up to the architecture's."""
    found: dict[str, Stage] = {}
    for node in architecture.live_nodes:
        name = node.name.split("/")[0]
        before = found.get(name, Stage(name, 0, (), 0, 0))
        params, macs = _costs(architecture, node)
        shape = architecture.shapes[node.name]
        found[name] = Stage(
            name, before.nodes + 1, shape, before.params + params, before.macs + macs
        )
    return tuple(found.values())


def shape_text(shape: Shape) -> str:
    """A shape for reading: `16x16x64` with multiplication signs."""
    return "\N{MULTIPLICATION SIGN}".join(map(str, shape))


def op_text(op: Op) -> str:
    """An op in a few words, from its kind and fields, e.g. `conv 3x3, 64, /2`."""
    fields = op.config()
    kind = str(fields.pop("kind"))
    name = _SHORT_NAMES.get(kind, kind.replace("_", " "))
    if kind == "rescale":
        return name
    window = next((int(fields[key]) for key in ("kernel", "size") if key in fields), None)
    details = [] if window is None else [shape_text((window, window))]
    if "height" in fields:
        details = [shape_text((int(fields["height"]), int(fields["width"])))]
    details += [str(fields[key]) for key in ("filters", "units") if key in fields]
    details += [str(fields[key]).replace("_", " ") for key in ("function", "rate") if key in fields]
    if fields.get("stride", 1) != 1:
        details.append(f"/{fields['stride']}")
    if fields.get("dilation", 1) != 1:
        details.append(f"every {fields['dilation']}")
    if fields.get("groups", 1) != 1:
        details.append(f"{fields['groups']} groups")
    return f"{name} {', '.join(details)}".strip()


def _costs(architecture: Architecture, node: Node) -> tuple[int, int]:
    """Weights and multiply-adds of one node."""
    inputs = [architecture.shapes[name] for name in node.inputs]
    params = node.op.trainable_params(*inputs) + node.op.state_params(*inputs)
    return params, node.op.macs(*inputs)


def _block_of(node: Node) -> str:
    return node.name.rpartition("/")[0]


@dataclass
class Repeat:
    """A block that stands for itself and those that follow and equal it."""

    last_block: str
    times: int = 1


def fold(architecture: Architecture) -> tuple[list[Node], dict[str, Repeat]]:
    """Leaves out blocks that repeat the one before.

    Returns:
        The nodes that stay, rewired, and for each block how often it is repeated.
    """
    runs: list[list[Node]] = []
    for node in architecture.live_nodes:
        if runs and _block_of(runs[-1][0]) == _block_of(node) != "":
            runs[-1].append(node)
        else:
            runs.append([node])
    readers = {
        n: {m.name for m in architecture.live_nodes if n in m.inputs}
        for n in (node.name for node in architecture.live_nodes)
    }
    lone = Counter(_block_of(run[0]) for run in runs)
    nodes: list[Node] = []
    repeats: dict[str, Repeat] = {}
    alias: dict[str, str] = {}
    before: list[Node] = []
    for run in runs:
        block = _block_of(run[0])
        if before and lone[block] == 1 and _repeats(architecture, before, run, readers):
            kept = _block_of(nodes[-1])
            repeats[kept] = Repeat(block, repeats[kept].times + 1)
            alias[run[-1].name] = nodes[-1].name
        else:
            repeats[block] = Repeat(block)
            nodes += [
                Node(n.name, n.op, tuple(alias.get(name, name) for name in n.inputs)) for n in run
            ]
        before = run
    return nodes, repeats


def _repeats(
    architecture: Architecture,
    before: Sequence[Node],
    run: Sequence[Node],
    readers: Mapping[str, set[str]],
) -> bool:
    """Whether `run` is the block `before` once more, reading nothing but its result."""
    parents = [_block_of(nodes[0]).rpartition("/")[0] for nodes in (before, run)]
    if not parents[0] or parents[0] != parents[1] or len(before) != len(run):
        return False
    forms = []
    for nodes in (before, run):
        own = {node.name: index for index, node in enumerate(nodes)}
        outside = {name for node in nodes for name in node.inputs if name not in own}
        leaks = any(readers[node.name] - own.keys() for node in nodes[:-1])
        if len(outside) != 1 or leaks:
            return False
        source = outside.pop()
        wiring = [(node.op, tuple(own.get(name, -1) for name in node.inputs)) for node in nodes]
        forms.append((wiring, architecture.shapes[source], source))
    only_reader = readers[before[-1].name] <= {node.name for node in run}
    return forms[0][:2] == forms[1][:2] and forms[1][2] == before[-1].name and only_reader


@dataclass
class Box:
    """Nodes drawn together.

    Args:
        nodes: A chain; empty for the network's input.
        inputs: The boxes that it reads.
        block: See the module's text; empty for nodes outside any block.
        title: The ops in words.
        shape: Shape of the result, without the batch.
        params: Weights, of one repetition.
        macs: Multiply-adds for one example, of all repetitions.
        depth: Length of the longest path from the input.
    """

    nodes: list[Node]
    inputs: list[Box]
    block: str
    title: str
    shape: Shape
    params: int = 0
    macs: int = 0
    depth: int = 0


def boxes_of(
    architecture: Architecture, nodes: Sequence[Node], repeats: Mapping[str, Repeat]
) -> list[Box]:
    """Puts chains into boxes; the first box is the input. Costs include the repetitions' MACs."""
    uses = Counter(name for node in nodes for name in node.inputs)
    start = Box(
        [], [], "", f"input {shape_text(architecture.input_shape)}", architecture.input_shape
    )
    boxes, holder = [start], {INPUT: start}
    for node in nodes:
        block = _block_of(node)
        source = holder[node.inputs[0]]
        alone = all(inner.op.kind in _JOINING for inner in source.nodes)
        joins = (
            len(node.inputs) == 1
            and source is not start
            and uses[node.inputs[0]] == 1
            and source.block == block
            and (node.op.kind in _JOINING or alone)
        )
        if not joins:
            inputs = list({id(box): box for box in (holder[name] for name in node.inputs)}.values())
            source = Box([], inputs, block, "", (), depth=1 + max(box.depth for box in inputs))
            boxes.append(source)
        params, macs = _costs(architecture, node)
        source.nodes.append(node)
        source.title = " + ".join(op_text(inner.op) for inner in source.nodes)
        source.shape = architecture.shapes[node.name]
        source.params += params
        source.macs += macs * repeats[block].times
        holder[node.name] = source
    return boxes
