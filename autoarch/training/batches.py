"""Batches for training, made ahead of the step that needs them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from autoarch.data.dataset import ExampleSet
from autoarch.seeding import derive_seed, rng
from autoarch.training.augment import Augmenter
from autoarch.training.recipe import Recipe

_AHEAD = 3
"""Batches kept ready: enough to hide a slow one, few enough to cost no memory."""


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Whole batches in one pass; a set smaller than one batch is one step."""
    return max(1, examples // batch_size)


class Batches:
    """Endless shuffled, augmented batches, starting at any step.

    Batch `k` depends on the seed and on `k` alone, so that a training continued after a
    promotion or a crash sees what an uninterrupted one would have seen. A thread prepares the
    next batches while TensorFlow computes; use it in a `with` block, which ends the thread.

    Args:
        data: The training part.
        augment: Makes batches of the data as it is stored.
        recipe: Strength of the augmentation.
        batch_size: Examples a batch, at most as many as there are.
        seed: Seed of shuffling and augmentation.
        start: Number of the first step.
    """

    def __init__(
        self,
        data: ExampleSet,
        augment: Augmenter,
        recipe: Recipe,
        *,
        batch_size: int,
        seed: int,
        start: int = 0,
    ):
        self._data = data
        self._learned = data.labels if data.targets is None else data.targets
        self._augment = augment
        self._strengths = np.asarray(augment.strengths(recipe), np.float32)
        self._batch_size = batch_size
        self._seed = seed
        self._start = start
        self._ready: queue.Queue[Any] = queue.Queue(_AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._produce, name="batches", daemon=True)

    def _indices(self) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
        steps = steps_per_epoch(len(self._data), self._batch_size)
        step, order_of, order = self._start, -1, np.empty(0, np.int64)
        while True:
            epoch, within = divmod(step, steps)
            if epoch != order_of:
                order = rng("shuffle", epoch, seed=self._seed).permutation(len(self._data))
                order_of = epoch
            first = within * self._batch_size
            yield step, order[first : first + self._batch_size]
            step += 1

    def _produce(self) -> None:
        try:
            for step, indices in self._indices():
                inputs = self._read(indices)
                seed = np.asarray([derive_seed("batch", step, seed=self._seed), 0], np.int32)
                batch = self._augment(inputs, self._learned[indices], seed, self._strengths)
                if not self._offer(batch):
                    return
        except BaseException as error:
            self._offer(error)

    def _read(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        stored = self._data.inputs
        forwards = np.argsort(indices)  # the way a memory-mapped file is read fastest
        inputs = np.empty((len(indices), *stored.shape[1:]), stored.dtype)
        inputs[forwards] = stored[indices[forwards]]
        return inputs

    def _offer(self, item: Any) -> bool:
        while not self._stop.is_set():
            try:
                self._ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        """The next (inputs, targets). Raises what went wrong while making it."""
        item = self._ready.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
