"""`model_float16.tflite`: as `model.tflite`, the weights in half precision and half the size.

LiteRT turns the weights back to float32 when it loads the file (GPUs may calculate in half
precision), so only their rounding remains: probabilities change in the third decimal.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoarch.export.formats import Convert, Writing

NAME = "litert_float16"
FILE = "model_float16.tflite"
BESIDE: tuple[str, ...] = ()
TOLERANCE = 2e-2
DIFFERENCE = "largest"
NEEDS: tuple[str, ...] = ()
CONVERTS = True


def write(writing: Writing, path: Path, convert: Convert) -> None:
    from autoarch.export import flat_file

    name = writing.model.preprocessing.input_name
    convert(convert_keras_file, source=str(writing.keras_file), target=str(path), name=name)
    names = {"inputs": [name], "outputs": ["probabilities"]}
    convert(flat_file.compact, path=str(path), signatures=True, **names)


def convert_keras_file(source: str, target: str, name: str) -> None:
    """Converts a `.keras` file; may crash the process where the converter has a bug."""
    import keras
    import tensorflow as tf

    model = keras.models.load_model(source, compile=False)
    inputs = tf.TensorSpec((None, *model.input_shape[1:]), model.inputs[0].dtype, name=name)

    @tf.function(input_signature=[inputs], autograph=False)
    def predict(inputs: Any) -> dict[str, Any]:
        return {"probabilities": model(inputs, training=False)}

    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]
    functions = [predict.get_concrete_function()]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(functions, module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    Path(target).write_bytes(converter.convert())


def answers(path: str, questions: Any) -> dict[str, Any]:
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    predict = Interpreter(model_path=path).get_signature_runner()
    ((name, details),) = predict.get_input_details().items()
    inputs = questions["inputs"].astype(details["dtype"])
    one_by_one = [predict(**{name: one[None]})["probabilities"] for one in inputs]
    return {"one by one": np.concatenate(one_by_one)}
