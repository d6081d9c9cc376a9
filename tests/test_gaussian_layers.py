"""Networks with Gaussian layers drawn by two or three numbers a layer, beside networks with whole layers."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import norm

from linres.chance import compare
from linres.gaussian_layers import GaussianNetwork, chi_square

F = Fraction
NARROW, WIDE = GaussianNetwork(3, 4, F(1, 2)), GaussianNetwork(6, 3, F(1, 4), F(9, 10))


def states(network, generator, n):
    """h_0, ..., h_L by whole layers from the first unit vector, (L + 1, n, d)."""
    h = np.zeros((n, network.width))
    h[:, 0] = 1
    made, scale = [h], np.sqrt(float(network.square * network.variance) / network.width)
    for _ in range(network.depth):
        layers = generator.standard_normal((n, network.width, network.width))
        h = h + scale * np.einsum("nij,nj->ni", layers, h)
        made.append(h)
    return np.array(made)


def squares(network, generator, n):
    return np.sum(states(network, generator, n) ** 2, axis=2)


def displacements(network, generator, n):
    made = states(network, generator, n)
    return np.sum((made - made[0]) ** 2, axis=2)


WHOLE = {
    "last": lambda *given: squares(*given)[-1], "largest": lambda *given: squares(*given).max(axis=0),
    "smallest": lambda *given: squares(*given).min(axis=0), "displaced": lambda *given: displacements(*given)[-1],
    "farthest": lambda *given: displacements(*given).max(axis=0),
    "log_last": lambda *given: np.log(squares(*given)[-1]),
}


@pytest.mark.parametrize("network", [NARROW, WIDE, GaussianNetwork(2, 3, F(1))], ids=["narrow", "wide", "plane"])
@pytest.mark.parametrize("name", WHOLE)
def test_two_or_three_numbers_a_layer_have_the_law_of_whole_layers(network, name):
    found = compare(
        getattr(network, name), lambda *given: WHOLE[name](network, *given), seed=3, most=2**15)
    assert not found.differ and found.pairs == 2**15


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("wrong", [{"width": 4}, {"variance": F(11, 10)}, {"depth": 5}], ids=str)
def test_another_width_variance_or_depth_is_another_law(name, wrong):
    other = replace(NARROW, **wrong)
    assert compare(getattr(other, name), lambda *given: WHOLE[name](NARROW, *given), seed=3, most=2**19).differ


def test_moments_are_those_that_are_proved():
    """scaling-second-moment and scaling-fourth-moment, within five standard errors of a million draws."""
    network, n = GaussianNetwork(5, 3, F(1, 4)), 10**6
    drawn = network.last(np.random.default_rng(1), n)
    a, d = 1 / 4, 5
    exact = (1 + a) ** 3, (1 + 2 * a + 4 * a / d + a * a * (1 + 2 / d)) ** 3
    for power, value in enumerate(exact, 1):
        off = abs(np.mean(drawn**power) - value) / (np.std(drawn**power) / np.sqrt(n))
        assert off < norm.isf(1e-6)


def test_the_same_generator_draws_the_same():
    a, b = (NARROW.farthest(np.random.default_rng(7), 10) for _ in range(2))
    assert a.tolist() == b.tolist()


def test_time_is_depth_times_the_square_of_the_scale():
    assert NARROW.time == 2


def test_no_degrees_of_freedom_give_nothing():
    assert chi_square(np.random.default_rng(0), 0, 3).tolist() == [0, 0, 0]
    one = GaussianNetwork(1, 1, F(1)).last(np.random.default_rng(0), 5)
    assert one.tolist() == ((1 + np.random.default_rng(0).standard_normal(5)) ** 2).tolist()
