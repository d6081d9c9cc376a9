"""Weights correlated along the layers: covariances exact to rounding, networks against Cholesky factors in NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import toeplitz

from linres.chance import compare
from linres.errors import InputError
from linres.methods import correlated
from linres.methods.propagation import propagate

HURSTS = [0.05, 0.3, 0.5, 0.7, 0.97]


def fractional_covariance(hurst, depth):
    """r(0), ..., r(L-1) of increments of fractional Brownian motion, from the covariance of the motion."""
    k = np.arange(depth, dtype=float)
    return (np.abs(k + 1) ** (2 * hurst) - 2 * k ** (2 * hurst) + np.abs(k - 1) ** (2 * hurst)) / 2


def smooth_covariance(length, depth):
    return np.exp(-((np.arange(depth) / depth / length) ** 2) / 2)


def roots_of(covariance):
    return np.sqrt(correlated.eigenvalues(covariance) / (2 * len(covariance) - 2))


def covariance_of_series(covariance, depth):
    """The exact covariance matrix (2 L, 2 L) of both series that come of one row of normals: the map is linear."""
    roots = roots_of(covariance)
    unit = np.eye(2 * len(roots)).reshape(-1, len(roots), 2)
    images = np.array([correlated.series(roots, row[None].copy(), depth) for row in unit])
    mapped = images.reshape(len(unit), -1)  # the two series, one after the other
    return mapped.T @ mapped


@pytest.mark.parametrize("hurst", HURSTS)
@pytest.mark.parametrize("depth", [1, 2, 7, 16])
def test_fractional_series_have_their_covariance_to_rounding(hurst, depth):
    found = covariance_of_series(correlated.fractional(hurst, depth), depth)
    wanted = toeplitz(fractional_covariance(hurst, depth))
    np.testing.assert_allclose(found, np.kron(np.eye(2), wanted), atol=2e-14)


@pytest.mark.parametrize("length", [0.01, 0.1, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("depth", [1, 2, 7, 16])
def test_smooth_series_have_their_covariance_to_rounding(length, depth):
    found = covariance_of_series(correlated.smooth(length, depth), depth)
    np.testing.assert_allclose(found, np.kron(np.eye(2), toeplitz(smooth_covariance(length, depth))), atol=2e-14)


def covariance_on_the_circle(values, depth):
    return np.fft.ifft(values).real[:depth]


@pytest.mark.parametrize("hurst", HURSTS)
def test_a_thousand_layers_have_their_covariance_to_rounding(hurst):
    values = correlated.eigenvalues(correlated.fractional(hurst, 1000))
    assert np.all(values >= 0)
    error = covariance_on_the_circle(values, 1000) - fractional_covariance(hurst, 1000)
    assert np.max(np.abs(error)) < 1e-9  # differences of powers up to 1000^2, of which float64 keeps 1e-10


def test_the_slips_of_public_code_would_be_noticed():
    """Eigenvalue 0 in the place of eigenvalue N, 0 in that of r(N), negative ones as 0: a variance of 1.85."""
    covariance = correlated.fractional(0.97, 1000)
    assert len(covariance) == 1001
    right = np.fft.fft(np.concatenate([covariance, covariance[-2:0:-1]])).real
    hole = np.fft.fft(np.concatenate([covariance[:-1], [0.0], covariance[-2:0:-1]])).real
    slipped = np.maximum(hole, 0)
    slipped[1000] = hole[0]
    assert covariance_on_the_circle(right, 1)[0] == pytest.approx(1, abs=1e-12)
    assert covariance_on_the_circle(slipped, 1)[0] == pytest.approx(1.8529, abs=1e-4)
    assert np.max(np.abs(covariance_on_the_circle(hole, 1000) - covariance[:1000])) < 1e-12  # no wrong covariance, but
    with pytest.raises(InputError, match="an eigenvalue -"):  # none of a series
        correlated.eigenvalues(np.array([*covariance[:-1], 0.0]))


@given(st.floats(0.01, 0.99), st.integers(1, 300))
@settings(deadline=None, max_examples=50)
def test_no_fractional_eigenvalue_is_negative(hurst, depth):
    assert np.all(correlated.eigenvalues(correlated.fractional(hurst, depth)) >= 0)


@given(st.floats(0.001, 10), st.integers(1, 100))
@settings(deadline=None, max_examples=50)
def test_no_smooth_eigenvalue_is_negative(length, depth):
    covariance = correlated.smooth(length, depth)
    assert np.all(correlated.eigenvalues(covariance) >= 0)
    np.testing.assert_allclose(covariance[:depth], smooth_covariance(length, depth), atol=1e-15)


def test_the_index_one_half_is_independence():
    assert np.array_equal(correlated.fractional(0.5, 20)[1:], np.zeros(len(correlated.fractional(0.5, 20)) - 1))


# ----------------------------------------------------------------------------------------------------------- networks


DEPTH, WIDTH = 4, 3


def ours(generator, n, **weights):
    found = propagate(DEPTH, width=WIDTH, exponent=0.5, runs=n, seed=int(generator.integers(2**63)), **weights)
    return found.log_distance


def numpys(generator, n, covariance):
    """log |h_L - h_0| - log |h_0| with weights by the Cholesky factor of their covariance."""
    factor = np.linalg.cholesky(toeplitz(covariance)) / np.sqrt(WIDTH)
    normals = generator.standard_normal((DEPTH, n, WIDTH, WIDTH))
    weights = np.einsum("kl,lnij->knij", factor, normals)
    start = state = generator.standard_normal((n, WIDTH, 1))
    for layer in weights:
        state = state + DEPTH**-0.5 * layer @ state
    return np.log(np.linalg.norm(state - start, axis=(1, 2)) / np.linalg.norm(start, axis=(1, 2)))


WEIGHTS = [
    ({"weights": "fractional", "hurst": 0.2}, fractional_covariance(0.2, DEPTH)),
    ({"weights": "fractional", "hurst": 0.9}, fractional_covariance(0.9, DEPTH)),
    ({"weights": "smooth", "length": 0.3}, smooth_covariance(0.3, DEPTH)),
    ({"weights": "smooth"}, smooth_covariance(0.1, DEPTH)),
    ({"weights": "fractional", "hurst": 0.5}, np.eye(DEPTH)[0]),
    ({"weights": "iid"}, np.eye(DEPTH)[0]),
]


@pytest.mark.parametrize(("weights", "covariance"), WEIGHTS)
def test_networks_have_the_law_of_numpys(weights, covariance):
    first, second = (lambda g, n: ours(g, n, **weights)), (lambda g, n: numpys(g, n, covariance))
    assert not compare(first, second, seed=1, most=2**15).differ


@pytest.mark.parametrize("wrong", [fractional_covariance(0.8, DEPTH), 1.1 * fractional_covariance(0.9, DEPTH)])
def test_another_index_and_another_variance_are_told_apart(wrong):
    first = lambda g, n: ours(g, n, weights="fractional", hurst=0.9)  # noqa: E731
    assert compare(first, lambda g, n: numpys(g, n, wrong), seed=2, most=2**20).differ


@pytest.mark.parametrize("block", ["linear", "relu"])
@pytest.mark.parametrize("gradients", [False, True])
def test_exponents_and_runs_are_drawn_as_each_alone(block, gradients):
    settings = {
        "depth": 20, "width": 3, "inputs": 40, "weights": "fractional", "hurst": 0.7, "block": block, "matrices": 2,
        "gradients": gradients, "layers": [3, 20],
    }
    exponents = np.linspace(0, 1, 7)  # 280 states: more than pass at a time
    many = propagate(exponent=exponents, runs=3, **settings)
    assert many.log_norm.shape == (7, 3, 2, 40)
    for i in (0, 4, 6):
        alone = propagate(exponent=exponents[i], runs=2, **settings)
        assert np.array_equal(many.log_distance[i, :2], alone.log_distance)
        if gradients:
            assert np.array_equal(many.log_gradient_distance[i, :2], alone.log_gradient_distance)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weights": "rough"}, "weights"), ({"weights": "fractional"}, "hurst"),
        ({"weights": "fractional", "hurst": 1.0}, "between 0 and 1"), ({"hurst": 0.3}, "unless weights='fractional'"),
        ({"weights": "smooth", "length": 0.0}, "length"), ({"length": 0.1}, "unless weights='smooth'"),
        ({"weights": "smooth", "law": "uniform"}, "'gaussian' for smooth"),
    ],
)
def test_weights_that_are_none_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        propagate(**{"depth": 4, "width": 3, "exponent": 0.5} | wrong)
