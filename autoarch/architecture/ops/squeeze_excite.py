"""Squeeze-and-excitation: channel gates from the image's mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.ops.op import Op, Shape, image_shape, require_positive


@dataclass(frozen=True)
class SqueezeExcite(Op):
    """Scales each channel by a gate computed from all channels' means.

    Args:
        ratio: The bottleneck has `ceil(channels / ratio)` units.
        gate: "sigmoid" (the paper's) or "hard_sigmoid" (MobileNetV3's).

    Source: Hu et al. (2018), section 3; Howard et al. (2019), section 5.3 for the hard gate.
    """

    kind: ClassVar[str] = "squeeze_excite"
    ratio: int = 4
    gate: str = "hard_sigmoid"

    def __post_init__(self) -> None:
        require_positive(self, ratio=self.ratio)

    def _units(self, channels: int) -> int:
        return -(-channels // self.ratio)

    def output_shape(self, *inputs: Shape) -> Shape:
        image_shape(self, *inputs)
        return inputs[0]

    def trainable_params(self, *inputs: Shape) -> int:
        channels = inputs[0][-1]
        units = self._units(channels)
        return (channels + 1) * units + (units + 1) * channels

    def weight_axes(self) -> Mapping[str, str]:
        return {
            "_reduce/kernel": "hwcu",
            "_reduce/bias": "u",
            "_expand/kernel": "hwuc",
            "_expand/bias": "c",
        }

    def macs(self, *inputs: Shape) -> int:
        channels = inputs[0][-1]
        return 2 * channels * self._units(channels)

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        from keras import layers

        (x,) = inputs
        channels = int(x.shape[-1])
        gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze", dtype=dtype)(x)
        gate = layers.Conv2D(
            self._units(channels), 1, activation="relu", name=f"{name}_reduce", dtype=dtype
        )(gate)
        gate = layers.Conv2D(channels, 1, activation=self.gate, name=f"{name}_expand", dtype=dtype)(
            gate
        )
        return layers.Multiply(name=name, dtype=dtype)([x, gate])
