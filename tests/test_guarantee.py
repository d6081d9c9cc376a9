"""What is proved of a run: each hypothesis by hand, the basin, and the rate, held against runs."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as drawing
from hypothesis import strategies as st

from linres import guarantee, starts, theorems
from linres.data import load
from linres.errors import InputError
from linres.methods import descent, nesterov, stacking
from linres.problem import EPS, Problem

# mu = .36, L = 1, q = 3/5, where the basin is smallest: Phi_0 <= mu sigma_min^2/20.
PROBLEM = Problem.from_spectrum([0.36, 0.64, 1.0], target=np.diag([2.0, -3.0, 2.5]))
NAMES = [
    "moments-invertible", "conditioned", "target-invertible", "functional-rule", "momentum", "step", "rest", "basin",
]


def holding(proved):
    return {entry["name"]: entry["holds"] for entry in proved.hypotheses}


def displaced(problem, size):
    """W* displaced along the first eigenvector of Sigma = diag, that of mu, where Phi_0 = mu size^2."""
    first = np.array(problem.target)
    first[0, 0] += size
    return first


def grown(problem, first, stages=1, **settings):
    return stacking.grow(problem, stages=stages, start=first, **settings)


def potentials(problem, first, stages):
    """Phi_0 .. Phi_T of stacking by the functional rule, from blocks and moments alone."""
    q = math.sqrt(problem.mu / problem.L)
    momentum = (1 - q) / (1 + q)
    before, now, block, values = first, first, np.zeros_like(first), []
    for _ in range(stages + 1):
        z, error = now + (1 / q - 1) * (now - before), now - problem.target
        excess = np.trace(error @ problem.sigma @ error.T) / 2
        values.append(excess + problem.mu / 2 * np.sum((z - problem.target) ** 2))
        lookahead = (np.eye(len(first)) + momentum * block) @ now
        grown = lookahead - (lookahead - problem.target) @ problem.sigma / problem.L
        block = np.linalg.solve(now.T, (grown - now).T).T
        before, now = now, grown
    return np.array(values)


class TestBasin:
    @pytest.mark.parametrize(("q", "expected"), [(0.0, 1 / 18), (0.6, 1 / 20), (1.0, 1 / 16)])
    def test_is_known_at_three_condition_numbers(self, q, expected):
        assert stacking.basin(q) == pytest.approx(expected, rel=1e-15)

    def test_takes_arrays_and_lies_between_a_twentieth_and_a_sixteenth(self):
        values = stacking.basin(np.linspace(0, 1, 10_001))
        assert values.min() == pytest.approx(1 / 20, rel=1e-15)
        assert values.max() == pytest.approx(1 / 16, rel=1e-15)
        assert np.argmin(values) == 6000

    def test_of_the_digits_is_that_of_moments_and_least_squares_alone(self):
        problem = load("digits")
        values = np.linalg.eigvalsh(problem.sigma)
        target = problem.cross @ np.linalg.inv(problem.sigma)
        error, q = np.eye(10) - target, math.sqrt(values[0] / values[-1])
        phi_0 = np.trace(error @ problem.sigma @ error.T) / 2 + values[0] / 2 * np.trace(error @ error.T)
        threshold = 1 / (10 + 6 * q + 8 * math.sqrt(1 - q * q))  # the square multiplied out
        basin = guarantee.of(problem, stacking.grow(problem, stages=0)).basin
        assert basin.phi_0 == pytest.approx(phi_0, rel=1e-10)
        assert basin.scaled == pytest.approx(phi_0 / values[0] / np.linalg.svd(target)[1][-1] ** 2, rel=1e-10)
        assert basin.threshold == pytest.approx(threshold, rel=1e-12)
        assert basin.ratio == pytest.approx(basin.scaled / threshold, rel=1e-12)

    @pytest.mark.parametrize(
        ("beyond", "inside"), [(-1e-12, True), (0.0, None), (1e-16, None), (1e-12, False), (1.0, False), (-1.0, True)]
    )
    def test_is_decided_up_to_rounding_at_its_edge(self, beyond, inside):
        first = displaced(PROBLEM, math.sqrt(0.2) * (1 + beyond))  # mu size^2 = mu sigma_min^2/20 for beyond = 0
        proved = guarantee.of(PROBLEM, grown(PROBLEM, first))
        assert proved.inside_basin is inside
        assert holding(proved) == dict.fromkeys(NAMES, True) | {"basin": inside}
        assert (proved.rate_proved is not None) == (inside is True)

    def test_of_a_target_known_to_a_few_digits_is_undecided_further_from_its_edge(self):
        rough = Problem.from_spectrum([3.6e-7, 1.0], target=np.diag([2.0, 2.0]))
        edge = math.sqrt(4 * stacking.basin(rough.q))
        verdicts = [
            guarantee.of(rough, grown(rough, displaced(rough, edge * (1 + beyond)))).inside_basin
            for beyond in (-1e-3, -1e-8, 1e-8, 1e-3)
        ]
        assert verdicts == [True, None, None, False]

    def test_of_a_target_lost_in_the_rounding_of_the_solve_is_undecided(self):
        lost = Problem.from_spectrum([1e-10, 1.0], target=np.diag([1.0, 1e-8]))
        proved = guarantee.of(lost, grown(lost, lost.target))
        assert (holding(proved)["target-invertible"], holding(proved)["basin"]) == (None, None)
        assert (proved.inside_basin, proved.rate_proved) == (None, None)

    def test_is_left_by_a_start_outside_for_every_smallest_singular_value_within_rounding(self):
        lost = Problem.from_spectrum([1e-4, 1.0], target=np.diag([1.0, 1e-14]))
        proved = guarantee.of(lost, grown(lost, np.eye(2)))
        assert (holding(proved)["target-invertible"], holding(proved)["basin"]) == (None, False)
        assert (proved.inside_basin, proved.rate_proved) == (None, None)

    def test_contains_the_target_itself(self):
        proved = guarantee.of(PROBLEM, grown(PROBLEM, PROBLEM.target))
        assert (proved.basin.phi_0, proved.basin.ratio, proved.inside_basin) == (0.0, 0.0, True)

    def test_around_a_singular_target_is_empty(self):
        singular = Problem.from_spectrum([0.5, 1.0], target=np.diag([1.0, 0.0]))
        proved = guarantee.of(singular, stacking.grow(singular, stages=3))
        assert proved.basin is proved.inside_basin is proved.rate_proved is None
        assert proved.hypotheses[-1]["value"] == math.inf
        assert [entry["name"] for entry in proved.lacking] == ["target-invertible", "basin"]

    def test_excludes_networks_whose_potential_overflows(self):
        problem = Problem.from_spectrum([1e-6, 4e-6])
        proved = guarantee.of(problem, grown(problem, 1e155 * np.eye(2), stages=0))
        assert (proved.basin.phi_0, proved.inside_basin) == (math.inf, False)

    @drawing(deadline=None)
    @given(st.integers(-60, 60), st.integers(-60, 60), st.integers(0, 99))
    def test_does_not_change_when_data_are_rescaled(self, x_exponent, y_exponent, seed):
        a, b = 10.0**x_exponent, 10.0**y_exponent
        x, noise = np.random.default_rng(seed).standard_normal((2, 30, 3))
        y, first = x @ np.array([[2, 0.3, 0], [0, 1.5, 0.1], [0.2, 0, 1.8]]) + 0.1 * noise, np.eye(3)
        basins = []
        for problem, start in (
            (Problem.from_data(x, y), first), (Problem.from_data(a * x, b * y), b / a * first)
        ):
            basins.append(guarantee.of(problem, grown(problem, start, stages=0)).basin)
        assert basins[1].ratio == pytest.approx(basins[0].ratio, rel=1e-9)
        assert basins[1].phi_0 == pytest.approx(b * b * basins[0].phi_0, rel=1e-9)
        assert basins[1].threshold == pytest.approx(basins[0].threshold, rel=1e-9)


class TestStacking:
    def test_hypotheses_have_the_values_and_thresholds_of_the_problem(self):
        entries = guarantee.of(PROBLEM, stacking.grow(PROBLEM, stages=1)).hypotheses
        assert [entry["name"] for entry in entries] == NAMES
        error = np.array([1.0, -4.0, 1.5])  # W* - I, diagonal
        phi_0 = np.sum(error**2 * [0.36, 0.64, 1.0]) / 2 + 0.18 * np.sum(error**2)
        expected = [
            (0.36, 0), (1 / 0.36, 1), (2, 0), ("functional", "functional"), (0.25, 0.25), (1, 1), (0, 0),
            (phi_0 / 0.36 / 4, 0.05),
        ]
        for entry, (value, threshold) in zip(entries, expected, strict=True):
            assert (entry["value"], entry["threshold"]) == (pytest.approx(value), pytest.approx(threshold))
            assert (entry["remedy"] is None) == (entry["holds"] is True) == (entry["name"] != "basin")

    @pytest.mark.parametrize("problem", [PROBLEM, load("digits"), load("digits-raw", components=20)])
    @pytest.mark.parametrize("seed", range(3))
    def test_inside_the_basin_the_potential_obeys_the_proved_rate(self, problem, seed):
        first = starts.near(problem, fraction=0.99, seed=seed)
        proved = guarantee.of(problem, grown(problem, first))
        assert proved.inside_basin is True
        assert (proved.statement, proved.rate_proved) == ("stacking-acceleration", 1 - problem.q)
        values = potentials(problem, first, stages=25)
        assert proved.basin.phi_0 == pytest.approx(values[0], rel=1e-9)
        assert np.all(values[1:] < values[0] * proved.rate_proved ** np.arange(1, 26))

    def test_outside_the_basin_nothing_is_proved(self):
        proved = guarantee.of(PROBLEM, stacking.grow(PROBLEM, stages=1))
        assert (proved.inside_basin, proved.rate_proved, proved.rate) == (False, None, 0.4)

    @pytest.mark.parametrize(
        ("settings", "name", "holds"),
        [
            ({"momentum": 0.3}, "momentum", False),
            ({"momentum": np.nextafter(0.25, 1)}, "momentum", None),
            ({"momentum": 0.25 + 1e-12}, "momentum", False),
            ({"step_size": 0.5}, "step", False),
            ({"step_size": 1 + EPS}, "step", None),
            ({"step_size": 1.01}, "step", False),
        ],
    )
    def test_other_settings_leave_the_theorem(self, settings, name, holds):
        proved = guarantee.of(PROBLEM, grown(PROBLEM, PROBLEM.target, **settings))
        assert holding(proved) == dict.fromkeys(NAMES, True) | {name: holds}
        assert (proved.inside_basin, proved.rate_proved) == (None, None)
        assert proved.basin.ratio == 0

    def test_the_settings_of_theory_hold_when_given(self):
        settings = stacking.grow(PROBLEM, stages=0).settings
        given = {key: settings[key] for key in ("momentum", "step_size")}
        assert guarantee.of(PROBLEM, grown(PROBLEM, PROBLEM.target, **given)).rate_proved == 0.4

    def test_nothing_is_proved_of_zero_starts_by_the_parameter_rule(self):
        run = stacking.grow(PROBLEM, block_start="zero", rule="parameter", stages=2, start=PROBLEM.target)
        proved = guarantee.of(PROBLEM, run)
        assert proved.statement is proved.rate_proved is proved.basin is proved.inside_basin is None
        assert [entry["name"] for entry in proved.lacking] == ["functional-rule"]
        assert proved.lacking[0]["value"] == "parameter"
        # sigma_max(W* Sigma W*^T) = 1 * 2.5^2 > .64 * 3^2
        step = next(entry for entry in proved.hypotheses if entry["name"] == "step")
        assert step["threshold"] == pytest.approx(1 / 2.5**2)

    @pytest.mark.parametrize(
        ("eigenvalues", "holds"),
        [([1.0, 1.0], False), ([0.3], False), ([1.0, 1 + EPS], None), ([1.0, 1 + 1e-12], True), ([1.0, 2.0], True)],
    )
    def test_kappa_has_to_exceed_one(self, eigenvalues, holds):
        problem = Problem.from_spectrum(eigenvalues)
        proved = guarantee.of(problem, grown(problem, problem.target))
        assert holding(proved)["conditioned"] is holds
        assert (proved.rate_proved is None) == (holds is not True)
        assert proved.inside_basin is (True if holds else None)

    @pytest.mark.parametrize("seed", range(20))
    def test_kappa_of_orthonormal_data_is_one_up_to_rounding(self, seed):
        x = np.linalg.qr(np.random.default_rng(seed).standard_normal((50, 6)))[0]
        problem = Problem.from_data(x, 2 * x, centre=False)
        assert holding(guarantee.of(problem, grown(problem, problem.target)))["conditioned"] is None


class TestNothing:
    """Runs that no statement speaks of, each from the target itself, where every other hypothesis holds."""

    @pytest.mark.parametrize(
        ("settings", "lacking"),
        [
            ({"inner": 2}, ["one-step"]),
            ({"inner": 2, "step_size": [1.0, 1.0]}, ["one-step"]),
            ({"block_start": "zero", "inner": 2}, ["one-step"]),
            ({"momentum": "trained"}, ["fixed-momentum"]),
            ({"block_start": "random", "rule": "parameter"}, ["functional-rule"]),
            ({"block_start": lambda stage, block, network, generator: 0.25 * block}, ["method"]),
            ({"rule": "parameter", "train": "all"}, ["new-block"]),
            ({"rule": "parameter", "train": "all", "block_start": "zero"}, ["new-block"]),
            ({"rule": "parameter", "train": "all", "inner": 3, "momentum": "trained"},
             ["one-step", "new-block", "fixed-momentum"]),
        ],
    )
    def test_is_proved_of_settings_that_no_theorem_covers(self, settings, lacking):
        run = stacking.grow(PROBLEM, stages=3, start=PROBLEM.target, **settings)
        proved = guarantee.of(PROBLEM, run)
        assert proved.statement is proved.rate is proved.rate_proved is proved.basin is proved.inside_basin is None
        assert proved.rate_sharp_by is None
        assert run.rate_sharp is None
        assert [entry["name"] for entry in proved.lacking] == lacking
        assert all(entry["remedy"] for entry in proved.lacking)

    def test_is_proved_of_a_method_that_is_not_known(self):
        from dataclasses import replace

        run = replace(nesterov.accelerate(PROBLEM, stages=1), method="conjugate-gradients")
        assert guarantee.of(PROBLEM, run).rate_proved is None

    @pytest.mark.parametrize("settings", [{"momentum": "theory"}, {"inner": 1, "train": "new"}, {"step_size": [1.0]}])
    def test_changes_by_saying_what_is_the_default(self, settings):
        assert guarantee.of(PROBLEM, grown(PROBLEM, PROBLEM.target, **settings)).rate_proved == 0.4


class TestOthers:
    def test_nesterovs_method_has_the_rate_of_its_theorem_from_every_start(self):
        proved = guarantee.of(PROBLEM, nesterov.accelerate(PROBLEM, stages=1))
        assert holding(proved) == {"moments-invertible": True, "momentum": True, "step": True}
        assert (proved.statement, proved.rate_proved, proved.basin) == ("nesterov-with-errors", 0.4, None)
        assert proved.statement in theorems.NAMES
        for settings in ({"momentum": 0.3}, {"step_size": 0.9}):
            assert guarantee.of(PROBLEM, nesterov.accelerate(PROBLEM, stages=1, **settings)).rate_proved is None

    @pytest.mark.parametrize("solve", [descent.descend, lambda *a, **k: stacking.grow(*a, block_start="zero", **k)])
    @pytest.mark.parametrize("step_size", [1.0, 0.5, 0.01])
    def test_gradient_descent_contracts_by_the_proved_rate_and_attains_it(self, solve, step_size):
        run = solve(PROBLEM, stages=30, step_size=step_size)
        rate = guarantee.of(PROBLEM, run).rate_proved
        assert rate == pytest.approx((1 - 0.36 * step_size) ** 2, rel=1e-14)
        assert guarantee.of(PROBLEM, run).statement == ("gradient-step" if step_size == 1 else guarantee.EXACT)
        assert np.all(run.excess_loss[1:] <= run.excess_loss[:-1] * rate * (1 + 1e-9))
        assert run.excess_loss[1] < run.excess_loss[0] * rate / 1.001
        slowest = descent.descend(PROBLEM, stages=9, step_size=step_size, start=displaced(PROBLEM, 0.25))
        np.testing.assert_allclose(slowest.excess_loss[1:], slowest.excess_loss[:-1] * rate, rtol=1e-9)

    def test_the_default_step_contracts_by_one_less_the_inverse_condition_number_squared(self):
        problem = load("digits")
        proved = guarantee.of(problem, stacking.grow(problem, block_start="zero", stages=1))
        assert proved.rate_proved == pytest.approx((1 - 1 / problem.kappa) ** 2, rel=1e-14)
        assert proved.statement == "gradient-step"
        assert proved.statement in theorems.NAMES
        assert holding(proved) == {"moments-invertible": True, "conditioned": True, "step": True}

    @pytest.mark.parametrize("eigenvalues", [[1.0, 1.0], [1.0, 1 + EPS]])
    def test_a_step_at_condition_number_one_is_outside_the_theorem_and_exact(self, eigenvalues):
        problem = Problem.from_spectrum(eigenvalues)
        proved = guarantee.of(problem, descent.descend(problem, stages=1))
        assert (proved.statement, proved.rate_proved) == (guarantee.EXACT, pytest.approx(0, abs=1e-30))

    def test_the_excess_of_nesterovs_method_obeys_the_theorem_on_quadratics(self):
        problem = load("digits")
        run = nesterov.accelerate(problem, stages=40)
        proved, stages = guarantee.of(problem, run), np.arange(41)
        assert proved.rate_sharp_by == "nesterov-quadratic"
        assert proved.rate_sharp_by in theorems.NAMES
        factor = (1 + problem.q * stages) ** 2 * (1 - problem.q) ** (2 * stages)
        assert np.all(run.excess_loss <= run.excess_loss[0] * factor * (1 + 1e-9))
        assert guarantee.of(problem, nesterov.accelerate(problem, stages=1, momentum=0.5)).rate_sharp_by is None

    @pytest.mark.parametrize("step_size", [1.1, 1e300])
    def test_a_longer_step_has_no_proved_rate(self, step_size):
        proved = guarantee.of(PROBLEM, descent.descend(PROBLEM, stages=1, step_size=step_size))
        assert ([entry["name"] for entry in proved.lacking], proved.rate_proved) == (["step"], None)

    def test_zero_start_needs_no_invertible_target(self):
        problem = load("digits-raw")
        run = stacking.grow(problem, block_start="zero", stages=50)
        rate = guarantee.of(problem, run).rate_proved
        assert rate == pytest.approx((1 - 1 / problem.kappa) ** 2, rel=1e-12)
        assert np.all(run.excess_loss[1:] <= run.excess_loss[:-1] * rate)


def test_squares_that_underflow_decide_nothing():
    """At scale 1 the start lies 513 times outside; at 1e-165 its potential is 0 in float64."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 2)) * [1, 0.5]
    target = np.diag([1.0, 2.0])
    found = []
    for scale in (1.0, 1e-165):
        problem = Problem.from_data(x, scale * (x - x.mean(0)) @ target)
        run = stacking.grow(problem, stages=1, start=3 * scale * target)
        found.append(guarantee.of(problem, run))
    assert [each.inside_basin for each in found] == [False, None]
    assert [each.rate_proved for each in found] == [None, None]


def test_zero_starts_that_meet_a_singular_network_have_no_proved_rate():
    x = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) * [1, 2**-0.5]
    problem = Problem.from_data(x, x * [0, 2])
    run = stacking.grow(problem, block_start="zero", stages=5)
    assert run.status == "diverged"
    assert guarantee.of(problem, run).rate_proved is None


def test_a_run_on_another_problem_is_refused():
    one, other = (Problem.from_spectrum([0.25, 1.0], target=scale * np.eye(2)) for scale in (2.0, 9.0))
    with pytest.raises(InputError, match="the problem of the run"):
        guarantee.of(other, stacking.grow(one, stages=3))


def test_prints_what_holds_in_one_line():
    problem = Problem.from_spectrum([0.1, 1.0])
    outside, inside = (stacking.grow(problem, stages=3, start=start) for start in (None, 1.001 * problem.target))
    assert repr(guarantee.of(problem, outside)).endswith("7 of 8 hypotheses hold, but not basin>")
    assert repr(guarantee.of(problem, inside)) == "<Guarantee by stacking-acceleration: 8 of 8 hypotheses hold>"
