"""The compiled steps on convex functions against the generic step run in NumPy, and against wrong kernels."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linres.kernels import convex
from linres.methods import nesterov

OFF = 1 + 1e-6


class Sample(NamedTuple):
    """The parameters of `convex.convex_rows`."""

    up: np.ndarray
    down: np.ndarray
    reach: np.ndarray
    x: np.ndarray
    x_prev: np.ndarray
    star: np.ndarray
    lookahead_error: np.ndarray
    step_error: np.ndarray
    L: np.ndarray
    tau: np.ndarray


def make_sample(seed=0, instances=7, d=3, stages=4, noise=1.0, ends=True):
    rng = np.random.default_rng(seed)
    smoothness = 10 ** rng.uniform(-3, 3, instances)
    up, down = (smoothness * np.clip(rng.uniform(-0.5, 1.5, (2, d, instances)), 0, 1)).transpose(0, 2, 1)
    reach = np.where(rng.random((instances, d)) < 0.5, rng.uniform(0, 2, (instances, d)), np.inf)
    x, x_prev, star = rng.standard_normal((3, instances, d))
    errors = noise * rng.standard_normal((2, instances, d))
    tau = 1 + rng.random((instances, stages + 1)) * np.arange(1, stages + 2)
    return Sample(up, down, reach if ends else np.full_like(reach, np.inf), x, x_prev, star, *errors, smoothness, tau)


def reference(sample, n):
    """The rows of one instance, and the scale of each: L tau^2 length^2 for potentials, L length^2 for values."""
    up, down, reach, x, x_prev, star, lookahead_error, step_error, smoothness, tau = (field[n] for field in sample)

    def gradient(point):
        return np.where(point >= 0, up, down) * np.clip(point, -reach, reach)

    def value(point):
        """By parts: the parabola up to the bend, and the tangent on from there."""
        bent = np.clip(point, -reach, reach)
        slope = np.where(point >= 0, up, down)
        return np.sum(slope * bent**2 / 2 + slope * bent * (point - bent))

    def potential(x, x_prev, weight):
        offset = nesterov.convex_auxiliary(x, x_prev, tau=weight) - star
        return nesterov.convex_potential(value(x), offset @ offset, tau=weight, L=smoothness)

    rows = []
    for t in range(len(tau) - 1):
        errors = {"lookahead_error": lookahead_error / 2**t, "step_error": step_error / 2**t}
        _, grown = nesterov.step(
            x, x_prev, gradient, momentum=nesterov.convex_momentum(tau[t], tau[t + 1]), step_size=1 / smoothness,
            **errors,
        )
        norms = [np.linalg.norm(error) for error in errors.values()]
        rows.append([
            potential(x, x_prev, tau[t]), potential(grown, x, tau[t + 1]), value(x), value(grown), *norms
        ])
        x, x_prev = grown, x
    length = sum(np.linalg.norm(vector[n]) for vector in sample[3:8])
    energy = smoothness * length**2
    return np.reshape(rows, (-1, 6)), energy * np.max(tau) ** 2, energy, length


def check(sample, kernel=convex.convex_rows):
    """To some thousand roundings, for up to five stages: a stage multiplies what came before by less than 10."""
    found = kernel(*sample)
    stages = sample.tau.shape[1] - 1
    assert found.shape == (len(sample.L) * stages, 6)
    for n, rows in enumerate(found.reshape(len(sample.L), stages, 6)):
        expected, potential, energy, length = reference(sample, n)
        assert np.all(np.abs(rows[:, :2] - expected[:, :2]) <= 1e-12 * potential)
        assert np.all(np.abs(rows[:, 2:4] - expected[:, 2:4]) <= 1e-12 * energy)
        assert np.all(np.abs(rows[:, 4:] - expected[:, 4:]) <= 1e-14 * length)


@settings(deadline=None, max_examples=80)
@given(
    st.builds(
        make_sample, seed=st.integers(0, 2**32 - 1), instances=st.integers(0, 9), d=st.integers(1, 9),
        stages=st.integers(0, 5), noise=st.sampled_from([0.0, 1e-6, 1.0]), ends=st.booleans(),
    )
)
def test_convex_rows_agree_with_the_generic_step(sample):
    check(sample)


@pytest.mark.parametrize("column", range(6))
def test_a_measured_column_off_by_a_millionth_fails_the_comparison(column):
    def off(*given):
        rows = convex.convex_rows(*given)
        rows[:, column] *= OFF
        return rows

    with pytest.raises(AssertionError):
        check(make_sample(), off)


@pytest.mark.parametrize("field", Sample._fields)
def test_any_parameter_off_by_a_thousandth_fails_the_comparison(field):
    def off(*given):
        return convex.convex_rows(*Sample(*given)._replace(**{field: 1.001 * getattr(Sample(*given), field)}))

    with pytest.raises(AssertionError):
        check(make_sample(), off)


def test_the_parameters_are_left_as_they_are():
    sample = make_sample()
    before = [field.copy() for field in sample]
    convex.convex_rows(*sample)
    for field, copy in zip(sample, before, strict=True):
        np.testing.assert_array_equal(field, copy)
