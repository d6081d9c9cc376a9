"""The compiled kernels against the generic steps of methods/ run in NumPy, and against deliberately wrong kernels."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from linres.arithmetic import rational, to_exact
from linres.kernels import descent, least_squares, matrices, nesterov, piecewise, quadratic, recurrence, stacking
from linres.methods import descent as descent_step
from linres.methods import nesterov as nesterov_step
from linres.methods import stacking as stacking_step

EPS = np.finfo(float).eps
drawn = settings(deadline=None, max_examples=150)


class Instance(NamedTuple):
    """Least squares with a prescribed spectrum, and how to run on it; errors are periodic, as the kernels take them."""

    sigma: np.ndarray
    target: np.ndarray
    start: np.ndarray
    q: float
    smoothness: float
    stages: int
    lookahead_errors: np.ndarray
    step_errors: np.ndarray

    @property
    def step_size(self):
        return 1 / self.smoothness

    @property
    def momentum(self):
        return nesterov_step.momentum(self.q)

    def gradient(self, point):
        return (point - self.target) @ self.sigma

    def excess(self, point):
        return np.sum((point - self.target) * self.gradient(point)) / 2

    def error(self, errors, stage):
        return errors[stage % len(errors)]


def basis(rng, d, dense):
    return np.linalg.qr(rng.standard_normal((d, d)))[0] if dense else np.eye(d)


def offset(rng, axes, rows, kind):
    """W_0 - W*: a matrix whose rows lie along the mu-eigenvector, along the L-eigenvector, anywhere, or are zero."""
    d = len(axes)
    if kind in ("mu", "L"):
        return np.outer(rng.standard_normal(rows), axes[:, 0 if kind == "mu" else -1])
    return rng.standard_normal((rows, d)) * (kind == "random")


def make(seed=0, d=3, rows=2, kappa=100.0, smoothness=1.0, stages=25, kind="random", dense=True, period=1, noise=0.1):
    rng = np.random.default_rng(seed)
    axes = basis(rng, d, dense)
    spectrum = smoothness * np.concatenate([[1 / kappa], rng.uniform(1 / kappa, 1, d)[1:-1], [1.0]])[-d:]
    q = 1 / np.sqrt(smoothness / spectrum[0])
    sigma, target = (axes * spectrum) @ axes.T, rng.standard_normal((rows, d))
    errors = noise * rng.standard_normal((2, max(period, 1), rows, d))
    start = target + offset(rng, axes, rows, kind)
    return Instance((sigma + sigma.T) / 2, target, start, q, smoothness, stages, *errors)


instances = st.builds(
    make,
    seed=st.integers(0, 2**32 - 1),
    d=st.integers(1, 12),  # the kernels change from loops to BLAS above 8
    rows=st.integers(1, 5),
    kappa=st.sampled_from([1.0, 1 + 1e-12, 1e8]) | st.floats(1, 1e4),
    smoothness=st.sampled_from([1.0, 1e-6, 1e6]) | st.floats(1e-3, 1e3),
    stages=st.sampled_from([0, 1, 2]) | st.integers(3, 40),
    kind=st.sampled_from(["random", "mu", "L", "target"]),
    dense=st.booleans(),
    period=st.integers(1, 40),
    noise=st.sampled_from([0.0, 1e-6, 1.0]),
)


def assert_same_run(instance, found, expected, rounding):
    """Two float64 runs, each a pair of excess (T+1,) and states (T+1, k, d), differ by rounding only.

    rounding bounds what one stage rounds off, in units of eps times the largest state. Both runs solve the same linear
    recursion, so their difference solves it too, from zero, with the roundings as lookahead and step errors. Then the
    method's own theory bounds it: in energy, sqrt(F(difference)) <= sqrt(L) (|D_t| + |e_t|) summed over the stages, as
    the potential contracts; in norm, each error is multiplied by at most t + 1. Reading off the excess F = <R, R
    Sigma>/2 rounds by (k + 2) d eps times L |R|^2.
    """
    (excess, states), (expected_excess, expected_states) = found, expected
    stages, (rows, d) = len(expected_excess) - 1, instance.target.shape
    size = np.sqrt(np.sum(instance.target**2)) + np.sqrt(np.max(np.sum(expected_states**2, axis=(1, 2))))
    distances = np.sum((expected_states - instance.target) ** 2, axis=(1, 2))
    energy = stages * rounding * EPS * size * np.sqrt(instance.smoothness)
    reading = (rows + 2) * d * EPS * instance.smoothness * distances
    assert excess.shape == expected_excess.shape
    assert states.shape == expected_states.shape
    assert np.all(np.abs(excess - expected_excess) <= energy * (2 * np.sqrt(expected_excess) + energy) + reading)
    assert np.all(np.abs(states - expected_states) <= (stages + 1) ** 2 * rounding * EPS * size)


def rounding_of_a_step(instance):
    """Two runs, a product of length d and ten more operations in each, on points of the size of three states."""
    return 3 * 2 * (instance.sigma.shape[0] + 10)


# ---------------------------------------------------------------------------------------------------------- references


def descent_reference(instance):
    states = [instance.start]
    for t in range(instance.stages):
        error = instance.error(instance.step_errors, t)
        states.append(descent_step.step(states[-1], instance.gradient, step_size=instance.step_size, error=error))
    return np.array([instance.excess(state) for state in states]), np.array(states)


def nesterov_reference(instance):
    states = [instance.start, instance.start]
    for t in range(instance.stages):
        _, grown = nesterov_step.step(
            states[-1], states[-2], instance.gradient, momentum=instance.momentum, step_size=instance.step_size,
            lookahead_error=instance.error(instance.lookahead_errors, t),
            step_error=instance.error(instance.step_errors, t),
        )
        states.append(grown)
    return np.array([instance.excess(state) for state in states[1:]]), np.array(states[1:])


def stacking_reference(instance, rule):
    """As far as it goes: the number of stages completed, then excess and networks up to there."""
    networks, block = [instance.start], np.zeros_like(instance.start)
    for _ in range(instance.stages):
        try:
            _, grown, block = stacking_step.stage(
                networks[-1], block, instance.gradient, momentum=instance.momentum, step_size=instance.step_size,
                rule=rule,
            )
        except np.linalg.LinAlgError:
            break
        networks.append(grown)
    return len(networks) - 1, (np.array([instance.excess(network) for network in networks]), np.array(networks))


# --------------------------------------------------------------------------------------------------- the comparisons


def check_descent(instance, kernel=descent.trace):
    found = kernel(
        instance.sigma, instance.target, instance.start, instance.step_size, instance.stages, instance.step_errors
    )
    assert_same_run(instance, found, descent_reference(instance), rounding_of_a_step(instance))


def check_nesterov(instance, kernel=nesterov.trace):
    excess, states, _ = kernel(
        instance.sigma, instance.target, instance.start, instance.momentum, instance.step_size, instance.stages,
        instance.lookahead_errors, instance.step_errors,
    )
    assert_same_run(instance, (excess, states[1:]), nesterov_reference(instance), rounding_of_a_step(instance))


def check_stacking(instance, rule, kernel=stacking.trace):
    """In the basin, where errors contract as in Nesterov's method; recovering a block multiplies by cond(W) <= 9."""
    excess, networks, _, reached = kernel(
        instance.sigma, instance.target, instance.start, instance.momentum, instance.step_size, instance.stages,
        rule == "functional",
    )
    expected_reached, expected = stacking_reference(instance, rule)
    assert reached == expected_reached
    assert_same_run(instance, (excess, networks), expected, 9 * rounding_of_a_step(instance))


