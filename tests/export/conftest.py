"""A tiny trained model, and its export made once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops import OPS
from autoarch.data.dataset import ImagePreprocessing
from autoarch.export import ExportedFile, Samples, TrainedModel, export_bundle

ODD_NAMES = ("caf\u00e9 | *latte*", '"quoted"\nline', " <b>`tick`</b>")
CARD = {
    "name": "Hot drinks #1",
    "metrics": {
        "valid": {"accuracy": 0.81, "n": 50},
        "test": {"accuracy": 0.8, "macro_f1": 0.79, "n": 60, "accuracy_ci95": [0.7, 0.9]},
    },
    "data": {"source": "my_drinks|[x](y)"},
    "training": {"seed": 0},
    "versions": {"keras": "3.15"},
    "caveats": ["Only *hot* drinks."],
}


def tiny_architecture(channels: int = 3, classes: int = 3) -> Architecture:
    """Each kind of op that real spaces use, once, on 8 x 8 pixels."""
    builder = GraphBuilder((8, 8, channels))

    def add(kind: str, *inputs: str, name: str | None = None, **fields: object) -> str:
        return builder.add(OPS[kind](**fields), *inputs, name=name or kind)

    x = add("rescale", INPUT)
    x = add("conv2d", x, filters=4, stride=2)
    x = add("batch_norm", x)
    x = add("activation", x, function="hard_silu")
    y = add("depthwise_conv2d", x, name="stage1/depthwise")
    y = add("squeeze_excite", y)
    x = add("add", x, y)
    x = add("concat", x, y)
    x = add("max_pool2d", x)
    x = add("global_average_pool2d", x)
    x = add("dropout", x, rate=0.5)
    add("dense", x, name="logits", units=classes)
    return builder.finish()


def tiny_model(channels: int = 3, classes: tuple[str, ...] = ODD_NAMES) -> TrainedModel:
    """Random weights, large enough that images get different answers."""
    architecture = tiny_architecture(channels, len(classes))
    rng = np.random.default_rng(0)
    shapes = [array.shape for array in architecture.build().get_weights()]
    weights = tuple(np.abs(rng.normal(0.5, 1.0, shape)).astype(np.float32) for shape in shapes)
    signs = np.sign(rng.normal(size=weights[-2].shape)).astype(np.float32)
    weights = (*weights[:-2], weights[-2] * signs, weights[-1])
    return TrainedModel(architecture, weights, classes, ImagePreprocessing(8, 8, channels))


def pictures(n: int, channels: int = 3) -> np.ndarray:
    """Noise with a different brightness for each picture, uint8 `(n, 8, 8, channels)`."""
    rng = np.random.default_rng(1)
    brightness = np.linspace(40, 255, n)[:, None, None, None]
    return (rng.random((n, 8, 8, channels)) * brightness).astype(np.uint8)


@pytest.fixture(scope="session")
def model() -> TrainedModel:
    return tiny_model()


@pytest.fixture
def model_of_60_classes() -> TrainedModel:
    return tiny_model(classes=tuple(f"class {index}" for index in range(60)))


@pytest.fixture(scope="session")
def samples(model: TrainedModel) -> Samples:
    return Samples.answered_by(model, pictures(35))


@pytest.fixture(scope="session")
def exported(
    model: TrainedModel, samples: Samples, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, ExportedFile]]:
    """The directory and the result of one export in all formats."""
    directory = tmp_path_factory.mktemp("run") / "model"
    return directory, export_bundle(model, directory, samples=samples, card=CARD)
