"""Backbones against Keras's own networks, and what of them is trained."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from autoarch.architecture import Architecture, GraphBuilder
from autoarch.architecture.fold import fold
from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.frozen_batch_norm import FrozenBatchNorm
from autoarch.costs import model_costs
from autoarch.data.dataset import ImageSet
from autoarch.data.weights_file import read_weights_file
from autoarch.errors import InvalidInputError
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces.backbones import (
    CAFFE_MEAN,
    Backbone,
    find_backbones,
    read_backbone,
    recognise,
)
from autoarch.spaces.pretrained import LEFT_OFF, TRAINED, PretrainedSpace
from autoarch.training.augment import make_augmenter
from autoarch.training.constants import set_weights
from autoarch.training.fit import Trainer
from autoarch.training.linear_head import LinearHeads
from autoarch.training.recipe import Recipe
from autoarch.training.schedule import warm_up_cosine

RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.integers(0, 256, (3, 64, 64, 3)).astype("float32")


def features(backbone, pictures):
    """What our network of the backbone makes of pictures with pixels in [0, 255]."""
    graph = GraphBuilder(pictures.shape[1:])
    backbone.write(graph)
    model = graph.finish().build()
    set_weights(model, backbone.weights_for(pictures.shape[-1]))
    return model(pictures, training=False).numpy()


@pytest.fixture(scope="module")
def mobilenet():
    """Keras's own network, all of its weights random, moving means and variances too."""
    model = keras.applications.MobileNet((64, 64, 3), alpha=0.25, include_top=False, weights=None)
    for variable in model.weights:
        shape = variable.shape
        if len(shape) == 4:  # so that pictures still differ behind the last layer
            inputs = np.prod(shape[:2]) * (1 if shape[3] == 1 else shape[2])
            variable.assign(RANDOM.normal(0, np.sqrt(2 / inputs), shape))
        else:
            noise = RANDOM.normal(0, 0.1, shape)
            # variances stay away from zero
            variable.assign(variable + (abs(noise) if "variance" in variable.path else noise))
    return model


