"""Vectors of ids moved against the network, and the loss computed once more by hand."""

import numpy as np
import pytest
import tensorflow as tf

from autoarch.architecture import INPUT, GraphBuilder
from autoarch.architecture.ops.columns import Columns
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.embedding_bag import EmbeddingBag
from autoarch.architecture.ops.merge import Concat
from autoarch.data.dataset import ExampleSet
from autoarch.spaces import ResidualSpace
from autoarch.spaces.text import TextSpace
from autoarch.training.adversarial import Adversary, growing, vector_layers
from autoarch.training.augment import make_augmenter
from autoarch.training.fit import Trainer
from autoarch.training.recipe import Recipe
from autoarch.training.schedule import warm_up_cosine
from autoarch.training.token_dropout import make_token_dropout

IDS, SIZE, CLASSES = 9, 4, 3


@pytest.fixture(scope="module")
def architecture():
    """Logits of the sum of learned vectors and, beside it, of given ones."""
    graph = GraphBuilder((5, 2), "int32")
    parts = []
    for name, start, frozen in (("learned", 0, False), ("given", 1, True)):
        columns = graph.add(Columns(start, 1), INPUT, name=f"{name}_ids")
        bag = EmbeddingBag(IDS, SIZE, frozen=frozen)
        parts.append(graph.add(bag, columns, name=f"{name}_vectors"))
    graph.add(Dense(CLASSES), graph.add(Concat(), *parts, name="joined"), name="logits")
    return graph.finish()


def test_only_learned_vectors_of_ids_move(architecture):
    assert vector_layers(architecture) == ["learned_vectors_sum"]
    pictures = ResidualSpace((8, 8, 1), CLASSES, width=8).candidate({}).architecture
    texts = TextSpace((12, 23), CLASSES, words=50, buckets=40, network="bag")
    linear = texts.candidate({"bag/size": 0}).architecture
    assert vector_layers(pictures) == vector_layers(linear) == []


def loss_of(labels):
    def summed(logits):
        logits = tf.broadcast_to(tf.cast(logits, tf.float32), labels.shape)
        return tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(labels, logits))

    return summed


def adversary(architecture, model, frequencies=(0.5, 0.4, 0.1)):
    return Adversary(architecture, architecture.learner(model), np.array(frequencies))


@pytest.mark.parametrize(("radius", "harmless"), [(0.0, True), (0.1, True), (9.0, False)])
def test_the_loss_is_the_mean_with_that_of_moved_vectors_unless_a_guess_is_better(
    architecture, radius, harmless
):
    rng = np.random.default_rng(0)
    ids, labels = rng.integers(1, IDS, (6, 5, 2)), np.eye(CLASSES)[[0, 1, 2, 2, 1, 2]]
    model = architecture.build()
    subject = adversary(architecture, model)
    found = float(subject.loss(tf.constant(ids, tf.int32), tf.constant(radius), loss_of(labels)))

    weights = {v.path: v.numpy().astype(float) for v in model.weights}
    vectors = [
        weights[f"{name}_vectors/embeddings"][ids[:, :, column]].sum(1) / np.sqrt(5)
        for column, name in enumerate(("learned", "given"))
    ]
    kernel, bias = weights["logits/kernel"], weights["logits/bias"]

    def losses(vectors):
        logits = np.hstack(vectors) @ kernel + bias
        chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        return -np.log((chances * labels).sum(1)), chances

    plain, chances = losses(vectors)
    against = (chances - labels) @ kernel[:SIZE].T
    step = against / np.linalg.norm(against, axis=1, keepdims=True)
    length = np.linalg.norm(vectors[0], axis=1, keepdims=True)
    moved, _ = losses([vectors[0] + radius * length * step, vectors[1]])
    guess = -np.log(0.5) - 2 * np.log(0.4) - 3 * np.log(0.1)
    assert harmless == (moved.sum() < guess)
    expected = (plain + moved).sum() / 2 if harmless else plain.sum()
    assert found == pytest.approx(expected, rel=1e-5)
    assert (moved > plain).all() or not radius


def test_vectors_of_nothing_stay_and_give_no_gradient_that_is_no_number(architecture):
    model = architecture.build()
    subject = adversary(architecture, model)
    with tf.GradientTape() as tape:
        nothing = tf.zeros((2, 5, 2), tf.int32)
        loss = subject.loss(nothing, tf.constant(0.1), loss_of(np.eye(CLASSES)[1:]))
    for gradient in tape.gradient(loss, model.trainable_variables):
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()


def test_the_moves_grow_until_half_of_the_training():
    assert [growing(0.1, share) for share in (0.0, 0.25, 0.5, 0.9)] == [0.0, 0.05, 0.1, 0.1]


def test_a_network_on_ids_learns_with_moves_in_every_precision(architecture):
    rng = np.random.default_rng(1)
    ids = rng.integers(1, IDS, (96, 5, 2)).astype(np.uint16)
    labels = (ids[:, :, 0] == 1).sum(1).clip(max=CLASSES - 1)
    data = ExampleSet(ids, labels, ("",) * 96)
    recipe = Recipe(adversarial=0.1, batch_size=32, augmentation=0.0, learning_rate=2e-2)
    augment = make_token_dropout((5, 2), CLASSES)
    for policy in ("float32", "mixed_float16"):
        subject = Trainer(architecture, recipe, data, augment, policy=policy)
        trained = subject.train(lambda done: done / 30, warm_up_cosine, planned_epochs=30)
        assert trained.curve[-1]["loss"] < 0.8 * trained.curve[0]["loss"]
        assert np.mean(subject.predict_proba(ids).argmax(1) == labels) > 0.9


def test_a_network_without_such_vectors_is_trained_as_it_is():
    images = np.zeros((16, 8, 8, 1), np.uint8)
    data = ExampleSet(images, np.arange(16) % CLASSES, ("",) * 16)
    space = ResidualSpace((8, 8, 1), CLASSES, width=8)
    recipe = Recipe(adversarial=0.1, batch_size=8)
    augment = make_augmenter((8, 8, 1), CLASSES)
    subject = Trainer(space.candidate({}).architecture, recipe, data, augment)
    subject.train(lambda done: done / 12, warm_up_cosine, planned_epochs=12)
    assert subject.epochs == pytest.approx(12)
