"""Decisions set, frozen and forbidden beforehand, in every space."""

import keras_tuner
import numpy as np
import pytest

from autoarch.errors import InvalidInputError
from autoarch.oracles import ORACLES, make_oracle
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces import SPACES, ResidualSpace, SpeechSpace, Steering
from autoarch.spaces.space import SearchSpace
from autoarch.spaces.steering import parse_wishes
from autoarch.spaces.text import TextSpace


def every_space():
    made = [kind((16, 16, 3), 4, width=8) for kind in SPACES.values()]
    made.append(SpeechSpace((800,), 4, rate=8000, width=8))
    return [*made, TextSpace((16, 23), 4, words=100, buckets=50)]


def residual(**wishes):
    space = ResidualSpace((32, 32, 3), 10, width=16)
    space.steer(Steering(**wishes))
    return space


def draws(space, n=15):
    decisions = DecisionSpace.from_hyperparameters(space.hyperparameters())
    rng = np.random.default_rng(0)
    return [space.candidate(decisions.sample(rng)).decisions for _ in range(n)]


def values(space, name):
    return {setting[name] for setting in draws(space) if name in setting}


@pytest.mark.parametrize("space", every_space(), ids=lambda space: space.name)
def test_every_decision_of_every_space_can_be_set_frozen_and_forbidden(space):
    free = DecisionSpace.from_hyperparameters(space.hyperparameters())
    rng = np.random.default_rng(0)
    by_name = {decision.name: decision for decision in free.decisions}
    for place in rng.permutation(len(by_name))[:3]:
        name = sorted(by_name)[place]
        options = by_name[name].domain.values
        if len(options) < 2:
            continue
        wanted = next(v for v in options if v != by_name[name].default)
        space.steer(Steering(preset={name: wanted}))
        assert space.candidate({}).decisions.get(name, wanted) == wanted
        assert space.hyperparameters()._hps[name][0].default == wanted
        assert len(space.hyperparameters()._hps[name][0].values) == len(options)
        space.steer(Steering(fixed={name: wanted}))
        assert values(space, name) <= {wanted}
        assert tuple(space.hyperparameters()._hps[name][0].values) == (wanted,)
        space.steer(Steering(forbidden={name: [by_name[name].default]}))
        assert by_name[name].default not in values(space, name)
        assert set(space.hyperparameters()._hps[name][0].values) < set(options)
    space.steer(Steering())
    assert space.candidate({}).decisions == free.activate({})


def test_types_of_values_stay_as_declared():
    space = residual(fixed={"squeeze_excite": True, "kernel": 5}, forbidden={"dropout": [0.0]})
    decisions = space.candidate({}).decisions
    assert decisions["squeeze_excite"] is True and type(decisions["kernel"]) is int
    assert all(type(setting["dropout"]) is float for setting in draws(space))
    assert DecisionSpace.from_hyperparameters(space.hyperparameters()).contains(decisions)


def test_a_group_stands_for_all_its_members():
    space = residual(forbidden={"depth": [0, 3]}, preset={"depth": 2})
    assert [space.candidate({}).decisions[f"depth{n}"] for n in (1, 2, 3)] == [2, 2, 2]
    for number in (1, 2, 3):
        assert values(space, f"depth{number}") == {1, 2}
    topology = SPACES["topology"]((16, 16, 3), 4, width=8)
    topology.steer(Steering(forbidden={"op": ["conv5", "identity"]}, fixed={"merge": "concat"}))
    for setting in draws(topology):
        assert not {"conv5", "identity"} & set(setting.values())
        assert {v for k, v in setting.items() if k.endswith("/merge")} == {"concat"}


def test_a_value_that_only_some_of_a_group_have_is_one_for_those():
    space = SPACES["chain"]((16, 16, 3), 4, width=8)
    space.steer(Steering(fixed={"skip": 3}))
    declared = space.hyperparameters()._hps
    assert tuple(declared["skip12"][0].values) == (3,)
    assert 3 not in declared["skip3"][0].values and len(declared["skip3"][0].values) > 1


