"""Instances at the edge of what numbers can hold: no theorem is refuted by one, nothing crashes, and what float64 says
of a run is true in exact arithmetic or not said.

Condition numbers up to 1e16, dimensions up to 256, repeated and clustered eigenvalues, scales from 1e-300 to 1e300,
subnormal numbers, targets that are singular, or nearly.
"""

from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
from float64_runs import problem as rotated

from linres import bounds, guarantee, starts
from linres.arithmetic import BALL, EXACT, rational
from linres.errors import InputError
from linres.instances import NesterovRun, QuadraticRun, RecordedRun, aligned_stacking_run
from linres.kernels import nesterov as kernel
from linres.methods import descent, nesterov, stacking
from linres.near_target import GRAIN, PerturbedStackingRun, largest_K, placed, recorded
from linres.problem import Problem
from linres.rungs import rigorous
from linres.theorems import load

F = Fraction
TINY, HUGE = F(1, 10**150), F(10**150)


def decided(name, instance, *, arithmetic=EXACT):
    """(rows that hold, rows rejected, rows undecided): a proved theorem fails on none."""
    theorem = load(name)
    measure = theorem.measure if arithmetic is EXACT else lambda instance, _: theorem.measure(instance, arithmetic)
    checked = rigorous.check(replace(theorem, measure=measure), instance)
    assert checked.failure is None
    return checked.holds, checked.rejected, checked.undecided


# Float64 runs of Nesterov's method, their rounding counted as errors.


