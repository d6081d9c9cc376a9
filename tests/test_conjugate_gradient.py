"""Conjugate gradients: the best point of the Krylov space, exactly; when they end; their solver and compiled kernel."""

import json
from fractions import Fraction

import numpy as np
import pytest
from balls import contains
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import linres
from linres import cli
from linres.arithmetic import BALL, EXACT, inner
from linres.errors import InputError
from linres.kernels import conjugate_gradient as kernel
from linres.methods import chebyshev
from linres.methods import conjugate_gradient as method
from linres.problem import Problem
from linres.strategies import psd_matrices, tables

F = Fraction
drawn = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))


def exact_run(sigma, target, start, stages, arithmetic=EXACT):
    """The states of a run on least squares with these tables, until it ends."""
    sigma, target, start = map(arithmetic.matrix, (sigma, target, start))
    states = [method.begin(start, lambda W: (W - target) @ sigma)]
    for _ in range(stages):
        try:
            states.append(method.step(states[-1], lambda X: X @ sigma))
        except ZeroDivisionError:
            break
    return states


def diagonal(*values):
    return tuple(tuple(F(v) * (i == j) for j in range(len(values))) for i, v in enumerate(values))


IDENTITY = diagonal(1, 1, 1)
TARGET = ((F(2), F(1), F(0)), (F(-1), F(3), F(1)), (F(1), F(1), F(5)))
COUPLED = ((F(4), F(1), F(0)), (F(1), F(3), F(1)), (F(0), F(1), F(2)))


@pytest.mark.parametrize(("sigma", "steps"), [
    (diagonal(1, 2, 5), 3), (diagonal(1, 2, 2), 2), (diagonal(3, 3, 3), 1), (COUPLED, 3),
])
def test_it_ends_in_as_many_steps_as_sigma_has_different_eigenvalues(sigma, steps):
    """However many rows there are, and not sooner: the rows of W_0 - W* have a part along every eigenvector."""
    states = exact_run(sigma, TARGET, IDENTITY, 9)
    target = EXACT.matrix(TARGET)
    assert [state.x == target for state in states[: steps + 1]] == [False] * steps + [True]
    assert len(states) == steps + 1  # and then there is nowhere to go


@given(psd_matrices(3), tables(3), tables(3))
@drawn
def test_each_gradient_is_the_gradient_and_orthogonal_to_those_before(sigma, target, start):
    sigma = tuple(tuple(entry + (i == j) for j, entry in enumerate(row)) for i, row in enumerate(sigma))
    states = exact_run(sigma, target, start, 3)
    for t, state in enumerate(states):
        assert state.slope == (state.x - EXACT.matrix(target)) @ EXACT.matrix(sigma)
        for before in states[:t]:
            assert inner(state.slope, before.slope) == 0
            assert inner(state.direction @ EXACT.matrix(sigma), before.direction) == 0


def test_the_rows_are_one_system_and_not_three():
    whole = exact_run(COUPLED, TARGET, IDENTITY, 1)[-1].x.data.tolist()
    rows = [exact_run(COUPLED, (TARGET[i],), (IDENTITY[i],), 1)[-1].x.data.tolist()[0] for i in range(3)]
    assert all(a != b for a, b in zip(whole, rows, strict=True))


def test_the_rows_are_one_system_with_a_block_for_each():
    """The rows of W one after the other, and Sigma repeated: the same points."""
    blocks = tuple(
        tuple(COUPLED[i][j] if row == column else F(0) for column in range(3) for j in range(3))
        for row in range(3) for i in range(3)
    )
    flat = [tuple(entry for row in table for entry in row) for table in (TARGET, IDENTITY)]
    together = exact_run(blocks, (flat[0],), (flat[1],), 3)
    for one, many in zip(exact_run(COUPLED, TARGET, IDENTITY, 3), together, strict=True):
        assert one.x.entries() == many.x.entries()


def test_balls_hold_the_exact_points():
    for exact, ball in zip(
        exact_run(COUPLED, TARGET, IDENTITY, 2), exact_run(COUPLED, TARGET, IDENTITY, 2, BALL), strict=True
    ):
        assert all(contains(b, value) for b, value in zip(ball.x.entries(), exact.x.entries(), strict=True))


# The solver.


def problem_of(kappa=100.0, d=6, seed=0):
    rng = np.random.default_rng(seed)
    spectrum = np.concatenate([[1 / kappa], rng.uniform(1 / kappa, 1, d)[1:-1], [1.0]])
    basis = np.linalg.qr(rng.standard_normal((d, d)))[0]
    sigma = (basis * spectrum) @ basis.T
    sigma, target = (sigma + sigma.T) / 2, rng.standard_normal((d, d))
    return Problem.from_moments(sigma, target @ sigma, float(np.trace(target @ sigma @ target.T)) + 1)


@given(st.floats(1.01, 1e4), st.integers(2, 8), st.integers(0, 2**32 - 1))
@drawn
def test_no_other_method_is_better_at_any_stage(kappa, d, seed):
    problem = problem_of(kappa, d, seed)
    best = linres.conjugate_gradient(problem, stages=d - 1)
    for solve in (linres.chebyshev, linres.accelerate, linres.descend):
        other = solve(problem, stages=d - 1).excess_loss
        count = min(len(best.excess_loss), len(other))
        assert np.all(best.excess_loss[:count] <= other[:count] * (1 + 1e-6) + best.floor)
    bound = chebyshev.lower_bound(problem.q, np.arange(len(best.excess_loss)))
    assert np.all(best.excess_loss <= bound * best.excess_loss[0] * (1 + 1e-6) + best.floor)