def in_the_basin(seed=0, d=3, kappa=30.0, smoothness=1.0, stages=25, kind="random", dense=True):
    """A target with singular values in [1/3, 3] and a start within the basin Phi_0 <= mu sigma^2 / 20, well inside."""
    instance = make(seed, d, d, kappa, smoothness, stages, kind, dense)
    rng = np.random.default_rng(seed)
    target = (basis(rng, d, dense) * rng.uniform(1 / 3, 3, d)) @ basis(rng, d, dense)
    away = instance.start - instance.target
    away *= 0.01 / np.sqrt(kappa) / max(1.0, np.linalg.norm(away))
    return instance._replace(target=target, start=target + away)


def by_the_parameter_rule(instance):
    """The instance with the step size and momentum that this rule asks for: those of W* Sigma W*^T."""
    lowest, highest = np.linalg.eigvalsh(instance.target @ instance.sigma @ instance.target.T)[[0, -1]]
    return instance._replace(smoothness=highest, q=np.sqrt(lowest / highest))


RULES = {"functional": in_the_basin, "parameter": lambda **given: by_the_parameter_rule(in_the_basin(**given))}


def check_recurrence(start, ratio, forcing, kernel=recurrence.run):
    """Against rationals: a step rounds twice, and the roundings of b_t then run through the same recurrence."""
    found = kernel(start, ratio, forcing)
    exact, bound = Fraction(start), 0.0
    assert found[0] == start
    for value, push in zip(found[1:], forcing, strict=True):
        exact = Fraction(ratio) * exact + Fraction(push)
        bound = abs(ratio) * bound + EPS * (abs(float(exact)) + abs(push) + bound) + 1e-300
        assert abs(float(Fraction(value) - exact)) <= bound


