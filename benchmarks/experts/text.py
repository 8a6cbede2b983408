"""The expert on texts: averages of a linear model and networks that err elsewhere.

    python benchmarks/experts/text.py FOLDER --seconds 60 [--seed 0]

First the linear model on TF-IDF n-grams; then, while the time lasts, up to five networks: a bag of
the same n-grams beside convolutions, a recurrent one, convolutions alone, and the first two again
with other seeds. Each is trained on 85 % to find its best epoch and again on everything for that
many. The answer is the mean of all probabilities. Plain Keras and scikit-learn.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from request import Request, answer

BATCH = 64
EPOCHS = 10
CLOSING_S = 5.0
VALIDATION_SHARE = 0.15
MEMBERS = ("mix", "gru", "cnn", "mix", "gru")


def solve(request: Request) -> dict[str, Any]:
    import keras
    from linear import text_model, write_text_model
    from reading import read_texts, split
    from words import Encoder

    keras.utils.set_random_seed(request.seed)
    parts = read_texts(request.data, validate=request.validate)
    labels, classes = parts.train.labels, len(parts.classes)
    model = text_model().fit(parts.train.examples, labels)
    write_text_model(model, request.output)
    chances = [model.predict_proba(parts.test.examples)]
    encoder = Encoder(parts.train.examples, model[0])
    encoder.write(request.output)
    everything, test = encoder(parts.train.examples), encoder(parts.test.examples)
    places = split_places(split, labels, request.seed)
    known, valid = ([column[at] for column in everything] for at in places)
    longest, epochs = 0.0, []
    for number, kind in enumerate(MEMBERS):
        left = request.left_s - CLOSING_S
        if left < 1.2 * longest or left < 5:
            break
        began = time.monotonic()
        network = Member(kind, encoder, classes)
        # The first pass gets less than half, since the second has more texts.
        best = network.best_epoch(
            known, labels[places[0]], valid, labels[places[1]], seconds=0.42 * left
        )
        left = request.left_s - CLOSING_S
        network = Member(kind, encoder, classes)
        network.train(everything, labels, last_epoch=best, seconds=left)
        chances.append(network.predict(test))
        network.model.save(request.output / f"{number}-{kind}.keras")
        epochs.append(best)
        longest = max(longest, time.monotonic() - began)

    def right(chances: np.ndarray) -> float:
        return float(np.mean(chances.argmax(1) == parts.test.labels))

    found = {"accuracy": right(np.mean(chances, 0)), "n": len(parts.test), "trials": len(chances)}
    if request.validate:
        found["members"] = [round(right(each), 4) for each in chances]
    return {**found, "epochs": epochs}


def split_places(split: Any, labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of the texts to learn from and of those to find the best epoch with."""
    from reading import Part

    first, second = split(Part(np.arange(len(labels)), labels), VALIDATION_SHARE, seed)
    return first.examples, second.examples


class Member:
    """One network.

    Args:
        kind: One of `MEMBERS`.
        encoder: Tells the sizes of its inputs.
        classes: How many there are.
    """

    def __init__(self, kind: str, encoder: Any, classes: int):
        import keras
        from training import adamw
        from words import inputs_of, network

        self.columns = inputs_of(kind)
        self.model = network(kind, encoder, classes)
        self.model.compile(
            optimizer=adamw(0.02, 2.0), loss=keras.losses.SparseCategoricalCrossentropy()
        )

    def best_epoch(
        self, known: Any, labels: np.ndarray, valid: Any, valid_labels: np.ndarray, seconds: float
    ) -> int:
        """The epoch after which the most validation texts are answered rightly."""
        import keras

        scores: list[float] = []
        member = self

        class Watch(keras.callbacks.Callback):
            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                found = member.predict(valid)
                right = float(np.mean(found.argmax(1) == valid_labels))
                loss = -np.mean(np.log(found[np.arange(len(found)), valid_labels] + 1e-9))
                scores.append(right - 1e-3 * loss)  # among equals the surer one

        self.train(known, labels, last_epoch=EPOCHS, seconds=seconds, watch=[Watch()])
        return int(np.argmax(scores)) + 1

    def train(
        self, inputs: Any, labels: np.ndarray, *, last_epoch: int, seconds: float, watch: Any = ()
    ) -> None:
        """Trains on a schedule of `EPOCHS` until `last_epoch`, or until the time is up."""
        from training import ByTheClock

        steps = -(-len(labels) // BATCH)
        clock = ByTheClock(seconds, 2e-3, steps=EPOCHS * steps, last=last_epoch * steps)
        self.model.fit(
            inputs[: self.columns],
            labels,
            batch_size=BATCH,
            epochs=last_epoch,
            callbacks=[clock, *watch],
            verbose=0,
        )

    def predict(self, inputs: Any) -> np.ndarray:
        found: np.ndarray = self.model.predict(inputs[: self.columns], 256, verbose=0)
        return found


if __name__ == "__main__":
    answer(__doc__, solve)
