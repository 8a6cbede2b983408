"""AutoArch's evolution inside a plain KerasTuner search of your own hypermodel.

    python examples/keras_tuner_oracle.py [--trials 6] [--directory runs/keras-tuner]

Needs `pip install tensorboard`, which `keras_tuner.Tuner` imports.
"""

from __future__ import annotations

import argparse

import keras
import keras_tuner
from sklearn.datasets import load_digits

from autoarch.oracles import EvolutionOracle

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--trials", type=int, default=6)
parser.add_argument("--directory", default="runs/keras-tuner")
arguments = parser.parse_args()


def build(hp: keras_tuner.HyperParameters) -> keras.Model:
    """A multi-layer perceptron; `units_1` exists only where there are two layers."""
    inputs = x = keras.Input((64,))
    layers = hp.Int("layers", 1, 2)
    x = keras.layers.Dense(hp.Choice("units_0", [16, 32, 64]), activation="relu")(x)
    with hp.conditional_scope("layers", [2]):
        if layers == 2:
            x = keras.layers.Dense(hp.Choice("units_1", [16, 32, 64]), activation="relu")(x)
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))
    model.compile(
        keras.optimizers.Adam(hp.Float("rate", 1e-4, 1e-1, sampling="log")),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


digits = load_digits()
x, y = digits.data / 16, digits.target
oracle = EvolutionOracle("val_accuracy", max_trials=arguments.trials, seed=0)
tuner = keras_tuner.Tuner(oracle, build, directory=arguments.directory, overwrite=True)
tuner.search(x[:1200], y[:1200], validation_data=(x[1200:], y[1200:]), epochs=3, verbose=0)
for trial in oracle.get_best_trials(3):
    print(f"{trial.score:.4f} {trial.hyperparameters.values}")
