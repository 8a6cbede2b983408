"""`saved_model/`: for TensorFlow Serving and `tf.saved_model.load`; takes image files as they are.

Signatures, all outputs with the batch first so that TensorFlow Serving can split them:

- `serving_default`: `image_bytes`, strings `(batch,)`, each a whole image file; sizes may differ;
- `serving_arrays`: `images`, uint8 `(batch, any height, any width, channels)`.

Outputs: `label`, string `(batch,)`, the most probable class; `probabilities`, float32
`(batch, classes)`; `classes`, strings `(batch, classes)`, the names in the same order.
Pictures are decoded and resized by the very functions that prepared the training data. One
picture that cannot be decoded fails its whole request.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

    from autoarch.data.image import decode_image, resize_image
    from autoarch.export.labels import as_utf8

    network = writing.serving_model
    preprocessing = writing.model.preprocessing
    names = [as_utf8(name) for name in writing.model.classes]
    shape = writing.model.image_shape
    prepared = tf.TensorSpec(shape, tf.uint8)

    @tf.function(input_signature=[tf.TensorSpec((None, *shape), tf.uint8)], autograph=False)
    def answer(images: Any) -> dict[str, Any]:
        probabilities = network(tf.cast(images, tf.float32), training=False)
        classes = tf.constant(names)
        return {
            "label": tf.gather(classes, tf.argmax(probabilities, axis=-1)),
            "probabilities": probabilities,
            "classes": tf.tile(classes[tf.newaxis], [tf.shape(probabilities)[0], 1]),
        }

    files = tf.TensorSpec((None,), tf.string, name="image_bytes")

    @tf.function(input_signature=[files], autograph=False)
    def from_bytes(image_bytes: Any) -> dict[str, Any]:
        return answer(
            tf.map_fn(
                lambda encoded: decode_image(encoded, preprocessing),
                image_bytes,
                fn_output_signature=prepared,
            )
        )

    arrays = tf.TensorSpec((None, None, None, shape[-1]), tf.uint8, name="images")

    @tf.function(input_signature=[arrays], autograph=False)
    def from_arrays(images: Any) -> dict[str, Any]:
        return answer(resize_image(images, preprocessing))

    module = tf.Module()
    module.weights = [weight.value for weight in network.weights]
    signatures = {"serving_default": from_bytes, "serving_arrays": from_arrays}
    tf.saved_model.save(module, str(path), signatures=signatures)


def answers(path: str, questions: Any) -> dict[str, Any]:
    import numpy as np
    import tensorflow as tf

    model = tf.saved_model.load(path)
    classes = np.array(questions["classes"], object)

    def ask(signature: str, name: str, values: Any) -> Any:
        found = []
        for start in range(0, len(values), 32):
            batch = tf.constant(values[start : start + 32])
            answer = model.signatures[signature](**{name: batch})
            probabilities = answer["probabilities"].numpy()
            labels = answer["label"].numpy()
            names = answer["classes"].numpy()
            assert (names == classes[np.newaxis]).all(), "`classes` are not the model's"
            assert (labels == classes[probabilities.argmax(-1)]).all(), "`label` is wrong"
            found.append(probabilities)
        return np.concatenate(found)

    return {
        "serving_default": ask("serving_default", "image_bytes", questions["encoded"]),
        "serving_arrays": ask("serving_arrays", "images", questions["pixels"]),
    }
