"""`model_int8.tflite`: integers from input to output, for microcontrollers and accelerators.

Weights are int8, one scale a channel; activations int8, one scale a tensor, from the ranges seen
on training pictures; biases int32. Batch norm and the rescaling of pixels are folded into the
convolutions (`autoarch.architecture.fold`), so the input is the centred pixel itself:

- input of pictures, `pixels`: int8 `(1, height, width, channels)`, each value `pixel - 128` (scale
  1, zero point 0 for the centred pixel);
- input of sounds, `features`: int8, the normalised bands of a spectrogram. Its front-end is not
  in the file: `front_end.py` beside it computes it in NumPy (`autoarch.architecture.spectrogram`);
- output `probabilities`: int8 `(1, classes)`, the probability is `(value + 128) / 256`.

Builtin ops only. Beside it lies `model_int8.json` with the same in figures.

The answers are not the trained model's to the third decimal, so the check is another: of the
probability of a picture at most `TOLERANCE` may have moved to other classes, on average (see
`share_moved`). A wrong order of classes, a wrong input or a lost weight move far more; how many
answers change is measured on all held-out data where that matters, by `answers`.

Source: Jacob et al. (2018), "Quantization and training of neural networks for efficient
integer-arithmetic-only inference"; the LiteRT 8-bit quantization specification.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoarch.export.formats import Convert, Writing
    from autoarch.export.model import TrainedModel

NAME = "litert_int8"
FILE = "model_int8.tflite"
BESIDE = ("model_int8.json", "front_end.py")
"""The second of sounds alone."""
TOLERANCE = 0.15
DIFFERENCE = "moved"
NEEDS: tuple[str, ...] = ()  # ai-edge-litert is quick to import
CONVERTS = True


def write(writing: Writing, path: Path, convert: Convert) -> None:
    source = convert_once(writing, convert)
    convert(finish, source=str(source), target=str(path), **description_of(writing.model))


def description_of(model: TrainedModel) -> dict[str, Any]:
    """What `describe` needs to know of a model, as JSON values."""
    from autoarch.architecture import spectrogram

    front = model.front_end and model.front_end.to_json()
    program = spectrogram.__file__
    return {"labels": list(model.classes), "front_end": front, "program": program}


def convert_once(writing: Writing, convert: Convert) -> Path:
    """Has the int8 file made in `scratch`, by the first of the formats that need it."""
    import numpy as np

    from autoarch.export import flat_file, integers, ranges

    if writing.int8_file is not None:
        return writing.int8_file
    path = writing.scratch / FILE
    if writing.first(NAME):
        network, inputs = writing.scratch / "folded.keras", writing.scratch / "calibration.npy"
        writing.folded_model.save(network)
        assert writing.calibration is not None  # `export_bundle` has asked for it
        np.save(inputs, writing.model.integer_inputs(writing.calibration))
        convert(calibrate_network, source=str(network), calibration=str(inputs), target=str(path))
        convert(ranges.widen, path=str(path))
        convert(integers.quantise_calibrated, path=str(path))
        name = "features" if writing.model.front_end else "pixels"
        convert(flat_file.compact, path=str(path), inputs=[name], outputs=["probabilities"])
    return path


def calibrate_network(source: str, calibration: str, target: str) -> None:
    """Converts a `.keras` file of a folded network to a float `.tflite` file that holds the range
    of each activation; may crash the process.

    Args:
        source: The Keras model, from centred pixels or features to probabilities.
        calibration: `.npy` of training pictures, uint8 `(n, height, width, channels)`, or of the
            features of training clips, float32.
        target: The file to write.
    """
    import keras
    import numpy as np
    import tensorflow as tf

    model = keras.models.load_model(source, compile=False)
    examples = np.load(calibration)
    if examples.dtype == np.uint8:
        examples = examples.astype(np.float32) - 128.0
        # The whole range of int8, so that the input's scale is 1 and its zero point 0.
        examples[0].flat[0], examples[0].flat[-1] = -128.0, 127.0
    shape = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)

    @tf.function(input_signature=[shape], autograph=False)
    def predict(inputs: Any) -> Any:
        return model(inputs, training=False)

    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]
    functions = [predict.get_concrete_function()]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(functions, module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([example[None]] for example in examples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    # The converter's two steps one by one, as TensorFlow's quantisation debugger takes them: in
    # between, ranges can be seen to.
    converter._experimental_calibrate_only = True
    Path(target).write_bytes(converter.convert())


def finish(source: str, target: str, **description: Any) -> None:
    """Copies the file and describes it; see `describe` for the other arguments."""
    import shutil

    shutil.copyfile(source, target)
    describe(source, target, **description)


def describe(
    source: str, target: str, labels: list[str], front_end: dict[str, Any] | None, program: str
) -> None:
    """Writes what a file takes and answers in JSON beside it, and the program for its features.

    Args:
        source: The int8 file.
        target: A file in the directory to write to.
        labels: Names of the classes.
        front_end: Of sounds: what computes the features, see `FrontEnd.to_json`.
        program: The file that does it, to be copied.
    """
    import json
    import shutil

    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=source)
    description: dict[str, Any] = {}
    for name, (details,) in (
        ("input", interpreter.get_input_details()),
        ("output", interpreter.get_output_details()),
    ):
        scale, zero_point = details["quantization"]
        description[name] = {
            "name": details["name"],
            "dtype": "int8",
            "shape": details["shape"].tolist(),
            "scale": scale,
            "zero_point": zero_point,
        }
    value = "pixel - 128 of pixels 0 to 255"
    if front_end:
        value = "round(feature / scale) + zero_point of the features of front_end.py"
        description["front_end"] = front_end
        shutil.copyfile(program, Path(target).with_name(BESIDE[1]))
    description["input"]["value"] = value
    description["output"]["value"] = "probability = (value - zero_point) * scale"
    description["labels"] = labels
    text = json.dumps(description, indent=2) + "\n"
    Path(target).with_name(BESIDE[0]).write_text(text, encoding="utf-8")


def answers(path: str, questions: Any) -> dict[str, Any]:
    return {"int8": ask(Path(path).read_bytes(), asked_with(path, questions["inputs"]))}


def asked_with(path: str, inputs: Any) -> Any:
    """Pixels as they are; features of waveforms, by the program beside the file."""
    import json
    import runpy

    description = Path(path).with_name(BESIDE[0])
    if not (description.is_file() and "front_end" in json.loads(description.read_text("utf-8"))):
        return inputs
    program = runpy.run_path(str(description.with_name(BESIDE[1])))
    return program["FrontEnd"].load(description).features(inputs)


def ask_file(path: str, inputs: str, target: str) -> None:
    """Writes the answers to a `.npy` of pixels or features to another `.npy`; see `ask`."""
    import numpy as np

    np.save(target, ask(Path(path).read_bytes(), np.load(inputs, mmap_mode="r")))


def ask(content: bytes, inputs: Any) -> Any:
    """Probabilities of an int8 file, float32 `(n, classes)`, one example at a time on each core.

    That is as fast as batches, and there are files that take no other batch than one.

    Args:
        content: The file.
        inputs: Pixels, uint8 `(n, height, width, channels)`, or features, float32 `(n, *shape)`;
            memory-mapped ones welcome.
    """
    import os
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    cores = os.cpu_count() or 1
    ends = [len(inputs) * part // cores for part in range(cores + 1)]
    with ThreadPoolExecutor(cores) as threads:
        parts = threads.map(lambda a, b: _ask_in_turn(content, inputs[a:b]), ends[:-1], ends[1:])
        return np.concatenate(list(parts))


def _ask_in_turn(content: bytes, inputs: Any) -> Any:
    """As `ask`, on one core."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    (entry,), (exit_,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert entry["dtype"] == exit_["dtype"] == np.int8, "input or output is not int8"
    step, zero = entry["quantization"]
    if inputs.dtype == np.uint8:
        assert (step, zero) == (1.0, 0), f"the input is quantised by {entry['quantization']}"
    scale, zero_point = exit_["quantization"]
    found = np.empty((len(inputs), *exit_["shape"][1:]), np.float32)
    for place, example in enumerate(inputs):
        if example.dtype == np.uint8:
            values = example.astype(np.int16) - 128
        else:
            values = np.clip(np.round(example / np.float32(step)) + zero, -128, 127)
        interpreter.set_tensor(entry["index"], values.astype(np.int8)[None])
        interpreter.invoke()
        found[place] = interpreter.get_tensor(exit_["index"])[0]
    return (found - zero_point) * np.float32(scale)
