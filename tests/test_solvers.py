"""The public solvers: the rates that theory gives, how a run ends, and what is refused."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linres import data
from linres.errors import InputError
from linres.methods import descent, nesterov, stacking
from linres.problem import EPS, Problem
from linres.trajectory import Trajectory, rounding_floor

SOLVERS = {
    "descend": descent.descend,
    "accelerate": nesterov.accelerate,
    "grow": stacking.grow,
    "grow zero": lambda problem, **settings: stacking.grow(problem, block_start="zero", **settings),
    "grow parameter": lambda problem, **settings: stacking.grow(problem, rule="parameter", **settings),
    "grow inner": lambda problem, **settings: stacking.grow(problem, inner=3, **settings),
    "grow trained": lambda problem, **settings: stacking.grow(problem, momentum="trained", **settings),
    "grow all": lambda problem, **settings: stacking.grow(problem, rule="parameter", train="all", **settings),
}
each_solver = pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS.keys())


def near(problem, size=0.02, seed=0):
    """A network close to W*, so that the sharp rates of the linearisation show."""
    return problem.target + size * np.random.default_rng(seed).standard_normal(problem.target.shape)


def along(eigenvector, problem):
    """W* displaced in the direction of an eigenvector of Sigma = diag: a start for which the rate is attained."""
    displaced = np.array(problem.target)
    displaced[:, eigenvector] += 0.25
    return displaced


PROBLEM = Problem.from_spectrum([0.04, 0.2, 1.0], target=np.array([[2.0, 0.3, 0], [0, 1.5, 0.1], [0.2, 0, 1.8]]))
Q, KAPPA = 0.2, 25.0


class TestRates:
    def test_gradient_attains_its_rate_along_the_mu_eigenvector(self):
        run = descent.descend(PROBLEM, stages=30, start=along(0, PROBLEM))
        expected = run.excess_loss[0] * (1 - 1 / KAPPA) ** (2 * np.arange(31))
        np.testing.assert_allclose(run.excess_loss, expected, rtol=1e-11)
        assert run.rate() == pytest.approx(run.rate_sharp, rel=1e-11)
        assert run.rate_sharp == pytest.approx((1 - 1 / KAPPA) ** 2, rel=1e-14)

    def test_nesterov_attains_its_rate_along_the_mu_eigenvector_with_the_polynomial_factor(self):
        run = nesterov.accelerate(PROBLEM, stages=40, start=along(0, PROBLEM))
        t = np.arange(41)
        np.testing.assert_allclose(
            run.excess_loss, run.excess_loss[0] * (1 + Q * t) ** 2 * (1 - Q) ** (2 * t), rtol=1e-11
        )
        assert run.rate_sharp == pytest.approx((1 - Q) ** 2, rel=1e-14)

    def test_one_step_ends_it_along_the_L_eigenvector(self):
        run = nesterov.accelerate(PROBLEM, stages=5, start=along(2, PROBLEM))
        assert (run.status, run.stage) == ("converged", 1)

    def test_zero_start_contracts_at_the_gradient_rate(self):
        zero = stacking.grow(PROBLEM, block_start="zero", stages=60)
        gradient = descent.descend(PROBLEM, stages=60)
        np.testing.assert_allclose(zero.excess_loss, gradient.excess_loss, rtol=1e-10)
        assert zero.rate_sharp == pytest.approx((1 - 1 / KAPPA) ** 2, rel=1e-14)

    def test_stacking_contracts_at_the_accelerated_rate(self):
        run = stacking.grow(PROBLEM, stages=400)
        assert run.rate_sharp == pytest.approx((1 - Q) ** 2, rel=1e-14)
        stages = len(run.excess_loss)
        # The double root's factor (1 + qt)^2 changes the slope by at most 2/t, t from half of the run on.
        assert math.log(run.rate() / run.rate_sharp) == pytest.approx(0, abs=4 / stages)
        assert run.rate() < stacking.grow(PROBLEM, block_start="zero", stages=400).rate() ** 4

    def test_stacking_is_not_nesterov_but_approaches_it(self):
        differences = []
        for size in (1e-2, 1e-3):
            start = near(PROBLEM, size)
            stacked = stacking.grow(PROBLEM, stages=20, start=start).network
            differences.append(np.linalg.norm(stacked - nesterov.accelerate(PROBLEM, stages=20, start=start).network))
        assert differences[0] > 0
        # The lookahead error is quadratic in the distance to W*.
        assert differences[1] / differences[0] == pytest.approx(1e-2, rel=0.2)

    def test_the_parameter_rule_contracts_with_the_condition_number_of_the_output(self):
        target = np.diag([5.0, 1.0, 0.5])  # makes W* Sigma W*^T of condition number 5, where Sigma has 25
        problem = Problem.from_spectrum([0.04, 0.2, 1.0], target=target)
        first, last = problem.output_eigenvalues[[0, -1]]
        # At W* itself L_0 = L', so the default step is 1/L'.
        run = stacking.grow(problem, rule="parameter", stages=400, start=near(problem, 1e-3))
        assert run.settings["step_size"] == pytest.approx(1 / last, rel=0.01)
        assert run.rate_sharp == pytest.approx((1 - math.sqrt(first / last)) ** 2, rel=0.03)
        assert run.rate_sharp < (1 - Q) ** 2 < run.rate_sharp * 3
        assert math.log(run.rate() / run.rate_sharp) == pytest.approx(0, abs=4 / len(run.excess_loss))

    @pytest.mark.parametrize("scale", [0.25, 0.5, 2.0, 4.0])
    @pytest.mark.parametrize("start", ["stacking", "zero"])
    def test_the_parameter_rule_arrives_from_identity_with_its_default_step(self, start, scale):
        problem = Problem.from_spectrum([0.1, 0.3, 1.0], target=scale * np.eye(3))
        assert stacking.grow(problem, block_start=start, rule="parameter", stages=5000).status == "converged"

    @given(
        st.floats(0, 0.99), st.floats(0.01, 3), st.lists(st.floats(0.01, 1), min_size=1, max_size=5)
    )
    def test_the_sharp_rate_is_the_squared_spectral_radius(self, momentum, step_size, spectrum):
        radius = 0.0
        for s in spectrum:
            keep = 1 - step_size * s
            companion = np.array([[keep * (1 + momentum), -keep * momentum], [1, 0]])
            radius = max(radius, np.abs(np.linalg.eigvals(companion)).max())
        rate = nesterov.quadratic_rate(spectrum, momentum=momentum, step_size=step_size)
        # A double root is ill-conditioned: half the digits, in the companion matrix as in theory.
        assert rate == pytest.approx(radius**2, rel=1e-6, abs=1e-12)

    @pytest.mark.parametrize("q", [1e-6, 1e-3, 0.1, 0.5, 0.9, 1.0])
    def test_the_sharp_rate_at_the_default_settings_keeps_all_digits(self, q):
        spectrum = np.linspace(q * q, 1, 7)
        rate = nesterov.quadratic_rate(spectrum, momentum=nesterov.momentum(q), step_size=1.0)
        assert rate == pytest.approx((1 - q) ** 2, rel=1e-13)

    def test_no_sharp_rate_is_claimed_where_theory_has_none(self):
        singular = Problem.from_spectrum([1.0, 2.0], target=np.diag([1.0, 0.0]))
        assert stacking.grow(singular, stages=3).rate_sharp is None
        assert stacking.grow(singular, stages=3, rule="parameter").rate_sharp is None
        assert stacking.grow(singular, stages=3, block_start="zero", rule="parameter").rate_sharp is None
        assert stacking.grow(singular, stages=3, block_start="zero").rate_sharp == 0.25


class TestSettings:
    def test_defaults_are_those_of_theory(self):
        expected = {"momentum": (1 - Q) / (1 + Q), "step_size": 1.0}
        for run in (nesterov.accelerate(PROBLEM, stages=1), stacking.grow(PROBLEM, stages=1)):
            assert {key: run.settings[key] for key in expected} == pytest.approx(expected, rel=1e-14)

    def test_momentum_and_step_are_used_as_given(self):
        run = nesterov.accelerate(PROBLEM, stages=2, momentum=0.25, step_size=0.5)
        first = np.eye(3) - 0.5 * PROBLEM.gradient(np.eye(3))
        lookahead = first + 0.25 * (first - np.eye(3))
        np.testing.assert_allclose(run.network, lookahead - 0.5 * PROBLEM.gradient(lookahead), rtol=1e-14)

    def test_grow_multiplies_residual_blocks_onto_the_network(self):
        run = stacking.grow(PROBLEM, stages=2, momentum=0.25, step_size=0.5, rule="parameter")
        block = -0.5 * PROBLEM.gradient(np.eye(3))
        first = np.eye(3) + block
        start = 0.25 * block
        slope = PROBLEM.gradient((np.eye(3) + start) @ first) @ first.T
        np.testing.assert_allclose(run.network, (np.eye(3) + start - 0.5 * slope) @ first, rtol=1e-14)

    @each_solver
    def test_the_first_and_the_last_network_are_recorded(self, solve):
        run = solve(PROBLEM, stages=7)
        assert np.array_equal(run.first, np.eye(3))
        assert PROBLEM.loss(run.first) == run.loss[0] > run.loss[-1] == PROBLEM.loss(run.network)

    @each_solver
    @pytest.mark.parametrize("step_size", [None, 50.0])
    def test_the_watch_is_told_every_stage_and_changes_nothing(self, solve, step_size):
        told = []
        run = solve(PROBLEM, stages=40, step_size=step_size, watch=lambda *news: told.append(news))
        assert told[: len(run.loss)] == list(enumerate(run.excess_loss))
        assert len(told) == run.stage + 1
        assert np.array_equal(run.loss, solve(PROBLEM, stages=40, step_size=step_size).loss)

    def test_the_default_momentum_is_that_of_the_condition_number_to_the_bit(self):
        for seed in range(30):
            problem = Problem.from_spectrum(np.random.default_rng(seed).uniform(0.01, 1, 4))
            wanted = nesterov.momentum(problem.q)
            assert stacking.grow(problem, stages=0).settings["momentum"] == wanted
            assert nesterov.accelerate(problem, stages=0).settings["momentum"] == wanted

    def test_the_start_is_copied_not_kept(self):
        start = 1.5 * np.eye(3)
        run = descent.descend(PROBLEM, stages=0, start=start)
        start[:] = 0
        assert np.array_equal(run.network, 1.5 * np.eye(3))

    @each_solver
    def test_no_stages_leave_the_identity(self, solve):
        run = solve(PROBLEM, stages=0)
        assert np.array_equal(run.network, np.eye(3))
        assert (run.status, run.stage, len(run.loss)) == ("budget", 0, 1)
        assert run.loss[0] == PROBLEM.loss(np.eye(3))
        assert run.rate() is None

    @each_solver
    def test_loss_and_excess_loss_differ_by_the_minimum(self, solve):
        problem = data.load("digits")
        run = solve(problem, stages=20)
        np.testing.assert_array_equal(run.loss, run.excess_loss + problem.minimum_loss)
        assert run.loss[-1] == problem.loss(run.network)

    @each_solver
    @pytest.mark.parametrize("bad", [-1, 2.0, True, "3", None, math.nan])
    def test_stages_are_a_count(self, solve, bad):
        with pytest.raises(InputError, match=r"\(stages=\.\.\.\) should be an integer >= 0, got"):
            solve(PROBLEM, stages=bad)

    @each_solver
    @pytest.mark.parametrize("bad", [0, -0.1, math.nan, math.inf, True, "1", 10**400])
    def test_the_step_is_positive(self, solve, bad):
        with pytest.raises(InputError, match=r"\(step_size=\.\.\.\) should be a number > 0, got .* to use 1/L\.$"):
            solve(PROBLEM, stages=1, step_size=bad)

    @pytest.mark.parametrize("solve", [nesterov.accelerate, stacking.grow])
    @pytest.mark.parametrize("bad", [1, 1.2, -0.1, math.nan, "0.5"])
    def test_momentum_is_below_one(self, solve, bad):
        with pytest.raises(InputError, match=r"\(momentum=\.\.\.\) should be in \[0, 1\), got .*\(1-q\)/\(1\+q\)\.$"):
            solve(PROBLEM, stages=1, momentum=bad)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"rule": "both"}, r'rule=\.\.\.\) should be "functional" or "parameter", got \'both\''),
            ({"block_start": "zero", "momentum": 0.5}, "left out for the zero start, got 0.5"),
            ({"start": np.eye(2)}, r"3 x 3 matrix, got shape \(2, 2\)"),
            ({"start": np.full((3, 3), np.nan)}, "9 non-finite"),
            ({"start": 1e200 * np.eye(3)}, "finite loss"),
        ],
    )
    def test_grow_refuses_other_words_and_shapes(self, settings, message):
        with pytest.raises(InputError, match=message):
            stacking.grow(PROBLEM, stages=1, **settings)


class TestEnds:
    @each_solver
    def test_converged_runs_stop_at_the_rounding_floor(self, solve):
        run = solve(PROBLEM, stages=10_000)
        assert run.status == "converged"
        assert run.stage == len(run.excess_loss) - 1 < 10_000
        assert run.excess_loss[-1] <= run.floor < run.excess_loss[-2]

    @pytest.mark.parametrize("kappa", [1, 10, 1e3, 1e5])
    def test_the_rounding_floor_is_reached_and_not_far_above_what_rounding_allows(self, kappa):
        problem = Problem.from_spectrum(np.geomspace(1 / kappa, 1, 4), target=np.diag([2.1, 1.7, 1.9, 2.3]))
        run = nesterov.accelerate(problem, stages=50 * math.ceil(math.sqrt(kappa)))
        assert run.status == "converged"
        # One unit in the last place of every entry, at the curvature L: no float64 run can promise less.
        assert run.floor / (problem.L * (EPS * np.linalg.norm(problem.target)) ** 2) == pytest.approx(4 * kappa)

    @pytest.mark.parametrize("step_size", [1e-2, 1e-3])
    def test_the_rounding_floor_is_above_where_short_steps_stall(self, step_size):
        problem = Problem.from_spectrum([0.5, 1.0], target=np.array([[1.9, 0.3], [0.7, 2.3]]))
        run = descent.descend(problem, stages=int(80 / step_size), step_size=step_size)
        assert run.status == "converged"
        assert run.floor > rounding_floor(problem, step_size=1.0)

    @each_solver
    @pytest.mark.parametrize("step_size", [50.0, 1e160, 1e308])
    def test_divergence_is_a_status_without_warnings_or_infinities(self, solve, step_size):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            run = solve(PROBLEM, stages=10_000, step_size=step_size)
        assert run.status == "diverged"
        assert np.isfinite(run.loss).all()
        assert np.isfinite(run.network).all()
        assert run.stage in (len(run.loss) - 1, len(run.loss))
        assert run.rate() is None or run.rate() > 1

    @each_solver
    @pytest.mark.parametrize("step_size", [1e-18, 1e-308])
    def test_a_step_that_rounding_undoes_has_not_converged(self, solve, step_size):
        assert solve(PROBLEM, stages=3, step_size=step_size).status == "budget"

    def test_growth_of_less_than_the_factor_is_not_called_divergence(self):
        run = descent.descend(Problem.from_spectrum([1.0], target=[[2.0]]), stages=10, step_size=3.0)
        assert run.excess_loss[-1] == 4.0**10 * run.excess_loss[0]
        assert run.status == "budget"

    @pytest.mark.parametrize("start", ["stacking", "zero"])
    def test_a_singular_network_ends_the_functional_rule_with_the_reason(self, start):
        run = stacking.grow(PROBLEM, block_start=start, stages=5, start=np.diag([1.0, 1.0, 0.0]))
        assert (run.status, run.stage) == ("diverged", 1)
        assert run.reason == "W_0 is singular, so block 1 does not exist"
        assert len(run.loss) == 1

    def test_a_singular_network_is_no_obstacle_to_the_parameter_rule(self):
        run = stacking.grow(PROBLEM, rule="parameter", stages=5, start=np.diag([1.0, 1.0, 0.0]))
        assert (run.status, run.stage) == ("budget", 5)

    def test_a_start_at_the_target_has_converged(self):
        run = stacking.grow(PROBLEM, stages=5, start=PROBLEM.target)
        assert (run.status, run.stage, run.excess_loss.tolist()) == ("converged", 0, [0.0])
        assert run.stages_to(1e-6) == 0

    def test_singular_moments_are_refused(self):
        with pytest.raises(InputError, match="rank 1"):
            descent.descend(Problem.from_moments(np.diag([1.0, 0.0]), np.eye(2), 3), stages=1)


def trajectory(excess, floor=0.0):
    excess = np.asarray(excess, dtype=float)
    ends = np.eye(1), np.eye(1)
    return Trajectory("gradient", "functional", excess, excess, *ends, {}, "budget", len(excess) - 1, floor=floor)


class TestMeasuring:
    @given(st.floats(0.01, 1.5), st.floats(1e-3, 1e3))
    def test_the_rate_of_a_geometric_decay_is_its_ratio(self, ratio, scale):
        assert trajectory(scale * ratio ** np.arange(40)).rate() == pytest.approx(ratio, rel=1e-9)

    def test_the_rate_ignores_the_first_half_and_what_is_below_the_floor(self):
        excess = np.concatenate([np.full(20, 1.0), 0.5 ** np.arange(20), np.full(30, 1e-9)])
        assert trajectory(excess, floor=1e-9).rate() == pytest.approx(0.5, rel=1e-12)

    def test_the_rate_of_few_or_no_stages_is_none(self):
        assert trajectory([1.0, 0.5, 0.25, 0.125, 0.1]).rate() is None
        assert trajectory([0.0]).rate() is None

    def test_stages_to_is_the_first_stage_that_is_low_enough(self):
        run = trajectory([8, 4, 5, 2, 1])
        assert [run.stages_to(fraction) for fraction in (1, 0.5, 0.3, 0.125, 0.1)] == [0, 1, 3, 4, None]

    @pytest.mark.parametrize("bad", [-1, math.nan, "1"])
    def test_stages_to_refuses_what_is_no_fraction(self, bad):
        with pytest.raises(InputError, match=r"stages_to\(fraction\) should be a number >= 0"):
            trajectory([1]).stages_to(bad)
