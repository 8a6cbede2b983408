"""The room's public names: found by name, loaded late."""

import subprocess
import sys

import pytest

import autoarch.oracles as room
from autoarch.errors import InvalidInputError


def test_public_names_exist():
    for name in room.__all__:
        assert getattr(room, name) is not None
        assert name in dir(room)
    with pytest.raises(AttributeError, match="NoSuchOracle"):
        room.NoSuchOracle  # noqa: B018


def test_every_registered_oracle_is_a_public_kerastuner_oracle():
    import keras_tuner

    for name in room.ORACLES:
        oracle = room.make_oracle(name, objective="val_loss", seed=1)
        assert isinstance(oracle, room.SearchOracle)
        assert isinstance(oracle, keras_tuner.Oracle)
        assert type(oracle).__name__ in room.__all__
        assert oracle.max_trials is None
        assert room.oracle_class(name)(max_trials=3).remaining_trials() == 3


def test_an_unknown_name_lists_those_that_exist():
    names = ", ".join(room.ORACLES)
    with pytest.raises(InvalidInputError, match=f"must be one of {names}; got 'luck'"):
        room.make_oracle("luck")


def test_importing_the_room_does_not_load_kerastuner():
    code = (
        "import sys, autoarch.oracles, autoarch.oracles.chooser, autoarch.oracles.decisions\n"
        "print([m for m in ('keras', 'keras_tuner', 'tensorflow') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
