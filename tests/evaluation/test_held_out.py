import base64
import io

import numpy as np
from PIL import Image

from autoarch.data import HeldOut, ImageSet
from autoarch.evaluation.held_out import evaluate_held_out, png_bytes


def test_metrics_confusion_and_the_most_confident_mistakes():
    labels = np.array([0, 0, 1, 1])
    images = np.arange(4 * 8 * 8 * 3, dtype=np.uint8).reshape(4, 8, 8, 3)
    probabilities = np.array([[0.9, 0.1], [0.3, 0.7], [0.8, 0.2], [0.1, 0.9]], np.float32)
    held_out = HeldOut(ImageSet(images, labels, ("a.png", "b.png", "c.png", "d.png")))
    metrics, details = evaluate_held_out(
        lambda pixels: probabilities, held_out, ("cat", "dog"), np.array([1, 1, 0])
    )
    assert metrics["accuracy"] == 0.5 and metrics["n"] == 4
    assert details["confusion"] == [[1, 1], [1, 1]]
    assert details["majority"] == {"class": "dog", "accuracy": 0.5}
    assert [m["name"] for m in details["mistakes"]] == ["c.png", "b.png"]
    assert [m["predicted"] for m in details["mistakes"]] == ["cat", "dog"]
    picture = Image.open(io.BytesIO(base64.b64decode(details["mistakes"][0]["png"])))
    assert picture.size == (96, 96)
    assert (np.asarray(picture)[::12, ::12] == images[2]).all()


def test_grey_pictures_are_png_too():
    picture = Image.open(io.BytesIO(png_bytes(np.full((5, 9, 1), 7, np.uint8))))
    assert picture.size == (9, 5) and picture.mode == "L"
