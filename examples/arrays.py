"""Arrays in, a trained and measured classifier out: scikit-learn's handwritten digits.

    python examples/arrays.py [--time 1m] [--output runs/digits-arrays]

What is shown: `fit` on NumPy arrays with a line a trial, labels back from `predict`, and the same
object in another process by `load`.
"""

from __future__ import annotations

import argparse

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import autoarch

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--time", default="1m")
parser.add_argument("--output", default="runs/digits-arrays")
arguments = parser.parse_args()

digits = load_digits()
# Pictures of 8 x 8 with values from 0 to 16; labels may be numbers or strings.
x_train, x_new, y_train, y_new = train_test_split(
    digits.images, digits.target, test_size=0.2, stratify=digits.target, random_state=0
)

search = autoarch.ImageSearch(
    arguments.time, output=arguments.output, seed=0, progress=autoarch.PlainProgress()
)
search.fit(x_train, y_train)
print(search.summary())

print("first answers:", search.predict(x_new[:5]), "labels:", y_new[:5])
print(f"accuracy on {len(y_new)} others: {search.score(x_new, y_new):.4f}")

same = autoarch.load(search.run_)  # as another process would
print("the same answers after loading:", (same.predict(x_new) == search.predict(x_new)).all())
