"""The drawing of an architecture, and the boxes that it shows."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from autoarch.architecture import INPUT, Architecture, GraphBuilder, Node
from autoarch.architecture.diagram import draw
from autoarch.architecture.flow import boxes_of, fold, op_text, stages
from autoarch.architecture.ops import Op
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.depthwise_conv2d import DepthwiseConv2D
from autoarch.architecture.ops.dropout import Dropout
from autoarch.architecture.ops.merge import Add, Concat
from autoarch.architecture.ops.pooling import AveragePool2D, GlobalAveragePool2D, MaxPool2D
from autoarch.architecture.ops.rescale import Rescale
from autoarch.architecture.ops.squeeze_excite import SqueezeExcite

SVG = "{http://www.w3.org/2000/svg}"


def network(blocks: int = 3, widths: tuple[int, ...] = (8, 16)) -> Architecture:
    """A residual network whose first block of a stage has a projection on its shortcut."""
    graph = GraphBuilder((16, 16, 3))

    def conv(x: str, name: str, filters: int, kernel: int, stride: int) -> str:
        x = graph.add(Conv2D(filters, kernel, stride), x, name=name)
        return graph.add(BatchNorm(), x, name=f"{name}_norm")

    x = conv(INPUT, "stem/conv", 8, 3, 1)
    for stage, width in enumerate(widths):
        for block in range(blocks):
            at = f"stage{stage}/block{block}"
            stride = 1 if block else 2
            y = conv(x, f"{at}/conv1", width, 3, stride)
            y = graph.add(Activation("relu"), y, name=f"{at}/relu1")
            y = conv(y, f"{at}/conv2", width, 3, 1)
            shortcut = conv(x, f"{at}/project", width, 1, stride) if not block else x
            x = graph.add(Add(), y, shortcut, name=f"{at}/add")
            x = graph.add(Activation("relu"), x, name=f"{at}/relu2")
    x = graph.add(GlobalAveragePool2D(), x, name="head/pool")
    graph.add(Dense(5), x, name="head/logits")
    return graph.finish()


def titles(architecture: Architecture) -> list[str]:
    nodes, repeats = fold(architecture)
    return [box.title for box in boxes_of(architecture, nodes, repeats)]


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")]


def spans(svg: str) -> list[tuple[float, float, float, float]]:
    """Left, top, right, bottom of every box."""
    found = []
    for rect in ET.fromstring(svg).iter(f"{SVG}rect"):
        if rect.get("class") == "aa-box":
            x, y, w, h = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
            found.append((x, y, x + w, y + h))
    return found


def test_a_chain_of_layers_is_one_box() -> None:
    assert titles(network(blocks=1, widths=(8,))) == [
        "input 16\u00d716\u00d73",
        "conv 3\u00d73, 8 + BN",
        "conv 3\u00d73, 8, /2 + BN + relu",
        "conv 3\u00d73, 8 + BN",
        "conv 1\u00d71, 8, /2 + BN",
        "add + relu",
        "global average pool",
        "dense 5",
    ]


def test_a_chain_ends_where_its_result_is_read_twice() -> None:
    graph = GraphBuilder((4, 4, 2))
    conv = graph.add(Conv2D(2), INPUT, name="conv")
    norm = graph.add(BatchNorm(), conv, name="norm")
    graph.add(Add(), norm, conv, name="add")
    assert titles(graph.finish())[1:] == ["conv 3\u00d73, 2", "BN", "add"]


def test_normalisation_before_the_convolution_shares_its_box() -> None:
    graph = GraphBuilder((4, 4, 2))
    x = graph.add(BatchNorm(), INPUT, name="norm")
    x = graph.add(Activation("silu"), x, name="act")
    graph.add(Conv2D(4, 1), x, name="conv")
    assert titles(graph.finish())[1:] == ["BN + silu + conv 1\u00d71, 4"]


def test_equal_blocks_are_drawn_once_and_their_costs_counted_each_time() -> None:
    architecture = network(blocks=4)
    nodes, repeats = fold(architecture)
    assert {block: (r.last_block, r.times) for block, r in repeats.items() if r.times > 1} == {
        "stage0/block1": ("stage0/block3", 3),
        "stage1/block1": ("stage1/block3", 3),
    }
    boxes = boxes_of(architecture, nodes, repeats)
    assert sum(box.macs for box in boxes) == architecture.macs
    params = sum(box.params * repeats.get(box.block, repeats["head"]).times for box in boxes)
    assert params == architecture.params
    assert texts(draw(architecture)).count("to block3: 3 times") == 2


def test_hints_tell_what_is_of_one_repetition_and_what_of_all() -> None:
    hints = [element.text for element in ET.fromstring(draw(network(4))).iter(f"{SVG}title")]
    assert sum("/block1/" in hint for hint in hints) == 6
    for hint in hints:
        assert ("weights each" in hint) == ("/block1/" in hint)
        assert hint.endswith(" in all") == ("/block1/" in hint)


def test_blocks_that_differ_in_one_op_are_all_drawn() -> None:
    nodes = list(network(blocks=3).nodes)
    at = next(i for i, node in enumerate(nodes) if node.name == "stage0/block2/relu1")
    nodes[at] = Node(nodes[at].name, Activation("silu"), nodes[at].inputs)
    _, repeats = fold(Architecture((16, 16, 3), tuple(nodes)))
    assert {repeat.times for block, repeat in repeats.items() if "stage0" in block} == {1}


def test_a_block_whose_inside_is_read_later_is_not_folded() -> None:
    graph = GraphBuilder((4, 4, 2))
    x = inner = INPUT
    for block in range(3):
        inner = graph.add(Conv2D(2), x, name=f"stage/block{block}/a")
        x = graph.add(Conv2D(2), inner, name=f"stage/block{block}/b")
    graph.add(Add(), x, "stage/block1/a", name="add")
    _, repeats = fold(graph.finish())
    assert max(repeat.times for repeat in repeats.values()) == 1


def test_dead_nodes_are_not_drawn() -> None:
    graph = GraphBuilder((4,))
    graph.add(Dense(7), INPUT, name="dead")
    graph.add(Dense(2), INPUT, name="logits")
    assert titles(graph.finish()) == ["input 4", "dense 2"]


def test_boxes_lie_inside_the_drawing_and_apart() -> None:
    svg = draw(network())
    root = ET.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    boxes = spans(svg)
    assert len(boxes) == len(titles(network()))
    for i, (left, top, right, bottom) in enumerate(boxes):
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        for other in boxes[i + 1 :]:
            apart = other[0] >= right or other[2] <= left or other[1] >= bottom or other[3] <= top
            assert apart


def test_identity_shortcuts_are_arcs_and_projections_stand_beside() -> None:
    svg = draw(network(blocks=2, widths=(8,)))
    lefts = {left for left, *_ in spans(svg)}
    assert len(lefts) == 2
    root = ET.fromstring(svg)
    skips = [p for p in root.iter(f"{SVG}path") if p.get("class") == "aa-edge aa-skip"]
    assert len(skips) == 3  # into and out of the projection, and the second block's arc
    main = min(lefts)
    arcs = [p for p in skips if float(p.attrib["d"].split("L")[1].split()[0]) < main]
    assert len(arcs) == 1


def test_branches_side_by_side_have_columns_of_their_own() -> None:
    graph = GraphBuilder((8, 8, 4))
    stem = graph.add(Conv2D(4), INPUT, name="stem")
    branches = [graph.add(Conv2D(4, k), stem, name=f"cell/k{k}") for k in (1, 3, 5, 7)]
    branches.append(graph.add(MaxPool2D(3, 1), stem, name="cell/pool"))
    x = graph.add(Concat(), *branches, stem, name="cell/concat")
    graph.add(GlobalAveragePool2D(), x, name="head/pool")
    svg = draw(graph.finish())
    assert len({left for left, *_ in spans(svg)}) == 5
    boxes = spans(svg)
    assert len(boxes) == len(set(boxes)) == 9


def test_long_arcs_that_overlap_have_lanes_of_their_own() -> None:
    graph = GraphBuilder((8, 8, 4))
    outputs = [INPUT]
    for number in range(5):
        outputs.append(graph.add(Conv2D(4), outputs[-1], name=f"dense/conv{number}"))
    graph.add(Concat(), *outputs, name="dense/concat")
    root = ET.fromstring(draw(graph.finish()))
    skips = [p.attrib["d"] for p in root.iter(f"{SVG}path") if p.get("class") == "aa-edge aa-skip"]
    lanes = {re.findall(r"Q([-\d.]+) ", path)[0] for path in skips}
    assert len(skips) == len(lanes) == 5


def test_names_are_escaped() -> None:
    evil = '<script>alert(1)</script>&"'
    graph = GraphBuilder((4,))
    x = graph.add(Dense(3), INPUT, name=f"{evil}/a")
    graph.add(Dense(2), x, name=f"{evil}/b")
    svg = draw(graph.finish())
    assert "<script" not in svg
    assert not list(ET.fromstring(svg).iter(f"{SVG}script"))


def test_stages_add_up_to_the_architecture() -> None:
    architecture = network()
    found = stages(architecture)
    assert [stage.name for stage in found] == ["stem", "stage0", "stage1", "head"]
    assert sum(stage.params for stage in found) == architecture.params
    assert sum(stage.macs for stage in found) == architecture.macs
    assert found[1].output_shape == (8, 8, 8)


@pytest.mark.parametrize(
    ("op", "text"),
    [
        (Conv2D(64, 3, 2, groups=4), "conv 3\u00d73, 64, /2, 4 groups"),
        (DepthwiseConv2D(5), "depthwise conv 5\u00d75"),
        (BatchNorm(), "BN"),
        (Activation("hard_silu"), "hard silu"),
        (Dense(10), "dense 10"),
        (Dropout(0.2), "dropout 0.2"),
        (MaxPool2D(3, 2), "max pool 3\u00d73, /2"),
        (AveragePool2D(2, 2), "average pool 2\u00d72, /2"),
        (GlobalAveragePool2D(), "global average pool"),
        (SqueezeExcite(), "squeeze-excite"),
        (Rescale(), "rescale"),
        (Add(), "add"),
        (Concat(), "concat"),
    ],
)
def test_ops_in_words(op: Op, text: str) -> None:
    assert op_text(op) == text
