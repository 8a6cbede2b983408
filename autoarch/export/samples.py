"""Real examples and the trained model's answers: what every exported file is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from autoarch.data.preprocessing import Array
from autoarch.export.model import TrainedModel

_BATCH = 64


@dataclass(frozen=True, eq=False)
class Samples:
    """Examples with the answers expected for them. Some dozens are enough; each costs time.

    Args:
        encoded: Each raw example as bytes (of an image file, for instance), which the
            preprocessing makes `inputs` of.
        inputs: `(n, ...)` as the network takes them; of pictures uint8
            `(n, height, width, channels)`.
        probabilities: float32 `(n, classes)`: the trained model's.

    Raises:
        ValueError: There is no sample, or the three do not describe the same ones.
    """

    encoded: tuple[bytes, ...]
    inputs: Array
    probabilities: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        n = len(self.encoded)
        if not n or self.inputs.shape[0] != n or self.probabilities.shape[0] != n:
            raise ValueError(
                "Samples must hold as many encoded examples as inputs and answers, and at "
                f"least one; got {n}, {self.inputs.shape[0]} and {self.probabilities.shape[0]}."
            )

    def __len__(self) -> int:
        return len(self.encoded)

    @classmethod
    def answered_by(
        cls,
        model: TrainedModel,
        inputs: Array,
        encoded: Sequence[bytes] | None = None,
    ) -> Self:
        """Asks the model itself, in float32 on the CPU, where the exported files are checked too.

        Args:
            model: The trained model.
            inputs: `(n, ...)` as the network takes them.
            encoded: The raw examples that `inputs` were made of; None to have the preprocessing
                encode the inputs.
        """
        model.preprocessing.check_inputs(inputs)
        import tensorflow as tf

        # A GPU may compute float32 products in TF32, whose error would count as the export's.
        with tf.device("/CPU:0"):
            network = model.serving_model()
            answers = [
                network(inputs[start : start + _BATCH], training=False).numpy()
                for start in range(0, len(inputs), _BATCH)
            ]
            if encoded is None:
                encoded = model.preprocessing.encode(inputs)
        return cls(tuple(encoded), np.asarray(inputs), np.concatenate(answers))

    def save(self, path: Path, *, classes: Sequence[bytes]) -> None:
        """Writes the questions, without the answers, for a process that knows only NumPy.

        The `.npz` holds `inputs`, `encoded` (all bytes one after the other), `lengths` of
        each, and `classes` and `class_lengths` in the same way.
        """
        np.savez(
            path,
            allow_pickle=False,
            inputs=self.inputs,
            encoded=np.frombuffer(b"".join(self.encoded), np.uint8),
            lengths=np.array([len(data) for data in self.encoded]),
            classes=np.frombuffer(b"".join(classes), np.uint8),
            class_lengths=np.array([len(name) for name in classes]),
        )


def share_moved(found: npt.NDArray[np.floating], expected: npt.NDArray[np.floating]) -> float:
    """How much of an example's probability an int8 file moves to other classes, on average.

    The total variation distance from what such a file could say at best: its answers are multiples
    of 1/256, so that of many classes the unlikely ones have none.

    Args:
        found: The file's answers, `(n, classes)`.
        expected: The network's.

    Example:
        >>> share_moved(np.array([[0.5, 0.5]]), np.array([[0.75, 0.25]]))
        0.25
        >>> share_moved(np.zeros((1, 1000)), np.full((1, 1000), 0.001))
        0.0
    """
    sayable = np.round(256 * expected.astype(np.float64)) / 256
    return float(np.abs(found - sayable).sum(-1).mean() / 2)
