"""Words in a longer recording, by an exported `.tflite` that slides over it: no AutoArch.

    python examples/stream.py runs/words/model recording.wav

The model hears one window at a time. A detector on a microphone does the same with the last
samples of a ring buffer, every fifth of a window or so; neighbouring answers are averaged, and a
word is told once, where the average is highest.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import soundfile
from ai_edge_litert.interpreter import Interpreter

STEPS = 5
"""Answers in a window's length."""
SMOOTH = 3
"""Neighbouring answers that are averaged."""

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("model", type=Path, help="the run's model directory")
parser.add_argument("recording", type=Path)
parser.add_argument("--threshold", type=float, default=0.6, help="least mean probability")
parser.add_argument("--quietest", type=float, default=0.01, help="least loudness (RMS)")
arguments = parser.parse_args()

labels = (arguments.model / "labels.txt").read_text(encoding="utf-8").split("\n")
heard = json.loads((arguments.model / "preprocessing.json").read_text())
samples, rate = heard["samples"], heard["rate"]
predict = Interpreter(str(arguments.model / "model.tflite")).get_signature_runner()

wave, its_rate = soundfile.read(arguments.recording, dtype="float32", always_2d=True)
if its_rate != rate:
    raise SystemExit(f"{arguments.recording} has {its_rate} Hz; bring it to {rate} Hz first.")
wave = np.pad(wave.mean(axis=1), samples)  # words at its ends are heard whole, too

starts = np.arange(0, len(wave) - samples + 1, samples // STEPS)
answers = []
for start in starts:
    window = wave[start : start + samples]
    loud = np.sqrt(np.mean(window**2)) >= arguments.quietest  # a network answers to silence, too
    answers.append(predict(waveform=window[None])["probabilities"][0] * loud)
smooth = np.ones(SMOOTH) / SMOOTH
means = np.stack([np.convolve(column, smooth, "same") for column in np.transpose(answers)], axis=1)

best = means.max(axis=1)
for place in range(len(starts)):
    around = slice(max(0, place - STEPS + 1), place + STEPS)
    if best[place] >= arguments.threshold and place == around.start + best[around].argmax():
        seconds = (starts[place] - samples / 2) / rate
        print(f"{seconds:.2f} s: {labels[means[place].argmax()]} ({best[place]:.0%})")
