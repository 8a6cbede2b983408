"""The cell of NAS-Bench-201 against the benchmark's published numbers."""

import csv
import gzip
import random
from collections import defaultdict

import numpy as np
import pytest

from autoarch.errors import InvalidArchitectureError
from autoarch.spaces.nasbench201 import (
    EDGES,
    OPERATIONS,
    RESIDUAL,
    NasBench201Cell,
    NasBench201Space,
    nasbench201_network,
)


@pytest.fixture(scope="module")
def rows(shared_data):
    """All rows of the benchmark's table, in an order of our own."""
    table = shared_data.parent / "benchmarks" / "nasbench201.csv.gz"
    with gzip.open(table, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    random.Random(0).shuffle(rows)
    return rows


def test_parameters_and_multiply_adds_are_the_tables(rows):
    """To the last digit, for 1,000 random rows.

    The table counts what gradients reach, not moving statistics; convolutions and matrix products
    as multiply-adds, neither norms nor pooling, but the addends of the logits' biases; and all six
    ops, whether anything comes of them or not.
    """
    for number, row in enumerate(rows[:1000]):
        classes = (10, 100)[number % 2]
        cell = NasBench201Cell.parse(row["arch"])
        network = nasbench201_network(cell, classes=classes, pruned=False)
        found = network.trainable_params, network.macs + classes
        told = row[f"params_cifar{classes}"], row[f"flops_cifar{classes}"]
        assert found == tuple(map(int, told)), row["arch"]
        assert cell.digits == row["ops"] and NasBench201Cell.from_digits(row["ops"]) == cell
        if len(cell.live_edges()) == len(EDGES) or number % 5 == 0:
            pruned = nasbench201_network(cell, classes=classes)
            assert pruned.trainable_params <= network.trainable_params
            if len(cell.live_edges()) == len(EDGES):
                assert (pruned.trainable_params, pruned.macs) == (found[0], network.macs)


def test_networks_of_one_key_are_of_one_class_of_the_table(rows):
    """Whoever made the table told equal cells by other means."""
    classes = defaultdict(set)
    whole = [row for row in rows if "none" not in row["arch"]]
    for row in whole[:600]:
        cell = NasBench201Cell.parse(row["arch"])
        classes[nasbench201_network(cell, (8, 8, 3), width=4, cells=1).key].add(row["iso_class"])
    assert all(len(found) == 1 for found in classes.values())
    assert len(classes) < 600


@pytest.mark.parametrize("digits", ["030030", "300013", "302140"])
def test_what_is_pruned_changes_no_answer(digits):
    """With batch norms as they begin, a convolution of zeros is zero."""
    cell = NasBench201Cell.from_digits(digits)
    assert len(cell.live_edges()) < len(EDGES)
    whole, pruned = (
        nasbench201_network(cell, (8, 8, 3), 4, width=4, cells=1, pruned=p).build()
        for p in (False, True)
    )
    weights = {v.path: v.numpy() for v in whole.weights}
    pruned.set_weights([weights[v.path] for v in pruned.weights])
    pictures = np.random.default_rng(0).uniform(0, 255, (5, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(pruned(pictures), whole(pictures), atol=1e-5)
    cut = digits == "030030"
    assert (np.ptp(np.asarray(pruned(pictures)), axis=0).max() < 1e-6) == cut


def test_trial_0_is_the_residual_block_of_the_benchmarks_size():
    space = NasBench201Space((32, 32, 3), 10)
    network = space.candidate({}).architecture
    assert network.key == nasbench201_network(RESIDUAL).key
    ops = dict(zip((f"op_{a}_{b}" for a, b in EDGES), RESIDUAL.ops))
    assert {d: v for d, v in space.candidate({}).decisions.items() if d in ops} == ops
    assert [d.values for d in space.hyperparameters().space[:6]] == [list(OPERATIONS)] * 6


@pytest.mark.parametrize(
    "text",
    ["", "|none~0|", "|warp~0|+|none~0|none~1|+|none~0|none~1|none~2|",
     "|none~0|+|none~1|none~0|+|none~0|none~1|none~2|"],
)  # fmt: skip
def test_what_is_no_cell_is_refused(text):
    with pytest.raises(InvalidArchitectureError, match=r"NAS-Bench-201"):
        NasBench201Cell.parse(text)


@pytest.mark.parametrize("digits", ["", "12345", "000005", "0000000"])
def test_what_are_no_digits_is_refused(digits):
    with pytest.raises(InvalidArchitectureError, match="Six digits"):
        NasBench201Cell.from_digits(digits)
