"""The linear model on TF-IDF vectors against its own optimality, worked out densely."""

import numpy as np
import pytest

from autoarch.data import linear_terms
from autoarch.data.linear_terms import fit_linear, tf_idf
from autoarch.data.term_weights import inverse_document_frequencies


def some_texts(classes):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % classes
    ids = rng.integers(0, 12, (60, 5, 3)).astype(np.uint16)
    ids[:, 0, 0] = 12 + labels  # what tells the class
    scales = {
        (0, 1): inverse_document_frequencies(ids[:, :, :1], 16),
        (1, 2): inverse_document_frequencies(ids[:, :, 1:], 12),
    }
    return ids, labels, scales


def dense(ids, scales):
    counts = np.zeros((len(ids), len(scales)))
    for text, row in zip(ids.reshape(len(ids), -1), counts):
        np.add.at(row, text, 1)
    return counts * scales / np.sqrt((counts * scales**2).sum(1, keepdims=True))


def test_vectors_are_frequencies_times_scales():
    ids, _, scales = some_texts(3)
    assert np.allclose(
        tf_idf(ids[:, :, :1], scales[0, 1]).toarray(), dense(ids[:, :, :1], scales[0, 1])
    )
    nothing = tf_idf(np.zeros((2, 5, 1), np.uint16), scales[0, 1])
    assert nothing.shape == (2, 16) and nothing.nnz == 0


def telling(held, labels, classes):
    """As in the paper, class by class."""
    squares = np.zeros(held.shape[1])
    for label in range(classes):
        inside = 1 + held[labels == label].sum(0)
        outside = 1 + held[labels != label].sum(0)
        ratio = np.log((inside / inside.sum()) / (outside / outside.sum()))
        squares += ratio**2 / classes
    return squares**0.25


@pytest.mark.parametrize("classes", [2, 4])
def test_the_tables_minimise_the_penalised_loss(classes, monkeypatch):
    monkeypatch.setattr(linear_terms, "STRENGTHS", (10.0,))
    ids, labels, scales = some_texts(classes)
    tables = fit_linear(ids, labels, classes, scales)
    x = np.hstack([dense(ids[:, :, s : s + n], w) for (s, n), w in scales.items()])
    table = np.vstack([tables[group] for group in scales])
    assert table.shape == (28, classes) and table.dtype == np.float32
    logits = x @ table
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert (p.argmax(1) == labels).all()
    slope = x.T @ (p - np.eye(classes)[labels])
    used = x.any(0)
    told = telling(x[:, used] > 0, labels, classes)[:, np.newaxis]
    assert told.max() > 2 * np.median(told)  # what tells the class
    # scikit-learn penalises the one row that two classes have: half the square of their distance
    penalty = table[used] / told / 10 * (2 if classes == 2 else 1)
    assert (
        np.abs(told * slope[used] + penalty).max() < 0.01 < 0.2 < np.abs(told * slope[used]).max()
    )
    assert not table[~used].any()


def test_held_back_texts_say_nothing_of_the_ids_before_the_penalty_is_chosen(monkeypatch):
    ids, labels, scales = some_texts(3)
    seen = []
    weigh = linear_terms.discrimination

    def weigh_and_note(vectors, labels, classes):
        seen.append(vectors.shape[0])
        return weigh(vectors, labels, classes)

    monkeypatch.setattr(linear_terms, "discrimination", weigh_and_note)
    fit_linear(ids, labels, 3, scales)
    assert sorted(seen) == [48, 60]


def test_too_much_to_fit_is_left_out_last_groups_first():
    ids, labels, scales = some_texts(3)
    work = [3 * np.count_nonzero(ids[:, :, s : s + n]) for s, n in scales]
    assert fit_linear(ids, labels, 3, scales, most=work[0] - 1) is None
    tables = fit_linear(ids, labels, 3, scales, most=sum(work) - 1)
    first = next(iter(scales))
    assert list(tables) == [first]
    alone = fit_linear(ids, labels, 3, {first: scales[first]})
    assert (tables[first] == alone[first]).all()
    assert list(fit_linear(ids, labels, 3, scales, most=sum(work))) == list(scales)


@pytest.mark.parametrize("sense, expected", [(True, 30), (False, 3)])
def test_labels_without_sense_get_the_strongest_penalty(sense, expected, monkeypatch):
    ids, labels, scales = some_texts(3)
    strengths = []
    fit = linear_terms._regression

    def fit_and_note(vectors, labels, strength, tolerance):
        strengths.append(strength)
        return fit(vectors, labels, strength, tolerance)

    monkeypatch.setattr(linear_terms, "_regression", fit_and_note)
    fit_linear(ids, labels if sense else np.random.default_rng(3).permutation(labels), 3, scales)
    assert sorted(strengths[:-1]) == [3, 10, 30] and strengths[-1] == expected


def test_a_class_of_one_text_is_no_obstacle():
    ids, labels, scales = some_texts(3)
    few = [0, 1, 3, 4, 6, 7, 5]  # the last class once
    tables = fit_linear(ids[few], labels[few], 3, scales)
    assert tables[0, 1].shape == (16, 3) and np.isfinite(tables[1, 2]).all()
