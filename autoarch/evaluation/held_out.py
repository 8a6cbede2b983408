"""The one look at the held-out part, after everything has been decided."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from autoarch.data import ExampleSet, HeldOut
from autoarch.objectives import classification_metrics
from autoarch.objectives.metrics import confusion_matrix
from autoarch.training.fit import Array

MISTAKES = 24
"""How many of the most confident mistakes are kept for the report."""

THUMBNAIL = 96
"""Smallest side of a mistake's picture, in pixels; smaller ones are enlarged."""


def evaluate_held_out(
    predict_proba: Callable[[Array], Array],
    held_out: HeldOut,
    classes: tuple[str, ...],
    train_labels: Array,
    show: Callable[[ExampleSet, int], dict[str, Any]] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measures the final model on the held-out part.

    Args:
        predict_proba: Inputs `(n, ...)` to probabilities `(n, classes)`.
        held_out: The test part; not empty.
        classes: Class names.
        train_labels: Labels of the training part: the most frequent class is what a constant
            answer would be.
        show: What the report needs to show one example; pictures where left out.

    Returns:
        The metrics, and what the report shows beside them: the confusion matrix, the majority
        class's accuracy, the most confident mistakes.
    """
    test = held_out.reveal()
    probabilities = predict_proba(test.inputs)
    metrics = classification_metrics(test.labels, probabilities)
    predictions = probabilities.argmax(axis=1)
    majority = int(np.bincount(train_labels, minlength=len(classes)).argmax())
    details = {
        "split": "test",
        "classes": list(classes),
        "confusion": confusion_matrix(test.labels, predictions, len(classes)).tolist(),
        "majority": {
            "class": classes[majority],
            "accuracy": float(np.mean(test.labels == majority)),
        },
        "mistakes": _mistakes(test, probabilities, predictions, classes, show or as_picture),
    }
    return metrics, details


def _mistakes(
    test: ExampleSet,
    probabilities: Array,
    predictions: Array,
    classes: tuple[str, ...],
    show: Callable[[ExampleSet, int], dict[str, Any]],
) -> list[dict[str, Any]]:
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(predictions != test.labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    return [
        {
            "name": test.names[i],
            "true": classes[test.labels[i]],
            "predicted": classes[predictions[i]],
            "confidence": float(confidence[i]),
            **show(test, int(i)),
        }
        for i in worst
    ]


def as_picture(examples: ExampleSet, position: int) -> dict[str, Any]:
    """A picture as base64 PNG, under "png"."""
    return {"png": base64.b64encode(png_bytes(examples.inputs[position], THUMBNAIL)).decode()}


def png_bytes(pixels: Array, at_least: int = 0) -> bytes:
    """Encodes a uint8 picture `(h, w, 1 or 3)` as PNG, enlarged by whole factors where small."""
    image = Image.fromarray(np.asarray(pixels).squeeze())
    factor = -(-at_least // min(image.size)) if min(image.size) < at_least else 1
    if factor > 1:
        image = image.resize(
            (image.width * factor, image.height * factor), Image.Resampling.NEAREST
        )
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
