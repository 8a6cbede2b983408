"""A whole Keras model as one op: what a user's own `HyperModel` builds."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.ops.op import Op, Shape
from autoarch.errors import InvalidArchitectureError


@dataclass(frozen=True)
class KerasModel(Op):
    """A Functional or Sequential model with one input and logits as its output.

    It trains in the dtypes that its own layers have. It has no LiteRT form, so nothing is said of
    its int8 file.

    Args:
        model: Its configuration, as `config_of` gives it.
        inputs: Shape of its input.
        classes: Length of its output.
        trainable: Number of weights that gradients reach.
        state: Number of other weights.
        multiply_adds: By the estimate of `describe`.
    """

    kind: ClassVar[str] = "keras_model"
    multiplies: ClassVar[bool] = True
    foldable: ClassVar[bool] = False

    model: str
    inputs: tuple[int, ...]
    classes: int
    trainable: int
    state: int
    multiply_adds: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", tuple(self.inputs))  # a list in JSON

    def output_shape(self, *inputs: Shape) -> Shape:
        if inputs != (self.inputs,):
            raise InvalidArchitectureError(
                f"The Keras model takes one input of shape {self.inputs}; got {list(inputs)}."
            )
        return (self.classes,)

    def trainable_params(self, *inputs: Shape) -> int:
        return self.trainable

    def state_params(self, *inputs: Shape) -> int:
        return self.state

    def macs(self, *inputs: Shape) -> int:
        return self.multiply_adds

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        # Keras refuses code in a configuration: it loads in safe mode.
        return keras.models.model_from_json(self.model)(inputs[0])


def describe(model: Any) -> KerasModel:
    """A built Keras model as an op; its weights are left behind, they are drawn anew.

    A softmax at the end is left out, since networks here give logits. Multiply-adds are an
    estimate: each weight of a kernel once for each place of the layer's output.

    Raises:
        InvalidArchitectureError: It is no Functional or Sequential model with one input of known
            shape and one vector as output.
    """
    import keras

    if not isinstance(model, keras.Sequential) and type(model).__name__ != "Functional":
        raise InvalidArchitectureError(
            "`build` of a HyperModel must give a Functional or Sequential Keras model; "
            f"got {type(model).__name__}."
        )
    if not model.built or len(model.inputs) != 1 or len(model.outputs) != 1:
        raise InvalidArchitectureError("The Keras model must have one Input and one output.")
    inputs, outputs = tuple(model.inputs[0].shape[1:]), tuple(model.outputs[0].shape[1:])
    if None in inputs or len(outputs) != 1 or None in outputs:
        raise InvalidArchitectureError(
            f"The Keras model must map a known shape to a vector; got {inputs} to {outputs}."
        )
    trainable = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    return KerasModel(
        config_of(model),
        inputs,
        int(outputs[0]),
        trainable,
        model.count_params() - trainable,
        _multiply_adds(model),
    )


def config_of(model: Any) -> str:
    """The configuration of a Keras model as JSON, equal for models that are built alike.

    Keras numbers the layers of a process; here they are numbered from the first of the model.
    """
    config = json.loads(model.to_json())
    config.pop("compile_config", None)
    _without_softmax(config["config"])
    names: dict[str, str] = {}
    _number(config, names)
    return json.dumps(_renamed(config, names), sort_keys=True)


def _without_softmax(config: dict[str, Any]) -> None:
    end = config["layers"][-1]
    if "output_layers" in config:
        output = config["output_layers"]
        name = output[0][0] if isinstance(output[0], list) else output[0]
        end = next(layer for layer in config["layers"] if layer["config"]["name"] == name)
    activation = end["config"].get("activation")
    if end["class_name"] == "Softmax":
        raise InvalidArchitectureError(
            "End the Keras model with Dense(classes) or Dense(classes, activation='softmax'), "
            "not with a Softmax layer."
        )
    if activation == "softmax":
        end["config"]["activation"] = "linear"


def _number(config: Any, names: dict[str, str]) -> None:
    """Finds the names that Keras has made up, in the order of the layers."""
    if isinstance(config, dict):
        kind, own = config.get("class_name"), config.get("config")
        if isinstance(kind, str) and isinstance(own, dict) and isinstance(own.get("name"), str):
            stem = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])", "_", kind).lower()
            plain = stem.replace("_", "")
            found = re.fullmatch(r"(.*?)(_\d+)?", own["name"])
            if found is not None and found[1].replace("_", "") == plain:
                names.setdefault(own["name"], f"{found[1]}_{len(names)}")
        for value in config.values():
            _number(value, names)
    elif isinstance(config, list):
        for value in config:
            _number(value, names)


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def _multiply_adds(model: Any) -> int:
    total = 0
    for layer in model._flatten_layers(include_self=False, recursive=True):
        if getattr(layer, "layers", None):
            continue
        kernels = [w for w in layer.weights if w.path.rpartition("/")[2].endswith("kernel")]
        if kernels:
            places = math.prod(layer.output.shape[1:-1])
            total += places * sum(math.prod(kernel.shape) for kernel in kernels)
    return total