class Sample(NamedTuple):
    """Piecewise quadratics for `nesterov_rows`, whose parameters these are."""

    up: np.ndarray
    down: np.ndarray
    x: np.ndarray
    x_prev: np.ndarray
    lookahead_error: np.ndarray
    step_error: np.ndarray
    q: np.ndarray
    L: np.ndarray
    stages: int


def make_sample(seed=0, instances=7, d=3, stages=4, lowest=0.05, noise=1.0):
    rng = np.random.default_rng(seed)
    q, smoothness = rng.uniform(lowest, 1, instances), 10 ** rng.uniform(-3, 3, instances)
    slopes = [(smoothness * rng.uniform(q**2, 1, (d, instances))).T for _ in range(2)]
    points = [rng.standard_normal((instances, d)) for _ in range(2)]
    return Sample(*slopes, *points, *noise * rng.standard_normal((2, instances, d)), q, smoothness, stages)


def piecewise_reference(sample, n):
    """The rows of one instance, and the scale of its potentials: mu |z|^2 is at most L times the square of a length."""
    up, down, x, x_prev, lookahead_error, step_error, q, smoothness, stages = (
        *(field[n] for field in sample[:-1]), sample.stages,
    )

    def gradient(point):
        return np.where(point >= 0, up, down) * point

    def potential(x, x_prev):
        z = nesterov_step.auxiliary(x, x_prev, q=q)
        return nesterov_step.potential(x @ gradient(x) / 2, z @ z, mu=q**2 * smoothness)

    rows = []
    for t in range(stages):
        errors = {"lookahead_error": lookahead_error / 2**t, "step_error": step_error / 2**t}
        _, grown = nesterov_step.step(
            x, x_prev, gradient, momentum=nesterov_step.momentum(q), step_size=1 / smoothness, **errors
        )
        norms = [np.linalg.norm(error) for error in errors.values()]
        distance = np.linalg.norm(nesterov_step.auxiliary(x, x_prev, q=q) - x)
        rows.append([potential(x, x_prev), potential(grown, x), *norms, distance])
        x, x_prev = grown, x
    length = sum(np.linalg.norm(vector[n]) for vector in sample[2:6])
    return np.reshape(rows, (stages, 5)), smoothness * length**2


def check_piecewise(sample, kernel=piecewise.nesterov_rows):
    """Norms to a few eps of the lengths, potentials to some thousand eps of L length^2, for up to five stages."""
    found = kernel(*sample)
    assert found.shape == (len(sample.q) * sample.stages, 5)
    for n, rows in enumerate(found.reshape(len(sample.q), sample.stages, 5)):
        expected, scale = piecewise_reference(sample, n)
        length = np.sqrt(scale / sample.L[n])
        assert np.all(np.abs(rows[:, :2] - expected[:, :2]) <= 1e-12 * scale)
        assert np.all(np.abs(rows[:, 2:4] - expected[:, 2:4]) <= 1e-14 * length)
        assert np.all(np.abs(rows[:, 4] - expected[:, 4]) <= 1e-13 * length / sample.q[n])


class Modes(NamedTuple):
    """Eigenvectors for `quadratic.paths`, whose parameters these are."""

    eigenvalues: np.ndarray
    start: np.ndarray
    q: np.ndarray
    L: np.ndarray
    stages: int


def make_modes(seed=0, count=7, stages=25, lowest=0.05):
    rng = np.random.default_rng(seed)
    q, smoothness = rng.uniform(lowest, 1, count), 10 ** rng.uniform(-3, 3, count)
    share = np.clip(rng.uniform(-0.5, 1.5, count), 0, 1)
    return Modes(smoothness * (q**2 + share * (1 - q**2)), rng.standard_normal(count), q, smoothness, stages)


