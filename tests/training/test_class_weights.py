"""How much the classes weigh, by counting the examples that each weight stands for."""

import numpy as np
import pytest

from autoarch.objectives import get_objective
from autoarch.training.class_weights import class_weights_for

LABELS = np.repeat([0, 1, 2], [60, 30, 10])


@pytest.mark.parametrize(("objective", "power"), [("balanced_accuracy", 1.0), ("accuracy", 0.5)])
def test_rare_classes_weigh_more_and_an_example_one_on_average(objective, power):
    weights = class_weights_for(LABELS, 3, get_objective(objective), "auto")
    assert weights[LABELS].mean() == pytest.approx(1.0)
    assert weights[2] / weights[0] == pytest.approx(6**power)
    if power == 1.0:  # each class as much as any other
        assert weights * np.bincount(LABELS) == pytest.approx(np.full(3, 100 / 3))


@pytest.mark.parametrize(
    ("labels", "wish"), [(LABELS, "none"), (np.repeat([0, 1], [14, 10]), "auto")]
)
def test_about_equal_classes_and_those_who_wish_none_have_none(labels, wish):
    assert class_weights_for(labels, 3 - (wish == "auto"), get_objective("accuracy"), wish) is None
