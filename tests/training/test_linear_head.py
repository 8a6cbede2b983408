"""The fitted last layer against scikit-learn's own answers."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from autoarch.architecture import INPUT, GraphBuilder
from autoarch.architecture.ops.conv2d import Conv2D
from autoarch.architecture.ops.pooling import GlobalAveragePool2D
from autoarch.data.dataset import ImageSet
from autoarch.training.linear_head import STRENGTHS, LinearHeads, logistic_regression


def blobs(classes, n=120, features=6, seed=0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, n)
    x = random.normal(size=(n, features)) * 3 + np.eye(features)[labels] * 8 + 5
    return x, labels


def test_answers_are_those_of_a_logistic_regression_on_standardised_features():
    for classes in (2, 4):
        x, labels = blobs(classes)
        kernel, bias = logistic_regression(x[None], labels, classes, np.random.default_rng(0))
        logits = x @ kernel + bias
        ours = np.exp(logits - logits.max(1, keepdims=True))
        ours /= ours.sum(1, keepdims=True)
        z = (x - x.mean(0)) / x.std(0)
        differences = [
            np.abs(LogisticRegression(C=c, tol=1e-6).fit(z, labels).predict_proba(z) - ours).max()
            for c in STRENGTHS
        ]
        assert min(differences) < 0.02


def test_classes_without_an_example_are_never_answered():
    x, labels = blobs(3)
    kernel, bias = logistic_regression(x[None], labels + 1, 5, np.random.default_rng(0))
    answers = (x @ kernel + bias).argmax(1)
    assert set(answers) == {1, 2, 3} and (answers == labels + 1).mean() > 0.85
    kernel, bias = logistic_regression(x[None], 0 * labels, 5, np.random.default_rng(0))
    assert not kernel.any() and not bias.any()


def test_the_last_layer_is_fitted_on_a_networks_features():
    graph = GraphBuilder((8, 8, 3))
    node = graph.add(Conv2D(8, 3, use_bias=True), INPUT, name="conv")
    graph.add(GlobalAveragePool2D(), node, name="pool")
    network = graph.finish()
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 90)
    pictures = random.integers(0, 120, (90, 8, 8, 3)).astype(np.uint8)
    pictures[np.arange(90), :, :, labels] += 60
    model = network.build()
    weights = {v.path: v.numpy() for v in model.weights}
    heads = LinearHeads(ImageSet(pictures, labels, tuple(map(str, labels))), 3, mirrored=True)
    features = heads.features(network, weights)
    assert heads.features(network, weights) is features
    for view, turned in zip(features, (pictures, pictures[:, :, ::-1])):
        expected = model(turned.astype("float32"), training=False)
        np.testing.assert_allclose(view, expected, rtol=1e-4, atol=1e-4)
    kernel, bias = heads.fit(features)
    assert ((features[0] @ kernel + bias).argmax(1) == labels).mean() > 0.95
