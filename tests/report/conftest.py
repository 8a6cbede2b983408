"""A realistic run directory without any training, for the tests of the report."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.depthwise_conv2d import DepthwiseConv2D
from autoarch.architecture.ops.dropout import Dropout
from autoarch.architecture.ops.merge import Add
from autoarch.architecture.ops.pooling import GlobalAveragePool2D
from autoarch.architecture.ops.rescale import Rescale
from autoarch.architecture.ops.squeeze_excite import SqueezeExcite
from autoarch.objectives import wilson_interval
from autoarch.trials import Measurement, RunDirectory, TrialLog
from autoarch.trials.run_directory import write_json

CIFAR = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)


def residual_network(
    classes: int = 10, widths: tuple[int, ...] = (32, 64, 128), depth: int = 3
) -> Architecture:
    """A ResNet with basic blocks; projections on the shortcuts where the shape changes."""
    g = GraphBuilder((32, 32, 3))

    def conv(x: str, name: str, filters: int, kernel: int, stride: int, act: bool = True) -> str:
        x = g.add(Conv2D(filters, kernel, stride), x, name=name)
        x = g.add(BatchNorm(), x, name=f"{name}_norm")
        return g.add(Activation("relu"), x, name=f"{name}_relu") if act else x

    x = g.add(Rescale(), INPUT, name="stem/rescale")
    x = conv(x, "stem/conv", widths[0], 3, 1)
    for stage, width in enumerate(widths):
        for block in range(depth):
            at = f"stage{stage + 1}/block{block + 1}"
            stride = 2 if stage and not block else 1
            y = conv(x, f"{at}/conv1", width, 3, stride)
            y = conv(y, f"{at}/conv2", width, 3, 1, act=False)
            if g.shape(y) != g.shape(x):
                x = conv(x, f"{at}/project", width, 1, stride, act=False)
            x = g.add(Add(), y, x, name=f"{at}/add")
            x = g.add(Activation("relu"), x, name=f"{at}/relu")
    x = g.add(GlobalAveragePool2D(), x, name="head/pool")
    x = g.add(Dropout(0.2), x, name="head/dropout")
    g.add(Dense(classes), x, name="head/logits")
    return g.finish()


def mobile_network(classes: int = 10) -> Architecture:
    """Inverted residuals with squeeze-and-excitation."""
    g = GraphBuilder((64, 64, 3))
    x = g.add(Rescale(), INPUT, name="stem/rescale")
    x = g.add(Conv2D(16, 3, 2), x, name="stem/conv")
    x = g.add(BatchNorm(), x, name="stem/norm")
    x = g.add(Activation("hard_silu"), x, name="stem/act")
    for stage, (width, kernel, depth) in enumerate(((24, 3, 2), (40, 5, 3), (96, 5, 4)), start=1):
        for block in range(depth):
            at = f"stage{stage}/block{block + 1}"
            stride = 1 if block else 2
            y = g.add(Conv2D(4 * g.shape(x)[-1], 1), x, name=f"{at}/expand")
            y = g.add(BatchNorm(), y, name=f"{at}/expand_norm")
            y = g.add(Activation("hard_silu"), y, name=f"{at}/expand_act")
            y = g.add(DepthwiseConv2D(kernel, stride), y, name=f"{at}/depthwise")
            y = g.add(BatchNorm(), y, name=f"{at}/depthwise_norm")
            y = g.add(Activation("hard_silu"), y, name=f"{at}/depthwise_act")
            if stage > 1:
                y = g.add(SqueezeExcite(), y, name=f"{at}/gate")
            y = g.add(Conv2D(width, 1), y, name=f"{at}/project")
            y = g.add(BatchNorm(), y, name=f"{at}/project_norm")
            x = g.add(Add(), y, x, name=f"{at}/add") if g.shape(y) == g.shape(x) else y
    x = g.add(GlobalAveragePool2D(), x, name="head/pool")
    g.add(Dense(classes), x, name="head/logits")
    return g.finish()


def _png(rng: np.random.Generator, side: int = 32) -> str:
    """A blurry coloured picture as base64 PNG."""
    small = rng.integers(0, 255, (5, 5, 3), dtype=np.uint8)
    picture = Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def _metrics(hits: int, n: int) -> dict[str, Any]:
    share = hits / n
    return {
        "accuracy": share,
        "balanced_accuracy": share - 0.003,
        "macro_f1": share - 0.006,
        "auc": 0.5 + share / 2,
        "log_loss": 1.6 * (1 - share) + 0.35,
        "n": n,
        "accuracy_ci95": list(wilson_interval(hits, n)),
    }


def _confusion(rng: np.random.Generator, classes: int, n: int, accuracy: float) -> list[list[int]]:
    """Counts with a strong diagonal and a few pairs that are often taken for each other."""
    confusion = np.zeros((classes, classes), int)
    for true in range(classes):
        odds = rng.gamma(0.35, size=classes)
        odds[true] = 0.0
        odds = (1 - accuracy) * odds / odds.sum()
        odds[true] = accuracy
        confusion[true] = rng.multinomial(n // classes, odds)
    return [[int(count) for count in row] for row in confusion]


class FakeRun:
    """Writes a run directory step by step; the defaults are a complete run on ten classes."""

    def __init__(
        self, root: Path, *, classes: tuple[str, ...] = CIFAR, objective: str = "accuracy"
    ):
        self.directory = RunDirectory(root)
        self.classes = classes
        self.objective = objective
        self.rng = np.random.default_rng(3)
        self.directory.create(
            {
                "autoarch": "0.1.0",
                "versions": {"python": "3.11.9", "tensorflow": "2.21.0", "keras": "3.15.0"},
                "task": "image",
                "created": "2026-01-28T10:15:00+00:00",
                "settings": {
                    "time_limit_s": 300.0,
                    "trials": None,
                    "oracle": "evolution",
                    "space": "residual",
                    "objective": objective,
                    "image_size": None,
                    "valid": None,
                    "test": None,
                    "class_weight": "auto",
                    "precision": "mixed_bfloat16",
                    "seed": 7,
                    "data": "photos/cifar10-mini",
                },
                "fingerprint": "9f2c41d0a7e65b38",
                "machine": {"system": "Linux", "cpus": 2, "memory_gb": 8.2, "gpus": []},
            }
        )
        self.log = TrialLog(self.directory.log_file)

    def phase(self, name: str, t: float) -> None:
        self.log.append("phase", t=t, name=name)

    def trial(
        self,
        number: int,
        t: float,
        scores: dict[float, float | None],
        *,
        ended: tuple[str, str] | None = None,
        **decisions: Any,
    ) -> None:
        """One trial, measured at each of the epochs of `scores`."""
        defaults = {"depth": 2, "width": 32, "kernel": 3, "block": "basic", "stem": "conv3"}
        defaults |= {"activation": "relu", "learning_rate": 0.003, "mixup": 0.0}
        values = {**defaults, **decisions}
        params = 21 * values["width"] ** 2 * values["depth"]
        self.log.append(
            "proposed",
            t=t,
            trial=number,
            decisions=values,
            key=f"key{number}",
            params=params,
            macs=params * 48,
        )
        done = 0.0
        for epochs, score in scores.items():
            t += 2.6 * (epochs - done)
            curve = tuple(
                {
                    "epoch": epoch,
                    "loss": 0.7 + 1.5 * math.exp(-epoch / 4) + 0.03 * float(self.rng.normal()),
                    "learning_rate": values["learning_rate"],
                }
                for epoch in range(int(done) + 1, int(epochs) + 1)
            )
            metrics = {} if score is None else {"accuracy": score, self.objective: score}
            measurement = Measurement(
                score=math.nan if score is None else score,
                metrics=metrics,
                epochs=epochs,
                train_s=2.4 * (epochs - done),
                wall_s=2.6 * (epochs - done),
                curve=curve,
                batch_size=64,
            )
            self.log.append("measured", t=t, trial=number, measurement=measurement.to_json())
            done = epochs
        if ended:
            self.log.append("ended", t=t, trial=number, status=ended[0], reason=ended[1])

    def search(self) -> None:
        """Data, probe and a search of twelve trials."""
        self.phase("data", 0.2)
        self.phase("probe", 6.3)
        self.phase("search", 9.3)
        self.trial(0, 9.5, {3: 0.561})
        self.trial(1, 18.0, {3: 0.522}, width=24, kernel=5)
        self.trial(2, 27.0, {3: 0.574, 9: 0.668}, width=48, activation="silu")
        self.trial(3, 52.0, {3: 0.433}, depth=1, width=16, stem="conv7")
        self.trial(4, 61.0, {3: 0.588, 9: 0.681}, width=48, depth=3, mixup=0.2, activation="silu")
        self.trial(5, 86.0, {}, width=96, ended=("failed", "loss became NaN in epoch 1"))
        self.trial(6, 90.0, {3: 0.579}, width=64, learning_rate=0.0021)
        self.trial(7, 99.0, {3: 0.541}, width=40, block="bottleneck")
        self.trial(
            8, 108.0, {}, width=512, ended=("infeasible", "out of memory at a batch of 8 images")
        )
        self.trial(9, 109.0, {3: 0.566}, width=56, mixup=0.4)
        self.trial(10, 117.5, {3: 0.583}, width=48, depth=3, mixup=0.1, stem="conv5")

    def evaluation(self, *, split: str = "test", n: int = 2000, names: Any = None) -> None:
        """`evaluation.json`; `names` are the file names of the mistakes."""
        classes = len(self.classes)
        confusion = _confusion(self.rng, classes, n, 0.741)
        files = names or [f"test/{self.classes[i % classes]}/{i:04d}.png" for i in range(18)]
        write_json(
            self.directory.evaluation_file,
            {
                "split": split,
                "classes": list(self.classes),
                "confusion": confusion,
                "majority": {"class": self.classes[0], "accuracy": 1 / classes},
                "mistakes": [
                    {
                        "name": name,
                        "true": self.classes[i % classes],
                        "predicted": self.classes[(3 * i + 1) % classes],
                        "confidence": 0.995 - 0.013 * i,
                        "png": _png(self.rng),
                    }
                    for i, name in enumerate(files)
                ],
                "final_curve": [
                    {
                        "t": 125.0 + 4.4 * epoch,
                        "epoch": epoch,
                        "loss": 0.55 + 1.4 * math.exp(-epoch / 9),
                        "learning_rate": 0.003 * (1 + math.cos(math.pi * epoch / 31)) / 2,
                    }
                    for epoch in range(1, 32)
                ],
            },
        )

    def architecture(self, architecture: Architecture | None = None) -> Architecture:
        """`model/architecture.json`."""
        architecture = architecture or residual_network(len(self.classes))
        self.directory.model.mkdir(exist_ok=True)
        write_json(self.directory.model / "architecture.json", architecture.to_json())
        return architecture

    def result(self, *, test: bool = True, best: int = 4, **changes: Any) -> None:
        """`result.json`; `changes` replace its top-level entries."""
        classes = len(self.classes)
        model = self.directory.model
        forms = {
            "saved_model": ("saved_model", 4_700_000, 2.4e-7),
            "keras": ("model.keras", 3_900_000, 0.0),
            "litert": ("model.tflite", 3_600_000, 1.9e-6),
        }
        counts = {split: dict.fromkeys(self.classes, 100) for split in ("train", "valid", "test")}
        findings = {
            "class_counts": counts,
            "duplicates": [["test/cat/0012.png", "train/cat/0711.png"]],
            "duplicates_within": 3,
            "unreadable": [["train/dog/0004.jpg", "image file is truncated"]],
            "notes": ["All images are 32 x 32 pixels."],
        }
        result = {
            "run": str(self.directory.root),
            "task": "image",
            "objective": self.objective,
            "classes": list(self.classes),
            "time_limit_s": 300.0,
            "wall_s": 297.1,
            "phases": {
                "data": 6.1,
                "probe": 3.0,
                "search": 114.0,
                "final": 148.5,
                "export": 21.0,
                "report": 2.1,
            },
            "training_s": 231.0,
            "bookkeeping_s": 3.9,
            "trials": {"completed": 9, "infeasible": 1, "failed": 1, "distinct": 11},
            "best": {
                "trial": best,
                "decisions": {"depth": 3, "width": 48, "activation": "silu", "mixup": 0.2},
                "recipe": {"learning_rate": 0.003, "mixup": 0.2, "batch_size": 64},
                "epochs": 31.0,
                "score": 0.752,
            },
            "baseline": {
                "trial": 0,
                "score": 0.561,
                "epochs": 3.0,
                "decisions": {"depth": 2, "width": 32},
                "params": 43_008,
                "macs": 2_064_384,
            },
            "valid": _metrics(752, 1000),
            "test": _metrics(1482, 2000) if test else None,
            "model": {
                "params": 812_346,
                "macs": 35_200_000,
                "size_bytes": 3_900_000,
                "precision": "mixed_bfloat16",
                "files": {form: str(model / path) for form, (path, _, _) in forms.items()},
                "exports": {
                    form: {"size_bytes": size, "max_difference": difference}
                    for form, (_, size, difference) in forms.items()
                },
            },
            "data": {
                "train": 5997,
                "valid": 1000,
                "test": 2000 if test else 0,
                "image_shape": [32, 32, 3],
                "findings": findings,
            },
            "seed": 7,
            "interrupted": False,
        }
        assert classes == len(result["classes"])
        write_json(self.directory.result_file, {**result, **changes})

    def finish(self) -> None:
        """The rest of a complete run."""
        self.phase("final", 124.0)
        self.phase("export", 272.8)
        self.phase("report", 294.0)
        self.log.append("finished", t=297.0)
        self.log.close()


@pytest.fixture
def fake_run(tmp_path: Path) -> Callable[..., FakeRun]:
    """Makes an empty run directory to be filled."""

    def make(name: str = "run", **options: Any) -> FakeRun:
        return FakeRun(tmp_path / name, **options)

    return make


@pytest.fixture
def complete_run(fake_run: Callable[..., FakeRun]) -> RunDirectory:
    """A run with everything in it."""
    run = fake_run()
    run.search()
    run.evaluation()
    run.architecture()
    run.result()
    run.finish()
    return run.directory


@pytest.fixture
def residual() -> Architecture:
    return residual_network()


@pytest.fixture
def mobile() -> Architecture:
    return mobile_network()
