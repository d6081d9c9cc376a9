"""Instances in bulk: what float64 measured is what exact arithmetic measures on the instance handed over."""

from fractions import Fraction

import flint
import numpy as np
import pytest
from sympy import Ge
from sympy.stats import Normal, Probability

from linres.arithmetic import EXACT
from linres.evaluate import Enclosure
from linres.rungs import rigorous
from linres.sampling import DIMENSIONS, PATH_STAGES, STAGES
from linres.theorems import NAMES, load, nesterov_quadratic, nesterov_step, nesterov_with_errors, stacking_residual

COUNT = 200
CHOSEN = range(0, COUNT, 23)


def batch(theorem, seed=0, count=COUNT):
    return theorem.sample(np.random.default_rng(seed), count)


def as_float(value):
    return float(flint.arb(value).mid())


def agree(measured, exact, scale):
    """Within the rounding of a few dozen operations on numbers of this size."""
    return abs(measured - as_float(exact)) <= 1e-13 * scale


SAMPLED = [name for name in NAMES if load(name).sample is not None]


def test_all_theorems_but_those_about_chances_are_sampled():
    """Chances are drawn at the rungs themselves, as many times as a verdict takes."""
    chances = {name for name in NAMES if load(name).conclusion.has(Probability)}
    assert {*NAMES} - {*SAMPLED} == chances
    assert Ge(Probability(Normal("x", 0, 1) > 0), 0, evaluate=False).has(Probability)  # they would be seen


@pytest.mark.parametrize("name", SAMPLED)
def test_every_rebuilt_instance_satisfies_the_hypotheses_and_the_theorem(name):
    theorem = load(name)
    sampled = batch(theorem)
    for k in CHOSEN:
        checked = rigorous.check(theorem, sampled.instance(k))
        assert checked.holds > 0 and checked.failure is None and not checked.rejected and not checked.undecided


@pytest.mark.parametrize("name", SAMPLED)
def test_the_same_seed_gives_the_same_batch_and_another_seed_another(name):
    first, again, other = (batch(load(name), seed=seed) for seed in (5, 5, 6))
    for symbol, values in first.columns.items():
        np.testing.assert_array_equal(values, again.columns[symbol])
    assert repr(first.instance(0)) == repr(again.instance(0)) != repr(other.instance(0))


@pytest.mark.parametrize("name", SAMPLED)
@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_a_small_batch_has_as_many_instances_as_it_says(name, count):
    sampled = batch(load(name), count=count)
    assert count <= sampled.drawn < count + len(DIMENSIONS)
    arrays = filter(np.ndim, sampled.columns.values())
    rows = max(np.shape(values)[-3 if np.ndim(values) > 2 else -1] for values in arrays)  # matrices are (n, d, d)
    assert len({repr(sampled.instance(k)) for k in range(rows)}) <= sampled.drawn


@pytest.mark.parametrize("name", SAMPLED)
def test_instances_are_written_so_that_they_can_be_read_back(name):
    from linres.additive_runs import AdditiveRun
    from linres.convex_runs import ConvexRun
    from linres.convex_stacking import ConvexStackingRun
    from linres.instances import NesterovRun, QuadraticRun, StackingRun
    from linres.krylov import KrylovRun
    from linres.linear_networks import LinearNetwork, Regression, Turns
    from linres.near_target import PerturbedStackingRun
    from linres.parameter_stacking import ParameterRun
    from linres.random_networks import Backwards, GaussianNorms, Layers, Refined, Stopped
    from linres.random_start_runs import NoisyRun, RandomStartRun
    from linres.ring import Contraction, Ring
    from linres.smooth_networks import Powers
    from linres.stationary import MovingAverage
    from linres.theorems.absorption import Numbers

    instance = batch(load(name)).instance(3)
    runs = (
        AdditiveRun, Backwards, Contraction, ConvexRun, ConvexStackingRun, Fraction, GaussianNorms, KrylovRun, Layers,
        LinearNetwork, MovingAverage, NesterovRun, NoisyRun, Numbers, ParameterRun, PerturbedStackingRun, Powers,
        QuadraticRun, RandomStartRun, Refined, Regression, Ring, StackingRun, Stopped, Turns,
    )
    names = {run.__name__: run for run in runs}
    assert eval(repr(instance), names) == instance


def test_steps_are_measured_as_the_exact_run_measures_them():
    one = nesterov_step
    sampled = batch(one.THEOREM)
    for k in CHOSEN:
        row = one.measure(sampled.instance(STAGES * k), EXACT)
        for stage in range(STAGES):
            exact = Enclosure(row[stage], one.DEFINITIONS)
            size = max(as_float(exact.value(one.Phi)) + as_float(exact.value(one.Phi_next)), 1e-300) ** 0.5
            size += as_float(exact.value(one.d)) + as_float(exact.value(one.e_norm)) + as_float(exact.value(one.r))
            energy = 1 + (1 + as_float(exact.value(one.L))) * size**2
            for symbol in (one.Phi, one.Phi_next, one.d, one.e_norm, one.r, one.q, one.L):
                scale = energy if symbol in (one.Phi, one.Phi_next) else 1 + size
                assert agree(sampled.columns[symbol][STAGES * k + stage], exact.value(symbol), 1e3 * scale)


