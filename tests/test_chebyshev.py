"""The Chebyshev semi-iteration: its residual polynomials, its optimal bound, its solver and its compiled kernel."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import sympy
from balls import contains
from hypothesis import given, settings
from hypothesis import strategies as st

import linres
from linres.arithmetic import BALL, EXACT, FLOAT, Symbolic
from linres.errors import InputError
from linres.kernels import chebyshev as kernel
from linres.methods import chebyshev, nesterov
from linres.problem import Problem

F = Fraction
EPS = np.finfo(float).eps
drawn = settings(deadline=None, max_examples=60)
conditions = st.sampled_from([1.0, 1e6]) | st.floats(1.01, 1e4)


def residual(stages, *, q, s, one=1):
    """p_t(s) with L = 1: the method on f(x) = s x^2/2 from 1, in the arithmetic of its arguments."""
    before = now = one
    for t in range(stages):
        pace = {"weight": chebyshev.weight(t, q=q), "step_size": 2 / (1 + q * q)}
        before, now = now, chebyshev.step(now, before, lambda x: s * x, **pace)
    return now


def problem_of(kappa, d=4, seed=0):
    rng = np.random.default_rng(seed)
    spectrum = np.concatenate([[1 / kappa], rng.uniform(1 / kappa, 1, d)[1:-1], [1.0]])
    basis = np.linalg.qr(rng.standard_normal((d, d)))[0]
    sigma = (basis * spectrum) @ basis.T
    sigma = (sigma + sigma.T) / 2
    target = rng.standard_normal((d, d))
    return Problem.from_moments(sigma, target @ sigma, float(np.trace(target @ sigma @ target.T)) + 1)


@pytest.mark.parametrize("q", [sympy.Rational(1, 2), sympy.Rational(1, 7), sympy.Rational(9, 10)])
@pytest.mark.parametrize("stages", range(7))
def test_the_residual_polynomial_is_the_scaled_chebyshev_polynomial(q, stages):
    s = sympy.Symbol("s")
    xi, at = (1 + q**2) / (1 - q**2), (1 + q**2 - 2 * s) / (1 - q**2)
    expected = sympy.chebyshevt(stages, at) / sympy.chebyshevt(stages, xi)
    assert sympy.expand(residual(stages, q=q, s=s, one=sympy.Integer(1)) - expected) == 0


@given(st.integers(1, 12), st.fractions(F(1, 50), F(49, 50), max_denominator=50))
@drawn
def test_the_bound_is_the_square_of_the_residual_at_both_ends_of_the_spectrum(stages, q):
    flattest, steepest = (residual(stages, q=q, s=s, one=F(1)) for s in (q * q, F(1)))
    assert flattest == abs(steepest) > 0
    assert chebyshev.lower_bound(float(q), stages) == pytest.approx(float(flattest**2), rel=1e-12)


@given(st.fractions(F(1, 50), F(49, 50), max_denominator=50))
@drawn
def test_the_weights_fall_from_below_2_to_their_limit_and_obey_the_recurrence(q):
    xi, weights = (1 + q * q) / (1 - q * q), [chebyshev.weight(t, q=q) for t in range(8)]
    limit = 1 + nesterov.momentum(q) ** 2
    assert weights[0] == 1 and weights[1] == 2 * xi**2 / (2 * xi**2 - 1)
    for now, after in pairwise(weights[1:]):
        assert after == 1 / (1 - now / (4 * xi**2)) and 2 > now > after > limit


def test_the_step_is_one_definition_in_every_arithmetic():
    number = F(3, 7)
    exact, ball, floats = (
        chebyshev.step(
            a.matrix([[F(2), F(1)]]), a.matrix([[F(1), F(-1)]]), lambda x: x, weight=a.number(number),
            step_size=a.number(F(1, 3)),
        )
        for a in (EXACT, BALL, FLOAT)
    )
    assert exact == EXACT.matrix([[F(8, 7), F(-2, 7)]])
    assert all(contains(b, value) for b, value in zip(ball.entries(), exact.entries(), strict=True))
    np.testing.assert_allclose(floats, [[8 / 7, -2 / 7]], rtol=1e-14)
    x, before, omega, eta = *sympy.symbols("x before", commutative=False), *sympy.symbols("omega eta", real=True)
    formal = chebyshev.step(Symbolic(x), Symbolic(before), lambda p: p, weight=omega, step_size=eta)
    assert sympy.expand(formal.expr - (before + omega * (x - eta * x - before))) == 0


# The bound as a function.


def test_the_bound_is_vectorised_and_between_powers_of_the_rate():
    q, t = np.array([[0.01], [0.3], [1.0]]), np.arange(1, 40)
    rate = ((1 - q) / (1 + q)) ** 2
    bound = chebyshev.lower_bound(q, t)
    assert bound.shape == (3, 39)
    assert np.all(rate**t * (1 - 4 * EPS) <= bound) and np.all(bound <= 4 * rate**t)
    xi = (1 + q[:2] ** 2) / (1 - q[:2] ** 2)
    np.testing.assert_allclose(bound[:2], 1 / np.cosh(t * np.arccosh(xi)) ** 2, rtol=1e-11)


def test_before_the_first_step_nothing_is_gained():
    assert np.all(chebyshev.lower_bound([0.1, 0.5, 1.0], 0) == 1)


@pytest.mark.parametrize(("q", "t", "message"), [
    (0.0, 1, r"lower_bound\(q\) should be in \(0, 1\]"), (1.5, 1, r"lower_bound\(q\)"),
    (float("nan"), 1, r"lower_bound\(q\)"), (0.5, -1, r"lower_bound\(t\) should be at least 0, got -1"),
])
def test_a_bound_of_nothing_is_refused(q, t, message):
    with pytest.raises(InputError, match=message):
        chebyshev.lower_bound(q, t)


# The solver.


@given(conditions, st.integers(0, 2**32 - 1))
@drawn
def test_no_excess_is_above_the_bound(kappa, seed):
    problem = problem_of(kappa, seed=seed)
    run = linres.chebyshev(problem, stages=30)
    bound = chebyshev.lower_bound(problem.q, np.arange(len(run.excess_loss)))
    assert np.all(run.excess_loss <= bound * run.excess_loss[0] * (1 + 1e-6) + run.floor)


@pytest.mark.parametrize("along", [0, 2])
def test_the_bound_is_attained_along_both_extreme_eigenvectors(along):
    problem = Problem.from_spectrum([0.04, 0.2, 1.0])
    start = np.array(problem.target)
    start[:, along] += 0.25
    run = linres.chebyshev(problem, stages=25, start=start)
    expected = run.excess_loss[0] * chebyshev.lower_bound(problem.q, np.arange(26))
    np.testing.assert_allclose(run.excess_loss, expected, rtol=1e-10)
    assert run.rate() == pytest.approx(run.rate_sharp, rel=1e-4)


def test_it_needs_fewer_stages_than_nesterovs_method_and_more_than_conjugate_gradients():
    problem = problem_of(1e4, d=12)
    solvers = (linres.conjugate_gradient, linres.chebyshev, linres.accelerate)
    least, fewer, more = (solve(problem, stages=3000).stages_to(1e-8) for solve in solvers)
    assert 0 < least < fewer < more


def test_with_one_eigenvalue_a_step_arrives():
    run = linres.chebyshev(Problem.from_spectrum([3.0, 3.0]), stages=5)
    assert (run.status, run.stage, run.rate_sharp) == ("converged", 1, 0)


def test_the_settings_say_what_is_used():
    problem = Problem.from_spectrum([1.0, 4.0])
    run = linres.chebyshev(problem, stages=3, start=np.eye(2))
    assert run.settings["step_size"] == pytest.approx(2 / 5) and run.settings["momentum"] == pytest.approx(1 / 9)
    assert (run.method, run.settings["network_start"], run.settings["stages"]) == ("chebyshev", "given", 3)


@pytest.mark.parametrize("arguments", [{"stages": -1}, {"stages": 2, "start": np.eye(3)}])
def test_bad_settings_are_refused(arguments):
    with pytest.raises(InputError, match=r"^chebyshev\("):
        linres.chebyshev(Problem.from_spectrum([1.0, 4.0]), **arguments)


# The compiled twin.


def compare(problem, stages, trace=kernel.trace):
    """The kernel's states against the generic step's; an error is multiplied by at most 2 (t + 1) on its way."""
    start = np.eye(problem.dimension)
    step_size = 2 / (problem.L + problem.mu)
    excess, states = trace(problem.sigma, problem.target, start, problem.q, step_size, stages)
    expected = [start, start]
    for t in range(stages):
        expected.append(chebyshev.step(
            expected[-1], expected[-2], problem.gradient, weight=chebyshev.weight(t, q=problem.q), step_size=step_size,
        ))
    size = np.linalg.norm(problem.target) + np.linalg.norm(start)
    np.testing.assert_allclose(states, expected[1:], rtol=0, atol=200 * (stages + 1) ** 2 * EPS * size)
    found = [problem.excess_loss(state) for state in states]
    np.testing.assert_allclose(excess, found, rtol=1e-9, atol=1e3 * (stages + 1) ** 2 * EPS * size**2 * EPS + 1e-13)


@given(conditions, st.integers(2, 12), st.integers(0, 40), st.integers(0, 2**32 - 1))
@drawn
def test_the_kernel_agrees_with_the_generic_step(kappa, d, stages, seed):
    compare(problem_of(kappa, d, seed), stages)


def test_run_keeps_the_last_state_only():
    problem = problem_of(50.0)
    arguments = (problem.sigma, problem.target, np.eye(4), problem.q, 2 / (problem.L + problem.mu))
    for stages in range(7):
        excess, states = kernel.trace(*arguments, stages)
        found, last = kernel.run(*arguments, stages)
        assert np.array_equal(found, excess) and np.array_equal(last, states[-1])


def constant_weight(sigma, target, start, q, step_size, stages):
    """The limit of the weights from the first step on."""
    b, states = nesterov.momentum(q) ** 2, [start, start]
    for _ in range(stages):
        slope = (states[-1] - target) @ sigma
        states.append(states[-2] + (1 + b) * (states[-1] - step_size * slope - states[-2]))
    excess = [np.sum((x - target) @ sigma * (x - target)) / 2 for x in states[1:]]
    return np.array(excess), np.array(states[1:])


def longer_step(sigma, target, start, q, step_size, stages):
    return kernel.trace(sigma, target, start, q, 1.0001 * step_size, stages)


def other_condition(sigma, target, start, q, step_size, stages):
    return kernel.trace(sigma, target, start, 1.0001 * q, step_size, stages)


@pytest.mark.parametrize("wrong", [constant_weight, longer_step, other_condition])
def test_a_wrong_kernel_is_noticed(wrong):
    compare(problem_of(50.0), 6)
    with pytest.raises(AssertionError):
        compare(problem_of(50.0), 6, wrong)
