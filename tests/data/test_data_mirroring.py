"""Whether pictures mean the same mirrored: histograms pixel by pixel, and pictures with sides."""

import math

import numpy as np
import pytest

from autoarch.data.mirroring import BINS, CELLS, gradient_histograms, mirror_test


def slowly(picture):
    """As the paper has it, pixel by pixel."""
    height, width, _ = picture.shape
    grey = picture.astype(float).mean(-1)
    found = np.zeros((CELLS, CELLS, BINS))
    for y in range(height):
        for x in range(width):
            across = grey[y, x + 1] - grey[y, x - 1] if 0 < x < width - 1 else 0.0
            down = grey[y + 1, x] - grey[y - 1, x] if 0 < y < height - 1 else 0.0
            turn = math.atan2(down, across) % math.pi
            cell = y * CELLS // height, x * CELLS // width
            found[(*cell, int(turn / math.pi * BINS + 1e-3) % BINS)] += math.hypot(across, down)
    edges = np.sqrt(found).ravel()
    return edges / np.linalg.norm(edges)


def test_histograms_agree_with_those_made_pixel_by_pixel():
    pictures = np.random.default_rng(0).integers(0, 256, (3, 12, 19, 3)).astype(np.uint8)
    upright, mirrored = gradient_histograms(pictures, np.array([2, 0]))
    for row, number in enumerate((2, 0)):
        np.testing.assert_allclose(upright[row], slowly(pictures[number]), atol=1e-3)
        np.testing.assert_allclose(mirrored[row], slowly(pictures[number][:, ::-1]), atol=1e-3)


def drawn(stroke, n=160, noise=40.0):
    """Pictures of two classes; `stroke` draws on one, given the class and where it begins."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    pictures = rng.normal(100, noise, (n, 24, 24, 1))
    for picture, label in zip(pictures, labels):
        stroke(picture, label, rng.integers(4, 9))
    return pictures.clip(0, 255).astype(np.uint8), labels


def diagonal(picture, label, at):
    for step in range(12):
        column = at + step if label else 23 - at - step
        picture[at + step, column - 1 : column + 2] += 150


def line(picture, label, at):
    picture[at + 2 : at + 14, at + 4 : at + 7] += 150 * label
    picture[at + 4 : at + 7, at + 2 : at + 14] += 150 * (1 - label)


def test_classes_that_differ_by_their_sides_are_not_mirrored():
    pictures, labels = drawn(diagonal)
    found = mirror_test(pictures, labels, seed=0)
    assert found.upright > 0.9 and found.mirrored < 0.2
    assert found.alike is False and "does not mirror" in str(found)


@pytest.mark.parametrize("channels", [1, 3])
def test_classes_without_sides_are_mirrored(channels):
    pictures, labels = drawn(line)
    found = mirror_test(pictures.repeat(channels, -1), labels, seed=0)
    assert found.upright > 0.9 and found.mirrored > 0.9
    assert found.alike is True and "training mirrors" in str(found)


def test_noise_does_not_tell():
    pictures, labels = drawn(lambda *_: None)
    found = mirror_test(pictures, labels, seed=0)
    assert found.alike is None and "too few" in str(found)


def test_many_large_pictures_are_thinned_and_few_are_enough():
    pictures, labels = drawn(diagonal, n=1100)
    large = pictures.repeat(6, 1).repeat(6, 2)
    found = mirror_test(large, labels, seed=0)
    assert found.n == 1000 and found.alike is False
    assert mirror_test(pictures, labels, seed=0) == mirror_test(pictures, labels, seed=0)
    two = mirror_test(pictures[:2], labels[:2], seed=0)
    assert two.n == 2 and two.alike is None
