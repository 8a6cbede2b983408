"""Gates, costs and the training of relaxed networks, on a relaxed space of one layer."""

import numpy as np
import pytest
import tensorflow as tf

from autoarch.data.dataset import ImageSet
from autoarch.errors import TrialFailedError
from autoarch.objectives import get_objective
from autoarch.supernet.bank import Slot
from autoarch.supernet.differentiable import METHODS, Relaxation
from autoarch.supernet.relaxed import Relaxed
from autoarch.training.augment import make_augmenter
from autoarch.training.recipe import Recipe

AUGMENT = make_augmenter((8, 8, 1), 2)


class TopOrBottom(Relaxed):
    """Two choices, whose sum is what is looked at: the brightness of the upper half or of the lower
    one, or nothing; nothing is not allowed the second time. Only the upper half tells the classes
    apart."""

    classes = 2
    slots = (Slot("head/kernel", "head/kernel", "io", (1, 2)),)
    allowed = np.asarray([[True, True, True], [True, True, False]])

    def run(self, weights, gates, x):
        upper, lower = (tf.reduce_mean(x[:, h], [1, 2, 3]) for h in (slice(4), slice(4, 8)))
        seen = tf.stack([upper, lower], -1) / 64 - 1.8
        return tf.matmul(seen, tf.reduce_sum(gates, 0)[:2, None]) @ weights["head/kernel"]

    def discretise(self, shares):
        return np.eye(3, dtype=np.float32)[np.where(self.allowed, shares, -1).argmax(1)]

    def decisions(self, gates):
        return {"halves": tuple(gates.argmax(1))}


def halves(n=256):
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=n)
    images = rng.integers(0, 128, (n, 8, 8, 1)).astype(np.uint8)
    images[:, 4:] += 50
    images[:, :4] += (labels * 100).astype(np.uint8)[:, None, None, None]
    return ImageSet(images, labels.astype(np.int64), ("",) * n)


DATA = halves()


def make(method="darts", relaxed=None, **options):
    recipe = Recipe(flip=False, augmentation=0.0)
    made = Relaxation(
        relaxed or TopOrBottom(), DATA, AUGMENT, recipe, METHODS[method], seed=2, **options
    )
    made.weights.assign([-0.5, 0.5])
    return made


def train(relaxation, steps):
    return relaxation.train(lambda epochs: relaxation.steps / steps, planned_epochs=2)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_what_tells_classes_apart_is_found(method):
    relaxation = make(method)
    before = relaxation.shares()
    loss = train(relaxation, 60)
    assert relaxation.steps == 60 and 40 <= relaxation.moves <= 45
    assert relaxation.epochs == 30.0  # of batches of 64 of half the examples
    assert np.allclose(before[0], 1 / 3, atol=0.01) and before[1][2] == 0
    shares = relaxation.shares()
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
    assert loss < 0.6 and (shares[:, 0] > shares[:, 1] + 0.1).all()
    assert relaxation.found[-1].argmax(1).tolist() == [0, 0]
    accuracy = get_objective("accuracy")
    top, bottom = np.eye(3)[[0, 0]], np.eye(3)[[1, 1]]
    assert (
        relaxation.score(top, DATA, accuracy) > 0.9 > 0.7 > relaxation.score(bottom, DATA, accuracy)
    )


def test_a_seed_repeats_a_relaxation():
    first, second = make("fbnet"), make("fbnet")
    train(first, 8)
    train(second, 8)
    np.testing.assert_array_equal(first.shares(), second.shares())


def test_halves_have_no_example_in_common():
    first, second = make()._halves
    marked = [{image.tobytes() for image in half.inputs} for half in (first, second)]
    assert len(marked[0]) + len(marked[1]) == len(DATA) and not marked[0] & marked[1]