def spectrum(kind, d, kappa):
    if kind == "clustered":
        return 1 + 1e-15 * np.arange(d)
    if kind == "repeated":
        return np.repeat([1 / kappa, 1.0], [d - d // 2, d // 2])
    return np.geomspace(1 / kappa, 1, d) if d > 1 else np.ones(1)


def float64_run(eigenvalues, stages, *, size=1.0):
    """From rest, one row of W alone; q and L certainly enclose the spectrum."""
    L, mu = (F(float(each)) for each in (eigenvalues.max(), eigenvalues.min()))
    q = min(bounds.root_below(mu / L), F(1))
    target, start = size * np.random.default_rng(0).standard_normal((2, 1, len(eigenvalues)))
    step = min(float(1 / L) if 1 / L < 10**308 else np.inf, 1e308)
    trace = kernel.trace(np.diag(eigenvalues), target, start, float((1 - q) / (1 + q)), step, stages)
    return RecordedRun(np.diag(eigenvalues), target, trace.states, trace.lookaheads, q, L)


@pytest.mark.parametrize("kappa", [1, 1e4, 1e8, 1e12, 1e16])
@pytest.mark.parametrize(("kind", "d"), [
    ("geometric", 1), ("geometric", 16), ("geometric", 64), ("geometric", 256), ("repeated", 16), ("clustered", 256),
])
def test_a_float64_run_is_certified_however_ill_conditioned(kind, d, kappa):
    run = float64_run(spectrum(kind, d, kappa), 20)
    assert decided("nesterov-with-errors", run) == (1, 0, 0)
    assert decided("nesterov-step", run) == (20, 0, 0)


@pytest.mark.parametrize("size", [1e-150, 1.0, 1e150])
@pytest.mark.parametrize("scale", [1e-308, 1e-150, 1.0, 1e150])
def test_a_float64_run_is_certified_at_every_scale(scale, size):
    run = float64_run(scale * spectrum("geometric", 4, 100), 20, size=size)
    assert decided("nesterov-with-errors", run) == (1, 0, 0)


@pytest.mark.parametrize(("scale", "size"), [(1.0, 5e-324), (1.0, 1e-310), (1.0, 1e307), (1e308, 1.0), (1e308, 1e-310)])
def test_a_float64_run_on_subnormal_or_the_largest_numbers_is_certified(scale, size):
    run = float64_run(scale * spectrum("geometric", 4, 100), 20, size=size)
    assert decided("nesterov-with-errors", run) == (1, 0, 0)


def test_a_run_that_overflowed_is_no_instance():
    with pytest.raises(rigorous.FAULTS, match="should be finite"):
        decided("nesterov-with-errors", float64_run(1e308 * spectrum("geometric", 4, 100), 20, size=1e150))


@pytest.mark.slow
@pytest.mark.parametrize("kappa", [1e4, 1e16])
def test_a_float64_run_of_100_000_stages_is_certified_however_ill_conditioned(kappa):
    assert decided("nesterov-with-errors", float64_run(spectrum("geometric", 2, kappa), 100_000)) == (1, 0, 0)


@pytest.mark.slow
def test_a_float64_run_of_1000_stages_at_d_256_and_kappa_1e16_is_certified():
    assert decided("nesterov-with-errors", float64_run(spectrum("geometric", 256, 1e16), 1000)) == (1, 0, 0)


# Float64 runs of stacking.


def stacked(eigenvalues, target, start, stages=20):
    return recorded(*(np.array(each, dtype=float) for each in (np.diag(eigenvalues), target, start)), stages)


PLANE = np.eye(2)
CERTIFIED = {
    "kappa 1e16": ([1e-16, 1], PLANE, (1 + 1e-12) * PLANE),
    "kappa 1, repeated": ([1, 1], PLANE, (1 + 1e-12) * PLANE),
    "kappa 1 + 1e-15": ([1, 1 + 1e-15], PLANE, (1 + 1e-12) * PLANE),
    "a target of 1e-300": ([0.1, 1], 1e-300 * PLANE, 1.001e-300 * PLANE),
    "a target of 1e300": ([0.1, 1], 1e300 * PLANE, 1.001e300 * PLANE),
    "a target of subnormal numbers": ([0.1, 1], 1e-310 * PLANE, 1.001e-310 * PLANE),
    "the least target of all": ([0.1, 1], 5e-324 * PLANE, 5e-324 * PLANE),
    "moments of 1e-300": ([1e-300, 2e-300], PLANE, 1.001 * PLANE),
    "moments of 1e300": ([1e300, 2e300], PLANE, 1.001 * PLANE),
    "a smallest singular value of 1e-300": ([0.1, 1], np.diag([1, 1e-300]), np.diag([1, 1.0001e-300])),
    "a smallest singular value of 1e-16": ([0.1, 1], np.diag([1, 1e-16]), np.diag([1, 1.0001e-16])),
}


@pytest.mark.parametrize("name", CERTIFIED)
def test_a_float64_run_of_stacking_is_certified(name):
    assert decided("stacking-acceleration-with-errors", stacked(*CERTIFIED[name])) == (1, 0, 0)


@pytest.mark.parametrize(("d", "kappa", "stages"), [(4, 1e8, 50), (4, 1e12, 50), (16, 1e8, 20), (32, 1e4, 5)])
def test_a_float64_run_of_stacking_in_general_position_is_certified(d, kappa, stages):
    assert decided("stacking-acceleration-with-errors", recorded(*rotated(d, kappa), stages)) == (1, 0, 0)


@pytest.mark.slow
def test_a_float64_run_of_stacking_at_d_64_is_certified():
    assert decided("stacking-acceleration-with-errors", recorded(*rotated(64, 1e6), 5)) == (1, 0, 0)


@pytest.mark.parametrize(("eigenvalues", "target", "message"), [
    ([0.1, 1], np.diag([1.0, 0.0]), "invertible"), ([0.0, 1], PLANE, "positive definite"),
    ([5e-324, 1e-323], PLANE, "moderate size"), ([-1.0, 1], PLANE, "positive definite"),
])
def test_what_cannot_be_recorded_is_refused(eigenvalues, target, message):
    with pytest.raises(InputError, match=message):
        stacked(eigenvalues, target, target)


# Exact runs, and runs in balls.

CORNERS = [(F(1), F(1)), (TINY, HUGE), (HUGE, TINY)]
ROOTS = [F(1, 10**8), F(1, 2), 1 - F(1, 10**16)]  # kappa = 1e16, 4, and 1 + 2e-16


def entries(d, scale, seed=0):
    return tuple(scale * F(int(k), 7) for k in np.random.default_rng([seed, d]).integers(-9, 10, d))


def shares(d, seed=0):
    return tuple(F(int(k), 9) for k in np.random.default_rng([seed, d, 1]).integers(0, 10, d))


def perturbed(d, q, L, scale, stages=3):
    names = ("x", "x_prev", "lookahead_error", "step_error", "minimiser")
    points = {name: entries(d, scale, seed) for seed, name in enumerate(names)}
    return NesterovRun(q, L, shares(d), shares(d, 1), **points, mirror=entries(d, 1, 9), stages=stages)


@pytest.mark.parametrize("q", ROOTS)
@pytest.mark.parametrize("d", [1, 8, 32])
def test_exact_runs_at_every_corner_hold(d, q):
    for L, scale in CORNERS:
        run = perturbed(d, q, L, scale)
        assert decided("nesterov-with-errors", run) == (1, 0, 0)
        assert decided("nesterov-step", run) == (3, 0, 0)
        eigenvalues = tuple(q * q * L + share * (L - q * q * L) for share in shares(d))
        quadratic = QuadraticRun(q, L, eigenvalues, entries(d, scale), mirror=entries(d, 1, 9), stages=4)
        assert decided("nesterov-quadratic", quadratic) == (d, 0, 0)


@pytest.mark.parametrize("q", ROOTS)
@pytest.mark.parametrize("d", [1, 8, 32])
def test_in_balls_nothing_fails_and_more_bits_decide_more(d, q):
    for L, scale in CORNERS:
        run = perturbed(d, q, L, scale)
        holds, rejected, undecided = decided("gradient-step", run, arithmetic=BALL)
        assert (holds + undecided, rejected) == (3, 0)
        assert holds == 3 or d == 1  # in one dimension both sides may be equal
        assert decided("nesterov-with-errors", run, arithmetic=BALL) == (0, 0, 1)  # balls show no equation


def aligned(d, q, L, scale, shift, least):
    eigenvalues = tuple(q * q * L + share * (L - q * q * L) for share in shares(d))
    displacement = tuple(tuple(shift * scale * F(1 + (i + j) % 3, 3) for j in range(d)) for i in range(d))
    values = (*(scale * F(1 + k) for k in range(d - 1)), scale * least)
    return aligned_stacking_run(
        q=q, L=L, eigenvalues=eigenvalues, values=values, displacement=displacement, stages=3)


@pytest.mark.parametrize("q", ROOTS)
@pytest.mark.parametrize("d", [1, 3, 8])
def test_exact_runs_of_stacking_hold_or_start_outside_the_basin(d, q):
    for L, scale in CORNERS:
        assert decided("stacking-acceleration", aligned(d, q, L, scale, q / 200, F(1))) == (1, 0, 0)
        for shift, least in [(F(2), F(1)), (F(1, 100), F(0))]:  # far from the target; close to a singular one
            run = aligned(d, q, L, scale, shift, least)
            assert decided("stacking-acceleration", run) == (0, 1, 0)
            assert sum(decided("stacking-residual", run)) == decided("stacking-residual", run)[0]


@pytest.mark.parametrize("q", ROOTS)
@pytest.mark.parametrize(("L", "scale"), CORNERS)
def test_perturbed_runs_of_stacking_hold_up_to_the_edge_of_their_basin(q, L, scale):
    zero, one = F(0), F(1)
    plane = ((one, zero), (zero, one))
    wide = tuple(tuple(scale * each for each in row) for row in plane)
    K = largest_K(q, L, scale * (1 - GRAIN))
    run = PerturbedStackingRun(
        q, L, up=((zero, one), (zero, one)), down=((zero, one), (zero, one)), target=wide, start=wide, before=wide,
        least=scale, K=K, stages=4, bits=400)
    assert decided("stacking-acceleration-with-errors", placed(run, plane, plane, F(99, 100))) == (1, 0, 0)
    assert decided("stacking-acceleration-with-errors", placed(run, plane, plane, F(101, 100))) == (0, 1, 0)


# Training: each claim beside the truth, worked out exactly for moments and targets that are diagonal.


SPECTRA = {
    **{f"kappa {kappa:g}": np.geomspace(1 / kappa, 1, 3) for kappa in (1, 1e4, 1e8, 1e12, 3e14, 1e16, 1e300)},
    "clustered": 1 + 1e-15 * np.arange(3), "next to repeated": np.array([1, 1, 1 + 2.0**-52]),
    "repeated": np.array([0.01, 1, 1]),
    **{f"scale {scale:g}": scale * np.array([1.0, 2, 3]) for scale in (5e-324, 1e-300, 1e-150, 1e150, 5e307)},
}
TARGETS = {
    "2": np.full(3, 2.0), "0": np.zeros(3), "singular": np.array([1.0, 1, 0]),
    **{f"least {least:g}": np.array([1, 1, least]) for least in (1e-300, 1e-16, 1e-8)},
    **{f"scale {scale:g}": np.full(3, scale) for scale in (5e-324, 1e-310, 1e-150, 1e150, 1e307)},
}
STARTS = {
    "identity": lambda problem: None, "zero": lambda problem: np.zeros((3, 3)),
    "target": lambda problem: problem.target, "far": lambda problem: 1e150 * np.eye(3), "near": starts.near,
    "at the edge": lambda problem: starts.near(problem, fraction=1.0),
    "just inside": lambda problem: starts.near(problem, fraction=1 - 1e-15),
    "just outside": lambda problem: starts.near(problem, fraction=1 + 1e-9),
}
METHODS = {
    "gradient": descent.descend, "nesterov": nesterov.accelerate,
    "stacking": lambda problem, start, **rest: stacking.grow(problem, start=start, **rest),
    "zero": lambda problem, start, **rest: stacking.grow(problem, start=start, block_start="zero", **rest),
    "parameter": lambda problem, start, **rest: stacking.grow(problem, start=start, rule="parameter", **rest),
}


class Truth:
    """mu, L and sigma_min of diagonal moments, exactly, and whether a start is in the basin."""

    def __init__(self, problem):
        self.curvatures = [F(float(each)) for each in np.diag(problem.sigma)]
        self.mu, self.L = min(self.curvatures), max(self.curvatures)
        self.target = [F(float(c)) / s for c, s in zip(np.diag(problem.cross), self.curvatures, strict=True)]
        self.sigma = min(map(abs, self.target))

    def inside(self, network) -> bool:
        """Phi_0 <= basin(q) mu sigma^2, in balls of 2000 bits; equality is not met."""
        squares = [
            (s + self.mu, F(float(network[i, j])) - (self.target[i] if i == j else 0))
            for i in range(3) for j, s in enumerate(self.curvatures)
        ]
        potential = sum(weight * offset * offset for weight, offset in squares) / 2
        with flint.ctx.workprec(2000):
            q = flint.arb(rational(self.mu / self.L)).sqrt()
            reach = 2 * (2 * (1 + q).sqrt() + (1 - q).sqrt()) ** 2 * flint.arb(rational(potential))
            edge = flint.arb(rational(self.mu * self.sigma**2))
            assert reach <= edge or reach > edge
            return bool(reach <= edge)


def assert_true(found, problem, run):
    """Every hypothesis that is said to hold or to fail, and the rate, beside the truth."""
    truth = Truth(problem)
    said = {entry["name"]: entry["holds"] for entry in found.hypotheses}
    assert said["moments-invertible"] is not False
    if said.get("conditioned") is not None:
        assert said["conditioned"] == (truth.mu != truth.L)
    if said.get("target-invertible"):
        assert truth.sigma > 0
    if found.basin is not None and found.basin.inside is not None:
        assert found.basin.inside == truth.inside(run.first)
    assert found.inside_basin is not True or truth.inside(run.first)
    if found.rate_proved is not None and found.statement in ("stacking-acceleration", "nesterov-with-errors"):
        assert (1 - F(found.rate_proved)) ** 2 <= (1 + F(1, 2**9)) * truth.mu / truth.L + F(1, 10**15)
    elif found.rate_proved is not None:
        kept = 1 - F(run.settings["step_size"]) * truth.mu
        assert found.rate_proved >= kept * kept - F(1, 10**14)


def attempts(eigenvalues, target):
    """(problem, run) of every start and method; InputError of one line for what cannot be trained."""
    try:
        problem = Problem.from_spectrum(eigenvalues, target=np.diag(target))
        _ = problem.target
    except InputError as refusal:
        assert "\n" not in str(refusal)
        return
    for start in STARTS.values():
        for method in METHODS.values():
            try:
                yield problem, method(problem, start=start(problem), stages=5)
            except InputError as refusal:
                assert "\n" not in str(refusal)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.filterwarnings("error")
def test_training_neither_crashes_nor_claims_what_is_not_so(spectrum, target):
    for problem, run in attempts(SPECTRA[spectrum], TARGETS[target]):
        assert run.status in {"converged", "budget", "diverged"}
        assert np.all(np.isfinite(run.excess_loss)) and np.all(np.isfinite(run.network))
        assert_true(guarantee.of(problem, run), problem, run)


def test_the_grid_has_claims_of_each_kind():
    found = [
        guarantee.of(problem, run) for spectrum in ("kappa 10000", "repeated") for target in ("2", "singular")
        for problem, run in attempts(SPECTRA.get(spectrum, SPECTRA["kappa 10000"]), TARGETS[target])
    ]
    assert {each.basin.inside for each in found if each.basin is not None} == {True, False, None}
    assert {each.inside_basin for each in found} == {True, False, None}
    assert {each.statement for each in found if each.rate_proved is not None} == {
        "stacking-acceleration", "nesterov-with-errors", "gradient-step"}


@pytest.mark.parametrize("kappa", [1e13, 1e14, 1e15])
def test_no_rate_is_claimed_where_rounding_leaves_no_digit_of_q(kappa):
    problem = Problem.from_spectrum(np.geomspace(1 / kappa, 1, 3))
    found = guarantee.of(problem, nesterov.accelerate(problem, stages=1))
    assert found.rate_proved is None and {entry["holds"] for entry in found.lacking} == {None}


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e8, 1e12, 1e14])
@pytest.mark.parametrize("samples", [10, 1000])
def test_data_whose_moments_are_singular_are_not_called_invertible_however_far_from_zero(offset, samples):
    """The third column is the sum of the others, exactly."""
    two = np.random.default_rng(1).integers(-100, 100, (samples, 2)) + offset * np.array([1.0, 3.0])
    x = np.hstack([two, two.sum(axis=1, keepdims=True)])
    problem = Problem.from_data(x, x * [1.0, 2, 3])
    assert problem.moments_invertible is not True
    if problem.rank == 3:
        found = guarantee.of(problem, nesterov.accelerate(problem, stages=1))
        assert found.rate_proved is found.rate_sharp_by is None


@pytest.mark.parametrize("offset", [0.0, 1e8, 1e12])
def test_data_far_from_zero_have_the_moments_of_those_moved_back(offset):
    x = np.random.default_rng(1).integers(-100, 100, (1000, 2)).astype(float)
    near, far = (Problem.from_data(shift + x, (shift + x) * [1.0, 2]) for shift in (0.0, offset))
    np.testing.assert_allclose(far.sigma, near.sigma, rtol=0, atol=near.sigma_error)
    assert far.moments_invertible is True


@pytest.mark.parametrize("scale", [1e-320, 1e-200, 1e-150, 1e150, 1e200, 5e307])
@pytest.mark.filterwarnings("error")
def test_data_of_any_scale_are_learnt_or_refused(scale):
    x = np.random.default_rng(1).uniform(-1, 1, (50, 3))
    try:
        problem = Problem.from_data(scale * x, scale * x * [1.0, 2, 3])
        found = guarantee.of(problem, stacking.grow(problem, stages=3))
    except InputError as refusal:
        assert "\n" not in str(refusal) and not 1e-151 < scale < 1e151
    else:
        assert found.statement == "stacking-acceleration"