def check_paths(modes, kernel=quadratic.paths):
    """To (t + 1)^2 roundings: two runs, eight operations in each on numbers of the size of three coordinates.

    Their difference obeys the same recurrence, which multiplies an error by at most t + 1, and no |c_t| exceeds |c_0|.
    """
    found = kernel(*modes)
    expected = [modes.start, modes.start]
    for _ in range(modes.stages):
        _, grown = nesterov_step.step(
            expected[-1], expected[-2], lambda y: modes.eigenvalues * y, momentum=nesterov_step.momentum(modes.q),
            step_size=1 / modes.L,
        )
        expected.append(grown)
    assert found.shape == (modes.stages + 1, len(modes.start))
    allowed = (np.arange(modes.stages + 1)[:, None] + 1) ** 2 * 2 * 8 * 3 * EPS * np.abs(modes.start)
    assert np.all(np.abs(found - np.array(expected[1:])) <= allowed)


# ---------------------------------------------------------------------------------------------------- they agree


@pytest.fixture(scope="module", autouse=True)
def warm():
    """Compile once, before any example is timed."""
    for instance in (in_the_basin(), in_the_basin(d=10)):
        check_descent(instance)
        check_nesterov(instance)
        check_stacking(instance, "functional")
    check_piecewise(make_sample())
    check_recurrence(1.0, 0.5, np.ones(3))
    check_paths(make_modes())


@drawn
@given(instances)
@example(make(d=1, kappa=1.0, stages=0))
@example(make(d=12, rows=1, kappa=1e8, kind="mu", dense=True))
def test_descent_agrees_with_the_generic_step(instance):
    check_descent(instance)


@drawn
@given(instances)
@example(make(d=1, kappa=1.0, stages=0))
@example(make(d=12, rows=1, kappa=1e8, kind="mu", dense=True))
def test_nesterov_agrees_with_the_generic_step(instance):
    check_nesterov(instance)


@drawn
@given(
    st.builds(
        in_the_basin,
        seed=st.integers(0, 2**32 - 1),
        d=st.integers(1, 12),
        kappa=st.sampled_from([1.0, 1 + 1e-12]) | st.floats(1, 1e3),
        smoothness=st.sampled_from([1.0, 1e-6]) | st.floats(1e-3, 1.0),
        stages=st.sampled_from([0, 1, 2]) | st.integers(3, 40),
        kind=st.sampled_from(["random", "mu", "L", "target"]),
        dense=st.booleans(),
    )
)
def test_stacking_by_the_functional_rule_agrees_with_the_generic_stage(instance):
    check_stacking(instance, "functional")


@drawn
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.floats(1, 1e3), st.sampled_from([0, 1, 2, 30]))
def test_stacking_by_the_parameter_rule_agrees_with_the_generic_stage(seed, d, kappa, stages):
    check_stacking(RULES["parameter"](seed=seed, d=d, kappa=kappa, stages=stages), "parameter")


@drawn
@given(
    st.floats(-1e6, 1e6), st.floats(-1, 1) | st.floats(-2, 2), st.lists(st.floats(-1e6, 1e6), max_size=40).map(np.array)
)
def test_the_recurrence_agrees_with_rationals(start, ratio, forcing):
    check_recurrence(start, ratio, forcing)


@drawn
@given(
    st.builds(
        make_sample,
        seed=st.integers(0, 2**32 - 1),
        instances=st.integers(0, 9),
        d=st.integers(1, 12),
        stages=st.integers(0, 5),
        lowest=st.sampled_from([1e-4, 0.1, 1.0]),
        noise=st.sampled_from([0.0, 1e-6, 1.0]),
    )
)
def test_piecewise_rows_agree_with_the_generic_step(sample):
    check_piecewise(sample)


@drawn
@given(
    st.builds(
        make_modes,
        seed=st.integers(0, 2**32 - 1),
        count=st.integers(0, 9),
        stages=st.sampled_from([0, 1, 2, 40]),
        lowest=st.sampled_from([1e-4, 0.1, 1.0]),
    )
)
def test_paths_along_eigenvectors_agree_with_the_generic_step(modes):
    check_paths(modes)


# ------------------------------------------------------------------------------------ and a wrong kernel is found out


STEP, LOOK_AHEAD, ADVANCE = descent.step, nesterov.look_ahead, piecewise._advance
SCALE, ADD_MULTIPLE, DIVIDE = matrices.scale, matrices.add_multiple, matrices.divide
OFF = 1 + 1e-6


def step_off(x, slope, step_size, error, out):
    STEP(x, slope, step_size * OFF, error, out)


def momentum_reversed(x, x_prev, momentum, error, out):
    LOOK_AHEAD(x, x_prev, -momentum, error, out)


