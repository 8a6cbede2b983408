"""Every metric against scikit-learn's namesake, over random predictions."""

import math

import numpy as np
import pytest
from sklearn import metrics as reference

from autoarch.errors import InvalidInputError
from autoarch.objectives import classification_metrics, get_objective, wilson_interval
from autoarch.objectives.metrics import binary_auc, confusion_matrix


def predictions(n: int, classes: int, seed: int):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes) * 0.5, size=n).round(2) + 1e-3
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return rng.integers(classes, size=n), probabilities


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("seed", range(3))
def test_metrics_agree_with_scikit_learn(classes, seed):
    labels, probabilities = predictions(200, classes, seed)
    found = classification_metrics(labels, probabilities)
    predicted = probabilities.argmax(axis=1)
    scores = probabilities[:, 1] if classes == 2 else probabilities
    expected = {
        "accuracy": reference.accuracy_score(labels, predicted),
        "balanced_accuracy": reference.balanced_accuracy_score(labels, predicted),
        "macro_f1": reference.f1_score(labels, predicted, average="macro"),
        "auc": reference.roc_auc_score(labels, scores, multi_class="ovr"),
        "log_loss": reference.log_loss(labels, probabilities, labels=range(classes)),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-9), name
    assert found["n"] == 200
    low, high = found["accuracy_ci95"]
    assert low < found["accuracy"] < high


def test_confusion_matrix_agrees_with_scikit_learn():
    labels, probabilities = predictions(100, 4, seed=0)
    predicted = probabilities.argmax(axis=1)
    expected = reference.confusion_matrix(labels, predicted, labels=range(4))
    assert (confusion_matrix(labels, predicted, 4) == expected).all()


def test_wilson_interval_covers_the_true_share():
    # The definition: the interval holds exactly the shares p whose z-test does not reject.
    low, high = wilson_interval(30, 40)
    z = 1.959964
    for p in (low, high):
        assert abs(30 / 40 - p) == pytest.approx(z * math.sqrt(p * (1 - p) / 40), rel=1e-6)


def test_no_examples_are_nan_and_not_an_error():
    found = classification_metrics(np.empty(0, np.int64), np.empty((0, 3)))
    assert math.isnan(found["accuracy"]) and found["n"] == 0
    assert found["accuracy_ci95"] == [0.0, 1.0]


def test_auc_of_one_kind_is_nan_and_ties_count_half():
    assert math.isnan(binary_auc(np.array([True, True]), np.array([0.1, 0.2])))
    assert binary_auc(np.array([True, False]), np.array([0.5, 0.5])) == 0.5


def test_direction():
    assert get_objective("accuracy").better(0.9, 0.8)
    assert get_objective("log_loss").better(0.3, 0.8)
    assert not get_objective("log_loss").better(float("nan"), 0.8)
    assert get_objective("log_loss").utility(float("nan")) == -math.inf


def test_unknown_objective_names_the_known_ones():
    with pytest.raises(
        InvalidInputError, match="accuracy, balanced_accuracy, macro_f1, auc, log_loss; got 'f1'"
    ):
        get_objective("f1")
