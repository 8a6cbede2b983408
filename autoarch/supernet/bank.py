"""The bank: one array for each role in a space, of which a network takes the part it needs.

The space names its nodes by stage, block and role, so nodes of the same name and kind in two
networks share weights, where they read from the same part of the network: a head behind three
stages has another task than one behind two. A part is what names begin with. A network takes the
first channels and the middle of the windows, so a narrow network is a part of a wide one, and a
small kernel the middle of a large one.

Arrays grow when a larger network asks: only what fits the time and the limits is ever stored.

Source: Yu and Huang (2019), "Universally slimmable networks", section 3, for channels; Cai et al.
(2020), "Once-for-all", section 3.3, for kernels (without its matrices between kernel sizes); Chen
et al. (2016), "Net2Net", for growth that changes no answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autoarch.architecture import INPUT, Architecture
from autoarch.architecture.ops.op import Op, Shape
from autoarch.errors import InvalidInputError
from autoarch.seeding import rng

Array = npt.NDArray[Any]

MEAN_DECAY, SQUARE_DECAY = 0.9, 0.99
"""Of Adam's averages. With these two a weight's first step is one learning rate long without any
correction, whenever it comes: parts of the bank are first used late in a training."""

EPSILON = 1e-7
CLIP_NORM = 5.0


@dataclass(frozen=True)
class Slot:
    """One weight of a network, and its place in the bank.

    Args:
        path: In the network's Keras model, such as `stem_conv/kernel`.
        role: The array in the bank.
        axes: What its axes are, as `Op.weight_axes` has it.
        shape: What the network takes.
    """

    path: str
    role: str
    axes: str
    shape: tuple[int, ...]

    def part(self, stored: tuple[int, ...]) -> tuple[slice, ...]:
        """Where a network's weight lies in an array of shape `stored`."""
        return tuple(
            _window(whole, size) if letter in "hw" else slice(size)
            for letter, whole, size in zip(self.axes, stored, self.shape)
        )

    @property
    def summed(self) -> tuple[int, ...]:
        """The axes that one output sums over: taps and, where channels mix, inputs."""
        mixes = self.axes[-1] != "1"
        return tuple(i for i, letter in enumerate(self.axes[:-1]) if mixes or letter in "hw")


def _window(whole: int, size: int) -> slice:
    """The middle of a window, where "same" padding has it."""
    before = (whole - 1) // 2 - (size - 1) // 2
    return slice(before, before + size)


def cannot_share(op: Op) -> InvalidInputError:
    """The error for networks with an op that has no place in a supernet; raise what it returns."""
    return InvalidInputError(
        f"Networks with the op {op.kind!r} cannot share weights: "
        "take another space, or evaluator 'train'."
    )


def slots_of(architecture: Architecture) -> list[Slot]:
    """The weights of a network that training changes, in the order of its nodes.

    Raises:
        InvalidInputError: An op has weights that cannot be shared.
    """
    found: list[Slot] = []
    parts = {INPUT: INPUT}  # of the network, in which the weights behind each tensor lie
    for node in architecture.live_nodes:
        part = parts[node.inputs[0]]
        inputs = [architecture.shapes[name] for name in node.inputs]
        sizes = _sizes(node.op, inputs, architecture.shapes[node.name])
        own = [
            Slot(
                node.layer_name + suffix,
                f"{part}>{node.name}:{node.op.kind}{suffix}",
                axes,
                tuple(sizes[letter] for letter in axes),
            )
            for suffix, axes in node.op.weight_axes().items()
            if not suffix.startswith("/moving_")
        ]
        if sum(math.prod(slot.shape) for slot in own) != node.op.trainable_params(*inputs):
            raise cannot_share(node.op)
        found += own
        parts[node.name] = node.name.split("/")[0] if own else part
    return found