def momentum_off(x, x_prev, momentum, error, out):
    LOOK_AHEAD(x, x_prev, momentum * OFF, error, out)


def start_reversed(block, momentum):
    SCALE(block, -momentum)


def start_off(block, momentum):
    SCALE(block, momentum * OFF)


def added_off(out, factor, a):
    ADD_MULTIPLE(out, factor if factor == 1 else factor * OFF, a)


def quotient_off(a, b, out, system, solution):
    divided = DIVIDE(a, b, out, system, solution)
    out *= OFF
    return divided


def quotient_from_the_left(a, b, out, system, solution):
    out[:] = np.linalg.solve(b, a)
    return True


def stale_gradient():
    """Every second call leaves the slope as the call before made it."""
    calls = iter(range(10**6))

    def gradient(sigma, target, point, residual, slope):
        written = slope if next(calls) % 2 == 0 else np.empty_like(slope)
        return least_squares.gradient(sigma, target, point, residual, written)

    return gradient


def shifted(kernel, *positions):
    """The kernel, handed the arrays at these positions a stage late."""
    return lambda *given: kernel(*(np.roll(a, 1, axis=0) if i in positions else a for i, a in enumerate(given)))


def reported_late(kernel):
    """The kernel, reporting each excess a stage late."""

    def late(*given):
        excess, *rest = kernel(*given)
        return np.concatenate([excess[:1], excess[:-1]]), *rest

    return late


def interpreted(monkeypatch, module, **replaced):
    """Run the module's kernels as plain Python, which looks helpers up as it goes, some of them replaced."""
    for name in ("_iterate", "_measure", "_grow_network", "_grow_block"):
        if hasattr(module, name):
            kernel = getattr(module, name)
            monkeypatch.setattr(module, name, getattr(kernel, "py_func", kernel))
    for name, helper in replaced.items():
        monkeypatch.setattr(module, name, helper)


def helper(wrong):
    """The name of a case that replaces one helper."""
    ((name, function),) = wrong.items()
    return f"{name} by {function.__name__}"


INSTANCE = make(period=25)


@pytest.mark.parametrize(("module", "check"), [(descent, check_descent), (nesterov, check_nesterov)])
def test_the_interpreted_kernel_passes_so_that_only_the_error_put_in_can_fail(monkeypatch, module, check):
    interpreted(monkeypatch, module)
    check(INSTANCE)


@pytest.mark.parametrize("wrong", [{"step": step_off}, {"gradient": stale_gradient()}], ids=helper)
def test_a_wrong_descent_fails_the_comparison(monkeypatch, wrong):
    interpreted(monkeypatch, descent, **wrong)
    with pytest.raises(AssertionError):
        check_descent(INSTANCE)


@pytest.mark.parametrize("kernel", [shifted(descent.trace, 5), reported_late(descent.trace)])
def test_a_descent_off_by_a_stage_fails_the_comparison(kernel):
    with pytest.raises(AssertionError):
        check_descent(INSTANCE, kernel)


@pytest.mark.parametrize(
    "wrong",
    [
        {"look_ahead": momentum_reversed},
        {"look_ahead": momentum_off},
        {"step": step_off},
        {"gradient": stale_gradient()},
    ],
    ids=helper,
)
def test_a_wrong_nesterov_fails_the_comparison(monkeypatch, wrong):
    interpreted(monkeypatch, nesterov, **wrong)
    with pytest.raises(AssertionError):
        check_nesterov(INSTANCE)


@pytest.mark.parametrize(
    "kernel", [shifted(nesterov.trace, 6), shifted(nesterov.trace, 7), reported_late(nesterov.trace)]
)
def test_a_nesterov_off_by_a_stage_fails_the_comparison(kernel):
    with pytest.raises(AssertionError):
        check_nesterov(INSTANCE, kernel)


@pytest.mark.parametrize("rule", RULES)
def test_the_interpreted_stacking_passes_so_that_only_the_error_put_in_can_fail(monkeypatch, rule):
    check_stacking(RULES[rule](), rule)
    interpreted(monkeypatch, stacking)
    check_stacking(RULES[rule](), rule)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scale": start_reversed},
        {"scale": start_off},
        {"divide": quotient_off},
        {"divide": quotient_from_the_left},
        {"gradient": stale_gradient()},
    ],
    ids=helper,
)
def test_a_wrong_functional_stage_fails_the_comparison(monkeypatch, wrong):
    interpreted(monkeypatch, stacking, **wrong)
    with pytest.raises(AssertionError):
        check_stacking(RULES["functional"](), "functional")


