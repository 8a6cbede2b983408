"""Picture files answered by an exported SavedModel, with TensorFlow alone: no AutoArch.

    python examples/serve.py runs/photos/model/saved_model new.jpg another.png

The model takes the files as they are; decoding and resizing are part of it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tensorflow as tf

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("saved_model", type=Path)
parser.add_argument("pictures", type=Path, nargs="+")
arguments = parser.parse_args()

model = tf.saved_model.load(str(arguments.saved_model))  # keep it while its signatures are used
predict = model.signatures["serving_default"]
answer = predict(image_bytes=tf.constant([path.read_bytes() for path in arguments.pictures]))
for path, label, probabilities in zip(
    arguments.pictures, answer["label"].numpy(), answer["probabilities"].numpy()
):
    print(f"{path}: {label.decode()} ({probabilities.max():.1%})")
