"""The generic steps: the same lines on formal symbols, rationals, balls and float64, and the four agree."""

from fractions import Fraction

import flint
import numpy as np
import pytest
from balls import contains
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sympy import symbols

from linres.arithmetic import BALL, EXACT, FLOAT, Symbolic
from linres.evaluate import Enclosure
from linres.methods import additive, descent, nesterov, random_start, stacking
from linres.strategies import tables

F = Fraction
D = 3
beta, eta = symbols("beta eta", real=True)
NAMES = ("x", "x_prev", "drift", "slip", "slope")
LETTERS = dict(zip(NAMES, symbols(" ".join(NAMES), commutative=False), strict=True))
PACE = {beta: F(3, 7), eta: F(2, 9)}


def gradient_descent(x, x_prev, drift, slip, slope, beta, eta):
    return (descent.step(x, lambda _: slope, step_size=eta, error=slip),)


def nesterov_with_errors(x, x_prev, drift, slip, slope, beta, eta):
    y, x_next = nesterov.step(
        x, x_prev, lambda _: slope, momentum=beta, step_size=eta, lookahead_error=drift, step_error=slip
    )
    return y, x_next, nesterov.auxiliary(x_next, x, q=eta)


def stacked(rule, start):
    def run(x, x_prev, drift, slip, slope, beta, eta):
        """x is the network, x_prev the last block; a zero start forgets the block."""
        return stacking.stage(x, x_prev if start == "stacking" else 0 * x_prev, lambda _: slope, momentum=beta,
                              step_size=eta, rule=rule)

    return run


def added(x, x_prev, drift, slip, slope, beta, eta):
    """x is the ensemble, x_prev the last learner."""
    return additive.stage(x, x_prev, lambda _: slope, momentum=beta, step_size=eta, error=slip)


def started_at_random(rule):
    """x is the network, x_prev what was drawn."""
    def run(x, x_prev, drift, slip, slope, beta, eta):
        return random_start.stage(x, x_prev, lambda _: slope, step_size=eta, rule=rule)

    return run


METHODS = {
    "gradient descent": gradient_descent,
    "nesterov with errors": nesterov_with_errors,
    "additive ensemble": added,
    **{f"random start, {rule} rule": started_at_random(rule) for rule in stacking.RULES},
    **{
        f"{start} start, {rule} rule": stacked(rule, start)
        for start in ("stacking", "zero") for rule in stacking.RULES
    },
}


def run_in(arithmetic, method, drawn):
    pace = [arithmetic.number(PACE[s]) for s in (beta, eta)]
    return method(*(arithmetic.matrix(drawn[name]) for name in NAMES), *pace)


def exactly(expression, drawn):
    """The symbolic expression at the drawn matrices, in rationals."""
    row = {LETTERS[name]: EXACT.matrix(drawn[name]) for name in NAMES} | {s: EXACT.number(v) for s, v in PACE.items()}
    value = Enclosure(row, {}).value(expression)
    return value if hasattr(value, "entries") else value * EXACT.matrix(drawn["x"]).identity()


@st.composite
def matrices(draw):
    """Tables for every letter; x is far from singular, its diagonal outweighing its rows."""
    drawn = {name: draw(tables(D)) for name in NAMES}
    rows = enumerate(drawn["x"])
    return drawn | {"x": tuple(tuple(entry + 20 * (i == j) for j, entry in enumerate(row)) for i, row in rows)}


each_method = pytest.mark.parametrize("name", METHODS)
drawn_often = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


@each_method
@given(matrices())
@drawn_often
def test_the_symbolic_step_at_rational_matrices_is_the_exact_step(name, drawn):
    symbolic = METHODS[name](*(Symbolic(LETTERS[letter]) for letter in NAMES), beta, eta)
    for formal, exact in zip(symbolic, run_in(EXACT, METHODS[name], drawn), strict=True):
        assert exactly(formal.expr, drawn) == exact


