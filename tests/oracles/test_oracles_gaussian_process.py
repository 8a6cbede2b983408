"""The surrogate's mathematics, each against a second way of computing it."""

import numpy as np
import pytest
from scipy import stats

from autoarch.oracles.acquisition import (
    expected_improvement,
    hypervolume_scalarisation,
    upper_confidence_bound,
)
from autoarch.oracles.decisions import Condition, Decision, DecisionSpace
from autoarch.oracles.design import latin_hypercube
from autoarch.oracles.domains import Finite, Interval
from autoarch.oracles.encoding import BinaryCode, hamming
from autoarch.oracles.gaussian_process import Factor, Kernel, Rows
from autoarch.oracles.surrogate import half_rank

KIND = Decision("kind", Finite(("conv", "pool", "skip"), ordered=False), "conv")
SIZE = Decision("size", Finite((8, 16, 24, 32, 40), ordered=True), 8)
KERNEL = Decision(
    "kernel", Finite((3, 5, 7), ordered=True), 3, (Condition("kind", frozenset({"conv"})),)
)
RATE = Decision("rate", Interval(1e-4, 1e-1, sampling="log"), 1e-3)
FIXED = Decision("fixed", Finite((1,), ordered=False), 1)
KIND_2, SIZE_2, SIZE_3 = (
    Decision(name, like.domain, like.default)
    for name, like in (("kind_2", KIND), ("size_2", SIZE), ("size_3", SIZE))
)
SPACE = DecisionSpace([KIND, SIZE, KERNEL, RATE, FIXED])
LAYERS = BinaryCode(DecisionSpace([KIND, SIZE, KERNEL, RATE, FIXED, KIND_2, SIZE_2, SIZE_3]))
CODE = BinaryCode(SPACE)


def rows(n, features=0, seed=0):
    rng = np.random.default_rng(seed)
    settings = [SPACE.sample(rng) for _ in range(n)]
    return Rows(CODE.bits(CODE.levels(settings)), rng.normal(size=(n, features)))


def distances(a, b):
    """By decision, from the definition."""
    bits = CODE.bits(CODE.levels([a, b]))
    by_bit = np.abs(bits[0] - bits[1]) * CODE.shares
    return dict(zip(CODE.names, np.bincount(CODE.owner, by_bit, len(CODE.names))))


def test_kinds_differ_or_not_and_sizes_are_near_or_far():
    a = {"kind": "pool", "size": 8, "rate": 1e-4, "fixed": 1}
    b = {"kind": "skip", "size": 32, "rate": 1e-1, "fixed": 1}
    found = distances(a, b)
    assert found == pytest.approx({"kind": 1, "size": 3 / 4, "kernel": 0, "rate": 1})
    assert distances(a, a) == dict.fromkeys(CODE.names, 0.0)


def test_an_inactive_decision_is_far_from_any_value():
    a = {"kind": "conv", "size": 8, "kernel": 3, "rate": 1e-4, "fixed": 1}
    b = {"kind": "pool", "size": 8, "rate": 1e-4, "fixed": 1}
    assert distances(a, b)["kernel"] >= 1
    assert distances(a, {**a, "kernel": 7})["kernel"] == pytest.approx(1)


def test_hamming_distances_equal_those_of_a_loop():
    a, b = rows(6).bits, rows(5, seed=1).bits
    weights = np.random.default_rng(2).random(a.shape[1])
    slow = [[np.sum(weights * np.abs(x - y)) for y in b] for x in a]
    np.testing.assert_allclose(hamming(a, b, weights), slow, atol=1e-12)


def totals(setting):
    """Kinds are counted, and sizes of at least so much: from the definition."""
    kinds = [setting["kind"], setting["kind_2"]]
    sizes = [setting[name] for name in ("size", "size_2", "size_3")]
    spread = np.sqrt(2 / 9 * 2 * 3)  # a share of 1/3, two decisions, three totals
    counts = [kinds.count(kind) / spread for kind in KIND.domain.values]
    for place, size in enumerate(SIZE.domain.values[1:], 1):
        share = 1 - place / 5
        spread = np.sqrt(share * (1 - share) * 3 * 4)
        counts.append(sum(found >= size for found in sizes) / spread)
    return counts


