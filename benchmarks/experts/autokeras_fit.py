"""AutoKeras on pictures and texts; runs in an environment of its own (see `versus.py`).

    ENVIRONMENT/bin/python benchmarks/experts/autokeras_fit.py FOLDER --seconds 180 [--seed 0]

AutoKeras has no limit on time, so a callback ends the trial that runs when the time is up, and no
further one begins. All of it goes to the search: of version 3.0.0 `predict` answers with the best
trial's weights, and the training of the winner on everything, which follows, has no effect.
"""

from __future__ import annotations

import tempfile
from typing import Any

from request import Request, answer

PHOTO_SIDE = 96
SMALL = 40
CLOSING_S = 8.0
"""For building the winner once more, the test part and writing the model."""


def solve(request: Request) -> dict[str, Any]:
    import autokeras
    import keras
    import numpy as np
    from reading import decode_pictures, read_folders, read_texts

    keras.utils.set_random_seed(request.seed)
    texts = (request.data / "train.csv").exists()
    if texts:
        parts = read_texts(request.data, validate=request.validate)
        examples = [np.array(part.examples) for part in (parts.train, parts.test)]
        classifier = autokeras.TextClassifier
    else:
        import tensorflow as tf

        first = next((request.data / "train").glob("*/*")).read_bytes()
        small = min(tf.io.decode_image(first).shape[:2]) <= SMALL
        parts = read_folders(
            request.data,
            lambda files: decode_pictures(files, None if small else PHOTO_SIDE),
            validate=request.validate,
        )
        examples = [parts.train.examples, parts.test.examples]
        classifier = autokeras.ImageClassifier
    # Its validation part are the last examples as they come.
    order = np.random.default_rng(request.seed).permutation(len(parts.train))
    with tempfile.TemporaryDirectory() as scratch:
        model = classifier(directory=scratch, seed=request.seed, overwrite=True)
        watch_the_clock(request, model)
        trouble = None
        try:
            model.fit(examples[0][order], parts.train.labels[order], verbose=0)
        except Exception as error:
            trouble = f"{type(error).__name__}: {error}".strip().splitlines()[0][:200]
            if not completed(model):
                raise
        if trouble is None:
            found = model.predict(examples[1], verbose=0).ravel().astype(int)
        else:  # what a user could still save by hand
            found = model.tuner.get_best_model().predict(examples[1], verbose=0)
            found = found.argmax(1) if found.shape[1] > 1 else (found.ravel() > 0.5).astype(int)
        model.export_model().save(request.output / "model.keras")
        return {
            "accuracy": float(np.mean(found == parts.test.labels)),
            "n": len(parts.test),
            "trials": len(completed(model)),
            **({"note": trouble} if trouble else {}),
        }


def completed(model: Any) -> list[Any]:
    return [t for t in model.tuner.oracle.trials.values() if t.status == "COMPLETED"]


def watch_the_clock(request: Request, model: Any) -> None:
    """Lets every training end when the time is up, and no trial begin after that."""
    import keras

    class Deadline(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if request.left_s < CLOSING_S:
                self.model.stop_training = True
                model.tuner.oracle.max_trials = 0

    plain_fit = keras.Model.fit

    def fit(self: Any, *args: Any, callbacks: Any = None, **given: Any) -> Any:
        # Given to AutoKeras's own `fit`, callbacks become a list in a list and break it.
        return plain_fit(self, *args, callbacks=[*(callbacks or []), Deadline()], **given)

    keras.Model.fit = fit


if __name__ == "__main__":
    answer(__doc__, solve)
