"""The space as values, against brute force and against KerasTuner's own idea of it."""

import itertools
import math

import keras_tuner
import numpy as np
import pytest

from autoarch.errors import InvalidInputError
from autoarch.oracles.decisions import (
    Condition,
    Decision,
    DecisionSpace,
    setting_key,
)
from autoarch.oracles.domains import Finite, Interval


def choice(name, *values, when=None, ordered=False):
    conditions = tuple(Condition(k, frozenset(v)) for k, v in (when or {}).items())
    return Decision(name, Finite(values, ordered=ordered), values[0], conditions)


def nested_space():
    return DecisionSpace(
        [
            choice("kind", "dense", "conv", "none"),
            choice("units", 8, 16, 32, when={"kind": ["dense"]}, ordered=True),
            choice("kernel", 3, 5, when={"kind": ["conv"]}, ordered=True),
            choice("pool", "max", "mean", "no", when={"kind": ["conv"]}),
            choice("pool_size", 2, 3, when={"kind": ["conv"], "pool": ["max", "mean"]}),
            choice("dropout", 0.0, 0.5, ordered=True),
        ]
    )


# dense 3, conv 2 * (2 * 2 + 1), none 1; times two dropouts
NESTED_SIZE = (3 + 2 * 5 + 1) * 2


def kerastuner_space():
    """Every kind of hyperparameter, nested conditions, one name under two conditions."""
    hp = keras_tuner.HyperParameters()
    hp.Fixed("classes", 10)
    hp.Boolean("residual")
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    hp.Float("decay", 0, 1, step=0.25)
    hp.Float("scale", 0.5, 0.5)
    hp.Int("width", 8, 64, step=8)
    hp.Int("batch", 16, 128, step=2, sampling="log")
    hp.Int("steps", 1, 100, sampling="log")
    hp.Int("falling", 1, 100, sampling="reverse_log")
    hp.Choice("order", [64, 16, 32])
    kind = hp.Choice("kind", ["dense", "conv"])
    with hp.conditional_scope("kind", ["dense"]):
        hp.Int("units", 2, 4)
    with hp.conditional_scope("kind", ["conv"]):
        hp.Choice("kernel", [3, 5])
        hp.Int("units", 16, 20)
        hp.Boolean("pool")
        with hp.conditional_scope("pool", [True]):
            hp.Choice("pool_kind", ["max", "mean"])
    assert kind == "dense"
    return hp


def brute_force(space):
    """All settings, by trying every combination of all names' values."""
    values = {}
    for decision in space.decisions:
        values.setdefault(decision.name, set()).update(decision.domain.values)
    options = [[None, *sorted(options, key=repr)] for options in values.values()]
    found = []
    for combination in itertools.product(*options):
        setting = {n: v for n, v in zip(values, combination) if v is not None}
        if space.contains(setting):
            found.append(setting)
    return found


def test_samples_are_settings_and_cover_the_space():
    space = nested_space()
    rng = np.random.default_rng(0)
    samples = [space.sample(rng) for _ in range(2000)]
    assert all(space.contains(sample) for sample in samples)
    assert len({setting_key(sample) for sample in samples}) == NESTED_SIZE


def test_size_and_enumeration_agree_with_brute_force():
    space = nested_space()
    expected = {setting_key(setting) for setting in brute_force(space)}
    listed = [setting_key(setting) for setting in space.enumerate()]
    assert space.size() == len(expected) == NESTED_SIZE
    assert set(listed) == expected
    assert len(listed) == len(expected)


def test_enumerated_settings_keep_the_order_of_the_decisions():
    names = [decision.name for decision in nested_space().decisions]
    for setting in nested_space().enumerate():
        assert list(setting) == [name for name in names if name in setting]


def test_names_declared_under_several_conditions_are_counted_once():
    space = DecisionSpace(
        [
            choice("a", 1, 2, 3),
            choice("n", 1, 2, when={"a": [1]}),
            choice("n", 5, 6, 7, when={"a": [2, 3]}),
            choice("n", 8, 9, when={"a": [3]}),  # already declared there: the first one counts
            choice("child", "x", "y", when={"n": [2, 7]}),
        ]
    )
    expected = {setting_key(setting) for setting in brute_force(space)}
    listed = [setting_key(setting) for setting in space.enumerate()]
    # a=1: n=1, n=2 with two children; a=2 and a=3: n=5, n=6, n=7 with two children
    assert space.size() == 3 + 4 + 4 == len(listed) == len(set(listed))
    assert set(listed) == expected


