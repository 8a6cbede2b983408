"""Real images and the trained model's answers: what every exported file is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from autoarch.export.model import TrainedModel

_BATCH = 64


@dataclass(frozen=True, eq=False)
class Samples:
    """Images with the answers expected for them. Some dozens are enough; each costs time.

    Args:
        encoded: Each image as the bytes of an image file, which decode to `pixels`.
        pixels: uint8 `(n, height, width, channels)`, as the network takes them.
        probabilities: float32 `(n, classes)`: the trained model's.

    Raises:
        ValueError: There is no sample, or the three do not describe the same ones.
    """

    encoded: tuple[bytes, ...]
    pixels: npt.NDArray[np.uint8]
    probabilities: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        n = len(self.encoded)
        if not n or self.pixels.shape[0] != n or self.probabilities.shape[0] != n:
            raise ValueError(
                "Samples must hold as many encoded images as pixel arrays and answers, and at "
                f"least one; got {n}, {self.pixels.shape[0]} and {self.probabilities.shape[0]}."
            )
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 4:
            raise ValueError(
                "`pixels` of Samples must be uint8 of shape (n, height, width, channels); got "
                f"{self.pixels.dtype} of shape {self.pixels.shape}."
            )

    def __len__(self) -> int:
        return len(self.encoded)

    @classmethod
    def answered_by(
        cls,
        model: TrainedModel,
        pixels: npt.NDArray[np.uint8],
        encoded: Sequence[bytes] | None = None,
    ) -> Self:
        """Asks the model itself, in float32 on the CPU, where the exported files are checked too.

        Args:
            model: The trained model.
            pixels: uint8 `(n, height, width, channels)`.
            encoded: The image files that `pixels` were decoded from; None to encode the pixels
                as PNG, which loses nothing.
        """
        import tensorflow as tf

        # A GPU may compute float32 products in TF32, whose error would count as the export's.
        with tf.device("/CPU:0"):
            network = model.serving_model()
            answers = [
                network(pixels[start : start + _BATCH], training=False).numpy()
                for start in range(0, len(pixels), _BATCH)
            ]
            if encoded is None:
                encoded = [tf.io.encode_png(image).numpy() for image in pixels]
        return cls(tuple(encoded), np.asarray(pixels), np.concatenate(answers))

    def save(self, path: Path, *, classes: Sequence[bytes]) -> None:
        """Writes the questions, without the answers, for a process that knows only NumPy.

        The `.npz` holds `pixels`, `encoded` (all files' bytes one after the other), `lengths` of
        the files, and `classes` and `class_lengths` in the same way.
        """
        np.savez(
            path,
            allow_pickle=False,
            pixels=self.pixels,
            encoded=np.frombuffer(b"".join(self.encoded), np.uint8),
            lengths=np.array([len(data) for data in self.encoded]),
            classes=np.frombuffer(b"".join(classes), np.uint8),
            class_lengths=np.array([len(name) for name in classes]),
        )