def test_cold_gumbel_gates_are_draws_by_share_and_hot_ones_are_not():
    relaxation = make("fbnet")
    relaxation.choices.assign([[2.0, 0.0, 1.0], [0.0, 1.0, 9.0]])
    noise = tf.constant(np.random.default_rng(0).gumbel(size=(4000, 2, 3)), tf.float32)
    hot, cold = (relaxation._gates(relaxation.choices.value, noise, s).numpy() for s in (0.0, 1.0))
    assert np.mean(hot.max(-1)) < 0.8 < 0.9 < np.mean(cold.max(-1))
    np.testing.assert_allclose(hot.sum(-1), 1, rtol=1e-5)
    often = np.mean(cold.argmax(-1)[:, :, None] == np.arange(3), axis=0)
    np.testing.assert_allclose(often, relaxation.shares(), atol=0.04)


def test_binary_gates_have_the_gradient_of_shares():
    """ProxylessNAS, equation 4: sum over j of dL/dg_j p_j (delta_ij - p_i)."""
    relaxation = make("proxyless")
    relaxation.choices.assign([[0.3, 0.1, -0.2], [0.5, 1.0, 0.0]])
    choices, noise = relaxation.choices.value, relaxation._noise()
    by_gates = tf.constant([[1.0, -2.0, 0.5], [3.0, 1.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(choices)
        gates = relaxation._gates(choices, noise, 0.5)
    found = tape.gradient(gates, choices, output_gradients=by_gates)
    assert sorted(np.round(gates.numpy().ravel(), 6)) == [0, 0, 0, 0, 1, 1]
    p = relaxation.shares()
    expected = [
        [sum(g[j] * q[j] * ((i == j) - q[i]) for j in range(3)) for i in range(3)]
        for g, q in zip(by_gates.numpy(), p)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_cost_is_in_the_loss_as_in_fbnet():
    """The gradient by choices is that of CE * 0.2 * log(cost)^0.6, by differences."""

    class Priced(TopOrBottom):
        base_cost = 50.0
        costs = np.asarray([[40.0, 0.0, -20.0], [5.0, 300.0, 0.0]], np.float32)

    relaxation = make("darts", Priced())
    relaxation.choices.assign([[0.3, 0.1, -0.2], [0.5, 1.0, 0.0]])
    weights, choices = relaxation.weights.value, relaxation.choices.value
    x, y = tf.cast(DATA.inputs[:64], tf.float32), tf.one_hot(DATA.labels[:64], 2)
    gradients = relaxation._gradients(relaxation._noise(), 0.5)

    def loss(values):
        gates = relaxation._gates(tf.constant(values, tf.float32), None, 0.5)
        entropy = relaxation._network(weights, gates, x, y)[0]
        return float(entropy) * 0.2 * np.log(Priced().cost(gates.numpy())) ** 0.6

    found = gradients(weights, choices, (x, y))[2].numpy()
    values, step = choices.numpy(), 0.02
    for place in [(0, 0), (0, 2), (1, 1)]:
        apart = np.zeros((2, 3))
        apart[place] = step
        expected = (loss(values + apart) - loss(values - apart)) / (2 * step)
        assert found[place] == pytest.approx(expected, rel=0.05, abs=1e-4)


def test_a_collapse_ends_the_training_once_something_was_found():
    class Collapses(TopOrBottom):
        looks = 0

        def collapsed(self, gates):
            self.looks += 1
            return self.looks != 2

    relaxation = make("darts", Collapses())
    train(relaxation, 24)
    assert relaxation.collapsed and len(relaxation.found) == 1
    assert 12 <= relaxation.steps < 17  # at the third of six looks in the last three quarters

    class Always(TopOrBottom):
        def collapsed(self, gates):
            return True

    relaxation = make("darts", Always())
    train(relaxation, 8)
    assert relaxation.steps == 8 and not relaxation.found and not relaxation.collapsed


def test_a_loss_that_is_no_number_is_told():
    relaxation = make()
    relaxation.weights.assign(np.full(2, np.nan))
    with pytest.raises(TrialFailedError, match="the relaxed network's loss became nan"):
        train(relaxation, 4)
