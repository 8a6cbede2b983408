"""The C array and the float16 file, and the C example, compiled where there is a compiler."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from autoarch.export import ExportedFile, Samples, TrainedModel, export_bundle
from autoarch.export.formats import c_array

CARD = {"metrics": {"valid": {"accuracy": 0.5, "n": 4}}}
EXAMPLE = Path(__file__).parents[2] / "examples" / "c_array"


@pytest.fixture(scope="module")
def exported_small(
    model: TrainedModel, samples: Samples, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, ExportedFile]]:
    directory = tmp_path_factory.mktemp("run") / "model"
    formats = ["c_array", "litert_int8", "litert_float16"]
    return directory, export_bundle(
        model,
        directory,
        formats=formats,
        samples=samples,
        card=CARD,
        calibration=samples.inputs,
    )


def compiled(source: Path, program: Path, *include: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler is installed")
    folders = [f"-I{folder}" for folder in include]
    files = [str(source), str(include[0] / "model.c")]
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    command = [compiler, *flags, *folders, *files, "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_compiled_array_is_the_int8_file_aligned_and_named(
    exported_small: tuple[Path, object], model: TrainedModel, tmp_path: Path
) -> None:
    directory = exported_small[0]
    program = tmp_path / "dump.c"
    program.write_text(
        '#include <stdint.h>\n#include <stdio.h>\n#include "model.h"\n'
        "int main(void) {\n"
        "  if ((uintptr_t)model_data % 16) return 1;\n"
        "  fwrite(model_data, 1, sizeof model_data, stdout);\n"
        "  for (int i = 0; i < MODEL_CLASSES; i++)\n"
        '    fprintf(stderr, "%s%c", model_labels[i], 0);\n'
        "  return 0;\n}\n"
    )
    compiled(program, tmp_path / "dump", directory)
    done = subprocess.run([tmp_path / "dump"], capture_output=True, check=True)
    assert done.stdout == (directory / "model_int8.tflite").read_bytes()
    assert done.stderr.decode().split("\0")[:-1] == list(model.classes)


def test_the_c_example_quantises_as_the_file_expects(
    exported_small: tuple[Path, object], model: TrainedModel, tmp_path: Path
) -> None:
    program = tmp_path / "main"
    compiled(EXAMPLE / "main.c", program, exported_small[0])
    said = subprocess.run([program], capture_output=True, check=True).stdout.decode()
    size = (exported_small[0] / "model_int8.tflite").stat().st_size
    assert f"{size} bytes" in said and "8 x 8 x 3" in said and "identifier TFL3" in said
    assert "pixels 0, 128, 255 are -128, 0, 127" in said
    assert said.count("probability") == len(model.classes)


def test_c_array_answers_as_the_int8_file_does(
    exported_small: tuple[Path, dict[str, ExportedFile]],
) -> None:
    files = exported_small[1]
    assert files["c_array"].max_difference == files["litert_int8"].max_difference


def test_float16_halves_the_weights_and_hardly_changes_answers(
    exported_small: tuple[Path, dict[str, ExportedFile]], samples: Samples
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    assert exported_small[1]["litert_float16"].max_difference < 0.01
    interpreter = Interpreter(model_path=str(exported_small[0] / "model_float16.tflite"))
    dtypes = [tensor["dtype"] for tensor in interpreter.get_tensor_details()]
    assert np.float16 in dtypes


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("cat", '"cat"'),
        ('a "b" \\ ?', '"a \\"b\\" \\\\ \\?"'),
        ("two\nlines", '"two\\012lines"'),
        ("café1", '"caf\\303\\2511"'),
        ("lone \udc80", '"lone \\\\udc80"'),
    ],
)
def test_any_class_name_becomes_an_ascii_literal(text: str, literal: str) -> None:
    assert c_array.c_string(text) == literal
