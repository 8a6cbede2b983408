"""Squeeze-and-excitation: channel gates from the image's mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.lite import LiteBuilder
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

    def lower(self, lite: LiteBuilder, inputs: Sequence[str], name: str, *, alone: bool) -> str:
        (x,) = inputs
        channels = lite.shape(x)[-1]
        units = self._units(channels)
        gate = lite.add("mean", (x,), f"{name}/squeeze", (1, 1, channels), constant="axes")
        gate = lite.add(
            "conv_2d",
            (gate,),
            f"{name}/reduce",
            (1, 1, units),
            kernel=(units, 1, 1, channels),
            channels=units,
            activation="relu",
        )
        hard = self.gate == "hard_sigmoid"
        gate = lite.add(
            "conv_2d",
            (gate,),
            f"{name}/expand",
            (1, 1, channels),
            kernel=(channels, 1, 1, units),
            channels=channels,
            activation="relu6" if hard else "",
        )
        # The hard sigmoid's addend of 3 goes into the bias.
        if hard:
            gate = lite.add("mul", (gate,), f"{name}/gate", (1, 1, channels), constant="1/6")
        else:
            gate = lite.elementwise("logistic", gate, f"{name}/gate")
        return lite.add("mul", (x, gate), name, lite.shape(x))

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
