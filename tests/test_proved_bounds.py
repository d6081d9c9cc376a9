"""Bounds of runs, as theorems evaluate them: held against formulas by hand and against runs."""

import math
from itertools import product

import numpy as np
import pytest

from linres import guarantee, proved_bounds, starts
from linres.data import load
from linres.methods import chebyshev, conjugate_gradient, descent, nesterov, random_start, stacking
from linres.problem import Problem
from linres.theorems import load as load_theorem

PROBLEM = Problem.from_spectrum([0.36, 0.64, 1.0], target=np.diag([2.0, -3.0, 2.5]))
T = np.arange(8)


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        (proved_bounds.accelerated(0.3, 2.0), 2 * 0.7**T),
        (proved_bounds.nesterov(0.3, 5.0, 2.0), 2 * 0.7**T),
        (proved_bounds.quadratic(0.3, 2.0), 2 * (1 + 0.3 * T) ** 2 * 0.49**T),
        (proved_bounds.chebyshev(0.5, 2.0), 8 * 0.25**T / (1 + 0.25**T) ** 2),
        (proved_bounds.descent(0.3, 2.0), 2 * 0.91 ** (2 * T)),
        (proved_bounds.parameter(0.3, 2.0), 2 * 0.7**T),
        (proved_bounds.sharp(0.3, 5.0, 7.0, 0.01),
         0.01 * (1 + 4.5 * math.sqrt(0.02 / 0.45) / 7) ** 2 * ((1 + 0.3 * T) ** 2 + 0.91) * 0.49**T),
        (proved_bounds.noisy(0.5, 4.0, 1.0, np.full(8, 0.5)),
         (9 / 16) ** T + 9 / 16 * 0.5 * (1 - (9 / 16) ** T) / (7 / 16)),
    ],
)
def test_are_the_right_sides_of_their_theorems(bound, expected):
    np.testing.assert_allclose(bound.at(T), expected, rtol=1e-12)
    assert bound.by in load_theorem(bound.by).name
    if bound.contraction is not None:
        np.testing.assert_allclose(bound.at(T)[1:], bound.contraction * bound.at(T)[:-1], rtol=1e-12)


RUNS = {
    "nesterov": (lambda p, first: nesterov.accelerate(p, start=first, stages=40), ("nesterov-quadratic",
                                                                                  "nesterov-with-errors")),
    "stacking": (lambda p, first: stacking.grow(p, start=first, stages=40), ("stacking-quadratic",
                                                                               "stacking-acceleration")),
    "zero": (lambda p, first: stacking.grow(p, start=first, block_start="zero", stages=40), ("gradient-step",)),
    "short": (lambda p, first: descent.descend(p, start=first, step_size=0.3, stages=40), (guarantee.EXACT,)),
    "chebyshev": (lambda p, first: chebyshev.chebyshev(p, start=first, stages=20), ("chebyshev-iteration",)),
}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("problem", [PROBLEM, load("digits")], ids=["spectrum", "digits"])
def test_hold_of_runs_at_every_stage(name, problem):
    solve, theorems = RUNS[name]
    run = solve(problem, starts.near(problem, fraction=0.05, seed=3))
    proved = guarantee.of(problem, run)
    assert tuple(bound.by for bound in proved.bounds) == theorems
    for bound in proved.bounds:
        values = bound.at(np.arange(len(run.loss)))
        assert np.all(run.excess_loss <= values * (1 + 1e-9) + run.floor)
        assert values[0] >= run.excess_loss[0] * (1 - 1e-12)


def test_of_the_chebyshev_iteration_is_attained_along_the_slowest_eigenvector():
    first = np.array(PROBLEM.target)
    first[0, 0] += 0.25
    run = chebyshev.chebyshev(PROBLEM, start=first, stages=8)
    [bound] = guarantee.of(PROBLEM, run).bounds
    np.testing.assert_allclose(run.excess_loss, bound.at(np.arange(9)), rtol=1e-9)


def test_no_bound_is_proved_of_conjugate_gradients_nor_where_a_hypothesis_fails():
    run = conjugate_gradient.conjugate_gradient(PROBLEM, stages=2)
    assert guarantee.of(PROBLEM, run).bounds == ()
    for run in (stacking.grow(PROBLEM, stages=2), nesterov.accelerate(PROBLEM, stages=2, momentum=0.3)):
        assert guarantee.of(PROBLEM, run).lacking
        assert guarantee.of(PROBLEM, run).bounds == ()


