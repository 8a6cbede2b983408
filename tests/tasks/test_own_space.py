"""Spaces of a user's own, and what is decided beforehand, through the search."""

import json
from functools import partial

import keras
import keras_tuner
import numpy as np
import pytest

import autoarch
from autoarch.architecture import INPUT, GraphBuilder
from autoarch.architecture.ops.rescale import Rescale
from autoarch.errors import InvalidArchitectureError, InvalidInputError, RunDirectoryError
from autoarch.spaces import ResidualSpace, SearchSpace
from autoarch.spaces.blocks import classifier, conv
from autoarch.spaces.hypermodel import HyperModelSpace
from autoarch.tasks.own_space import family_of
from autoarch.tasks.settings import space_name
from autoarch.training.precision import Speed
from autoarch.training.recipe import Recipe
from autoarch.trials import RunDirectory


class Plain(SearchSpace):
    """One layer."""

    def architecture(self, hp):
        graph = GraphBuilder(self.input_shape)
        node = graph.add(Rescale(), INPUT, name="rescale")
        filters = hp.Choice("filters", [4, 8, 16], default=4)
        kernel = hp.Choice("kernel", [3, 5], default=3)
        node = conv(graph, node, filters, kernel=kernel, name="conv", activation="relu")
        classifier(graph, node, self.classes, dropout=0.0)
        return graph.finish()


def squares(n=90):
    """Grey pictures whose bright corner tells the class."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    x = rng.integers(0, 60, (n, 8, 8)).astype(np.uint8)
    for image, label in zip(x, y):
        image[2 * label : 2 * label + 3, 2:6] += 150
    return x, y


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    search = autoarch.ImageSearch(
        time=None,
        space=Plain,
        oracle="random",
        preset={"filters": 8},
        forbidden="kernel=5",
        output=tmp_path_factory.mktemp("own") / "run",
    )
    return search.fit(*squares())


def test_all_networks_that_are_left_are_searched_and_no_other(fitted):
    decisions = [dict(trial.decisions) for trial in fitted.trials_]
    assert decisions[0]["filters"] == 8
    assert sorted(d["filters"] for d in decisions) == [4, 8]  # 16 costs too much more than 8
    assert {d["kernel"] for d in decisions} == {3}


def test_the_run_is_loaded_without_the_space_and_says_where_it_was(fitted, tmp_path):
    stored = json.loads((fitted.run_ / "run.json").read_text())["settings"]
    assert stored["space"] == f"{__name__}:Plain"
    assert stored["preset"] == {"filters": 8} and stored["forbidden"] == {"kernel": [5]}
    x, _ = squares()
    loaded = autoarch.load(fitted.run_)
    np.testing.assert_array_equal(loaded.predict(x), fitted.predict(x))
    files = loaded.export(tmp_path / "again", formats=["litert"])
    assert files["litert"]["max_difference"] < 1e-3
    assert autoarch.resume(fitted.run_).result_ == fitted.result_  # finished: nothing to search


def test_a_run_goes_on_only_where_the_same_is_decided_beforehand(fitted):
    def again(**settings):
        given = {"preset": {"filters": 8}, "forbidden": {"kernel": [5]}, **settings}
        return autoarch.ImageSearch(
            time=None, oracle="random", space=Plain, output=fitted.run_, **given
        ).fit(*squares())

    assert again().result_ == fitted.result_
    with pytest.raises(RunDirectoryError, match="preset="):
        again(preset=None)
    with pytest.raises(RunDirectoryError, match="forbidden="):
        again(forbidden={"filters": 4})


def test_an_unfinished_run_in_an_own_space_is_resumed_from_python_only(fitted, tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.create(json.loads((fitted.run_ / "run.json").read_text()))
    with pytest.raises(RunDirectoryError, match=r"space of its own, .*:Plain, .*call `fit`"):
        autoarch.resume(run.root)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"space": Plain((9, 8, 1), 3)}, "for inputs of 9x8x1 and 3 classes, the data has 9x9x1"),
        ({"space": Plain((8, 8, 1), 4)}, "4 classes, the data has 8x8x1 and 3"),
        ({"space": 7}, "must be a name, a SearchSpace, or what makes one"),
        ({"space": lambda shape, classes: None}, "must make a SearchSpace; it made None"),
        ({"space": "mine:Plain"}, "`space` must be one of auto, residual"),
        ({"space": Plain, "fixed": {"filter": 4}}, "no decision `filter` in the own space"),
        ({"fixed": "kernel=4"}, "`kernel` must be one of 3, 5; got 4"),
        ({"fixed": ["kernel=3", "kernel=5"]}, "takes one value for `kernel`; got 3, 5"),
        ({"preset": "width=wide"}, "`width` must be a positive integer; got 'wide'"),
        ({"preset": "width"}, "must be of the form NAME=VALUE"),
        ({"architecture": "vgg"}, "`architecture` must be one of nasnet-a"),
        ({"architecture": "resnet8", "space": "mobile"}, "does not go with space='mobile'"),
        ({"architecture": "resnet8", "evaluator": "one-shot"}, "nothing for `evaluator` one-shot"),
        ({"pretrained": "mobilenet", "inherit": True}, "of their own; leave out `inherit`"),
    ],
)
def test_mistakes_are_told_before_the_data_is_read_and_leave_nothing(
    settings, message, tmp_path, monkeypatch
):
    probed = Speed("float32", 1e9, 1.0, None, "cpu")
    monkeypatch.setattr("autoarch.tasks.session.probe_speed", lambda precision, timed: probed)
    search = autoarch.ImageSearch(time=None, output=tmp_path / "run", **settings)
    with pytest.raises(InvalidInputError, match=message):
        search.fit(*squares())
    assert not [*tmp_path.rglob("*.json*")]


def test_own_spaces_are_for_images_so_far(tmp_path):
    with pytest.raises(InvalidInputError, match="for images only so far, not for text data"):
        autoarch.TextSearch(space=Plain, output=tmp_path / "run").fit(["a", "b"], [0, 1])


def test_what_makes_a_space_is_given_what_it_takes():
    recipe = Recipe(learning_rate=0.1)
    made = family_of(partial(ResidualSpace, width=48))((8, 8, 1), 3, width=12, recipe=recipe)
    assert made.width == 12 and made.default_recipe is recipe
    made = family_of(lambda shape, classes: Plain(shape, classes))((8, 8, 1), 3, recipe=recipe)
    assert made.default_recipe is recipe


def test_names_tell_where_python_has_the_space():
    assert space_name(partial(Plain, recipe=None)) == f"{__name__}:Plain"
    assert space_name(Plain((8, 8, 1), 3)) == f"{__name__}:Plain"


@pytest.mark.long
def test_a_named_network_is_trained_alone_at_the_width_that_was_set(tmp_path):
    search = autoarch.ImageSearch(
        time=None, architecture="resnet8", preset="width=8", output=tmp_path / "run"
    ).fit(*squares())
    (trial,) = search.trials_
    assert trial.decisions["architecture"] == "resnet8" and trial.decisions["width"] == 8
    assert search.result_["best"]["trial"] == 0


class Perceptron(keras_tuner.HyperModel):
    """A hypermodel as KerasTuner's users write them."""

    def build(self, hp):
        model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Rescaling(1 / 255)])
        if hp.Boolean("convolve", default=False):
            model.add(keras.layers.Conv2D(hp.Choice("filters", [2, 4]), 3, strides=2))
        model.add(keras.layers.Flatten())
        for layer in range(hp.Int("layers", 1, 2)):
            model.add(keras.layers.Dense(hp.Choice(f"units{layer}", [8, 16]), activation="relu"))
        model.add(keras.layers.Dense(3, activation="softmax"))
        model.compile("adam", "sparse_categorical_crossentropy")
        return model