@pytest.mark.parametrize("seed", range(20))
def test_random_conditional_spaces_agree_with_brute_force(seed):
    rng = np.random.default_rng(seed)
    decisions = []
    for place in range(6):
        when = {}
        for parent in decisions:
            if rng.random() < 0.35:
                values = parent.domain.values
                when[parent.name] = values[: int(rng.integers(1, len(values) + 1))]
        decisions.append(choice(f"d{place}", *range(int(rng.integers(1, 4))), when=when))
    space = DecisionSpace(decisions)
    expected = {setting_key(setting) for setting in brute_force(space)}
    listed = [setting_key(setting) for setting in space.enumerate()]
    assert space.size() == len(expected) == len(listed)
    assert set(listed) == expected


def test_large_and_continuous_spaces_are_counted_without_listing():
    wide = DecisionSpace([choice(f"d{i}", *range(10)) for i in range(300)])
    assert wide.size() == 10**300
    rate = Decision("rate", Interval(0, 1), 0.0)
    assert DecisionSpace([choice("a", 1, 2), rate]).size() == math.inf
    assert DecisionSpace([]).size() == 1
    assert list(DecisionSpace([]).enumerate()) == [{}]


def test_many_parents_with_children_far_away_can_be_counted():
    parents = [choice(f"p{i}", "on", "off") for i in range(30)]
    children = [choice(f"c{i}", 1, 2, when={f"p{i}": ["on"]}) for i in range(30)]
    assert DecisionSpace(parents + children).size() == 3**30


def test_a_hopelessly_entangled_space_counts_as_infinite():
    parents = [choice(f"p{i}", "on", "off") for i in range(20)]
    child = choice("child", 1, 2, when={f"p{i}": ["on"] for i in range(20)})
    assert DecisionSpace([*parents, child]).size() == math.inf


def test_a_parent_declared_later_is_moved_before_its_child():
    space = DecisionSpace(
        [
            choice("a", 1, 2),
            choice("kind", "x", "y", when={"a": [1]}),
            choice("child", 3, 4, when={"kind": ["x"]}),
            choice("kind", "x", when={"a": [2]}),
        ]
    )
    assert space.contains({"a": 2, "kind": "x", "child": 3})
    assert {setting_key(s) for s in space.enumerate()} == {
        setting_key(s) for s in brute_force(space)
    }


def test_conditions_in_a_circle_are_refused():
    with pytest.raises(InvalidInputError, match="in a circle: a, b"):
        DecisionSpace([choice("a", 1, when={"b": [1]}), choice("b", 1, when={"a": [1]})])


def test_activate_drops_what_is_inactive_or_illegal_and_fills_what_is_missing():
    space = nested_space()
    mixed = {"kind": "conv", "units": 8, "kernel": 4, "pool": "no", "pool_size": 2}
    assert space.activate(mixed) == {"kind": "conv", "kernel": 3, "pool": "no", "dropout": 0.0}
    rng = np.random.default_rng(0)
    filled = [space.activate({"kind": "dense"}, rng) for _ in range(50)]
    assert {setting["units"] for setting in filled} == {8, 16, 32}
    assert all(set(setting) == {"kind", "units", "dropout"} for setting in filled)


def test_complete_accepts_what_a_person_means_and_refuses_the_rest():
    space = nested_space()
    given = {"kind": "dense", "units": np.int64(16), "kernel": 99}
    assert space.complete(given) == {"kind": "dense", "units": 16, "dropout": 0.0}
    assert type(space.complete(given)["units"]) is int
    with pytest.raises(InvalidInputError, match=r"`units` must be in .* got 17"):
        space.complete({"kind": "dense", "units": 17})
    with pytest.raises(InvalidInputError, match="no decision `unit`"):
        space.complete({"unit": 17})


