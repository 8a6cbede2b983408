"""The sandwich rule on pictures that are easy to tell apart, and a training that is cut."""

import numpy as np
import pytest

from autoarch.architecture import INPUT, GraphBuilder
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.pooling import GlobalAveragePool2D
from autoarch.data.dataset import ImageSet
from autoarch.evaluation.shared_weights import SharedWeightsEvaluator
from autoarch.objectives import get_objective
from autoarch.spaces import SPACES, MobileSpace, SearchSpace, SpeechSpace
from autoarch.spaces.speech import BODIES
from autoarch.spaces.steering import Steering
from autoarch.supernet.networks import NetworksOnly, draw_mutants
from autoarch.supernet.training import Supernet
from autoarch.training.augment import make_augmenter
from autoarch.training.recipe import Recipe
from autoarch.trials import Fidelity


def squares(seed, n=192):
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    images = rng.integers(0, 60, (n, 8, 8, 1)).astype(np.uint8)
    for image, label in zip(images, labels):
        image[2 * label : 2 * label + 3, 2:6] += 150
    return ImageSet(images, labels.astype(np.int64), ("",) * n)


AUGMENT = make_augmenter((8, 8, 1), 3)
NETWORKS = NetworksOnly(MobileSpace((8, 8, 1), 3, width=8))
BASELINE = NETWORKS.candidate({})


def make(**options):
    return Supernet(
        squares(0),
        AUGMENT,
        Recipe(batch_size=32, flip=False),
        draw_mutants(NETWORKS, BASELINE, 1.1 * BASELINE.architecture.macs, lambda network: ()),
        largest=BASELINE.architecture,
        smallest=NETWORKS.cheapest(lambda network: network.macs).architecture,
        seed=3,
        **options,
    )


def train(supernet, steps, *, of=None):
    return supernet.train(
        lambda epochs: supernet.steps / (of or steps),
        planned_epochs=4,
        should_stop=lambda: supernet.steps >= steps,
    )


@pytest.fixture(scope="module")
def trained():
    supernet = make()
    train(supernet, 24)
    return supernet


def score(supernet, candidate):
    accuracy = get_objective("accuracy")
    evaluator = SharedWeightsEvaluator(supernet, squares(0), squares(1), accuracy, seed=1)
    return evaluator.evaluate(candidate, 0, Fidelity(1.0))


def test_paths_learn_together(trained):
    found = score(trained, BASELINE)
    assert found.score > 0.7 and found.metrics["n"] == 192
    assert score(make(), BASELINE).score < 0.6
    other = NETWORKS.candidate({**BASELINE.decisions, "kernel1_1": 5, "width": 4})
    assert score(trained, other).score > 0.5
    assert score(trained, other).score == score(trained, other).score


def test_a_cut_training_goes_on_as_if_it_had_not_been(trained):
    first = make()
    train(first, 9, of=24)
    second = make()
    second.restore(first.state())
    assert second.steps == 9 and second.epochs == first.epochs == 3.0
    train(second, 24)
    expected = trained.state()
    found = second.state()
    assert found.keys() == expected.keys()
    for role in expected:
        for a, b in zip(expected[role], found[role]):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_draws_are_mutants_within_the_limits_and_repeatable():
    most = 1.1 * BASELINE.architecture.macs
    draw = draw_mutants(NETWORKS, BASELINE, most, lambda network: [network.params / 20_000])
    first = [draw(np.random.default_rng(seed)) for seed in range(12)]
    assert len({a.key for a in first}) > 8
    assert all(a.macs <= most and a.params <= 20_000 for a in first)
    nothing = draw_mutants(NETWORKS, BASELINE, 1.0, lambda network: ())
    assert nothing(np.random.default_rng(0)) == BASELINE.architecture
    assert [draw(np.random.default_rng(s)).key for s in range(12)] == [a.key for a in first]


def test_class_weights_change_what_is_learned():
    plain, weighted = make(), make(class_weights=np.array([1.0, 1.0, 8.0]))
    for supernet in (plain, weighted):
        train(supernet, 2)
    role = next(r for r in plain.bank.state() if "head/logits" in r)
    assert not np.allclose(plain.bank.state()[role][0], weighted.bank.state()[role][0])


def test_a_network_without_its_recipe_keeps_its_architecture():
    space = MobileSpace((8, 8, 1), 3, width=8)
    candidate = space.candidate({"recipe/learning_rate": 0.001, "width": 4})
    found = NetworksOnly(space).of(candidate)
    assert found.architecture.key == candidate.architecture.key
    assert found.recipe == space.default_recipe
    assert not any(name.startswith("recipe/") for name in found.decisions)


@pytest.mark.parametrize("name", sorted(SPACES))
def test_networks_are_those_of_the_space(name):
    space = SPACES[name]((16, 16, 3), 3, width=8)
    networks = NetworksOnly(space)
    for seed in range(5):
        setting = networks.decisions.sample(np.random.default_rng(seed))
        mine, its = networks.candidate(setting), space.candidate(setting)
        assert mine.architecture.key == its.architecture.key
        assert mine.decisions.items() <= its.decisions.items()


def test_networks_of_sounds_are_those_of_the_space():
    space = SpeechSpace((800,), 3, rate=8000, width=8)
    networks = NetworksOnly(space)
    for seed in range(12):
        drawn = networks.decisions.sample(np.random.default_rng(seed))
        setting = {**drawn, "body": BODIES[seed % len(BODIES)]}
        assert networks.candidate(setting).architecture == space.candidate(setting).architecture


class Scoped(SearchSpace):
    """One layer, decided in all the ways that KerasTuner has."""

    def architecture(self, hp):
        with hp.name_scope("layer"):
            hp.Choice("filters", [4, 8], default=8)
            conv = Conv2D(hp.get("filters"), hp.Fixed("kernel", 5))
        graph = GraphBuilder(self.input_shape)
        node = graph.add(conv, INPUT, name="conv")
        node = graph.add(GlobalAveragePool2D(), node, name="pool")
        graph.add(Dense(self.classes), node, name="logits")
        return graph.finish()


@pytest.mark.parametrize("filters", [4, 8])
def test_scopes_and_fixed_values_of_an_own_space_are_read(filters):
    space, setting = Scoped((8, 8, 1), 3), {"layer/filters": filters}
    found = NetworksOnly(space).candidate(setting).architecture
    assert found == space.candidate(setting).architecture
    assert found.nodes[0].op == Conv2D(filters, 5)


@pytest.mark.parametrize("name", sorted(SPACES))
def test_the_networks_of_every_space_train_a_step(name):
    networks = NetworksOnly(SPACES[name]((8, 8, 1), 3, width=4))
    centre = networks.candidate({})
    largest = centre.architecture
    supernet = Supernet(
        squares(0, 16),
        AUGMENT,
        Recipe(batch_size=16, flip=False),
        draw_mutants(networks, centre, 2 * largest.macs, lambda network: ()),
        largest=largest,
        smallest=networks.cheapest(lambda network: network.macs).architecture,
    )
    assert np.isfinite(train(supernet, 1))
    state = supernet.bank.state()
    kernels = [role for role in state if role.endswith("/kernel")]
    moved = [role for role in kernels if np.any(state[role][1])]
    assert len(moved) > len(kernels) / 2


def test_what_a_user_decides_beforehand_holds_for_paths():
    space = MobileSpace((8, 8, 1), 3, width=8)
    space.steer(Steering(fixed={"width": 4}))
    networks = NetworksOnly(space)
    drawn = [networks.decisions.sample(np.random.default_rng(seed)) for seed in range(8)]
    assert {setting["width"] for setting in drawn} == {4}
