import gc

import numpy as np
import pytest
import tensorflow as tf

from autoarch.architecture import INPUT, GraphBuilder
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.pooling import GlobalAveragePool2D
from autoarch.data.dataset import ImageSet
from autoarch.errors import TrialFailedError
from autoarch.spaces import ResidualSpace
from autoarch.training.augment import Augmenter, Strengths, make_augmenter
from autoarch.training.batches import Batches
from autoarch.training.fit import HALVED_FROM, Trainer
from autoarch.training.optimizer import orthogonal_kernels
from autoarch.training.recipe import Recipe
from autoarch.training.schedule import warm_up_cosine

SHAPE, CLASSES = (8, 8, 1), 3


@pytest.fixture(scope="module")
def data():
    """Bright squares whose place tells the class: easy to learn."""
    rng = np.random.default_rng(0)
    labels = rng.integers(CLASSES, size=96)
    images = rng.integers(0, 60, (96, *SHAPE)).astype(np.uint8)
    for image, label in zip(images, labels):
        image[2 * label : 2 * label + 3, 2:6] += 150
    return ImageSet(images, labels.astype(np.int64), ("",) * 96)


@pytest.fixture(scope="module")
def augment():
    return make_augmenter(SHAPE, CLASSES)


@pytest.fixture(scope="module")
def architecture():
    return ResidualSpace(SHAPE, CLASSES, width=8).candidate({"dropout": 0.0}).architecture


def trainer(architecture, data, augment, *, seed=3, policy="float32", **recipe):
    recipe = Recipe(batch_size=32, augmentation=0.0, mixing="none", **recipe)
    return Trainer(architecture, recipe, data, augment, seed=seed, policy=policy)


def train(subject, epochs):
    before = subject.epochs
    return subject.train(
        lambda done: (done - before) / (epochs - before), warm_up_cosine, planned_epochs=epochs
    )


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_it_learns_in_every_precision(architecture, data, augment, policy):
    subject = trainer(architecture, data, augment, policy=policy)
    trained = train(subject, 10)
    assert trained.epochs == pytest.approx(10)
    assert [round(point["epoch"]) for point in trained.curve] == list(range(1, 11))
    assert trained.curve[-1]["loss"] < 0.7 * trained.curve[0]["loss"]
    accuracy = np.mean(subject.predict_proba(data.images).argmax(1) == data.labels)
    assert accuracy > 0.9
    assert all(weight.dtype == np.float32 for weight in subject.weights())


@pytest.mark.parametrize("batch_size", [15, 33])
def test_two_halves_make_the_step_of_the_whole_batch(data, augment, batch_size, monkeypatch):
    """Without batch norm; the halves of 33 are unequal, and 15 is not halved."""
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    entry = GraphBuilder(SHAPE)
    node = entry.add(Conv2D(4, use_bias=True), INPUT, name="conv")
    entry.add(Dense(CLASSES), entry.add(GlobalAveragePool2D(), node, name="pool"), name="logits")
    recipe = Recipe(batch_size=batch_size)
    options = {"seed": 3, "class_weights": np.array([0.5, 1.0, 2.0])}
    halved, whole = (Trainer(entry.finish(), recipe, data, augment, **options) for _ in range(2))
    whole._parts = 1
    x = tf.cast(data.images[:batch_size], tf.float32)
    y = tf.one_hot(data.labels[:batch_size], CLASSES)
    before = halved.weights()
    losses = [subject._step(x, y).numpy() for subject in (halved, whole)]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    for first, a, b in zip(before, halved.weights(), whole.weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
        assert np.abs(a - first).max() > 1e-4
    ops = [op.type for op in halved._step.get_concrete_function(x, y).graph.get_operations()]
    assert ops.count("Conv2D") == (1 if batch_size < HALVED_FROM else 2)


@pytest.mark.parametrize(
    ("batch_size", "devices", "momentum"), [(32, [], 0.9**0.5), (32, ["gpu"], 0.9), (8, [], 0.9)]
)
def test_batch_norms_forget_as_much_a_step_in_one_part_as_in_two(
    architecture, data, augment, monkeypatch, batch_size, devices, momentum
):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: devices)
    subject = Trainer(architecture, Recipe(batch_size=batch_size), data, augment)
    norms = [layer for layer in subject.model.layers if hasattr(layer, "moving_mean")]
    replaced = [layer.forgetting.share(layer.momentum) for layer in norms]
    assert replaced and replaced == pytest.approx([1 - momentum] * len(norms))