def test_every_row_of_a_step_batch_belongs_to_the_instance_it_names():
    """q and L are exact in float64, so the owner of a row can be told."""
    one = nesterov_step
    sampled = batch(one.THEOREM)
    for row in range(0, STAGES * COUNT, 37):
        instance = sampled.instance(row)
        assert (sampled.columns[one.q][row], sampled.columns[one.L][row]) == (float(instance.q), float(instance.L))


def test_histories_are_the_steps_in_a_row():
    many = nesterov_with_errors
    sampled = batch(many.THEOREM)
    assert sampled.columns[many.T] == STAGES and sampled.columns[many.Phi].shape == (STAGES + 1, sampled.drawn)
    for k in CHOSEN:
        [row] = many.measure(sampled.instance(k), EXACT)
        potentials = [as_float(row[many.Phi][t]) for t in range(STAGES + 1)]
        np.testing.assert_allclose(sampled.columns[many.Phi][:, k], potentials, rtol=1e-9, atol=1e-12 * max(potentials))


def test_paths_along_eigenvectors_are_the_exact_runs():
    n5 = nesterov_quadratic
    sampled = batch(n5.THEOREM)
    assert sampled.columns[n5.T] == PATH_STAGES and sampled.columns[n5.c].shape == (PATH_STAGES + 1, COUNT)
    for k in CHOSEN:
        [row] = n5.measure(sampled.instance(k), EXACT)
        exact = [as_float(row[n5.c][t]) for t in range(PATH_STAGES + 1)]
        np.testing.assert_allclose(sampled.columns[n5.c][:, k], exact, rtol=0, atol=1e-11 * abs(exact[0]))
        for symbol in (n5.q, n5.L, n5.s):
            assert sampled.columns[symbol][k] == as_float(row[symbol])


def test_paths_along_eigenvectors_reach_both_ends_of_the_spectrum():
    n5 = nesterov_quadratic
    q, smoothness, eigenvalues = (batch(n5.THEOREM).columns[symbol] for symbol in (n5.q, n5.L, n5.s))
    at_mu, at_L = eigenvalues == q**2 * smoothness, eigenvalues == smoothness
    for part in (at_mu, at_L, ~(at_mu | at_L)):
        assert np.mean(part) > 0.2


def test_stacking_rows_are_the_exact_training():
    s2 = stacking_residual
    sampled = batch(s2.THEOREM)
    for k in range(0, len(sampled.columns[s2.beta]), 41):
        exact = s2.measure(sampled.instance(k), EXACT)
        found = sampled.columns[s2.W_next][k]
        errors = [
            np.abs(np.reshape([as_float(e) for e in row[s2.W_next].entries()], (2, 2)) - found).max() for row in exact
        ]
        assert min(errors) <= 1e-9 * (1 + np.abs(found).max())


def test_the_batch_has_every_scale_every_dimension_and_every_corner():
    one = nesterov_step
    sampled = batch(one.THEOREM, count=4_000)
    q, smoothness = sampled.columns[one.q], sampled.columns[one.L]
    assert q.max() == 1 and q.min() < 2e-3 and smoothness.max() / smoothness.min() >= 2**20
    for symbol in (one.d, one.e_norm, one.r):
        zeros = np.mean(sampled.columns[symbol] == 0)
        assert 0.05 < zeros < 0.95
    instances = [sampled.instance(STAGES * k) for k in range(0, 4_000, 100)]
    assert {len(run.x) for run in instances} == set(DIMENSIONS)
    assert {run.up == run.down for run in instances} == {True, False}


def test_measured_values_are_finite():
    for name in SAMPLED:
        for values in batch(load(name)).columns.values():
            assert np.all(np.isfinite(values))


def test_runs_near_their_targets_reach_every_corner():
    """At the edge of the basin and at the target, at rest and not, with the largest step errors and without any."""
    from linres.theorems import stacking_acceleration_with_errors as s3

    sampled = batch(s3.THEOREM, count=3_000)
    runs = [sampled.instance(k) for k in range(0, sampled.drawn, 7)]
    corners = (
        lambda run: run.start == run.target, lambda run: run.start == run.before != run.target,
        lambda run: run.start != run.before, lambda run: any(map(any, run.step_error)),
        lambda run: not any(map(any, run.step_error)), lambda run: len(run.target) == 3, lambda run: run.q < 1e-2,
        lambda run: run.q > 0.9, lambda run: run.L > 500, lambda run: run.L * 500 < 1,
    )
    assert all(any(map(corner, runs)) for corner in corners)
    assert 0.99 < np.max(np.sqrt(sampled.columns[s3.Phi][0]) / sampled.columns[s3.K]) <= 1