@each_method
@given(matrices(), st.sampled_from([53, 200]))
@drawn_often
def test_balls_hold_the_exact_step_and_are_small(name, drawn, bits):
    exact = run_in(EXACT, METHODS[name], drawn)
    with flint.ctx.workprec(bits):
        balls = run_in(BALL, METHODS[name], drawn)
    for enclosure, point in zip(balls, exact, strict=True):
        for ball, value in zip(enclosure.entries(), point.entries(), strict=True):
            assert contains(ball, value) and float(ball.rad()) < 1e4 * 2.0**-bits


@each_method
@given(matrices())
@drawn_often
def test_float64_is_within_its_rounding_of_the_exact_step(name, drawn):
    floats, exact = run_in(FLOAT, METHODS[name], drawn), run_in(EXACT, METHODS[name], drawn)
    for array, point in zip(floats, exact, strict=True):
        values = np.array([float(F(int(e.p), int(e.q))) for e in point.entries()]).reshape(D, D)
        np.testing.assert_allclose(array, values, rtol=0, atol=1e-11 * (1 + np.abs(values).max()))


@pytest.mark.parametrize("arithmetic", [EXACT, BALL, FLOAT])
def test_a_wrong_step_would_be_seen_in_every_arithmetic(arithmetic):
    """Gradient descent with an error is not the same step without it."""
    drawn = {name: [[F(i + 2 * j + k) for j in range(D)] for i in range(D)] for k, name in enumerate(NAMES)}
    (right,), (wrong,) = (
        run_in(arithmetic, method, drawn)
        for method in (gradient_descent, lambda *a: (descent.step(a[0], lambda _: a[4], step_size=a[6]),))
    )
    difference = (right - wrong).ravel() if arithmetic is FLOAT else (right - wrong).entries()
    assert any(entry != 0 for entry in difference)


def test_vectors_of_an_inner_product_space_need_no_product():
    """Gradient descent and Nesterov use +, - and scalars alone: their formal vectors have no @."""
    for method in (gradient_descent, nesterov_with_errors):
        for formal in method(*(Symbolic(letter) for letter in LETTERS.values()), beta, eta):
            expanded = formal.expr.expand()
            assert all(sum(f in LETTERS.values() for f in term.args or (term,)) <= 1 for term in expanded.args)


# Parameters, potential and the sharp rate on a quadratic.


def test_the_momentum_is_0_without_condition_and_1_in_the_limit():
    assert nesterov.momentum(F(1)) == 0 and nesterov.momentum(F(0)) == 1 and nesterov.momentum(F(1, 3)) == F(1, 2)


def test_the_auxiliary_point_is_the_point_itself_at_rest_or_for_q_equal_to_1():
    assert nesterov.auxiliary(F(5), F(5), q=F(1, 9)) == 5 and nesterov.auxiliary(F(5), F(2), q=F(1)) == 5


def test_the_potential_counts_half_of_the_strong_convexity():
    assert nesterov.potential(F(3), F(4), mu=F(5)) == 13


@pytest.mark.parametrize("q", [0.5, 0.1, 1e-3])
def test_the_sharp_rate_with_the_default_pace_is_1_minus_q_squared(q):
    eigenvalues = np.linspace(q * q, 1, 50)
    rate = nesterov.quadratic_rate(eigenvalues, momentum=nesterov.momentum(q), step_size=1.0)
    assert rate == pytest.approx((1 - q) ** 2, rel=1e-12)


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=4), st.floats(0, 0.95), st.floats(0.1, 1))
@settings(max_examples=100, deadline=None)
def test_the_sharp_rate_is_the_spectral_radius_of_the_companion_matrices(eigenvalues, momentum, step_size):
    def radius(s):
        left = 1 - step_size * s
        return max(abs(np.linalg.eigvals(np.array([[left * (1 + momentum), -left * momentum], [1, 0]])))) ** 2

    rate = nesterov.quadratic_rate(np.array(eigenvalues), momentum=momentum, step_size=step_size)
    assert rate == pytest.approx(max(map(radius, eigenvalues)), rel=1e-6, abs=1e-12)