def test_equal_seeds_train_equal_networks(architecture, data, augment):
    runs = [trainer(architecture, data, augment, seed=seed) for seed in (1, 1, 2)]
    for subject in runs:
        train(subject, 2)
    first, again, other = (subject.weights() for subject in runs)
    assert all((a == b).all() for a, b in zip(first, again))
    assert any((a != b).any() for a, b in zip(first, other))


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_restored_training_goes_on_as_the_original(data, augment, dropout):
    space = ResidualSpace(SHAPE, CLASSES, width=8)
    architecture = space.candidate({"dropout": dropout}).architecture
    whole, stopped = (trainer(architecture, data, augment) for _ in range(2))
    train(whole, 2)
    train(stopped, 2)
    state = stopped.state()
    resumed = trainer(architecture, data, augment, seed=3)
    resumed.restore(state)
    assert resumed.epochs == 2
    train(whole, 4)
    train(resumed, 4)
    for a, b in zip(whole.weights(), resumed.weights()):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_kernels_that_come_trained_are_moved_by_adamw(architecture, data, augment):
    fresh = trainer(architecture, data, augment)
    first, *others = orthogonal_kernels(fresh.model)
    initial = {first: fresh.named_weights()[first]}
    subject = Trainer(architecture, Recipe(), data, augment, initial=initial)
    assert others and subject._optimizer._orthogonal == set(others)


def test_it_stops_between_two_steps(architecture, data, augment):
    subject = trainer(architecture, data, augment)
    answers = iter([False, False, True])
    trained = subject.train(
        lambda done: 0.0, lambda share: 1.0, planned_epochs=1, should_stop=lambda: next(answers)
    )
    assert trained.stopped and subject.steps == 2


def test_a_loss_that_is_no_number_is_a_failed_trial_with_its_reason(architecture, data, augment):
    subject = trainer(architecture, data, augment, learning_rate=float("inf"))
    with pytest.raises(TrialFailedError, match=r"the loss became (nan|inf) in epoch 1\.0"):
        train(subject, 2)


def test_out_of_memory_halves_the_batch_and_then_gives_up(architecture, data, augment):
    subject = trainer(architecture, data, augment)
    step, largest = subject._step, 16

    def scarce(x, y, radius):
        if len(x) > largest:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM")
        return step(x, y, radius)

    subject._step = scarce
    train(subject, 1)
    assert subject.batch_size == 16

    largest = 0
    with pytest.raises(TrialFailedError, match="out of memory at a batch of 8") as caught:
        train(subject, 2)
    assert caught.value.infeasible


def test_class_weights_move_the_answers_towards_the_heavy_class(architecture, data, augment):
    # With labels that the pictures do not tell, only the classes' weights can be learned.
    guesswork = ImageSet(data.images, np.random.default_rng(1).permutation(data.labels), data.names)
    recipe = Recipe(batch_size=32, augmentation=0.0, mixing="none")
    shares = []
    for weights in (None, np.array([20.0, 1.0, 1.0])):
        subject = Trainer(architecture, recipe, guesswork, augment, seed=3, class_weights=weights)
        train(subject, 8)
        shares.append(subject.predict_proba(data.images)[:, 0].mean())
    assert shares[1] > shares[0] + 0.1


def batches(data, augment, start, recipe=None, seed=5):
    recipe = recipe or Recipe(batch_size=40)
    with Batches(data, augment, recipe, batch_size=40, seed=seed, start=start) as stream:
        return [tuple(part.numpy() for part in next(stream)) for _ in range(3)]


def test_a_batch_depends_on_seed_and_number_alone(data, augment):
    from_0, from_1 = batches(data, augment, 0), batches(data, augment, 1)
    for (x, y), (again_x, again_y) in zip(from_0[1:], from_1):
        assert (x == again_x).all() and (y == again_y).all()
    assert (batches(data, augment, 0, seed=6)[0][0] != from_0[0][0]).any()


def test_an_epoch_holds_each_example_at_most_once(data, augment):
    plain = Recipe(augmentation=0.0, mixing="none")
    first, second, _ = batches(data, augment, 0, plain)
    seen = {image.tobytes() for x, _ in (first, second) for image in x}
    assert len(seen) == 80


def test_an_error_while_making_a_batch_reaches_the_trainer(data):
    def broken(*arguments):
        raise OSError("disk gone")

    stream = Batches(data, Augmenter(broken, Strengths.of, CLASSES), Recipe(), batch_size=8, seed=0)
    with stream, pytest.raises(OSError, match="disk gone"):
        next(stream)


@pytest.mark.parametrize("activation", ["relu", "silu", "hard_silu"])
def test_nothing_of_a_network_stays_once_it_is_gone(data, augment, activation):
    from tensorflow.python.framework.func_graph import FuncGraph

    space = ResidualSpace(SHAPE, CLASSES, width=8)
    architecture = space.candidate({"activation": activation}).architecture
    subject = trainer(architecture, data, augment)
    train(subject, 1)
    subject.predict_proba(data.images)
    name = "_train_step"

    def graphs():
        gc.collect()
        return [o for o in gc.get_objects() if isinstance(o, FuncGraph) and o.name == name]

    before = len(graphs())
    del subject
    assert before >= 1
    assert len(graphs()) == before - 1