def test_the_solver_takes_the_points_of_the_generic_step():
    problem = Problem.from_spectrum([1.0, 2.0, 5.0], target=np.array(TARGET, dtype=float))
    run = linres.conjugate_gradient(problem, stages=2)
    exact = exact_run(diagonal(1, 2, 5), TARGET, IDENTITY, 2)[-1].x
    np.testing.assert_allclose(run.network, np.array(exact.data.tolist(), dtype=float), rtol=1e-12)
    assert (run.method, run.rate_sharp, run.settings["momentum"]) == ("conjugate-gradient", None, None)


def test_two_different_eigenvalues_take_two_stages():
    problem = Problem.from_spectrum([0.01, 0.01, 1.0, 1.0, 1.0])
    run = linres.conjugate_gradient(problem, stages=50, start=np.zeros((5, 5)))
    assert (run.status, run.stage) == ("converged", 2)


def test_a_start_at_the_target_stays_there():
    problem = Problem.from_spectrum([1.0, 2.0], target=np.diag([1.0, 1.0]))
    run = linres.conjugate_gradient(problem, stages=4)
    assert (run.status, run.stage, run.excess_loss.tolist()) == ("converged", 0, [0.0])
    told = method._networks(problem, np.eye(2))
    assert all(np.array_equal(next(told), np.eye(2)) for _ in range(4))


@pytest.mark.parametrize("arguments", [{"stages": 1.5}, {"stages": 2, "start": np.eye(3)}])
def test_bad_settings_are_refused(arguments):
    with pytest.raises(InputError, match=r"^conjugate_gradient\("):
        linres.conjugate_gradient(Problem.from_spectrum([1.0, 4.0]), **arguments)


def test_a_report_says_that_it_chooses_its_own_steps_and_that_no_rate_is_proved(capsys):
    assert cli.main(["train", "digits", "--method", "conjugate-gradient"]) == 0
    lines = capsys.readouterr().out.splitlines()
    said = {line[:16].strip(): line[16:].strip() for line in lines}
    assert said["momentum"] == said["step"] == "chosen at each stage"
    assert said["rate proved"] == "none: no theorem gives one for a stage" and "converged" in said["status"]
    assert cli.main(["train", "digits", "--method", "conjugate-gradient", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["momentum"] is report["step"] is report["rate_sharp"] is None
    assert [entry["name"] for entry in report["hypotheses"]] == ["moments-invertible"]


# The compiled twin.


def compare(problem, stages, trace=kernel.trace):
    """The kernel's states against the generic step's, short of the end, where the last digits decide what is done."""
    start = np.eye(problem.dimension)
    excess, states = trace(problem.sigma, problem.target, start, stages)
    state = method.begin(start, problem.gradient)
    expected = [start]
    for _ in range(stages):
        state = method.step(state, lambda X: X @ problem.sigma)
        expected.append(state.x)
    size = np.linalg.norm(problem.target) + np.linalg.norm(start)
    np.testing.assert_allclose(states, expected, rtol=0, atol=1e-9 * size)
    np.testing.assert_allclose(excess, [problem.excess_loss(x) for x in states], rtol=1e-9, atol=1e-13 * size**2)


@given(st.floats(1.5, 100), st.integers(2, 12), st.integers(0, 2**32 - 1))
@drawn
def test_the_kernel_agrees_with_the_generic_step(kappa, d, seed):
    compare(problem_of(kappa, d, seed), min(d - 1, 5))


def test_run_keeps_the_last_state_only():
    problem = problem_of()
    for stages in range(6):
        excess, states = kernel.trace(problem.sigma, problem.target, np.eye(6), stages)
        found, last = kernel.run(problem.sigma, problem.target, np.eye(6), stages)
        assert np.array_equal(found, excess) and np.array_equal(last, states[-1])


def test_the_kernel_stays_where_it_arrives():
    target = np.array([[1.0, 2.0], [0.5, -1.0]])
    excess, states = kernel.trace(np.eye(2), target, np.zeros((2, 2)), 5)
    assert excess[0] > 0 and np.all(excess[1:] == 0) and np.array_equal(states[-1], target)
    excess, states = kernel.trace(np.eye(2), target, target, 3)
    assert np.all(excess == 0) and np.all(states == target)


def steepest_descent(sigma, target, start, stages):
    """Every direction is the gradient."""
    states = [start]
    for _ in range(stages):
        slope = (states[-1] - target) @ sigma
        states.append(states[-1] - np.sum(slope**2) / np.sum(slope @ sigma * slope) * slope)
    return np.array([np.sum((x - target) @ sigma * (x - target)) / 2 for x in states]), np.array(states)


def row_by_row(sigma, target, start, stages):
    rows = [kernel.trace(sigma, target[i : i + 1], start[i : i + 1], stages) for i in range(len(target))]
    return sum(excess for excess, _ in rows), np.concatenate([states for _, states in rows], axis=1)


@pytest.mark.parametrize("wrong", [steepest_descent, row_by_row])
def test_a_wrong_kernel_is_noticed(wrong):
    compare(problem_of(), 3)
    with pytest.raises(AssertionError):
        compare(problem_of(), 3, wrong)
