"""Random networks of a space, converted with random weights: what the costs are held against."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from autoarch.architecture import Architecture
from autoarch.architecture.fold import fold, fold_weights
from autoarch.architecture.front_end import integer_part, integer_weights
from autoarch.export import flat_file, integers, ranges
from autoarch.export.formats import litert, litert_float16, litert_int8
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces import SPACES, SearchSpace, SpeechSpace

_MEASURED = 16
"""Random examples that show batch norms their moments."""

NAMES = {"inputs": ["pixels"], "outputs": ["probabilities"]}


def space_of(name: str, shape: tuple[int, ...], classes: int, width: int) -> SearchSpace:
    """A space by name; waveforms have 8,000 samples a second, and networks on them an int8 form."""
    if name == SpeechSpace.name:
        return SpeechSpace(shape, classes, rate=8000, width=width, integers=True)
    return SPACES[name](shape, classes, width=width)


def draw(
    space: str, shape: tuple[int, ...], classes: int, width: int, n: int, seed: int
) -> list[Architecture]:
    """Different networks of a space, drawn uniformly over its decisions."""
    family = space_of(space, shape, classes, width)
    decisions = DecisionSpace.from_hyperparameters(family.hyperparameters())
    rng = np.random.default_rng(seed)
    found: dict[str, Architecture] = {}
    while len(found) < n:
        architecture = family.candidate(decisions.sample(rng)).architecture
        found.setdefault(architecture.key, architecture)
    return list(found.values())


def _keras_file(architecture: Architecture, path: Path, *, folded: bool, seed: int = 0) -> None:
    import keras

    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    network = architecture.build()
    # Equal vectors are stored once, so nothing stays as it is initialised but the kernels.
    network.set_weights(
        [
            np.array(weight)
            if weight.path.endswith("kernel")
            else np.abs(rng.normal(1, 0.1, weight.shape))
            if weight.path.endswith(("gamma", "moving_variance"))
            else rng.normal(0, 0.1, weight.shape)
            for weight in network.weights
        ]
    )
    _measure_norms(network, rng)
    if folded:
        part = integer_part(architecture)
        pixels = part is architecture
        weights = {weight.path: np.array(weight) for weight in network.weights}
        found = fold_weights(part, integer_weights(architecture, weights), pixels=pixels)
        network = fold(part, pixels=pixels).build(name="folded")
        network.set_weights([found[weight.path] for weight in network.weights])
    softmax = keras.layers.Softmax(name="class_probabilities", dtype="float32")
    keras.Model(network.input, softmax(network.output), name="model").save(path)


def _measure_norms(network: Any, rng: np.random.Generator) -> None:
    """Gives batch norms the moments of what they read, as training does.

    Without, activations of deep networks grow until their biases are zeros in integers, and equal
    vectors are stored once.
    """
    import keras

    norms = [a for a in network.layers if isinstance(a, keras.layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    pictures = len(network.input_shape) == 4
    shape = (_MEASURED, *network.input_shape[1:])
    examples = rng.integers(0, 256, shape) if pictures else rng.normal(0, 0.1, shape)
    network(examples.astype(np.float32), training=True)
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum


def convert_int8(architecture: Architecture, path: Path, *, seed: int = 0) -> int:
    """Writes the full int8 file with weights of that seed; returns its size in bytes."""
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        source, calibration = Path(folder) / "network.keras", Path(folder) / "pictures.npy"
        _keras_file(architecture, source, folded=True, seed=seed)
        part = integer_part(architecture)
        examples = rng.integers(0, 256, (4, *part.input_shape), dtype=np.uint8)
        if part is not architecture:  # features, not pixels
            examples = rng.normal(size=examples.shape).astype(np.float32)
        np.save(calibration, examples)
        litert_int8.calibrate_network(str(source), str(calibration), str(path))
    ranges.widen(str(path))
    integers.quantise_calibrated(str(path))
    flat_file.compact(str(path), **NAMES)
    return path.stat().st_size


def convert_floats(architecture: Architecture, folder: Path) -> tuple[int, int]:
    """Writes the float32 and the float16 file; returns their sizes in bytes."""
    source = folder / "network.keras"
    _keras_file(architecture, source, folded=False)
    sizes = []
    for format_ in (litert, litert_float16):
        path = folder / format_.FILE
        half = format_ is litert_float16
        litert.convert_keras_file(str(source), str(path), "pixels", half)
        flat_file.compact(str(path), signatures=True, **NAMES)
        sizes.append(path.stat().st_size)
    return sizes[0], sizes[1]