@pytest.mark.parametrize(
    "wrong",
    [
        {"scale": start_reversed},
        {"scale": start_off},
        {"transpose": matrices.copy},
        {"gradient": stale_gradient()},
        {"add_multiple": added_off},
    ],
    ids=helper,
)
def test_a_wrong_parameter_stage_fails_the_comparison(monkeypatch, wrong):
    interpreted(monkeypatch, stacking, **wrong)
    with pytest.raises(AssertionError):
        check_stacking(RULES["parameter"](), "parameter")


def other_rule(*given):
    return stacking.trace(*given[:-1], not given[-1])


@pytest.mark.parametrize("kernel", [other_rule, reported_late(stacking.trace)])
@pytest.mark.parametrize("rule", stacking_step.RULES)
def test_stacking_by_the_other_rule_or_off_by_a_stage_fails_the_comparison(kernel, rule):
    with pytest.raises(AssertionError):
        check_stacking(RULES[rule](), rule, kernel)


@pytest.mark.parametrize(
    "kernel",
    [
        shifted(recurrence.run, 2),
        lambda start, ratio, forcing: recurrence.run(start, ratio * OFF, forcing),
        lambda *given: np.roll(recurrence.run(*given), 1),
    ],
)
def test_a_wrong_recurrence_fails_the_comparison(kernel):
    with pytest.raises(AssertionError):
        check_recurrence(1.0, 0.9, np.arange(9.0), kernel)


def advance_with_momentum_reversed(up, down, x, x_prev, lookahead_error, step_error, momentum, step_size, scale):
    ADVANCE(up, down, x, x_prev, lookahead_error, step_error, -momentum, step_size, scale)


def advance_too_far(up, down, x, x_prev, lookahead_error, step_error, momentum, step_size, scale):
    ADVANCE(up, down, x, x_prev, lookahead_error, step_error, momentum, step_size * OFF, scale)


def advance_with_errors_a_stage_late(up, down, x, x_prev, lookahead_error, step_error, momentum, step_size, scale):
    ADVANCE(up, down, x, x_prev, lookahead_error, step_error, momentum, step_size, 2 * scale)


def advance_with_a_stale_gradient(up, down, x, x_prev, lookahead_error, step_error, momentum, step_size, scale):
    slope = np.where(x >= 0, up, down) * x
    y = x + momentum * (x - x_prev) + scale * lookahead_error
    x_prev[:], x[:] = x, y - step_size * slope + scale * step_error


@pytest.mark.parametrize(
    "advance",
    [
        advance_with_momentum_reversed,
        advance_too_far,
        advance_with_errors_a_stage_late,
        advance_with_a_stale_gradient,
    ],
)
def test_a_wrong_piecewise_step_fails_the_comparison(monkeypatch, advance):
    interpreted(monkeypatch, piecewise)
    check_piecewise(make_sample())
    monkeypatch.setattr(piecewise, "_advance", advance)
    with pytest.raises(AssertionError):
        check_piecewise(make_sample())


@pytest.mark.parametrize("column", range(5))
def test_a_measured_column_off_by_a_millionth_fails_the_comparison(column):
    def off(*given):
        rows = piecewise.nesterov_rows(*given)
        rows[:, column] *= OFF
        return rows

    with pytest.raises(AssertionError):
        check_piecewise(make_sample(), off)


def test_piecewise_slopes_exchanged_fail_the_comparison():
    with pytest.raises(AssertionError):
        check_piecewise(make_sample(), lambda up, down, *rest: piecewise.nesterov_rows(down, up, *rest))


STEP_ALONG, LOOK_ALONG = quadratic.step, quadratic.look_ahead


@pytest.mark.parametrize(
    "wrong",
    [
        {"look_ahead": lambda c, before, momentum: LOOK_ALONG(c, before, -momentum)},
        {"look_ahead": lambda c, before, momentum: LOOK_ALONG(c, before, momentum * OFF)},
        {"look_ahead": lambda c, before, momentum: c},
        {"step": lambda y, eigenvalue, step_size: STEP_ALONG(y, eigenvalue, step_size * OFF)},
    ],
    ids=["momentum reversed", "momentum off", "no momentum", "step off"],
)
def test_a_wrong_step_along_an_eigenvector_fails_the_comparison(monkeypatch, wrong):
    interpreted(monkeypatch, quadratic)
    check_paths(make_modes())
    interpreted(monkeypatch, quadratic, **wrong)
    with pytest.raises(AssertionError):
        check_paths(make_modes())


