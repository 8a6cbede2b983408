"""Classify pictures with the int8 file alone: NumPy, Pillow and ai-edge-litert, no Keras.

python int8.py runs/photos/model/model_int8.tflite picture.png
"""

import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

file = Path(sys.argv[1])
about = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
_, height, width, channels = about["input"]["shape"]
interpreter = Interpreter(model_path=str(file))
interpreter.allocate_tensors()
for picture in sys.argv[2:]:
    image = Image.open(picture).convert("L" if channels == 1 else "RGB")
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, np.int16).reshape(1, height, width, channels)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], (pixels - 128).astype("i1"))
    interpreter.invoke()
    values = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0].astype(float)
    probabilities = (values - about["output"]["zero_point"]) * about["output"]["scale"]
    best = probabilities.argmax()
    print(f"{picture}: {about['labels'][best]} {probabilities[best]:.3f}")
