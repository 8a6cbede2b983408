"""`model.tflite`: for LiteRT (TensorFlow Lite) on phones and small boards; builtin ops only.

There is one input, of shape `(1, *input_shape)`; the batch can be resized, unless the network is
recurrent. For pictures it is
`pixels`, float32 in [0, 255]: float32 because the delegates for phones' GPUs and accelerators take
it without a cast.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoarch.export.formats import Convert, Writing

NAME = "litert"
FILE = "model.tflite"
BESIDE: tuple[str, ...] = ()
TOLERANCE = 1e-3
DIFFERENCE = "largest"
NEEDS: tuple[str, ...] = ()  # ai-edge-litert is quick to import
CONVERTS = True


def write(writing: Writing, path: Path, convert: Convert) -> None:
    write_floats(writing, path, convert)


def write_floats(writing: Writing, path: Path, convert: Convert, *, half: bool = False) -> None:
    """Has the file made, with weights in float32 or, if `half`, in float16."""
    from autoarch.export import flat_file

    name = writing.model.preprocessing.input_name
    source, target = str(writing.keras_file), str(path)
    convert(convert_keras_file, source=source, target=target, name=name, half=half)
    names = {"inputs": [name], "outputs": ["probabilities"]}
    convert(flat_file.compact, path=target, signatures=True, **names)


def convert_keras_file(source: str, target: str, name: str, half: bool = False) -> None:
    """Converts a `.keras` file; may crash the process where the converter has a bug.

    Args:
        source: The `.keras` file.
        target: The file to write.
        name: Of the input.
        half: Whether weights are kept in float16.
    """
    import keras
    import tensorflow as tf

    model = keras.models.load_model(source, compile=False)
    # Loops over time are builtin ops only where the batch is known.
    loops = any(isinstance(layer, keras.layers.Bidirectional) for layer in model._flatten_layers())
    inputs = tf.TensorSpec(
        (1 if loops else None, *model.input_shape[1:]), model.inputs[0].dtype, name=name
    )

    @tf.function(input_signature=[inputs], autograph=False)
    def predict(inputs: Any) -> dict[str, Any]:
        return {"probabilities": model(inputs, training=False)}

    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]
    functions = [predict.get_concrete_function()]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(functions, module)
    # Without the next line, ops that phones lack would be taken from TensorFlow ("Flex").
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    Path(target).write_bytes(converter.convert())


def answers(path: str, questions: Any) -> dict[str, Any]:
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    predict = Interpreter(model_path=path).get_signature_runner()
    ((name, details),) = predict.get_input_details().items()
    inputs = questions["inputs"].astype(details["dtype"])
    one_by_one = [predict(**{name: one[None]})["probabilities"] for one in inputs]
    return {"one by one": np.concatenate(one_by_one)}
