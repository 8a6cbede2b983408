"""Random networks of a space, converted with random weights: what the costs are held against."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from autoarch.architecture import Architecture
from autoarch.architecture.fold import fold
from autoarch.architecture.front_end import integer_part
from autoarch.export import flat_file, integers, ranges
from autoarch.export.formats import litert, litert_float16, litert_int8
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces import SPACES, SearchSpace, SpeechSpace

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
    part = integer_part(architecture)
    pixels = part is architecture
    network = fold(part, pixels=pixels).build(name="folded") if folded else architecture.build()
    rng = np.random.default_rng(seed)
    # Kernels as they are initialised keep activations in range, which LiteRT's kernels insist on;
    # the rest is drawn, since equal vectors would be stored once.
    values = [
        np.array(weight)
        if weight.path.endswith("kernel")
        else np.abs(rng.normal(1, 0.1, weight.shape))
        if weight.path.endswith(("gamma", "moving_variance"))
        else rng.normal(0, 0.1, weight.shape)
        for weight in network.weights
    ]
    network.set_weights(values)
    softmax = keras.layers.Softmax(name="class_probabilities", dtype="float32")
    keras.Model(network.input, softmax(network.output), name="model").save(path)


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