@pytest.fixture(scope="module")
def backbone(mobilenet, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "mobilenet.weights.h5"
    mobilenet.save_weights(path)
    return read_backbone(path)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("ending", [".weights.h5", ".keras", ".h5"])
def test_a_mobilenet_out_of_a_file_answers_as_keras_does(mobilenet, tmp_path, ending):
    path = tmp_path / f"network{ending}"
    mobilenet.save_weights(path) if ending == ".weights.h5" else mobilenet.save(path)
    found, left_out = find_backbones(str(tmp_path))
    assert list(found) == ["mobilenet-0.25"] and not left_out
    expected = mobilenet(PICTURES / 127.5 - 1, training=False).numpy()
    np.testing.assert_allclose(features(found["mobilenet-0.25"], PICTURES), expected, atol=1e-4)


def squeezenet_weights():
    """Random weights as `read_weights_file` gives them."""
    shapes = [(3, 3, 3, 64)]
    for number in range(1, 9):
        squeezed = 16 * ((number + 1) // 2)
        before = shapes[-1][-1] * (1 if number == 1 else 2)
        shapes += [(1, 1, before, squeezed), (1, 1, squeezed, 4 * squeezed)]
        shapes += [(3, 3, squeezed, 4 * squeezed)]
    return [
        (
            RANDOM.normal(0, np.sqrt(2 / np.prod(s[:3])), s).astype("float32"),
            RANDOM.normal(0, 0.1, s[-1]).astype("float32"),
        )
        for s in shapes
    ]


def caffe_squeezenet(layers, pictures):
    """The network as its authors have it: blue, green, red without the means; no padding."""
    left = iter(layers)

    def conv(x, stride=1, padding="SAME"):
        kernel, bias = next(left)
        return tf.nn.relu(tf.nn.conv2d(x, kernel, stride, padding) + bias)

    def pool(x):
        return tf.nn.max_pool2d(x, 3, 2, "VALID")

    x = tf.constant((pictures - np.array(CAFFE_MEAN))[..., ::-1], tf.float32)
    x = pool(conv(x, 2, "VALID"))
    for number in range(1, 9):
        squeezed = conv(x)
        x = tf.concat([conv(squeezed), conv(squeezed)], -1)
        x = pool(x) if number in (2, 4) else x
    return x.numpy()


def test_a_squeezenet_answers_as_the_original_away_from_the_far_edges():
    layers = squeezenet_weights()
    backbone = recognise({"conv2d": layers}, "test")
    assert (backbone.name, sum(w.size for w in backbone.weights.values())) == (
        "squeezenet",
        722_496,
    )
    pictures = RANDOM.integers(0, 256, (2, 128, 128, 3)).astype("float32")
    ours, theirs = features(backbone, pictures), caffe_squeezenet(layers, pictures)
    assert ours.shape[1:3] == (8, 8) and theirs.shape[1:3] == (7, 7)
    assert np.abs(theirs[:, 0, 0]).max() > 1
    np.testing.assert_allclose(ours[:, 0, 0], theirs[:, 0, 0], rtol=1e-3, atol=1e-2)


def test_grey_pictures_are_seen_as_their_colour_twins(backbone):
    grey = PICTURES[..., :1]
    np.testing.assert_allclose(
        features(backbone, grey), features(backbone, np.repeat(grey, 3, -1)), atol=1e-4
    )


def space(backbone, **arguments):
    recipe = Recipe(learning_rate=0.01, batch_size=4, mixing="none")
    found = {backbone.name: backbone}
    return PretrainedSpace((64, 64, 3), 3, backbones=found, recipe=recipe, **arguments)


def test_each_candidate_is_a_network_of_its_own(backbone):
    found = space(backbone)
    keys = {
        found.candidate({"trained": trained, "left_off": off}).key
        for trained in TRAINED
        for off in LEFT_OFF
    }
    assert len(keys) == len(TRAINED) * len(LEFT_OFF)
    assert found.candidate({}).key == found.candidate({"recipe/learning_rate": 0.02}).key
    hp = found.hyperparameters()
    assert found.build(hp).count_params() == found.candidate({}).architecture.params


def test_training_moves_the_last_parts_and_nothing_else(backbone):
    trained = 0.3
    candidate = space(backbone).candidate({"trained": trained})
    data = ImageSet(PICTURES.astype("uint8"), np.arange(3), ("a", "b", "c"))
    trainer = Trainer(
        candidate.architecture,
        candidate.recipe,
        data,
        make_augmenter((64, 64, 3), 3),
        constants=candidate.constants,
        initial=candidate.initial(),
    )
    before = trainer.named_weights()
    for path, weight in backbone.weights.items():
        np.testing.assert_array_equal(before[path], weight)
    trainer.train(lambda epochs: epochs / 3, warm_up_cosine, planned_epochs=3)
    after = trainer.named_weights()
    moved = {path.split("_")[0] for path in after if (after[path] != before[path]).any()}
    first = 14 - round(14 * trained)
    assert moved == {"head", *(f"part{number}" for number in range(first, 14))}
    assert not any("norm" in path for path in after if (after[path] != before[path]).any())


class CountingHeads(LinearHeads):
    """Remembers the calls."""

    passes = 0

    def features(self, network, weights):
        self.passes += 1
        return super().features(network, weights)


def test_the_head_begins_as_a_logistic_regression_on_the_frozen_features(backbone, mobilenet):
    labels = np.arange(24) % 3
    pictures = RANDOM.integers(0, 100, (24, 64, 64, 3)).astype("uint8")
    pictures[np.arange(24), :, :, labels] += 150
    heads = CountingHeads(ImageSet(pictures, labels, tuple(map(str, range(24)))), 3)
    decisions = {"trained": 0.3, "left_off": 2, "dropout": 0.0}
    candidate = space(backbone, heads=heads).candidate(decisions)
    assert heads.passes == 0  # an oracle asks for many candidates of which few are trained
    initial = candidate.initial()
    assert heads.passes == 1 and candidate.initial()["head_logits/bias"] is not None
    assert heads.passes == 1
    assert not set(initial) & set(candidate.constants)
    model = candidate.architecture.build()
    set_weights(model, {**candidate.constants, **initial})
    pixels = pictures.astype("float32")
    end = mobilenet.get_layer("conv_pw_11_relu").output
    theirs = keras.Model(mobilenet.input, end)(pixels / 127.5 - 1, training=False)
    pooled = np.mean(theirs, (1, 2))
    kernel, bias = heads.fit(pooled[None])
    logits = model(pixels, training=False).numpy()
    assert np.ptp(logits) > 1
    np.testing.assert_allclose(logits, pooled @ kernel + bias, atol=0.05)


def test_other_files_are_refused_in_a_line(tmp_path, mobilenet):
    with pytest.raises(InvalidInputError, match=r"there is no 'mobilenet-9'\.$"):
        find_backbones("mobilenet-9")
    with pytest.raises(InvalidInputError, match="has no file of weights"):
        find_backbones(str(tmp_path))
    text = tmp_path / "notes.h5"
    text.write_text("no weights")
    with pytest.raises(InvalidInputError, match=r"notes\.h5 is no Keras file of weights"):
        find_backbones(str(text))
    inputs = keras.Input((8,))
    other = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    other.save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(InvalidInputError, match=r"other\.weights\.h5 holds another network"):
        find_backbones(str(tmp_path / "other.weights.h5"))
    mobilenet.save_weights(tmp_path / "z.weights.h5")
    found, left_out = find_backbones(str(tmp_path))
    assert list(found) == ["mobilenet-0.25"] and len(left_out) == 2
    assert isinstance(found["mobilenet-0.25"], Backbone)


def test_a_name_without_weights_is_left_out_with_a_line(monkeypatch):
    def fails(*_, **__):
        raise Exception("URL fetch failure on https://x.h5: None -- unreachable")

    monkeypatch.setattr(keras.applications, "MobileNet", fails)
    found, left_out = find_backbones("mobilenet")
    assert found == {} and "cannot be downloaded" in left_out[0] and "\n" not in left_out[0]


def test_a_name_gives_the_weights_that_keras_has(monkeypatch, mobilenet):
    monkeypatch.setattr(keras.applications, "MobileNet", lambda *_, **__: mobilenet)
    backbone = find_backbones("mobilenet-0.25")[0]["mobilenet-0.25"]
    np.testing.assert_array_equal(backbone.weights["part0_conv/kernel"], mobilenet.get_weights()[0])


def test_layers_are_read_in_their_order_whatever_their_names(tmp_path):
    x = inputs = keras.Input((4, 4, 2))
    for number in range(12):
        x = keras.layers.Conv2D(number + 2, 1, name=f"c{(7 * number) % 12}")(x)
    keras.Model(inputs, x).save_weights(tmp_path / "many.weights.h5")
    layers = read_weights_file(tmp_path / "many.weights.h5")
    assert [kernel.shape[-1] for kernel, _ in layers["conv2d"]] == list(range(2, 14))


def test_draws_are_priced_and_folded_like_any_network(backbone):
    found = space(backbone)
    decisions = DecisionSpace.from_hyperparameters(found.hyperparameters())
    for _ in range(20):
        network = found.candidate(decisions.sample(RANDOM)).architecture
        assert model_costs(network).macs == network.macs > 0
        assert not any(isinstance(node.op, BatchNorm) for node in fold(network).nodes)
        assert Architecture.from_json(network.to_json()).key == network.key


def test_frozen_norms_are_priced_as_a_part_of_their_convolutions(backbone):
    network = space(backbone).candidate({}).architecture
    assert any(isinstance(node.op, FrozenBatchNorm) for node in network.nodes)
    assert not {"mul", "add"} & {op.kind for op in model_costs(network).lite_graph.ops}


def test_a_backbone_is_averaged_with_cheaper_ones(backbone):
    backbones = {b.name: b for b in (backbone, recognise({"conv2d": squeezenet_weights()}, "test"))}
    costly, cheap = "squeezenet", backbone.name

    def companions(name):
        return PretrainedSpace((64, 64, 3), 5, backbones=backbones, backbone=name).companions()

    assert companions(costly) == ({"backbone": cheap},) and companions(cheap) == ()
