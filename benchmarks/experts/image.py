"""The expert on pictures: one network with one recipe, for the whole time.

    python benchmarks/experts/image.py FOLDER --seconds 180 [--seed 0] [--weights FOLDER]

Small pictures: a residual network of dense 3x3 convolutions, flips and shifts, cutmix where there
are minutes. Photos: the same at 96 pixels with random crops; with weights, MobileNet 0.25 whose
head begins as a logistic regression on its features. Answers are averages over a picture and its
mirror image. Plain Keras.
"""

from __future__ import annotations

from typing import Any

from request import Request, answer

SMALL = 40
"""Pictures up to this side are taken as they are."""

CROP, FINE_TUNED_CROP = 96, 128
STORED = 1.25
"""Photos are kept at this many times the crop, so that there is room for crops."""

CUTMIX_FROM_S = 150.0
"""Below, a network sees each picture too few times for it."""

CLOSING_S = 5.0
"""For the test part and for writing the model."""


def solve(request: Request) -> dict[str, Any]:
    import keras
    import numpy as np
    import tensorflow as tf
    from reading import decode_pictures, read_folders
    from training import choose_precision

    keras.utils.set_random_seed(request.seed)
    choose_precision()
    first = next((request.data / "train").glob("*/*"))
    native = min(tf.io.decode_image(first.read_bytes()).shape[:2])
    small = native <= SMALL
    side = native if small else FINE_TUNED_CROP if request.weights else CROP
    stored = side if small else round(STORED * side)
    parts = read_folders(
        request.data,
        lambda files: decode_pictures(files, None if small else stored),
        validate=request.validate,
    )
    classes = len(parts.classes)
    seconds = request.left_s - CLOSING_S
    if request.weights:
        model = fine_tuned(request, parts.train, side, classes)
    else:
        model = from_scratch(request, parts.train, side, classes, small)
    shown = tf.image.resize(parts.test.examples, (side, side), method="area")
    chances = model.predict(shown, 100, verbose=0) + model.predict(
        tf.reverse(shown, [2]), 100, verbose=0
    )
    model.save(request.output / "model.keras")
    return {
        "accuracy": float(np.mean(chances.argmax(1) == parts.test.labels)),
        "n": len(parts.test),
        "trials": 1,
        "epochs": round(float(model.optimizer.iterations) * BATCH / len(parts.train), 1),
        "training_s": round(seconds, 1),
    }


BATCH = 64


def from_scratch(request: Request, train: Any, side: int, classes: int, small: bool) -> Any:
    """The residual network, trained."""
    import keras
    from training import adamw, residual_trunk, width_for

    layers = keras.layers
    seconds = request.left_s - CLOSING_S
    inputs = keras.Input((side, side, 3))
    x = layers.Rescaling(1 / 64, offset=-2.0)(inputs)
    x = residual_trunk(x, width_for(seconds), stride=1 if small else 2)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, layers.Dense(classes, "softmax", dtype="float32")(x))
    cutmix = seconds >= CUTMIX_FROM_S
    fit(request, model, adamw(0.05, 5.0), 3e-3, train, side, classes, cutmix=cutmix)
    return model


def fine_tuned(request: Request, train: Any, side: int, classes: int) -> Any:
    """MobileNet 0.25 that begins with a logistic regression; batch norm stays as it came."""
    import keras
    import numpy as np
    from backbones import fitted_head, mobilenet
    from training import adamw

    backbone = mobilenet(request.weights, side)
    views = [next(batches(train, side, classes, request.seed, cutmix=False, whole=True))]
    views += [
        next(batches(train, side, classes, request.seed + k, cutmix=False, whole=True))
        for k in range(1, 4)
    ]
    features = [backbone.predict(pictures, 100, verbose=0) for pictures, _ in views]
    labels = [targets.numpy().argmax(1) for _, targets in views]
    kernel, bias = fitted_head(np.concatenate(features), np.concatenate(labels), len(views))
    inputs = keras.Input((side, side, 3))
    x = keras.layers.Dropout(0.2)(backbone(inputs, training=False))
    head = keras.layers.Dense(classes, "softmax", dtype="float32")
    model = keras.Model(inputs, head(x))
    head.set_weights([kernel, bias])
    fit(request, model, adamw(0.05, 5.0), 3e-4, train, side, classes, cutmix=False)
    return model


def fit(
    request: Request,
    model: Any,
    optimizer: Any,
    peak: float,
    train: Any,
    side: int,
    classes: int,
    *,
    cutmix: bool,
) -> None:
    """Trains until the time is up but for `CLOSING_S`."""
    import keras
    from training import ByTheClock

    model.compile(
        optimizer=optimizer, loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    )
    clock = ByTheClock(request.left_s - CLOSING_S, peak)
    data = batches(train, side, classes, request.seed, cutmix=cutmix)
    model.fit(data, steps_per_epoch=1_000_000, epochs=1, callbacks=[clock], verbose=0)


def batches(
    train: Any, side: int, classes: int, seed: int, *, cutmix: bool, whole: bool = False
) -> Any:
    """Endless batches of augmented pictures and soft targets; of the whole part where `whole`."""
    import tensorflow as tf
    from augmenting import cut_mixed, geometry

    stored = train.examples.shape[1]

    def augment(pictures: Any, labels: Any) -> tuple[Any, Any]:
        transforms = geometry(tf.shape(pictures)[0], stored, side)
        pictures = tf.raw_ops.ImageProjectiveTransformV3(
            images=pictures,
            transforms=transforms,
            output_shape=(side, side),
            fill_value=0.0,
            interpolation="NEAREST" if stored == side else "BILINEAR",
            fill_mode="REFLECT",
        )
        pictures.set_shape((None, side, side, 3))
        pictures, targets = tf.cast(pictures, tf.float32), tf.one_hot(labels, classes)
        return cut_mixed(pictures, targets) if cutmix else (pictures, targets)

    data = tf.data.Dataset.from_tensor_slices((train.examples, train.labels))
    data = data.shuffle(len(train), seed=seed).repeat().batch(len(train) if whole else BATCH)
    data = data.map(augment, num_parallel_calls=1).prefetch(4)
    return iter(data) if whole else data


if __name__ == "__main__":
    answer(__doc__, solve)