def _sizes(op: Op, inputs: Sequence[Shape], output: Shape) -> dict[str, int]:
    """Lengths of a weight's axes by letter."""
    channels = inputs[0][-1]
    window = int(getattr(op, "kernel", 1))
    height, width = getattr(op, "height", window), getattr(op, "width", window)
    units = -(-channels // int(getattr(op, "ratio", 1)))
    return {
        "h": int(height),
        "w": int(width),
        "i": channels,
        "o": output[-1],
        "c": channels,
        "u": units,
        "1": 1,
    }


class Bank:
    """Shared weights and the state of their optimizer, Adam.

    NumPy on purpose: a path takes views, and its update touches what the path uses and no more.

    Args:
        seed: Of the weights that nobody has trained yet.

    Example:
        >>> from autoarch.spaces import MobileSpace
        >>> space, bank = MobileSpace((8, 8, 3), 2, width=8), Bank(seed=0)
        >>> wide = slots_of(space.candidate({}).architecture)[0]
        >>> narrow = slots_of(space.candidate({"width": 4}).architecture)[0]
        >>> bank.update([wide], [np.ones(wide.shape, np.float32)], 0.1)
        >>> bank.take(wide).shape, bank.take(narrow).shape
        ((3, 3, 3, 8), (3, 3, 3, 4))
        >>> bool((bank.take(wide)[..., :4] == bank.take(narrow)).all())
        True
    """

    def __init__(self, *, seed: int):
        self._seed = seed
        self._arrays: dict[str, list[Array]] = {}

    def __len__(self) -> int:
        """Number of weights stored."""
        return sum(weights.size for weights, _, _ in self._arrays.values())

    def take(self, slot: Slot) -> Array:
        """A weight, float32, not to be changed; fresh where nobody has trained it.

        What is fresh is not kept: a network's score depends on what was trained alone, not on
        which networks were scored before.
        """
        return self._views(slot, keep=False)[0]

    def _views(self, slot: Slot, *, keep: bool) -> list[Array]:
        arrays = self._arrays.get(slot.role)
        if arrays is None or any(
            have < want for have, want in zip(arrays[0].shape, slot.shape, strict=True)
        ):
            arrays = self._grown(slot, arrays)
            if keep:
                self._arrays[slot.role] = arrays
        part = slot.part(arrays[0].shape)
        return [array[part] for array in arrays]

    def _grown(self, slot: Slot, before: list[Array] | None) -> list[Array]:
        """Arrays that hold what there was, and fresh weights around.

        New taps and new inputs of what has been trained begin at zero, so a larger network answers
        as the one it grew from until it learns better.
        """
        had = (0,) * len(slot.shape) if before is None else before[0].shape
        shape = tuple(max(have, want) for have, want in zip(had, slot.shape))
        arrays = [
            self._fresh(slot, shape),
            np.zeros(shape, np.float32),
            np.zeros(shape, np.float32),
        ]
        if before is not None:
            part = Slot(slot.path, slot.role, slot.axes, had).part(shape)
            for axis in slot.summed:
                new = np.ones(shape[axis], bool)
                new[part[axis]] = False
                np.moveaxis(arrays[0], axis, 0)[new] = 0.0
            for array, old in zip(arrays, before):
                array[part] = old
        return arrays

    def _fresh(self, slot: Slot, shape: tuple[int, ...]) -> Array:
        name = slot.role.rsplit("/", 1)[1]
        if name != "kernel":
            return np.full(shape, 1.0 if name == "gamma" else 0.0, np.float32)
        drawn = rng("bank", slot.role, *shape, seed=self._seed).standard_normal(shape)
        fan_in = math.prod(slot.shape[axis] for axis in slot.summed)
        return (drawn * math.sqrt(2.0 / fan_in)).astype(np.float32)

    def put(self, slot: Slot, weight: Array) -> None:
        """Stores a weight that was trained elsewhere."""
        self._views(slot, keep=True)[0][...] = weight

    def update(self, slots: Sequence[Slot], gradients: Sequence[Array], rate: float) -> None:
        """One step of Adam on a path, its gradients clipped to a norm of `CLIP_NORM` together.

        Args:
            slots: The path's weights.
            gradients: Of each, float32, of its shape.
            rate: Learning rate.
        """
        norm = math.sqrt(sum(float(np.vdot(g, g)) for g in gradients))
        factor = np.float32(min(1.0, CLIP_NORM / max(norm, 1e-12)))
        for slot, gradient in zip(slots, gradients, strict=True):
            weights, mean, square = self._views(slot, keep=True)
            clipped = gradient * factor
            mean += (clipped - mean) * np.float32(1 - MEAN_DECAY)
            square += (clipped * clipped - square) * np.float32(1 - SQUARE_DECAY)
            weights -= np.float32(rate) * mean / (np.sqrt(square) + np.float32(EPSILON))

    def state(self) -> dict[str, list[Array]]:
        """Everything, by role, for `save_arrays`."""
        return dict(self._arrays)

    def restore(self, state: Mapping[str, Sequence[Array]]) -> None:
        """Puts back what `state` gave."""
        self._arrays = {role: [np.array(a) for a in arrays] for role, arrays in state.items()}
