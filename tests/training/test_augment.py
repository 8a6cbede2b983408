import numpy as np
import pytest

from autoarch.training.augment import Strengths, make_augmenter
from autoarch.training.recipe import Recipe

SHAPE = (12, 12, 3)


@pytest.fixture(scope="module")
def augment():
    return make_augmenter(SHAPE, 4)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (40, *SHAPE)).astype(np.uint8)


LABELS = np.arange(40) % 4


def apply(augment, images, seed=0, **recipe):
    recipe = Recipe(**{"label_smoothing": 0.0, "mixing": "none", "augmentation": 0.0, **recipe})
    strengths = np.asarray(Strengths.of(recipe), np.float32)
    x, y = augment(images, LABELS.astype(np.int64), np.asarray([seed, 0], np.int32), strengths)
    return x.numpy(), y.numpy()


def test_strength_0_changes_nothing(augment, images):
    x, y = apply(augment, images)
    assert (x == images).all()
    assert (y == np.eye(4)[LABELS]).all()


def test_targets_are_mixed_as_the_labels_they_stand_for(augment, images):
    recipe = Recipe(label_smoothing=0.1, mixing="mixup", augmentation=1.0)
    given = np.asarray([3, 0], np.int32), np.asarray(Strengths.of(recipe), np.float32)
    x, y = augment(images, LABELS, *given)
    again_x, again_y = augment(images, np.eye(4, dtype=np.float32)[LABELS], *given)
    np.testing.assert_array_equal(x, again_x)
    np.testing.assert_array_equal(y, again_y)
    even = np.full((40, 4), 0.25, np.float32)
    np.testing.assert_allclose(augment(images, even, *given)[1], even, rtol=1e-6)


def test_label_smoothing_spreads_its_share(augment, images):
    _, y = apply(augment, images, label_smoothing=0.2)
    assert y[0] == pytest.approx([0.85, 0.05, 0.05, 0.05])


def test_without_zoom_pictures_are_flipped_and_moved_by_whole_pixels(augment, images):
    x, _ = apply(augment, images, augmentation=1.0)
    values = set(map(tuple, images.reshape(-1, 3).tolist()))
    moved = 0
    for before, after in zip(images, x):
        assert set(map(tuple, after.reshape(-1, 3).astype(int).tolist())) <= values
        centre = after[4:8, 4:8]
        found = [
            (dy, dx, mirrored)
            for mirrored, source in ((False, before), (True, before[:, ::-1]))
            for dy in range(-2, 3)
            for dx in range(-2, 3)
            if (source[4 + dy : 8 + dy, 4 + dx : 8 + dx] == centre).all()
        ]
        assert len(found) == 1
        moved += found[0] != (0, 0, False)
    assert moved > 30


def test_pictures_are_not_mirrored_unless_asked(augment, images):
    x, _ = apply(augment, images, augmentation=0.01, flip=False)
    assert (x == images).all()
    mirrored, _ = apply(augment, images, augmentation=0.01, flip=True)
    count = sum((a == b[:, ::-1]).all() for a, b in zip(mirrored, images))
    assert 8 < count < 32
    assert all((a == b).all() or (a == b[:, ::-1]).all() for a, b in zip(mirrored, images))


def test_zoom_only_looks_closer(augment):
    # A picture whose value is the column: its spread tells how much of it is seen.
    ramp = np.tile(np.arange(12, dtype=np.uint8)[None, None, :, None] * 20, (40, 12, 1, 3))
    x, _ = apply(augment, ramp, augmentation=1.0, zoom=0.35, flip=False)
    slopes = np.diff(x[:, 6, 3:9, 0], axis=1).mean(axis=1)
    assert slopes.max() < 30 and slopes.min() > 5
    assert slopes.mean() < 18
    assert ((x >= 0) & (x <= 255)).all()


@pytest.mark.parametrize("mixing", ["mixup", "cutmix"])
def test_mixed_targets_say_how_much_of_each_picture_there_is(augment, mixing):
    ones = np.zeros((40, *SHAPE), np.uint8)
    ones[::2] = 255
    mixed = 0
    for seed in range(20):
        x, y = apply(augment, ones, seed=seed, mixing=mixing)
        assert np.allclose(y.sum(axis=1), 1)
        own = y[np.arange(40), LABELS]
        bright = x.mean(axis=(1, 2, 3)) / 255
        np.testing.assert_allclose(
            np.where(np.arange(40) % 2 == 0, bright, 1 - bright), own, atol=1e-5
        )
        mixed += (own < 0.999).any()
    assert 3 <= mixed <= 17  # about half of the batches


def test_cutout_hides_a_box_and_keeps_the_target(augment, images):
    hidden = 0
    for seed in range(10):
        x, y = apply(augment, images, seed=seed, mixing="cutout")
        assert (y == np.eye(4)[LABELS]).all()
        hidden += (x == 127.5).all(axis=-1).any(axis=(1, 2)).all()
    assert 1 <= hidden <= 9


def test_few_epochs_are_augmented_less():
    recipe = Recipe()
    assert recipe.for_epochs(2).augmentation < 0.5
    assert recipe.for_epochs(30).augmentation == 1.0
    assert recipe.for_epochs(30).mixing == "none"
    assert recipe.for_epochs(80).mixing == "cutmix"
    against = Recipe(adversarial=0.1)
    assert [against.for_epochs(epochs).adversarial for epochs in (11, 12)] == [0.0, 0.1]


def test_many_epochs_are_augmented_more_where_the_recipe_says_so():
    recipe = Recipe(augmentation=0.8, long_augmentation=1.5)
    found = [recipe.for_epochs(epochs).augmentation for epochs in (12, 36, 60, 600)]
    assert found == [pytest.approx(0.8 * factor) for factor in (1.0, 1.25, 1.5, 1.5)]
    assert Recipe().for_epochs(600).augmentation == 1.0
