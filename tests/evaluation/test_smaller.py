import numpy as np
import pytest

from autoarch.architecture import INPUT, GraphBuilder
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.data.dataset import ImageSet
from autoarch.evaluation.smaller import shrunk, smaller_network
from autoarch.spaces import SPACES


@pytest.mark.parametrize("name", ["residual", "mobile"])
def test_the_same_weights_serve_smaller_pictures(name):
    network = SPACES[name]((32, 32, 3), 5, width=8).candidate({}).architecture
    small = smaller_network(network)
    assert small.input_shape == (24, 24, 3)
    assert small.macs < 0.7 * network.macs
    model = small.build()
    model.set_weights(network.build().get_weights())  # equal shapes
    assert model(np.zeros((1, 24, 24, 3), np.float32)).shape == (1, 5)


def test_small_pictures_are_not_made_smaller():
    assert smaller_network(SPACES["residual"]((8, 8, 1), 3).candidate({}).architecture) is None


def test_a_network_of_convolutions_alone_has_a_smaller_one_too():
    graph = GraphBuilder((64, 64, 3))
    graph.add(Conv2D(4), INPUT, name="conv")
    assert smaller_network(graph.finish()).input_shape == (48, 48, 3)


def test_shrinking_keeps_means_and_order():
    images = np.repeat(np.arange(0, 250, 10, dtype=np.uint8), 16 * 16).reshape(25, 16, 16, 1)
    data = ImageSet(images, np.arange(25), ("",) * 25)
    small = shrunk(data, 12, 12)
    assert small.images.shape == (25, 12, 12, 1) and small.images.dtype == np.uint8
    assert (small.images == images[:, :12, :12]).all()
    assert small.labels is data.labels
