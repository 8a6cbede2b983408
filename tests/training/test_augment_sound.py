"""The augmentation of waveforms: seeds, and each change measured by itself."""

from dataclasses import replace

import numpy as np
import pytest

from autoarch.training.augment_sound import SoundStrengths, make_sound_augmenter
from autoarch.training.recipe import SOUND_RECIPE, Recipe

SAMPLES = 2000
NONE = SoundStrengths(0, 0, 0, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def augment():
    return make_sound_augmenter((SAMPLES,), 3)


def batch(n=8):
    times = np.arange(SAMPLES) / 8000
    waves = np.stack([0.2 * np.sin(2 * np.pi * (400 + 50 * i) * times) for i in range(n)])
    return waves.astype(np.float32), np.arange(n) % 3


def applied(augment, strengths, seed=1, n=8):
    x, y = augment(*batch(n), np.array([seed, 0], np.int32), np.asarray(strengths, np.float32))
    return x.numpy(), y.numpy()


def test_without_strength_nothing_changes(augment):
    x, y = applied(augment, NONE)
    np.testing.assert_array_equal(x, batch()[0])
    np.testing.assert_array_equal(y, np.eye(3)[batch()[1]])


def test_equal_seeds_give_equal_batches_and_others_do_not(augment):
    strengths = SoundStrengths.of(SOUND_RECIPE)
    first, again, other = (applied(augment, strengths, seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
    assert np.isfinite(first).all()


def test_shift_moves_by_interpolation_as_numpy_does(augment):
    x, _ = applied(augment, NONE._replace(shift=0.1))
    original = batch()[0]
    places = np.arange(SAMPLES)
    for wave, moved in zip(original, x):
        errors = [
            np.abs(np.interp(places + by, places, wave, 0, 0) - moved)[3:-3].mean()
            for by in np.arange(-200, 200, 0.5)
        ]
        assert min(errors) < 0.01


def test_speed_changes_the_pitch_within_its_limits(augment):
    x, _ = applied(augment, NONE._replace(speed=0.12), n=32)
    window = np.hanning(SAMPLES)
    pitch = [np.abs(np.fft.rfft(wave * window, 80_000)).argmax() / 10 for wave in x]
    ratio = np.array(pitch) / (400 + 50 * np.arange(32))
    assert 0.87 < ratio.min() < 0.95 and 1.05 < ratio.max() < 1.13


def test_gain_changes_the_loudness_alone_and_within_its_limits(augment):
    x, _ = applied(augment, NONE._replace(gain_db=6.0), n=64)
    clean = batch(64)[0]
    gain_db = 20 * np.log10(np.abs(x).max(axis=1) / np.abs(clean).max(axis=1))
    assert -6.01 < gain_db.min() < -4 and 4 < gain_db.max() < 6.01
    np.testing.assert_allclose(x, clean * 10 ** (gain_db[:, None] / 20), atol=1e-5)


def test_shift_speed_and_gain_are_strong_each_by_itself():
    strengths = SoundStrengths.of(Recipe(augmentation=0.0, time_shift=0.2, gain_db=12.0))
    assert (strengths.shift, strengths.speed, strengths.gain_db) == (0.2, 0.0, 12.0)
    strengths = SoundStrengths.of(Recipe(augmentation=1.5, time_shift=0.0, gain_db=0.0))
    assert strengths.shift == strengths.gain_db == 0 and strengths.speed == pytest.approx(0.18)


def test_noise_lies_between_its_levels(augment):
    x, _ = applied(augment, NONE._replace(noise=1.0), n=64)
    clean = batch(64)[0]
    ratio = 20 * np.log10(np.std(x - clean, axis=1) / np.std(clean, axis=1) + 1e-9)
    noisy = ratio[ratio > -100]
    assert 20 < len(noisy) < 44
    assert noisy.min() > -41 and noisy.max() < -9


def test_masks_hide_at_most_their_share(augment):
    x, _ = applied(augment, NONE._replace(masking=0.2), n=64)
    energy = np.square(x).sum(axis=1) / np.square(batch(64)[0]).sum(axis=1)
    assert energy.max() <= 1.01
    # a tone is gone where its band was taken out
    heard = energy > 0.3
    assert 8 < np.sum(energy < 0.05) < 32
    zero = np.abs(x[heard]) < 1e-7
    hidden = (zero[:, 1:] & zero[:, :-1]).mean(axis=1)  # a tone may be zero, but not twice on end
    assert 0.05 < hidden.mean() < 0.4 and hidden.max() <= 0.41


def test_mixup_mixes_labels_as_it_mixes_sounds(augment):
    clean, labels = batch()
    mixed = 0
    for seed in range(12):
        x, y = applied(augment, NONE._replace(mixup=0.5), seed)
        np.testing.assert_allclose(y.sum(axis=1), 1, atol=1e-6)
        share = np.abs(x - clean).max() / np.abs(np.roll(clean, 1, 0) - clean).max()
        expected = np.eye(3)[labels] * (1 - share) + np.eye(3)[np.roll(labels, 1)] * share
        np.testing.assert_allclose(y, expected, atol=1e-5)
        mixed += share > 0
    assert 2 <= mixed <= 10


@pytest.mark.parametrize(("field", "full"), [("masking", 0.2), ("time_shift", 0.1), ("gain_db", 6)])
def test_changes_grow_with_the_epochs(field, full):
    recipe = replace(SOUND_RECIPE, **{field: full})
    few, more, many = (getattr(recipe.for_epochs(epochs), field) for epochs in (1, 5, 20))
    assert 0 < few < more < many == full


def test_a_recipe_stored_without_shift_and_gain_has_those_of_trial_0():
    stored = SOUND_RECIPE.to_json()
    del stored["time_shift"], stored["gain_db"]
    assert Recipe.from_json(stored) == SOUND_RECIPE
    strengths = SoundStrengths.of(SOUND_RECIPE)
    assert (strengths.shift, strengths.speed, strengths.gain_db) == (0.1, 0.12, 6.0)
