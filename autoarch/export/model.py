"""The trained model as a value: what is exported, and what a run gives back when it is loaded."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from autoarch.architecture import Architecture
from autoarch.architecture.fold import fold, fold_weights
from autoarch.architecture.front_end import front_end, integer_part, integer_weights
from autoarch.architecture.spectrogram import FrontEnd
from autoarch.data import Preprocessing, load_preprocessing
from autoarch.errors import InvalidInputError
from autoarch.export.labels import format_labels, parse_labels
from autoarch.trials import load_arrays, save_arrays
from autoarch.trials.run_directory import write_atomically, write_json

ARCHITECTURE_FILE = "architecture.json"
LABELS_FILE = "labels.txt"
PREPROCESSING_FILE = "preprocessing.json"
WEIGHTS_FILE = "weights.npz"
MODEL_FILES = (ARCHITECTURE_FILE, LABELS_FILE, PREPROCESSING_FILE, WEIGHTS_FILE)


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A network with its weights, the names of its classes, and the way examples reach it.

    Args:
        architecture: From the preprocessing's result to logits `(classes,)`; for pictures from
            pixels in [0, 255] of shape `(height, width, channels)`.
        weights: Float32 arrays in the order of `keras.Model.get_weights`.
        classes: A name for each output, no name twice.
        preprocessing: Turns any example into the network's input.
        mirrored: Whether the answer is by the mean of the logits for the picture and its mirror
            image: for networks trained on both, more accurate for twice the work and a kilobyte.

    Raises:
        ValueError: The parts do not fit each other.
    """

    architecture: Architecture
    weights: tuple[npt.NDArray[np.float32], ...]
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    mirrored: bool = False

    def __post_init__(self) -> None:
        if self.architecture.output_shape != (len(self.classes),):
            raise ValueError(
                f"`classes` of TrainedModel must name the {self.architecture.output_shape} outputs "
                f"of the architecture; got {len(self.classes)} names."
            )
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"`classes` of TrainedModel must differ; got {self.classes}.")
        if self.architecture.input_shape != self.preprocessing.shape:
            raise ValueError(
                f"`preprocessing` of TrainedModel makes {self.preprocessing.noun}s of shape "
                f"{self.preprocessing.shape}; "
                f"the architecture takes {self.architecture.input_shape}."
            )
        if others := {str(array.dtype) for array in self.weights} - {"float32"}:
            raise ValueError(f"`weights` of TrainedModel must be float32; got {sorted(others)}.")
        if (count := sum(array.size for array in self.weights)) != self.architecture.params:
            raise ValueError(
                f"`weights` of TrainedModel must hold {self.architecture.params} numbers, as the "
                f"architecture does; got {count}."
            )

    @property
    def macs(self) -> int:
        """Multiply-adds of one answer."""
        return self.architecture.macs * (2 if self.mirrored else 1)

    def network(self) -> Any:
        """Builds the Keras model in float32: inputs to logits `(batch, classes)`."""
        network = self.architecture.build(policy="float32")
        network.set_weights(list(self.weights))
        return network

    def serving_model(self) -> Any:
        """Builds what is exported: a Keras model of plain Keras layers, all in float32.

        Returns:
            A `keras.Model` from inputs `(batch, *input_shape)`, such as pixels in [0, 255],
            float32 or uint8, to float32 probabilities `(batch, classes)`.
        """
        return self._answering(self.network())

    def folded_model(self) -> Any:
        """Builds what is quantised: batch norm folded, centred pixels in, see `fold`; of a
        network on waveforms what is behind the front-end, see `integer_part`.

        Returns:
            A `keras.Model` in float32 from `pixel - 128` of shape
            `(batch, height, width, channels)`, or from features as `integer_inputs` makes them, to
            probabilities `(batch, classes)`.

        Raises:
            InvalidArchitectureError: The network has an op that has no int8 form.
        """
        part = integer_part(self.architecture)
        pixels = part is self.architecture
        weights = integer_weights(self.architecture, self._named_weights())
        found = fold_weights(part, weights, pixels=pixels)
        network = fold(part, pixels=pixels).build(name="folded")
        network.set_weights([found[weight.path] for weight in network.weights])
        return self._answering(network)

    def _answering(self, network: Any) -> Any:
        """The network from its input to probabilities."""
        import keras

        softmax = keras.layers.Softmax(name="class_probabilities", dtype="float32")
        if not self.mirrored:
            return keras.Model(network.input, softmax(network.output), name="model")
        pixels = keras.Input(network.input_shape[1:], dtype="float32", name=network.input.name)
        # Columns are taken one by one, since reversing an axis is no op of int8 files.
        columns = list(reversed(range(network.input_shape[2])))
        mirror_images = keras.ops.take(pixels, columns, axis=2)
        both = network(keras.ops.concatenate([pixels, mirror_images], axis=0))
        halves = keras.ops.split(both, 2, axis=0)
        mean = keras.layers.Average(dtype="float32")(halves)
        return keras.Model(pixels, softmax(mean), name="model")

    @cached_property
    def front_end(self) -> FrontEnd | None:
        """Of a network on waveforms what is computed outside of its int8 file; else None."""
        if integer_part(self.architecture) is self.architecture:
            return None
        return front_end(self.architecture, self._named_weights())

    def integer_inputs(self, inputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What the int8 file is asked with: pixels as they are, features of waveforms float32."""
        return inputs if self.front_end is None else self.front_end.features(inputs)

    def _named_weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """The weights by their path in the Keras model."""
        names = [weight.path for weight in self.architecture.build().weights]
        return dict(zip(names, self.weights))

    def save(self, directory: Path) -> None:
        """Writes the files of `MODEL_FILES`, and those of the preprocessing, into a directory,
        which is made if missing."""
        directory.mkdir(parents=True, exist_ok=True)
        write_json(directory / ARCHITECTURE_FILE, self.architecture.to_json())
        write_json(
            directory / PREPROCESSING_FILE,
            {**self.preprocessing.to_json(), "mirrored": self.mirrored},
        )
        self.preprocessing.save_files(directory)
        write_atomically(directory / LABELS_FILE, format_labels(self.classes))
        save_arrays(directory / WEIGHTS_FILE, weights=self.weights)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Reads what `save` wrote, and what `export_bundle` left.

        Raises:
            InvalidInputError: A file is missing or damaged, or the files do not belong together.
        """
        missing = [name for name in MODEL_FILES if not (directory / name).is_file()]
        if missing:
            raise InvalidInputError(
                f"{directory} is not the directory of a model: it has no {missing[0]}."
            )
        reading = ""
        try:
            reading = ARCHITECTURE_FILE
            architecture = Architecture.from_json(json.loads(_text(directory / reading)))
            reading = PREPROCESSING_FILE
            stored = json.loads(_text(directory / reading))
            mirrored = bool(stored.pop("mirrored", False))
            preprocessing = load_preprocessing(stored, directory)
            reading = LABELS_FILE
            classes = parse_labels(_text(directory / reading))
            reading = WEIGHTS_FILE
            weights = tuple(load_arrays(directory / reading)["weights"])
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise InvalidInputError(
                f"{directory / reading} cannot be read: {error}. Export the model again."
            ) from error
        try:
            return cls(architecture, weights, classes, preprocessing, mirrored)
        except ValueError as error:
            raise InvalidInputError(
                f"The files of {directory} do not belong together: {error}"
            ) from error


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
