"""The linear model of each kind of data: logistic regression on features that need no training.

    python benchmarks/experts/linear.py FOLDER [--weights FOLDER]

Texts: TF-IDF of word 1-2-grams and character 1-4-grams, C=10. Pictures: colours and directions of
edges pooled over a grid; with weights, features of a frozen SqueezeNet 1.1 at 192 pixels. Sounds:
mean and deviation of each band of a log-mel spectrogram.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from request import Request, answer

SIDE, CELLS, DIRECTIONS = 32, 4, 8
TRAINED_SIDE = 192


def solve(request: Request) -> dict[str, Any]:
    if (request.data / "train.csv").exists():
        return on_texts(request)
    sound = any((request.data / "train").glob("*/*.wav"))
    return on_sounds(request) if sound else on_pictures(request)


def text_model() -> Any:
    """TF-IDF n-grams and logistic regression, as a scikit-learn pipeline."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    return make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True),
            TfidfVectorizer(analyzer="char", ngram_range=(1, 4), min_df=2, sublinear_tf=True),
        ),
        LogisticRegression(C=10, max_iter=1000),
    )


def write_text_model(model: Any, folder: Path) -> None:
    """What the model's answers need: n-grams, their weights, and the regression's."""
    grams = [dict(t.vocabulary_) for _, t in model[0].transformer_list]
    numbers = [{gram: int(place) for gram, place in known.items()} for known in grams]
    (folder / "grams.json").write_text(json.dumps(numbers, ensure_ascii=False), "utf-8")
    weights = [t.idf_.astype("float32") for _, t in model[0].transformer_list]
    write(model[-1], folder, idf=np.concatenate(weights))


def write(regression: Any, folder: Path, **more: np.ndarray) -> None:
    coefficients = regression.coef_.astype("float32")
    np.savez(folder / "linear.npz", coefficients, regression.intercept_, **more)


def on_texts(request: Request) -> dict[str, Any]:
    from reading import read_texts

    parts = read_texts(request.data, validate=request.validate)
    model = text_model()
    model.fit(parts.train.examples, parts.train.labels)
    write_text_model(model, request.output)
    score = model.score(parts.test.examples, parts.test.labels)
    return {"accuracy": float(score), "n": len(parts.test), "trials": 1}


def on_pictures(request: Request) -> dict[str, Any]:
    from reading import decode_pictures, read_folders

    side = TRAINED_SIDE if request.weights else SIDE
    parts = read_folders(
        request.data, lambda files: decode_pictures(files, side), validate=request.validate
    )
    if not request.weights:
        return fitted(request, parts, pooled(parts.train.examples), pooled(parts.test.examples))
    from backbones import squeezenet

    backbone = squeezenet(request.weights, side)
    backbone.save(request.output / "backbone.keras")

    def features(pictures: np.ndarray) -> np.ndarray:
        both = [backbone.predict(x, 50, verbose=0) for x in (pictures, pictures[:, :, ::-1])]
        return (both[0] + both[1]) / 2

    return fitted(request, parts, features(parts.train.examples), features(parts.test.examples))


def on_sounds(request: Request) -> dict[str, Any]:
    import soundfile
    from reading import decode_sounds, read_folders
    from sound import log_mel

    first = next((request.data / "train").glob("*/*.wav"))
    rate = soundfile.info(first).samplerate
    parts = read_folders(
        request.data, lambda files: decode_sounds(files, rate), validate=request.validate
    )
    spectrogram = log_mel(rate)

    def features(waves: np.ndarray) -> np.ndarray:
        bands = spectrogram.predict(waves, 100, verbose=0)
        return np.concatenate([bands.mean(1), bands.std(1)], 1)

    return fitted(request, parts, features(parts.train.examples), features(parts.test.examples))


def pooled(pictures: np.ndarray) -> np.ndarray:
    """Mean colours of an 8x8 grid, and how much edge of each direction each of 4x4 cells has.

    Args:
        pictures: `(n, 32, 32, 3)` uint8.

    Returns:
        `(n, 8 * 8 * 3 + 4 * 4 * 8)` float32.
    """
    scaled = pictures.astype("float32") / 255
    n = len(scaled)
    colours = scaled.reshape(n, 8, SIDE // 8, 8, SIDE // 8, 3).mean((2, 4))
    down, across = np.gradient(scaled.mean(-1), axis=(1, 2))
    strength = np.hypot(across, down)
    turn = np.arctan2(down, across) % np.pi / np.pi * DIRECTIONS
    cell = SIDE // CELLS
    edges = []
    for direction in range(DIRECTIONS):
        apart = np.abs(turn - direction)
        near = np.clip(1 - np.minimum(apart, DIRECTIONS - apart), 0, None)
        edges.append((strength * near).reshape(n, CELLS, cell, CELLS, cell).mean((2, 4)))
    found = np.stack(edges, -1)
    found = np.sqrt(found / (found.sum((1, 2, 3), keepdims=True) + 1e-6))
    return np.concatenate([colours.reshape(n, -1), found.reshape(n, -1)], 1)


def fitted(request: Request, parts: Any, train: np.ndarray, test: np.ndarray) -> dict[str, Any]:
    """Logistic regression on standardised features, its penalty chosen by four folds."""
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train)
    strengths = [0.001, 0.01, 0.1, 1.0]
    model = LogisticRegressionCV(Cs=strengths, cv=4, max_iter=500, random_state=request.seed)
    model.fit(scaler.transform(train), parts.train.labels)
    write(model, request.output, mean=scaler.mean_, scale=scaler.scale_)
    score = model.score(scaler.transform(test), parts.test.labels)
    return {"accuracy": float(score), "n": len(parts.test), "trials": 1}


if __name__ == "__main__":
    answer(__doc__, solve)
