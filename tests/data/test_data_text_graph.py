import random

import numpy as np

from autoarch.data.text import TextPreprocessing
from autoarch.data.text_graph import ids_of

ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz",
    "ABCXYZ0129",
    " \t\n  ",
    ".,!?'\"-()",
    "\u5f88\u597d\u5473\u9053\u9001\u9910",
    "\u0130\u00c9\u00df\u00d1\u03a3\u0416\u0e44\u0301\u200d\ufe0f",
    "\U0001f600\U0001f468\U00020000\U0001d400\uac00\u30ab",
)


def random_texts(count: int) -> list[str]:
    draw = random.Random(0)
    texts = ["", " ", "a", "x" * 60, "word " * 90, "\U0001f600" * 40, "\0a\0"]
    while len(texts) < count:
        pieces = []
        for _ in range(draw.randint(1, 60)):
            alphabet = draw.choice(ALPHABETS)
            pieces.append("".join(draw.choices(alphabet, k=draw.randint(1, 14))))
        texts.append(draw.choice(["", " "]).join(pieces))
    return texts


def test_the_graph_gives_the_ids_of_the_tokenizer_on_a_thousand_texts():
    texts = random_texts(1000)
    preprocessing = TextPreprocessing.learned(texts, 24)
    expected = preprocessing.ids(texts)
    found = np.concatenate(
        [
            ids_of([t.encode() for t in texts[i : i + 100]], preprocessing)
            for i in range(0, 1000, 100)
        ]
    )
    assert (found == expected).all()
    assert expected[:, :, 0].max() > 10 and (expected[:, :, 0] == 1).any()