def test_like_decisions_are_summed():
    space = DecisionSpace([KIND, SIZE, KERNEL, RATE, FIXED, KIND_2, SIZE_2, SIZE_3])
    settings = [space.sample(np.random.default_rng(seed)) for seed in range(2000)]
    found = LAYERS.bits(LAYERS.levels(settings)) @ LAYERS.totals
    np.testing.assert_allclose(found[:50], [totals(setting) for setting in settings[:50]])
    assert LAYERS.groups == 2 and LAYERS.group.tolist() == [0] * 3 + [1] * 4
    apart = ((found[::2] - found[1::2]) ** 2).mean(0)
    np.testing.assert_allclose(np.bincount(LAYERS.group, apart), [2, 2], rtol=0.1)
    assert CODE.groups == 0


def test_where_a_value_stands_does_not_matter_to_totals():
    one = {"kind": "conv", "kernel": 3, "kind_2": "pool", "size": 8, "size_2": 16, "size_3": 40}
    other = {"kind": "pool", "kind_2": "conv", "size": 40, "size_2": 8, "size_3": 16}
    bits = LAYERS.bits(LAYERS.levels([{**s, "rate": 1e-3, "fixed": 1} for s in (one, other)]))
    a, b = bits @ LAYERS.totals
    np.testing.assert_allclose(a, b)


@pytest.fixture(params=[(CODE, 0), (CODE, 2), (LAYERS, 1)], ids=["plain", "features", "layers"])
def problem(request):
    code, features = request.param
    kernel = Kernel(code, features)
    x = rows(30, features)
    if code is LAYERS:
        bits = np.random.default_rng(4).integers(0, 2, (30, len(code.owner)))
        x = Rows(bits.astype(float), x.features)
    y = np.random.default_rng(3).normal(size=30)
    parameters = kernel.prior_mean + np.linspace(-0.5, 0.5, len(kernel.prior_mean))
    return kernel, parameters, x, y


def test_the_gradient_equals_finite_differences(problem):
    kernel, parameters, x, y = problem
    _, gradient = kernel.loss(parameters, x, y)
    step = 1e-5
    numeric = [
        (
            kernel.loss(parameters + step * unit, x, y)[0]
            - kernel.loss(parameters - step * unit, x, y)[0]
        )
        / (2 * step)
        for unit in np.eye(len(parameters))
    ]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-5)


def test_the_loss_is_the_likelihood_at_its_best_mean_and_amplitude(problem):
    kernel, parameters, x, y = problem
    covariance = kernel(parameters, x, x) + (np.exp(parameters[-1]) + 1e-8) * np.eye(len(y))
    inverse = np.linalg.inv(covariance)
    mean = np.sum(inverse @ y) / np.sum(inverse)
    amplitude = (y - mean) @ inverse @ (y - mean) / len(y)

    def log_likelihood(mean, amplitude):
        return stats.multivariate_normal.logpdf(y, np.full(len(y), mean), amplitude * covariance)

    best = log_likelihood(mean, amplitude)
    for other in (mean - 0.1, mean + 0.1):
        assert log_likelihood(other, amplitude) < best
    for other in (0.9 * amplitude, 1.1 * amplitude):
        assert log_likelihood(mean, other) < best
    prior = np.sum(((parameters - kernel.prior_mean) / kernel.prior_sd) ** 2) / 2
    constant = len(y) / 2 * (1 + np.log(2 * np.pi))
    assert kernel.loss(parameters, x, y)[0] == pytest.approx(-best + prior - constant)


