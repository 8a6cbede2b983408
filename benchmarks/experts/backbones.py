"""Networks that come trained, as feature extractors, and a head fitted to their features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

MOBILENET = "mobilenet_2_5_224_tf_no_top.h5"
SQUEEZENET = "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5"
CAFFE_MEAN = (103.939, 116.779, 123.68)


def mobilenet(weights: Path, side: int) -> keras.Model:
    """MobileNet 0.25: pictures of 0 to 255, `(batch, side, side, 3)`, to `(batch, 256)`."""
    inputs = keras.Input((side, side, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    backbone = keras.applications.MobileNet(
        (side, side, 3), alpha=0.25, include_top=False, weights=str(weights / MOBILENET)
    )
    x = keras.layers.GlobalAveragePooling2D(dtype="float32")(backbone(x))
    return keras.Model(inputs, x)


def squeezenet(weights: Path, side: int) -> keras.Model:
    """SqueezeNet 1.1: pictures of 0 to 255, `(batch, side, side, 3)`, to `(batch, 512)`.

    Source: Iandola et al. (2016); weights of github.com/DeepCognition/keras-squeezenet.
    """
    layers = keras.layers

    def fire(x: Any, squeezed: int, expanded: int) -> Any:
        x = layers.Conv2D(squeezed, 1, activation="relu")(x)
        near = layers.Conv2D(expanded, 1, activation="relu")(x)
        wide = layers.Conv2D(expanded, 3, padding="same", activation="relu")(x)
        return layers.Concatenate()([near, wide])

    inputs = keras.Input((side, side, 3))
    x = layers.Conv2D(64, 3, 2, activation="relu")(inputs)
    x = layers.MaxPooling2D(3, 2)(x)
    x = layers.MaxPooling2D(3, 2)(fire(fire(x, 16, 64), 16, 64))
    x = layers.MaxPooling2D(3, 2)(fire(fire(x, 32, 128), 32, 128))
    for squeezed, expanded in ((48, 192), (48, 192), (64, 256), (64, 256)):
        x = fire(x, squeezed, expanded)
    network = keras.Model(inputs, layers.GlobalAveragePooling2D()(x))
    network.load_weights(str(weights / SQUEEZENET))
    pictures = keras.Input((side, side, 3))
    mean = layers.Normalization(mean=CAFFE_MEAN, variance=(1.0, 1.0, 1.0))
    return keras.Model(pictures, network(mean(keras.ops.flip(pictures, axis=-1))))


def fitted_head(
    features: np.ndarray, labels: np.ndarray, views: int
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of a logistic regression whose penalty is chosen by four folds.

    Args:
        features: Of all views of all examples, `(views * examples, width)`.
        labels: `(views * examples,)`.
        views: How many views each example has.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    scale = features.std(0) + 1e-6
    mean = features.mean(0)
    standard = (features - mean) / scale
    first = slice(0, len(features) // views)  # one view each: no example is in two folds
    folds = StratifiedKFold(4, shuffle=True, random_state=0)

    def score(strength: float) -> float:
        model = LogisticRegression(C=strength, max_iter=200)
        return float(cross_val_score(model, standard[first], labels[first], cv=folds).mean())

    best = max((0.001, 0.003, 0.01, 0.03, 0.1), key=score)
    model = LogisticRegression(C=best, max_iter=300).fit(standard, labels)
    kernel = model.coef_.T / scale[:, None]
    return kernel.astype("float32"), (model.intercept_ - mean @ kernel).astype("float32")