def test_decisions_of_a_hypermodel_are_found_and_its_networks_priced():
    space = HyperModelSpace(Perceptron())
    assert {d.name for d in space.hyperparameters().space if "/" not in d.name} == {
        *("convolve", "filters", "layers", "units0", "units1")
    }
    chosen = {"convolve": True, "filters": 4, "layers": 2, "units0": 16, "units1": 8}
    network = space.candidate(chosen).architecture
    hp = keras_tuner.HyperParameters()
    hp.values = dict(chosen)
    built = Perceptron().build(hp)
    assert network.params == built.count_params() == network.build().count_params()
    assert network.macs == 9 * 36 + 36 * 16 + 16 * 8 + 8 * 3
    assert network.key == space.candidate(chosen).architecture.key
    assert network.key != space.candidate({**chosen, "units1": 16}).architecture.key
    # without two layers `units1` changes nothing, so it is the same network
    one = {**chosen, "layers": 1}
    assert space.candidate(one).architecture.key == (
        space.candidate({**one, "units1": 16}).architecture.key
    )
    twin = network.build()
    twin.set_weights(built.get_weights())
    x = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1)).astype(np.float32)
    probabilities = keras.ops.softmax(twin(x)).numpy()
    np.testing.assert_allclose(probabilities, built(x).numpy(), atol=1e-5)


def test_a_hypermodel_is_searched_trained_and_exported(tmp_path):
    x, y = squares()
    search = autoarch.ImageSearch(
        time=None,
        trials=3,
        oracle="random",
        space=Perceptron(),
        fixed={"layers": 1},
        output=tmp_path / "run",
    ).fit(x, y)
    assert len({trial.key for trial in search.trials_}) == 3
    assert {trial.decisions["layers"] for trial in search.trials_} == {1}
    assert {"saved_model", "keras", "litert"} <= set(search.result_["model"]["files"])
    np.testing.assert_array_equal(autoarch.load(tmp_path / "run").predict(x), search.predict(x))
    with pytest.raises(InvalidArchitectureError, match="no int8 form"):
        search.export(tmp_path / "int8", ["litert_int8"])


class Subclassed(keras_tuner.HyperModel):
    def build(self, hp):
        class Own(keras.Model):
            pass

        return Own()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"space": Subclassed()}, "Functional or Sequential Keras model; got Own"),
        ({"space": Perceptron(), "ship": "int8"}, "no int8 form here"),
        ({"space": Perceptron(), "prefer": "size=10KB"}, "no int8 form here"),
        (
            {"space": Perceptron(), "evaluator": "zero-cost", "precision": "float32"},
            "zero-cost scores networks by their activations",
        ),
    ],
)
def test_what_a_hypermodel_cannot_be_is_told(settings, message, tmp_path):
    search = autoarch.ImageSearch(time=None, output=tmp_path / "run", **settings)
    with pytest.raises(InvalidInputError, match=message):
        search.fit(*squares())
