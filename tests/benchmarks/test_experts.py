"""The parts of `benchmarks/experts/` that compute something, against what must come out."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

EXPERTS = Path(__file__).parents[2] / "benchmarks" / "experts"


@pytest.fixture(scope="module")
def expert():
    """Imports a module of the experts by its name."""
    sys.path.insert(0, str(EXPERTS))
    try:
        yield importlib.import_module
    finally:
        sys.path.remove(str(EXPERTS))


def projected(expert, picture, side, count):
    """Random views of one picture, as floats."""
    import tensorflow as tf

    stored = len(picture)
    views = tf.raw_ops.ImageProjectiveTransformV3(
        images=np.repeat(picture[None], count, 0),
        transforms=expert("augmenting").geometry(count, stored, side),
        output_shape=(side, side),
        fill_value=0.0,
        interpolation="NEAREST" if stored == side else "BILINEAR",
        fill_mode="REFLECT",
    )
    return views.numpy().astype(float)


def ramps(side):
    """A picture whose values tell their own column and row, `(side, side, 2)`."""
    rows, columns = np.mgrid[:side, :side]
    return np.stack([2 * columns, 2 * rows], -1).astype(np.uint8)


def test_small_pictures_are_mirrored_and_shifted_by_whole_pixels(expert):
    views = projected(expert, ramps(32), 32, 200) / 2
    inner = views[:, 8:24, 8:24]
    across = np.diff(inner[..., 0], axis=2)
    mirrored = across[:, 0, 0] < 0
    assert set(np.unique(across)) == {-1.0, 1.0} and 0.3 < mirrored.mean() < 0.7
    assert (np.diff(inner[..., 1], axis=1) == 1).all()
    shifts = np.where(mirrored, inner[:, 0, 0, 0] - 23, inner[:, 0, 0, 0] - 8)
    assert set(shifts) == set(range(-4, 5)) == set(inner[:, 0, 0, 1] - 8)


def test_photos_are_cropped_within_their_borders(expert):
    stored, side = 120, 96
    views = projected(expert, ramps(stored), side, 200) / 2
    # Half a pixel lies beyond each outermost centre.
    width = np.abs(views[:, 48, -1, 0] - views[:, 48, 0, 0]) * side / (side - 1)
    height = (views[:, -1, 48, 1] - views[:, 0, 48, 1]) * side / (side - 1)
    area = width * height / stored**2
    assert 0.38 < area.min() < 0.5 and 0.85 < area.max() <= 1.01
    assert 0.73 < (width / height).min() < 0.85 and 1.2 < (width / height).max() < 1.37
    mirrored = views[:, 48, -1, 0] < views[:, 48, 0, 0]
    assert 0.3 < mirrored.mean() < 0.7 and (height > 0).all()


def test_cutmix_mixes_targets_as_it_mixes_pixels(expert):
    import tensorflow as tf

    pictures = tf.cast(np.stack([np.full((8, 8, 3), number) for number in range(4)]), tf.float32)
    shares = set()
    for _ in range(20):
        mixed, targets = expert("augmenting").cut_mixed(pictures, tf.one_hot(range(4), 4))
        own = np.mean(mixed.numpy()[..., 0] == np.arange(4)[:, None, None], axis=(1, 2))
        np.testing.assert_allclose(np.diag(targets), own, atol=1e-6)
        np.testing.assert_allclose(np.sum(targets, 1), 1, atol=1e-6)
        shares.add(float(own[0]))
    assert 1.0 in shares and len(shares) > 4


def test_pooled_features_tell_colours_and_directions_of_edges(expert):
    stripes = np.zeros((2, 32, 32, 3), np.uint8)
    stripes[0, :, ::4] = stripes[1, ::4] = 200  # upright and lying ones
    found = expert("linear").pooled(stripes)
    colours, edges = found[:, :192], found[:, 192:].reshape(2, 4, 4, 8)
    np.testing.assert_allclose(colours, 200 / 255 / 4, rtol=1e-5)
    assert (edges.sum((1, 2)).argmax(1) == [0, 4]).all()
    np.testing.assert_allclose((edges**2).sum((1, 2, 3)), 1, rtol=1e-3)


def test_texts_become_words_hashes_and_weights(expert):
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = expert("words")
    texts = ["a good film", "a good good day", "bad film , bad day"]
    vectors = TfidfVectorizer(token_pattern=r"\S+").fit(texts)
    encoder = words.Encoder(texts, vectors)
    places, hashes, features, weights = encoder([*texts, "good 味道"])
    assert (places[1, 1] == places[1, 2] == places[0, 1]) and places[3, 1] == 1  # unknown
    assert (hashes[0, 1] == hashes[3, 0]).all() and (hashes[0, 3:] == 0).all()
    expected = vectors.transform(texts).toarray()
    names = {place: feature for feature, place in encoder.features.items()}
    for row in range(3):
        for place, weight in zip(features[row], weights[row]):
            if weight:
                assert weight == pytest.approx(expected[row, names[place]])
    assert words.tokens_of("It costs $5!") == ["it", "costs", "$", "5", "!"]
    assert words.tokens_of("味道好") == ["味", "道", "好"]


def test_a_split_takes_a_share_of_each_class(expert):
    reading = expert("reading")
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    first, second = reading.split(reading.Part(np.arange(100), labels), 0.2, seed=3)
    assert np.bincount(second.labels).tolist() == [10, 6, 4]
    assert sorted([*first.examples, *second.examples]) == list(range(100))
    assert (labels[first.examples] == first.labels).all()