@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"kind": "none"},
        {"kind": "none", "dropout": 0.0, "units": 8},
        {"kind": "none", "dropout": 0},
        {"kind": "none", "dropout": 0.25},
        {"kind": "none", "dropout": 0.0, "other": 1},
    ],
)
def test_contains_refuses_what_is_no_setting(setting):
    assert not nested_space().contains(setting)


def test_mutation_changes_as_many_decisions_as_asked():
    space = DecisionSpace([choice(f"d{i}", 1, 2, 3) for i in range(5)])
    rng = np.random.default_rng(0)
    start = space.sample(rng)
    for n in (1, 2, 5, 9):
        for _ in range(50):
            child = space.mutate(start, rng, n=n)
            changed = sum(child[name] != start[name] for name in start)
            assert changed == min(n, 5)


def test_mutation_and_crossover_give_settings_in_a_conditional_space():
    space = DecisionSpace.from_hyperparameters(kerastuner_space())
    rng = np.random.default_rng(0)
    a, b = space.sample(rng), space.sample(rng)
    for _ in range(300):
        child = space.crossover(a, b, rng)
        assert space.contains(child)
        a, b = b, space.mutate(child, rng, n=1 + int(rng.integers(2)))
        assert space.contains(b)
        assert b != child


def test_a_fixed_space_does_not_mutate():
    space = DecisionSpace([choice("a", 1), choice("b", "x")])
    assert space.mutate({"a": 1, "b": "x"}, np.random.default_rng(0)) == {"a": 1, "b": "x"}


def test_crossover_takes_only_what_the_parents_have():
    space = DecisionSpace([choice(f"d{i}", *range(100)) for i in range(8)])
    rng = np.random.default_rng(0)
    a, b = space.sample(rng), space.sample(rng)
    children = [space.crossover(a, b, rng) for _ in range(100)]
    assert all(child[name] in (a[name], b[name]) for child in children for name in child)
    assert all({child[name] for child in children} == {a[name], b[name]} for name in a)


def test_neighbours_differ_in_one_decision_and_what_hangs_on_it():
    space = nested_space()
    start = {"kind": "dense", "units": 8, "dropout": 0.0}
    assert list(space.neighbours(start)) == [
        {"kind": "conv", "kernel": 3, "pool": "max", "pool_size": 2, "dropout": 0.0},
        {"kind": "none", "dropout": 0.0},
        {"kind": "dense", "units": 16, "dropout": 0.0},
        {"kind": "dense", "units": 8, "dropout": 0.5},
    ]


def test_values_are_those_of_kerastuner():
    """KerasTuner's own random values are settings, and ours are legal and active for it."""
    hp = kerastuner_space()
    space = DecisionSpace.from_hyperparameters(hp)
    oracle = keras_tuner.oracles.RandomSearchOracle(objective="val_loss", hyperparameters=hp)
    for _ in range(200):
        assert space.contains(oracle._random_values())
    rng = np.random.default_rng(0)
    for _ in range(200):
        # Not `ensure_active_values`: it draws anew where a name has several declarations.
        hp.values = space.sample(rng)
        assert set(hp.values) == {p.name for p in hp.space if hp.is_active(p)}


def test_domains_of_kerastuner_hyperparameters():
    domains = {
        decision.name: decision.domain
        for decision in DecisionSpace.from_hyperparameters(kerastuner_space()).decisions
    }
    assert domains["decay"].values == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert list(domains["width"].values) == [8, 16, 24, 32, 40, 48, 56, 64]
    assert domains["batch"].values == (16, 32, 64, 128)
    assert len(domains["steps"].values) == len(domains["falling"].values) == 100
    assert domains["order"].values == (16, 32, 64)
    assert domains["order"].ordered and not domains["kind"].ordered
    assert domains["scale"].values == (0.5,)
    assert domains["classes"].values == (10,)
    assert isinstance(domains["rate"], Interval)


def test_a_default_between_the_steps_gives_way_to_the_first_value():
    hp = keras_tuner.HyperParameters()
    hp.Int("n", 0, 10, step=5, default=3)
    assert DecisionSpace.from_hyperparameters(hp).activate({}) == {"n": 0}


def test_keys_tell_types_apart():
    assert setting_key({"a": 1}) != setting_key({"a": "1"}) != setting_key({"a": True})
    assert setting_key({"a": 1, "b": 2}) == setting_key({"b": 2, "a": 1})
