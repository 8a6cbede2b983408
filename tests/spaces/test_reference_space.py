"""Known networks in place of a search."""

from functools import partial

import pytest

from autoarch.errors import InvalidInputError
from autoarch.oracles import make_oracle
from autoarch.spaces import NAMED, ReferenceSpace, ResidualSpace, named_architecture
from autoarch.spaces.reference import SLOWNESS
from autoarch.tasks.scaling import (
    EPOCHS_WANTED,
    EPOCHS_WANTED_WIDE,
    NARROW_UP_TO,
    choose_scale,
)


@pytest.mark.parametrize("name", NAMED)
def test_it_is_the_published_network_or_a_smaller_one(name):
    published = named_architecture(name, (32, 32, 3), 10)
    small = ReferenceSpace(name, (32, 32, 3), 10, width=8)
    assert small.candidate({}).architecture == named_architecture(name, (32, 32, 3), 10, 8)
    assert small.candidate({}).architecture.macs < published.macs
    assert small.candidate({}).decisions["width"] == 8
    large = ReferenceSpace(name, (32, 32, 3), 10, width=256)
    assert large.candidate({}).architecture == published
    assert "width" not in large.candidate({}).decisions


def test_a_given_width_is_taken_as_it_is():
    space = ReferenceSpace("resnet8", (32, 32, 3), 10, width=24, exact=True)
    assert space.candidate({}).architecture.params > 78_666


def test_there_is_one_network_to_propose():
    space = ReferenceSpace("resnet8", (8, 8, 1), 10)
    oracle = make_oracle(
        "evolution",
        objective="val_accuracy",
        seed=0,
        hyperparameters=space.hyperparameters(),
        key=lambda decisions: space.candidate(decisions).architecture.key,
    )
    assert oracle.propose() is not None and oracle.propose() is None


def test_an_unknown_name_tells_those_that_exist():
    with pytest.raises(InvalidInputError, match="resnet8"):
        ReferenceSpace("vgg", (32, 32, 3), 10)


def test_networks_that_are_slow_for_their_work_are_sized_smaller(monkeypatch):
    assert ReferenceSpace("resnet8", (32, 32, 3), 10).slowness == 1
    mobilenet = partial(ReferenceSpace, "mobilenet_v2")
    assert mobilenet((32, 32, 3), 10).slowness > 1
    macs = mobilenet((32, 32, 3), 10, width=32).candidate({}).architecture.macs
    data = {"median_side": 32, "image_size": None, "examples": 1, "channels": 3, "classes": 10}
    known = {**data, "training_s": EPOCHS_WANTED, "macs_per_s": macs}
    width = choose_scale(mobilenet, **known).width
    monkeypatch.setitem(SLOWNESS, "mobilenet_v2", 1.0)
    assert width < 32 <= choose_scale(mobilenet, **known).width


def test_a_network_that_is_averaged_stays_narrow_while_epochs_are_few():
    macs = ResidualSpace((32, 32, 3), 10, width=32).candidate({}).architecture.macs
    data = {"median_side": 32, "image_size": None, "examples": 1, "channels": 3, "classes": 10}
    found = {
        (epochs, narrow): choose_scale(
            **data, training_s=epochs, macs_per_s=1.01 * macs, narrow=narrow
        ).width
        for epochs in (EPOCHS_WANTED, EPOCHS_WANTED_WIDE)
        for narrow in (False, True)
    }
    assert found[EPOCHS_WANTED, False] == 32 and found[EPOCHS_WANTED, True] == NARROW_UP_TO
    assert found[EPOCHS_WANTED_WIDE, True] == 32 < found[EPOCHS_WANTED_WIDE, False]
