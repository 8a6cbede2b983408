"""Where the front-end of a sound's int8 file goes: inside of it in float, or outside in NumPy.

    python benchmarks/speech_int8.py [--time 90s]

Trains one network on the spoken digits for a while (`--trials 1`), takes its weights as they were
when the validation part was measured, and compares its files on that part: bytes, accuracy, and
the median time of an answer on one thread. A front-end inside is taken as a file of its own
before the int8 file, which is what one file of both would hold and do. The table goes to
`benchmarks/speech_int8.md`. The set lies in `../shared/data` beside the checkout.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from autoarch.training.runtime import prepare_environment

prepare_environment()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from ai_edge_litert.interpreter import Interpreter  # noqa: E402

import autoarch  # noqa: E402
from autoarch.data.audio import load_audio, scan_audio  # noqa: E402
from autoarch.export import TrainedModel, flat_file, quantise  # noqa: E402
from autoarch.export.formats import litert  # noqa: E402
from autoarch.tasks.shipping import calibration_of  # noqa: E402

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "shared" / "data" / "fsdd"
Ask = Callable[[np.ndarray], np.ndarray]


class File:
    """A `.tflite` file, asked one example at a time with one thread."""

    def __init__(self, path: Path):
        self.bytes = path.stat().st_size
        self._interpreter = Interpreter(model_path=str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        (self._entry,) = self._interpreter.get_input_details()
        (self._exit,) = self._interpreter.get_output_details()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        scale, zero = self._entry["quantization"]
        if self._entry["dtype"] == np.int8:
            x = np.clip(np.round(x / scale) + zero, -128, 127).astype(np.int8)
        self._interpreter.set_tensor(self._entry["index"], x.reshape(self._entry["shape"]))
        self._interpreter.invoke()
        found = self._interpreter.get_tensor(self._exit["index"])
        scale, zero = self._exit["quantization"]
        return (found.astype(np.float32) - zero) * scale if found.dtype == np.int8 else found


def trained(folder: Path, limit: str) -> tuple[TrainedModel, object]:
    """A network as its search measured it, and the data."""
    run = folder / "run"
    search = autoarch.SpeechSearch(limit, trials=1, ship="int8", output=run).fit(DATA)
    search.export(folder / "trial", ["keras"], trial=0)
    model = TrainedModel.load(folder / "trial")
    source = scan_audio(DATA, None, rate=None, group="auto", valid=None, test=None, seed=0)
    return model, load_audio(source, model.preprocessing, cache=folder / "cache")


def front_files(model: TrainedModel, folder: Path) -> dict[str, File]:
    """The front-end as a file in float32 and in float16."""
    whole = model.network()
    front = keras.Model(whole.input, whole.get_layer("front_norm").output)
    front.save(folder / "front.keras")
    found = {}
    for name, half in (("float32", False), ("float16", True)):
        path = folder / f"front-{name}.tflite"
        litert.convert_keras_file(str(folder / "front.keras"), str(path), "waveform", half)
        flat_file.compact(str(path), ["waveform"], ["features"])
        found[name] = File(path)
    return found


def fourier_file(model: TrainedModel, folder: Path) -> File:
    """A front-end by LiteRT's own Fourier transform, whose length must be a power of two: other
    features than the network's, for bytes and time alone."""
    (mel,) = (step for step in model.front_end.steps if step["kind"] == "log_mel")
    length = 1 << (mel["window"] - 1).bit_length()
    shares = tf.signal.linear_to_mel_weight_matrix(mel["bands"], length // 2 + 1, mel["rate"])

    @tf.function(input_signature=[tf.TensorSpec((1, model.preprocessing.samples), tf.float32)])
    def features(waveform):
        spectrum = tf.signal.stft(waveform, mel["window"], mel["hop"], length)
        return tf.math.log(tf.square(tf.abs(spectrum)) @ shares + mel["floor"])

    converter = tf.lite.TFLiteConverter.from_concrete_functions([features.get_concrete_function()])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    path = folder / "fourier.tflite"
    path.write_bytes(converter.convert())
    flat_file.compact(str(path), ["waveform"], ["features"])
    return File(path)


def whole_file(model: TrainedModel, calibration: np.ndarray, folder: Path) -> File:
    """Everything in int8, the front-end as well."""
    network = model.serving_model()

    @tf.function(input_signature=[tf.TensorSpec((1, *network.input_shape[1:]), tf.float32)])
    def predict(x):
        return network(x, training=False)

    converter = tf.lite.TFLiteConverter.from_concrete_functions([predict.get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([wave[None]] for wave in calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    path = folder / "whole.tflite"
    path.write_bytes(converter.convert())
    flat_file.compact(str(path), ["waveform"], ["probabilities"])
    return File(path)


def float_file(model: TrainedModel, folder: Path) -> File:
    model.serving_model().save(folder / "whole.keras")
    path = folder / "float.tflite"
    litert.convert_keras_file(str(folder / "whole.keras"), str(path), "waveform")
    flat_file.compact(str(path), ["waveform"], ["probabilities"])
    return File(path)


def milliseconds(ask: Ask, wave: np.ndarray) -> float:
    for _ in range(5):
        ask(wave)
    seconds = []
    for _ in range(200):
        begin = time.perf_counter()
        ask(wave)
        seconds.append(time.perf_counter() - begin)
    return 1000 * statistics.median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--time", default="90s")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, data = trained(folder, arguments.time)
        calibration = calibration_of(data, 0)
        quantise(model, calibration, folder / "body.tflite")
        body, front = File(folder / "body.tflite"), front_files(model, folder)
        fourier = fourier_file(model, folder)
        whole, plain = whole_file(model, calibration, folder), float_file(model, folder)
        outside = model.front_end.features
        ways: dict[str, tuple[int, Ask, bool]] = {
            "float32, all in one file": (plain.bytes, plain, True),
            "int8, front-end outside in NumPy": (body.bytes, lambda w: body(outside(w)), True),
        }
        for kind, file in front.items():
            size = body.bytes + file.bytes
            ways[f"int8, front-end inside in {kind}"] = (size, lambda w, f=file: body(f(w)), True)
        ways["int8, inside, LiteRT's Fourier transform (other features)"] = (
            body.bytes + fourier.bytes,
            lambda w: (fourier(w), body(np.zeros(model.front_end.shape, np.float32)))[1],
            False,
        )
        ways["int8, front-end and all"] = (whole.bytes, whole, True)
        waves, labels = np.asarray(data.valid.inputs), data.valid.labels
        rows = []
        for way, (size, ask, comparable) in ways.items():
            right = "-"
            if comparable:
                answers = np.concatenate([ask(wave[None]) for wave in waves])
                right = f"{np.mean(answers.argmax(-1) == labels):.4f}"
            rows.append(f"| {way} | {size:,} | {right} | {milliseconds(ask, waves[:1]):.2f} |")
            print(rows[-1], flush=True)
        front_ms = milliseconds(outside, waves[:1])
        text = (
            "# The front-end of a sound's int8 file: inside or outside\n\n"
            f"{datetime.date.today()}. Made by `python benchmarks/speech_int8.py --time "
            f"{arguments.time}`: trial 0 of the speech space ({model.architecture.params:,} "
            f"weights), {len(waves)} validation clips of {model.preprocessing.samples} samples at "
            f"{model.preprocessing.rate} Hz, one thread.\n\n"
            "| file | bytes | validation accuracy | ms |\n|---|---|---|---|\n"
            + "\n".join(rows)
            + f"\n\nOf the time outside {front_ms:.2f} ms are NumPy's.\n"
        )
        (HERE / "speech_int8.md").write_text(text)
        print(text)


if __name__ == "__main__":
    main()
