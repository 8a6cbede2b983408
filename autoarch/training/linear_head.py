"""The last layer of a trained network fitted to new classes: logistic regression on its features.

Fine-tuning that begins there, rather than at a random last layer, does not first tear down what
the features know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from autoarch.architecture import Architecture
from autoarch.data.dataset import ExampleSet
from autoarch.seeding import rng
from autoarch.training.constants import set_weights
from autoarch.training.fit import input_spec, predict_in_batches

Array = npt.NDArray[Any]

MOST_EXAMPLES = 4000
"""More are not looked at: a linear layer needs no more, and features take time."""

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)
"""Inverse strengths of the penalty that are tried, on features of deviation 1."""

HELD_BACK = 0.25
"""Share of the examples by whose log loss the strength is chosen."""

SMALLEST_DEVIATION = 1e-2
"""Features that hardly vary are not blown up to deviation 1; as a share of the mean deviation."""


class LinearHeads:
    """Fits last layers on one training part; what networks make of it is computed once each.

    Args:
        data: Training part; its labels need not hold every class, nor more than one.
        classes: Number of classes.
        mirrored: Whether the mirror image of each picture is an example, too.
        seed: Of the choice of examples.
    """

    def __init__(self, data: ExampleSet, classes: int, *, mirrored: bool = False, seed: int = 0):
        order = rng("linear head", seed=seed).permutation(len(data))[:MOST_EXAMPLES]
        self._rows = np.sort(order)
        self._data, self._classes = data, classes
        self._mirrored, self._seed = mirrored, seed
        self._features: dict[str, Array] = {}

    def features(self, network: Architecture, weights: Mapping[str, Array]) -> Array:
        """What a network makes of the examples, `(views, n, features)`.

        Args:
            network: Its output is `(features,)`.
            weights: All of its weights, by path; the same whenever the network is.
        """
        if network.key not in self._features:
            model = network.build(name="features")
            set_weights(model, weights)
            infer = tf.function(
                lambda x: model(x, training=False),
                input_signature=[input_spec(network)],
                autograph=False,
                jit_compile=False,
            )
            inputs = np.asarray(self._data.inputs[self._rows])
            views = [inputs, inputs[:, :, ::-1]] if self._mirrored else [inputs]
            found = [predict_in_batches(infer, view, network) for view in views]
            self._features[network.key] = np.stack(found)
        return self._features[network.key]

    def fit(self, features: Array) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Kernel `(features, classes)` and bias `(classes,)` for what `features` gave, or some of
        its columns."""
        labels = np.asarray(self._data.labels[self._rows])
        random = rng("held back", seed=self._seed)
        return logistic_regression(features, labels, self._classes, random)


def logistic_regression(
    views: Array, labels: Array, classes: int, random: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """A linear classifier whose penalty is chosen on examples held back.

    Args:
        views: Features `(views, n, features)`; the views of an example share its label.
        labels: Integers `(n,)`.
        classes: Number of classes; those without an example are never answered.
        random: Draws what is held back.

    Returns:
        Kernel `(features, classes)` and bias `(classes,)`.
    """
    mean = views.mean((0, 1))
    deviation = views.std((0, 1))
    scale = np.maximum(deviation, max(SMALLEST_DEVIATION * float(deviation.mean()), 1e-6))
    x = (views - mean) / scale
    kernel = np.zeros((x.shape[-1], classes))
    bias = np.zeros(classes)
    there = np.unique(labels)
    if len(there) < 2:
        return kernel.astype(np.float32), bias.astype(np.float32)
    held = random.permutation(len(labels)) < HELD_BACK * len(labels)
    strength = STRENGTHS[-1]
    if set(labels[~held]) >= set(labels[held]) and held.any():
        losses = [_log_loss(_fit(x[:, ~held], labels[~held], c), x[0, held], labels[held])
                  for c in STRENGTHS]  # fmt: skip
        strength = STRENGTHS[int(np.argmin(losses))]
    fitted = _fit(x, labels, strength)
    weights = fitted.coef_ if len(there) > 2 else np.concatenate([-fitted.coef_, fitted.coef_]) / 2
    offsets = fitted.intercept_
    offsets = offsets if len(there) > 2 else np.concatenate([-offsets, offsets]) / 2
    kernel[:, there] = weights.T / scale[:, None]
    bias[:] = offsets.min() - 10.0  # far below those that are there
    bias[there] = offsets - mean @ kernel[:, there]
    return kernel.astype(np.float32), bias.astype(np.float32)


def _fit(views: Array, labels: Array, strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    count, examples, features = views.shape
    model = LogisticRegression(C=strength, max_iter=200, tol=1e-3)
    return model.fit(views.reshape(count * examples, features), np.tile(labels, count))


def _log_loss(fitted: Any, x: Array, labels: Array) -> float:
    places = np.searchsorted(fitted.classes_, labels)
    return -float(np.mean(fitted.predict_log_proba(x)[np.arange(len(x)), places]))