class TestSharpBasin:
    """stacking-quadratic asks for an excess of at most mu sigma_min^2/162: here 1.44/162, along the L-eigenvector."""

    @pytest.mark.parametrize(("beyond", "inside"), [(-1e-6, True), (1e-6, False)])
    def test_has_the_edge_of_the_theorem(self, beyond, inside):
        first = np.array(PROBLEM.target)
        first[2, 2] += math.sqrt(2 * 1.44 / 162) * (1 + beyond)
        proved = guarantee.of(PROBLEM, stacking.grow(PROBLEM, start=first, stages=5))
        assert proved.inside_basin is True
        assert proved.rate_sharp_by == ("stacking-quadratic" if inside else None)
        assert [bound.by for bound in proved.bounds] == ["stacking-quadratic"] * inside + ["stacking-acceleration"]


class TestNoise:
    def test_is_the_mean_over_all_outcomes_of_starts_of_the_same_variance(self):
        """Entries of w^0 are +-scale/sqrt(d), equally likely: all outcomes of two stages of 2 x 2 blocks."""
        problem = Problem.from_spectrum([0.5, 1.0], target=np.array([[1.0, 0.5], [-0.3, 2.0]]))
        first, scale, step_size = np.array([[1.0, 0.2], [0.0, 0.7]]), 0.4, 0.8
        laws = [np.array(signs).reshape(2, 2) * scale / math.sqrt(2) for signs in product((-1, 1), repeat=4)]
        squares = np.zeros(2)
        for start, second in product(laws, laws):
            made = random_start.stage(first, start, problem.gradient, step_size=step_size)
            again = random_start.stage(made.network, second, problem.gradient, step_size=step_size)
            squares += [np.sum(made.noise**2), np.sum(again.noise**2)]
        found = random_start.noise_norms(problem, first, scale=scale, step_size=step_size, stages=2)
        np.testing.assert_allclose(found, np.sqrt(squares / len(laws) ** 2), rtol=1e-12)

    @pytest.mark.parametrize("step_size", [None, 0.5])
    def test_floor_bounds_the_mean_over_seeds(self, step_size):
        runs = [
            stacking.grow(PROBLEM, block_start="random", scale=0.05, seed=seed, stages=20, step_size=step_size)
            for seed in range(200)
        ]
        excess = np.array([run.excess_loss for run in runs])
        [bound] = guarantee.of(PROBLEM, runs[0]).bounds
        assert (bound.by, bound.of) == ("random-start-noise-floor", "mean")
        values, error = bound.at(np.arange(21)), excess.std(axis=0) / math.sqrt(len(runs))
        assert np.all(excess.mean(axis=0) <= values + 5 * error)
        assert values[-1] > excess.mean(axis=0)[-1] > 0

    @pytest.mark.parametrize(
        ("settings", "lacking"),
        [({"rule": "parameter"}, "functional-rule"), ({"step_size": 1.5}, "step"), ({"inner": 2}, "one-step")],
    )
    def test_floor_names_the_hypothesis_that_fails(self, settings, lacking):
        proved = guarantee.of(PROBLEM, stacking.grow(PROBLEM, block_start="random", stages=3, **settings))
        assert [entry["name"] for entry in proved.lacking] == [lacking]
        assert proved.bounds == ()


class TestReference:
    def test_keeps_the_polynomial_factor_of_a_double_root(self):
        run = stacking.grow(PROBLEM, stages=7)
        values, words = proved_bounds.reference(run, T)
        np.testing.assert_allclose(values, load_theorem("nesterov-quadratic").bound(q=PROBLEM.q, T=T, c=np.ones(1)))
        assert "(1+qt)²" in words

    @pytest.mark.parametrize("momentum", [0.2, 0.3])
    def test_has_none_for_another_momentum(self, momentum):
        run = nesterov.accelerate(PROBLEM, stages=7, momentum=momentum)
        values, words = proved_bounds.reference(run, T)
        np.testing.assert_allclose(values, run.rate_sharp**T)
        assert "²" not in words

    def test_of_a_shorter_step_with_its_own_momentum_is_that_of_the_theorem_at_one_over_the_step(self):
        q = math.sqrt(0.36 * 0.5)
        run = nesterov.accelerate(PROBLEM, stages=30, step_size=0.5, momentum=(1 - q) / (1 + q))
        values, _ = proved_bounds.reference(run, np.arange(31))
        np.testing.assert_allclose(values, (1 + q * np.arange(31)) ** 2 * (1 - q) ** (2 * np.arange(31)), rtol=1e-9)
        assert np.all(run.excess_loss <= values * run.excess_loss[0] * (1 + 1e-9))

    def test_is_none_where_no_sharp_rate_is_known(self):
        assert proved_bounds.reference(conjugate_gradient.conjugate_gradient(PROBLEM, stages=2), T) is None
