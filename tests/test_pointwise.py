"""The losses of one value: one definition for maps and for ensembles, and the same slopes as the exact runs take."""

import numpy as np
import pytest

from linres import additive_runs, losses, pointwise

RNG = np.random.default_rng(0)
VALUES = np.concatenate([RNG.standard_normal(30), [0.0, 0.7, -0.7, 1e3, -1e3]])
LABELS = np.concatenate([RNG.standard_normal(30), np.zeros(5)])
SIGNS = np.where(LABELS > 0, 1.0, -1.0)
CASES = {
    "squared": (pointwise.SQUARED, "squares", LABELS, losses.LeastSquares),
    "huber": (pointwise.huber(0.7), "huber", LABELS, lambda x, y: losses.Huber(x, y, delta=0.7)),
    "logistic": (pointwise.LOGISTIC, "logistic", SIGNS, lambda x, y: losses.Logistic(x, y > 0)),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@each_case
@pytest.mark.filterwarnings("ignore:overflow")
def test_the_slopes_are_those_of_the_exact_runs(case):
    loss, name, labels, _ = case
    expected = additive_runs.slope_of(name)(VALUES, labels, 0.7)
    np.testing.assert_allclose(loss.slope(VALUES, labels), expected, rtol=1e-14)
    assert loss.smoothness == additive_runs.CURVATURE[name]


@each_case
def test_the_losses_of_maps_are_made_of_them(case):
    """At one sample x = 1, W is the value and the loss is phi, to the bit."""
    loss, _, labels, of_maps = case
    for value, label in zip(VALUES, labels, strict=True):
        found = of_maps(np.ones((1, 1)), np.full((1, 1), label)).evaluate(np.full((1, 1), value))
        assert found.value == loss.phi(value, label) and found.gradient[0, 0] == loss.slope(value, label)


@each_case
def test_no_slope_changes_faster_than_the_smoothness(case):
    loss, _, labels, _ = case
    moved = VALUES[:, None] + np.linspace(-2, 2, 9)
    changes = np.abs(loss.slope(moved, labels[:, None]) - loss.slope(VALUES, labels)[:, None])
    assert np.all(changes <= loss.smoothness * np.abs(moved - VALUES[:, None]) * (1 + 1e-12) + 1e-12)
    assert np.max(changes[:30]) > loss.smoothness / 4