@pytest.mark.parametrize("position", range(4))
def test_parameters_of_another_eigenvector_fail_the_comparison(position):
    with pytest.raises(AssertionError):
        check_paths(make_modes(), shifted(quadratic.paths, position))


def test_a_path_a_stage_late_fails_the_comparison():
    with pytest.raises(AssertionError):
        check_paths(make_modes(), lambda *given: quadratic.paths(*given)[[0, *range(given[-1])]])


# ------------------------------------------------------------------------------------------ light and certifying runs


def runs(instance, stages):
    """The matrix kernels, the arguments of a run that converges, and how many states come before x_0."""
    fixed = (instance.sigma, instance.target, instance.start)
    return [
        (descent, (*fixed, instance.step_size, stages), 0),
        (nesterov, (*fixed, instance.momentum, instance.step_size, stages), 1),
        (stacking, (*fixed, instance.momentum, instance.step_size, stages, True), 0),
        (stacking, (*fixed, instance.momentum, instance.step_size / 10, stages, False), 0),
    ]


@pytest.mark.parametrize("stages", range(8))
def test_a_light_run_ends_where_the_full_one_does(stages):
    for kernel, given_, _ in runs(in_the_basin(), stages):
        light, full = kernel.run(*given_), kernel.trace(*given_)
        assert np.array_equal(light[0], full[0])
        assert np.array_equal(light[1], full[1][-1])


@pytest.mark.parametrize("kept", [3, 4, 7])
def test_a_run_that_keeps_the_last_states_keeps_the_same_ones(kept):
    for kernel, given_, before in runs(in_the_basin(), 9):
        full, part = kernel.trace(*given_), kernel.trace(*given_, kept=kept)
        for t in range(10 - kept + before, 10):
            assert np.array_equal(part[1][(t + before) % kept], full[1][t + before])
        if kernel is not descent:
            for t in range(9 - kept, 9):
                assert np.array_equal(part[2][t % kept], full[2][t])


def test_a_run_can_go_on_where_another_ended():
    fixed, ahead = make()[:2], (make().momentum, make().step_size)
    _, whole, _ = nesterov.trace(*fixed, make().start, *ahead, 9)
    _, first, _ = nesterov.trace(*fixed, make().start, *ahead, 4)
    _, second, _ = nesterov.trace(*fixed, first[-1], *ahead, 5, previous=first[-2])
    assert np.array_equal(second, whole[4:])


def exactly(instance):
    """The instance's gradient in rationals."""
    sigma, target = to_exact(instance.sigma), to_exact(instance.target)
    return lambda point: (point - target) @ sigma


@pytest.mark.parametrize("d", [3, 10])
def test_the_rounding_of_a_run_counted_exactly_is_a_few_ulps_of_its_states(d):
    instance = make(d=d, stages=6)
    momentum, step_size = rational(instance.momentum), rational(instance.step_size)
    _, states, lookaheads = nesterov.trace(*instance[:3], instance.momentum, instance.step_size, 6)
    for t, lookahead in enumerate(lookaheads):
        x_prev, x, grown = (to_exact(state) for state in states[t : t + 3])
        y, _ = nesterov_step.step(x, x_prev, exactly(instance), momentum=momentum, step_size=step_size)
        expected = descent_step.step(to_exact(lookahead), exactly(instance), step_size=step_size)
        for rounding in (to_exact(lookahead) - y, grown - expected):
            largest = max(abs(float(Fraction(int(e.p), int(e.q)))) for e in rounding.entries())
            assert largest <= 4 * d * EPS * np.max(np.abs([instance.target, *states]).sum(axis=-1))


# ------------------------------------------------------------------------------------------------ at the edges