def test_a_forbidden_default_moves_to_the_nearest_value():
    space = residual(forbidden={"stages": [3], "width": [16, 12]})
    assert space.candidate({}).decisions["stages"] == 2
    assert space.candidate({}).decisions["width"] == 8 or (
        space.candidate({}).decisions["width"] == 24
    )


def test_conditions_on_a_frozen_decision_hold():
    space = residual(fixed={"stages": 2})
    assert all("depth3" not in setting and "depth2" in setting for setting in draws(space))


@pytest.mark.parametrize("name", [n for n in ORACLES if n not in ("nsga2",)])
def test_no_oracle_proposes_what_is_forbidden(name):
    space = residual(
        fixed={"kernel": 3}, forbidden={"depth": [0, 3]}, preset={"activation": "relu"}
    )
    oracle = make_oracle(
        name,
        objective="val_accuracy",
        seed=0,
        hyperparameters=space.hyperparameters(),
        max_trials=None,
    )
    for number in range(12):
        proposal = oracle.propose()
        assert proposal is not None
        setting = space.candidate(proposal.decisions).decisions
        assert setting["kernel"] == 3
        assert not {0, 3} & {v for k, v in setting.items() if k.startswith("depth")}
        oracle.tell(proposal.trial_id, float(number % 5))


class Free(SearchSpace):
    """Ranges and floats, as a user's own space may have them."""

    def architecture(self, hp):
        self.seen = (
            hp.Int("layers", 1, 5, default=2),
            hp.Float("rate", 0.0, 1.0, default=0.5),
            hp.Float("steps", 0.0, 1.0, step=0.25),
            hp.Choice("only", ["one"]),
        )
        return residual().architecture(keras_tuner.HyperParameters())


def test_ranges_and_floats():
    space = Free((32, 32, 3), 10)
    space.steer(Steering({"rate": 0.25}, {"steps": 0.75}, {"layers": [2, 5]}))
    space.candidate({})
    assert space.seen == (1, 0.25, 0.75, "one")
    assert {setting["layers"] for setting in draws(space)} == {1, 3, 4}
    with pytest.raises(InvalidInputError, match=r"`rate` is any number from 0 to 1"):
        space.steer(Steering(forbidden={"rate": [0.5]}))
    with pytest.raises(InvalidInputError, match="All values of `only` are forbidden"):
        space.steer(Steering(forbidden={"only": ["one"]}))


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"fixed": {"kernle": 5}}, "no decision `kernle` in the residual space; there are: width"),
        ({"preset": {"kernel": 4}}, "`kernel` must be one of 3, 5; got 4"),
        ({"forbidden": {"depth": [9]}}, "`depth` must be one of 0, 1, 2, 3; got 9"),
        ({"forbidden": {"kernel": [3, 5]}}, "All values of `kernel` are forbidden"),
        ({"fixed": {"kernel": 5}, "forbidden": {"kernel": [5]}}, "cannot be 5: it is forbidden"),
        (
            {"fixed": {"kernel": 5}, "preset": {"kernel": 3}},
            "`kernel` is given two values, 3 and 5",
        ),
        ({"fixed": {"depth": 1, "depth2": 3}}, "`depth2` is given two values"),
    ],
)
def test_mistakes_are_told_in_one_line(wishes, message):
    with pytest.raises(InvalidInputError, match=message) as told:
        residual(**wishes)
    assert "\n" not in str(told.value) and len(str(told.value)) < 400


def test_names_and_values_that_are_not_there_are_skipped_on_request():
    space = ResidualSpace((32, 32, 3), 10, width=16)
    space.steer(Steering(fixed={"kernle": 5, "kernel": 4, "growth": 1.5}), strict=False)
    assert space.candidate({}).decisions["growth"] == 1.5


@pytest.mark.parametrize("width", [0, -4, 2.5, "wide", True])
def test_the_width_is_a_positive_integer(width):
    with pytest.raises(InvalidInputError, match="positive integer"):
        _ = Steering(preset={"width": width}).width
    assert Steering(fixed={"width": 20}).width == 20


@pytest.mark.parametrize("text", ["width", "=3", "width=", " = "])
def test_texts_without_a_name_or_a_value_are_refused(text):
    with pytest.raises(InvalidInputError, match="NAME=VALUE"):
        parse_wishes([text])
