"""Networks by name against the numbers that others publish of them."""

import numpy as np
import pytest

from autoarch.costs import model_costs
from autoarch.errors import InvalidInputError
from autoarch.spaces import NAMED, named_architecture
from autoarch.spaces.mobilenets import mobilenet_v1

PHOTO = (224, 224, 3)


def test_mobilenets_have_the_published_parameters():
    """Of Keras Applications (with moving statistics) and torchvision (without)."""
    assert named_architecture("mobilenet_v1", PHOTO, 1000).params == 4_253_864
    assert mobilenet_v1(width=8).params == 475_544
    v2 = named_architecture("mobilenet_v2", PHOTO, 1000)
    assert v2.params == 3_538_984 and v2.trainable_params == 3_504_872


def test_mobilenet_v3_differs_from_the_published_one_by_the_rounding_of_its_gates():
    def gate(channels, units):
        return (channels + 1) * units + (units + 1) * channels

    rounded = [(16, 8), (240, 64), (240, 64), (120, 32), (144, 40)]  # where it makes a difference
    more = sum(gate(c, units) - gate(c, -(-c // 4)) for c, units in rounded)
    found = named_architecture("mobilenet_v3_small", PHOTO, 1000).trainable_params
    assert found + more == 2_542_856


@pytest.mark.parametrize(
    ("name", "macs"),
    [("mobilenet_v1", 569e6), ("mobilenet_v2", 300e6), ("mobilenet_v3_small", 56e6)],
)
def test_mobilenets_have_the_multiply_adds_of_their_papers(name, macs):
    assert named_architecture(name, PHOTO, 1000).macs == pytest.approx(macs, rel=0.01)


def test_networks_of_cells_have_the_published_size():
    """About 3.3 M parameters each; DARTS to the last one (see test_genotype)."""
    for name in ("nasnet-a", "amoebanet-a", "darts"):
        assert named_architecture(name, (32, 32, 3), 10).trainable_params == pytest.approx(
            3.3e6, rel=0.1
        )


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("shape", [(4, 4, 1), (8, 8, 3), (32, 32, 3), (96, 64, 3), PHOTO])
def test_networks_fit_the_pictures(name, shape):
    small, large = (named_architecture(name, shape, 7, width) for width in (8, 16))
    assert small.input_shape == shape and small.output_shape == (7,)
    assert small.params < large.params < named_architecture(name, shape, 7, 64).params
    assert model_costs(small).int8_file_bytes > small.params / 2
    last = small.shapes[next(n.inputs[0] for n in small.nodes if n.name == "head/pool")]
    if min(shape[:2]) >= 8:
        assert 2 <= min(last[:2]) <= min(shape[:2]) // 2


def test_an_unknown_name_tells_those_that_exist():
    with pytest.raises(InvalidInputError, match=r"nasnet-a, amoebanet-a, darts.*'vgg'"):
        named_architecture("vgg", (32, 32, 3), 10)


@pytest.mark.parametrize(
    "name",
    ["mobilenet_v3_small", *(pytest.param(n, marks=pytest.mark.long) for n in NAMED)],
)
def test_networks_build_as_they_are_priced(name):
    network = named_architecture(name, (16, 16, 3), 4, 8)
    model = network.build()
    assert model.count_params() == network.params
    assert model(np.zeros((2, 16, 16, 3), np.float32)).shape == (2, 4)
