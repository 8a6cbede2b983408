"""`model.h` and `model.c`: the int8 file as a constant array, for microcontrollers.

The array is aligned to 16 bytes, as TensorFlow Lite Micro asks for. The header has no
dependency, and says what goes in and out: sizes, quantisation, class names.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoarch.export.formats import Convert, Writing

NAME = "c_array"
FILE = "model.c"
BESIDE = ("model.h",)
TOLERANCE = 0.15
DIFFERENCE = "moved"
NEEDS: tuple[str, ...] = ()
CONVERTS = True

_PER_LINE = 12


def write(writing: Writing, path: Path, convert: Convert) -> None:
    from autoarch.export.formats import litert_int8

    source = litert_int8.convert_once(writing, convert)
    files = {"source": str(source), "target": str(path)}
    about = litert_int8.description_of(writing.model)
    sound = about["front_end"] is not None
    convert(write_c, **files, labels=about["labels"], sound=sound)
    if sound:
        convert(litert_int8.describe, **files, **about)


def write_c(source: str, target: str, labels: list[str], sound: bool = False) -> None:
    """Writes the two files from an int8 `.tflite` file.

    Args:
        source: The file.
        target: The C file to write; the header lies beside it.
        labels: Names of the classes.
        sound: Whether it takes features of sounds, not pixels.
    """
    from ai_edge_litert.interpreter import Interpreter

    content = Path(source).read_bytes()
    interpreter = Interpreter(model_path=source)
    (entry,), (exit_,) = interpreter.get_input_details(), interpreter.get_output_details()
    _, height, width, channels = (int(size) for size in entry["shape"])
    scale, zero_point = exit_["quantization"]
    step, zero = entry["quantization"]
    what, unit, offset = "An image", "pixel", "#define MODEL_PIXEL_OFFSET 128"
    value = "(int)pixel - MODEL_PIXEL_OFFSET of a pixel from 0 to 255."
    if sound:
        what, unit = "A sound", "feature"
        offset = f"#define MODEL_INPUT_SCALE {step!r}f\n#define MODEL_INPUT_ZERO_POINT ({zero})"
        value = """round(feature / MODEL_INPUT_SCALE) + MODEL_INPUT_ZERO_POINT,
 *   cut to -128 to 127. front_end.py says how the features of a recording are computed, by the
 *   steps in model_int8.json."""
    names = ",\n".join(f"    {c_string(label)}" for label in labels)
    rows = [
        "    " + " ".join(f"0x{byte:02x}," for byte in content[start : start + _PER_LINE])
        for start in range(0, len(content), _PER_LINE)
    ]
    header = f"""\
/* {what} classifier for TensorFlow Lite Micro and LiteRT, int8 from input to output.
 *
 * Input: {height} x {width} x {channels} values, row by row, the channels of a {unit} together;
 *   each is an int8, {value}
 * Output: {len(labels)} values, one a class in the order of model_labels; the probability is
 *   (value - MODEL_OUTPUT_ZERO_POINT) * MODEL_OUTPUT_SCALE.
 */
#ifndef AUTOARCH_MODEL_H
#define AUTOARCH_MODEL_H

#define MODEL_LENGTH {len(content)}
#define MODEL_HEIGHT {height}
#define MODEL_WIDTH {width}
#define MODEL_CHANNELS {channels}
#define MODEL_CLASSES {len(labels)}
{offset}
#define MODEL_OUTPUT_SCALE {scale!r}f
#define MODEL_OUTPUT_ZERO_POINT ({zero_point})

#ifdef __cplusplus
extern "C" {{
#endif

extern const unsigned char model_data[MODEL_LENGTH]; /* a .tflite file, 16-byte aligned */
extern const char *const model_labels[MODEL_CLASSES]; /* UTF-8 */

#ifdef __cplusplus
}}
#endif

#endif
"""
    body = "\n".join(rows)
    code = f"""\
#include "{BESIDE[0]}"

#if defined(__GNUC__) || defined(__clang__)
#define MODEL_ALIGNED __attribute__((aligned(16)))
#elif defined(__cplusplus)
#define MODEL_ALIGNED alignas(16)
#else
#define MODEL_ALIGNED _Alignas(16)
#endif

MODEL_ALIGNED const unsigned char model_data[MODEL_LENGTH] = {{
{body}
}};

const char *const model_labels[MODEL_CLASSES] = {{
{names}
}};
"""
    path = Path(target)
    path.with_name(BESIDE[0]).write_text(header, encoding="ascii")
    path.write_text(code, encoding="ascii")


def c_string(text: str) -> str:
    r"""Any text as a C string literal of ASCII, whatever it holds.

    >>> print(c_string('a "b"?'))
    "a \"b\"\?"
    """
    escaped = "".join(
        chr(byte)
        if (chr(byte).isalnum() and byte < 128) or chr(byte) in " _-+.,;:!()[]{}<>=*/&%$#@|~^'`"
        else {34: '\\"', 63: "\\?", 92: "\\\\"}.get(byte, f"\\{byte:03o}")
        for byte in text.encode("utf-8", "backslashreplace")
    )
    return f'"{escaped}"'


def answers(path: str, questions: Any) -> dict[str, Any]:
    """Reads the array back from the source text and asks it as any int8 file."""
    import re
    import runpy

    text = Path(path).read_text(encoding="ascii")
    array = text[text.index("model_data[MODEL_LENGTH] = {") :].partition("}")[0]
    content = bytes(int(byte, 16) for byte in re.findall(r"0x([0-9a-f]{2})", array))
    int8 = runpy.run_path(str(Path(__file__).with_name("litert_int8.py")))
    return {"int8": int8["ask"](content, int8["asked_with"](path, questions["inputs"]))}
