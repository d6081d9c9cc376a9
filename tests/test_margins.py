"""Settings of the parameter rule with room for the theorem stacking-parameter-acceleration, held against exact runs."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linres import guarantee, margins, parameter_stacking
from linres.data import load
from linres.methods import stacking
from linres.problem import Problem

PROBLEM = Problem.from_spectrum([0.36, 0.64, 1.0], target=np.diag([2.0, -3.0, 2.5]))
MU, L = PROBLEM.output_curvature
PACE = margins.settings(0.1, MU, L)


def conditions(h, pace, smallest, largest):
    """Left side minus right side of the three that bound h."""
    q, steep, b = pace.q, 1 / pace.step_size, h / (1 - h)
    return np.array([
        (1 + h) ** 2 * largest - steep,
        (1 + 4 * b * b * (1 + q) / (1 - q)) * q * q * steep - (1 - h) ** 2 * smallest,
        8 * b * b - (1 - q) ** 2,
    ])


@settings(deadline=None)
@given(st.floats(0.01, 0.2), st.floats(1, 4), st.floats(-3, 3))
def test_settings_have_room_for_their_h_and_hardly_more(h, digits, scale):
    largest, smallest = 10.0**scale, 10.0 ** (scale - digits)
    pace = margins.settings(h, smallest, largest)
    assert 0 < pace.q < 1
    assert np.all(conditions(h * (1 - 1e-9), pace, smallest, largest) < 0)
    assert margins.widest(pace, smallest, largest) == pytest.approx(h, rel=1e-6)


@settings(deadline=None)
@given(st.floats(0.01, 0.9), st.floats(0.2, 2), st.floats(0.0, 5))
def test_the_widest_h_meets_every_condition_and_a_larger_one_does_not(q, length, digits):
    pace, smallest = margins.Pace((1 - q) / (1 + q), length), 10.0**-digits
    h = margins.widest(pace, smallest, 1.0)
    assert 0 <= h < 1
    if h > 0:
        assert np.all(conditions(h * (1 - 1e-9), pace, smallest, 1.0) <= 0)
    assert np.any(conditions(h + 1e-6, pace, smallest, 1.0) > 0)


def test_conditions_are_those_that_exact_runs_are_made_by():
    q, h, steep = Fraction(1, 4), Fraction(1, 8), Fraction(3)
    smallest = parameter_stacking.smallest_curvature(q, h, steep)
    largest = parameter_stacking.largest_curvature(h, steep)
    pace = margins.Pace(float((1 - q) / (1 + q)), float(1 / steep))
    assert margins.widest(pace, float(smallest), float(largest)) == pytest.approx(1 / 8, rel=1e-12)


def test_the_potential_is_that_of_an_exact_run():
    run = parameter_stacking.generic_run(stages=0)
    training = run.training()
    problem = Problem(np.array(training.sigma, dtype=float), np.zeros((2, 2)), 0.0)
    target = np.array(training.target, dtype=float)
    problem = Problem(problem.sigma, target @ problem.sigma, float(np.trace(target @ problem.sigma @ target.T)))
    pace = margins.Pace(float(training.momentum), float(training.step_size))
    found = margins.potential_at_rest(problem, np.array(training.start, dtype=float), pace)
    exact = parameter_stacking.potential(run)
    assert found == pytest.approx(float(exact.numerator) / float(exact.denominator), rel=1e-12)


def grown(first, stages=60, **settings):
    return stacking.grow(PROBLEM, rule="parameter", stages=stages, start=first, **settings)


def near(size, seed=0):
    direction = np.random.RandomState(seed).standard_normal((3, 3))
    return PROBLEM.target @ (np.eye(3) + size * direction / np.linalg.norm(direction))


class TestRuns:
    @pytest.mark.parametrize("seed", range(5))
    def test_from_the_basin_obey_the_bound_at_every_stage(self, seed):
        run = grown(near(0.04, seed), momentum=PACE.momentum + 1e-12, step_size=PACE.step_size * (1 - 1e-12))
        proved = guarantee.of(PROBLEM, run)
        assert (proved.statement, proved.lacking) == ("stacking-parameter-acceleration", [])
        assert proved.rate_proved == pytest.approx(1 - PACE.q)
        [bound] = proved.bounds
        values = bound.at(np.arange(len(run.loss)))
        assert np.all(run.excess_loss <= values)
        assert values[0] == proved.basin.phi_0 >= run.excess_loss[0]
        assert (proved.basin.unit, proved.inside_basin) == ("mu'", True)

    def test_with_the_default_settings_lack_a_margin_and_are_told_some_that_have_one(self):
        proved = guarantee.of(PROBLEM, grown(near(0.04)))
        assert [entry["name"] for entry in proved.lacking] == ["margin", "basin"]
        assert proved.bounds == () and proved.rate_proved is None
        advice = proved.lacking[0]["remedy"]
        assert proved.lacking[1]["remedy"] == "See margin."
        words = advice.split()
        momentum, step = (float(words[words.index(option) + 1]) for option in ("--momentum", "--step"))
        again = guarantee.of(PROBLEM, grown(near(0.04), momentum=momentum, step_size=step))
        assert again.lacking == []

    @pytest.mark.parametrize(
        ("change", "lacking"),
        [({"step_size": 1.3}, "margin"), ({"momentum": 0.2}, "margin"), ({"size": 0.6}, "basin")],
    )
    def test_name_the_hypothesis_that_fails(self, change, lacking):
        given_ = {"momentum": PACE.momentum + 1e-9, "step_size": PACE.step_size * (1 - 1e-9), "size": 0.04} | change
        proved = guarantee.of(PROBLEM, grown(near(given_.pop("size")), **given_))
        assert proved.lacking[0]["name"] == lacking
        assert (proved.lacking[0]["holds"], proved.bounds) == (False, ())

    def test_from_the_edge_of_the_basin_are_undecided(self):
        pace = margins.Pace(PACE.momentum + 1e-6, PACE.step_size)
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            reach = margins.reach(PROBLEM, near(middle), pace)
            inside = reach.phi_0 <= reach.smallest * reach.h**2 / 2
            low, high = (middle, high) if inside else (low, middle)
        sides = [margins.reach(PROBLEM, near(low * (1 + way)), pace).inside for way in (-1e-9, 0, 1e-9)]
        assert sides == [True, None, False]

    def test_from_a_singular_network_are_outside(self):
        reach = margins.reach(PROBLEM, np.diag([1.0, 1.0, 0.0]), PACE)
        assert (reach.phi_0, reach.inside) == (math.inf, False)

    def test_towards_a_singular_target_are_told_of_the_target_alone(self):
        singular = Problem.from_spectrum([0.5, 1.0], target=np.diag([1.0, 0.0]))
        proved = guarantee.of(singular, stacking.grow(singular, rule="parameter", stages=2))
        remedies = {entry["name"]: entry["remedy"] for entry in proved.lacking}
        assert remedies["margin"] == remedies["basin"] == "See target-invertible."
        assert "full rank" in remedies["target-invertible"]


def test_of_the_digits_the_advice_is_taken():
    problem = load("digits")
    proved = guarantee.of(problem, stacking.grow(problem, rule="parameter", stages=0))
    assert "--momentum 0.6798 --step 1.265" in proved.lacking[0]["remedy"]
