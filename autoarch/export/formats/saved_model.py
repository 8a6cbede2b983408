"""`saved_model/`: for TensorFlow Serving and `tf.saved_model.load`; takes raw examples.

The preprocessing says which signatures there are; those of pictures are:

- `serving_default`: `image_bytes`, strings `(batch,)`, each a whole image file; sizes may differ;
- `serving_arrays`: `images`, uint8 `(batch, any height, any width, channels)`.

Outputs, all with the batch first so that TensorFlow Serving can split them: `label`, string
`(batch,)`, the most probable class; `probabilities`, float32 `(batch, classes)`; `classes`, strings
`(batch, classes)`, the names in the same order.
Examples are prepared by the very functions that prepared the training data. One that cannot be
decoded fails its whole request.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoarch.data import Signature
    from autoarch.export.formats import Convert, Writing

NAME = "saved_model"
FILE = "saved_model"
BESIDE: tuple[str, ...] = ()
TOLERANCE = 1e-3
DIFFERENCE = "largest"
NEEDS = ("tensorflow",)
CONVERTS = False


def write(writing: Writing, path: Path, convert: Convert) -> None:
    import tensorflow as tf

    from autoarch.export.labels import as_utf8

    network = writing.serving_model
    names = [as_utf8(name) for name in writing.model.classes]
    dtype = writing.model.architecture.input_dtype

    def answer(inputs: Any) -> dict[str, Any]:
        # oneDNN's convolutions, as TensorFlow 2.21 has them on CPUs with AVX-512, give an empty
        # batch the shape of their input, and what follows fails.
        probabilities = tf.cond(
            tf.shape(inputs)[0] > 0,
            lambda: network(tf.cast(inputs, dtype), training=False),
            lambda: tf.zeros((0, len(names))),
        )
        probabilities = tf.ensure_shape(probabilities, (None, len(names)))
        classes = tf.constant(names)
        return {
            "label": tf.gather(classes, tf.argmax(probabilities, axis=-1)),
            "probabilities": probabilities,
            "classes": tf.tile(classes[tf.newaxis], [tf.shape(probabilities)[0], 1]),
        }

    def asked(signature: Signature) -> Any:
        return tf.function(
            lambda raw: answer(signature.prepare(raw)),
            input_signature=[signature.spec],
            autograph=False,
        )

    module = tf.Module()
    module.weights = [weight.value for weight in network.weights]
    ways = writing.model.preprocessing.signatures()
    signatures = {name: asked(way) for name, way in ways.items()}
    tf.saved_model.save(module, str(path), signatures=signatures)


def answers(path: str, questions: Any) -> dict[str, Any]:
    import numpy as np
    import tensorflow as tf

    model = tf.saved_model.load(path)
    classes = np.array(questions["classes"], object)

    def ask(signature: Any) -> Any:
        ((name, spec),) = signature.structured_input_signature[1].items()
        values = questions["encoded" if spec.dtype == tf.string else "inputs"]
        found = []
        for start in range(0, len(values), 32):
            batch = tf.constant(values[start : start + 32], spec.dtype)
            answer = signature(**{name: batch})
            probabilities = answer["probabilities"].numpy()
            labels = answer["label"].numpy()
            names = answer["classes"].numpy()
            assert (names == classes[np.newaxis]).all(), "`classes` are not the model's"
            assert (labels == classes[probabilities.argmax(-1)]).all(), "`label` is wrong"
            found.append(probabilities)
        return np.concatenate(found)

    return {name: ask(signature) for name, signature in model.signatures.items()}