def test_predictions_equal_the_textbook_formula(problem):
    kernel, parameters, x, y = problem
    new, x = x[:7], x[7:]
    y = y[7:]
    mean, sd = Factor.of(kernel, parameters, x).given(y).predict(new)
    covariance = kernel(parameters, x, x) + (np.exp(parameters[-1]) + 1e-8) * np.eye(len(y))
    inverse = np.linalg.inv(covariance)
    level = np.sum(inverse @ y) / np.sum(inverse)
    amplitude = (y - level) @ inverse @ (y - level) / len(y)
    cross = kernel(parameters, x, new)
    own = np.diag(kernel(parameters, new, new))
    np.testing.assert_allclose(mean, level + cross.T @ inverse @ (y - level))
    np.testing.assert_allclose(
        sd**2, amplitude * (own - np.diag(cross.T @ inverse @ cross)), rtol=1e-6
    )
    np.testing.assert_allclose(own, kernel.variance(parameters, new))


def test_a_factor_that_grew_equals_one_made_at_once(problem):
    kernel, parameters, x, _ = problem
    grown = Factor.of(kernel, parameters, x[:20]).extended(x[20:29]).extended(x[29:])
    np.testing.assert_allclose(grown.lower, Factor.of(kernel, parameters, x).lower, atol=1e-10)


def test_drawn_functions_have_the_posterior_mean_and_deviation(problem):
    kernel, parameters, x, y = problem
    posterior = Factor.of(kernel, parameters, x[4:]).given(y[4:])
    new = x[:4]
    rng = np.random.default_rng(0)
    drawn = np.array([posterior.sample(new, rng) for _ in range(4000)])
    mean, sd = posterior.predict(new)
    np.testing.assert_allclose(drawn.mean(0), mean, atol=5 * sd.max() / 4000**0.5)
    np.testing.assert_allclose(drawn.std(0), sd, rtol=0.06, atol=2e-3)


def test_the_fit_finds_out_which_decision_matters():
    settings = [SPACE.sample(np.random.default_rng(seed)) for seed in range(60)]
    x = Rows(CODE.bits(CODE.levels(settings)), np.zeros((60, 0)))
    y = np.array([s["size"] / 10 for s in settings])
    kernel = Kernel(CODE)
    parameters = kernel.fit(x, y)
    weights = dict(zip(CODE.names, parameters))
    assert max(weights, key=weights.get) == "size"
    assert kernel.loss(parameters, x, y)[0] < kernel.loss(kernel.prior_mean, x, y)[0]


def test_half_rank_keeps_the_order_and_tames_the_lower_half():
    y = np.array([5.0, 4.0, 3.0, -1000.0, 2.0, 2.0, -5.0])
    warped = half_rank(y)
    assert (np.argsort(warped, kind="stable") == np.argsort(y, kind="stable")).all()
    assert warped[4] == warped[5] and np.median(warped) == 0
    assert warped.min() > -3
    assert half_rank(np.ones(4)).tolist() == [0, 0, 0, 0]


def test_expected_improvement_equals_an_average():
    mean, sd = np.array([0.0, 1.0, -1.0]), np.array([1.0, 0.2, 2.0])
    drawn = mean + sd * np.random.default_rng(0).standard_normal((400_000, 3))
    average = np.maximum(drawn - 0.5, 0).mean(0)
    np.testing.assert_allclose(expected_improvement(mean, sd, 0.5), average, atol=5e-3)
    np.testing.assert_allclose(upper_confidence_bound(mean, sd, 2.0), [2.0, 1.4, 3.0])


def test_the_mean_scalarisation_is_the_hypervolume():
    # For two objectives: volume = pi / 4 * E[max_y s(y)^2] over directions on the quarter circle.
    values = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 0.5]])
    volume = 1 * 3 + 1 * 2 + 1 * 0.5
    directions = np.abs(np.random.default_rng(0).standard_normal((20_000, 2)))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    best = [hypervolume_scalarisation(values, np.zeros(2), d).max() for d in directions]
    assert np.pi / 4 * np.mean(np.square(best)) == pytest.approx(volume, rel=0.02)


def test_a_latin_hypercube_takes_every_part_equally_often():
    settings = latin_hypercube(SPACE, 15, np.random.default_rng(0))
    assert all(SPACE.contains(setting) for setting in settings)
    for name, domain in (("kind", KIND.domain), ("size", SIZE.domain)):
        taken = [setting[name] for setting in settings]
        assert {taken.count(value) for value in domain.values} == {15 // domain.size}