def test_stacking_from_a_singular_network_stops_at_once():
    excess, network, reached = stacking.run(np.eye(2), np.eye(2), np.diag([1.0, 0.0]), 0.5, 0.5, 3, True)
    assert reached == 0
    assert np.array_equal(excess, [0.5, np.nan, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(network, np.diag([1.0, 0.0]))


def test_stacking_that_meets_a_singular_network_stops_where_the_generic_stage_does():
    instance = make(d=1, rows=1, stages=5)._replace(sigma=np.eye(1), target=np.zeros((1, 1)), start=np.ones((1, 1)))
    excess, networks, _, reached = stacking.trace(
        *instance[:3], instance.momentum, instance.step_size, instance.stages, True
    )
    assert reached == stacking_reference(instance, "functional")[0] == 1
    assert np.array_equal(excess, [0.5, 0, *[np.nan] * 4], equal_nan=True)
    assert np.isnan(networks[2:]).all()


def test_stacking_by_the_parameter_rule_needs_no_invertible_network():
    excess, _, reached = stacking.run(np.eye(2), np.eye(2), np.diag([1.0, 0.0]), 0.5, 0.5, 3, False)
    assert reached == 3
    assert np.isfinite(excess).all()


@drawn
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_dividing_agrees_with_lapack(seed, d):
    a, b = np.random.default_rng(seed).standard_normal((2, d, d))
    out = np.empty((d, d))
    assert matrices.divide(a, b, out, *np.empty((2, d, d)))
    residual = np.linalg.norm(out @ b - a)
    assert residual <= 50 * d * d * EPS * np.linalg.norm(out) * np.linalg.norm(b)  # backward stable, growth <= 50


def test_dividing_exchanges_rows_where_a_pivot_is_zero():
    out, exchange = np.empty((2, 2)), np.array([[0.0, 1.0], [1.0, 0.0]])
    assert matrices.divide(np.diag([2.0, 3.0]), exchange, out, *np.empty((2, 2, 2)))
    assert np.array_equal(out, [[0, 2], [3, 0]])


@pytest.mark.parametrize("d", [2, 10])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("which", range(3))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # where the kernels run as plain Python
def test_a_nan_or_an_infinity_comes_out_as_a_loss_that_is_not_finite(d, bad, which):
    instance = in_the_basin(d=d)
    spoilt = instance[which].copy()
    spoilt[0, 0] = bad
    for kernel, given_, _ in runs(instance._replace(**{Instance._fields[which]: spoilt}), 4):
        assert not np.isfinite(kernel.run(*given_)[0][0])
        assert not np.isfinite(kernel.run(*given_)[0][:2]).any()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_run_that_diverges_ends_in_losses_that_are_not_finite():
    instance = make(rows=3)._replace(target=np.eye(3), start=2 * np.eye(3), smoothness=0.01)
    for kernel, given_, _ in runs(instance, 4000):
        excess = kernel.run(*given_)[0]
        assert np.isfinite(excess[0])
        assert not np.isfinite(excess[-1])


@pytest.mark.parametrize("field", range(8))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_nan_in_a_sample_stays_in_its_own_instance(field):
    sample = make_sample()
    spoilt = sample[field].copy()
    spoilt[2] = np.nan
    clean = piecewise.nesterov_rows(*sample).reshape(7, 4, 5)
    rows = piecewise.nesterov_rows(*sample._replace(**{Sample._fields[field]: spoilt})).reshape(7, 4, 5)
    assert np.isnan(rows[2, :, 1]).all()
    assert np.array_equal(np.delete(rows, 2, axis=0), np.delete(clean, 2, axis=0))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_division_by_zero_gives_no_exception():
    sample = make_sample()
    assert not np.isfinite(piecewise.nesterov_rows(*sample._replace(q=np.zeros(7)))[:, 4]).any()
    assert not np.isfinite(piecewise.nesterov_rows(*sample._replace(L=np.zeros(7)))[:, 1]).any()


def test_a_nan_in_the_forcing_reaches_all_later_values():
    values = recurrence.run(1.0, 0.5, [1.0, np.nan, 1.0])
    assert np.array_equal(np.isnan(values), [False, False, True, True])


def test_the_arguments_are_left_as_they_were():
    instance, sample = in_the_basin(), make_sample()
    before = [field.copy() for field in (*instance[:3], *sample[:8])]
    for kernel, given_, _ in runs(instance, 5):
        kernel.run(*given_)
    piecewise.nesterov_rows(*sample)
    assert all(np.array_equal(*pair) for pair in zip(before, (*instance[:3], *sample[:8]), strict=True))


def test_lists_transposes_and_read_only_arrays_are_taken_without_compiling_again():
    instance = make()
    expected, _ = descent.run(*instance[:3], 1.0, 5)
    variants = len(getattr(descent._iterate, "signatures", ()))
    frozen = instance.sigma.copy()
    frozen.setflags(write=False)
    for sigma in (frozen, np.asfortranarray(instance.sigma), instance.sigma.tolist()):
        assert np.array_equal(descent.run(sigma, *instance[1:3], 1, 5)[0], expected)
    assert len(getattr(descent._iterate, "signatures", ())) == variants
