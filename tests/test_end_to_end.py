"""End-to-end training: the generic steps in every arithmetic, the starts, the line search, and how runs end."""

import json
import math
from fractions import Fraction as F

import flint
import numpy as np
import pytest
import sympy
from balls import contains
from hypothesis import given, settings
from hypothesis import strategies as st

import linres
from linres import data, losses, network
from linres.arithmetic import BALL, EXACT, FLOAT, Symbolic
from linres.cli import main
from linres.errors import InputError
from linres.losses import Huber, LeastSquares, Logistic, Multinomial
from linres.methods import end_to_end
from linres.methods.descent import descend
from linres.methods.end_to_end import Blocks, balanced, block_smoothness, first_blocks, train
from linres.methods.nesterov import accelerate
from linres.problem import Problem
from linres.strategies import tables

EPS = np.finfo(float).eps
TARGET = np.array([[2.0, 0.3, 0], [0, 1.5, 0.1], [0.2, 0, 1.8]])
PROBLEM = Problem.from_spectrum([0.1, 0.3, 1.0], target=TARGET)
KINDS = (LeastSquares, Huber, Logistic, Multinomial)
each_method = pytest.mark.parametrize("method", end_to_end.METHODS)


class Moments:
    """The problem as a loss that nobody knows more of: it goes the generic way, not through the kernel."""

    def __init__(self, problem):
        self.dimension, self.smoothness, self.mu = problem.dimension, problem.L, problem.mu
        self.value, self.gradient = problem.loss, problem.gradient


def on_data(kind, n=40, d=3, outputs=2, seed=0, **settings):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    map_ = np.eye(d) + 0.3 * rng.standard_normal((d, d))
    y = (x @ map_.T + 0.5 * rng.standard_normal((n, d)))[:, :outputs]
    labels = {Logistic: y > 0, Multinomial: np.argmax(y, axis=1)}
    return kind(x, labels.get(kind, y), **settings)


# ------------------------------------------------------------------------------------------------------ generic steps


def quadratic(sigma, target):
    return lambda point: (point - target) @ sigma


def step_in(arithmetic, drawn, method):
    """The blocks after one step from the drawn tables sigma, target, w_1, w_2 (and w_1, w_2 before)."""
    sigma, target, *rest = map(arithmetic.matrix, drawn)
    blocks, previous = Blocks(rest[:2]), Blocks(rest[2:])
    identity = arithmetic.matrix(((F(1), F(0)), (F(0), F(1))))
    pace = {"step_size": arithmetic.number(F(1, 8)), "identity": identity}
    if method == "gradient":
        return end_to_end.step(blocks, quadratic(sigma, target), **pace).each
    ahead, grown = end_to_end.nesterov_step(
        blocks, previous, quadratic(sigma, target), momentum=arithmetic.number(F(3, 7)), **pace)
    return ahead.each + grown.each


drawn_tables = st.tuples(*[tables(2)] * 6)


@each_method
@given(drawn_tables)
@settings(deadline=None, max_examples=25)
def test_the_step_is_the_same_in_balls_rationals_and_floats(method, drawn):
    exact, balls, floats = (step_in(arithmetic, drawn, method) for arithmetic in (EXACT, BALL, FLOAT))
    for point, ball, array in zip(exact, balls, floats, strict=True):
        values = np.array([float(flint.arb(entry)) for entry in point.entries()]).reshape(2, 2)
        assert all(contains(a, b) for a, b in zip(ball.entries(), point.entries(), strict=True))
        np.testing.assert_allclose(array, values, rtol=0, atol=1e-11 * (1 + np.abs(values).max()))


@each_method
@given(drawn_tables)
@settings(deadline=None, max_examples=25)
def test_stacked_arrays_and_blocks_take_the_same_step(method, drawn):
    sigma, target, *rest = map(FLOAT.matrix, drawn)
    pace = {"step_size": 0.125, "identity": np.eye(2)}
    stacked, before = np.array(rest[:2]), np.array(rest[2:])
    if method == "gradient":
        found = end_to_end.step(stacked, quadratic(sigma, target), **pace)
    else:
        found = np.concatenate(
            end_to_end.nesterov_step(stacked, before, quadratic(sigma, target), momentum=3 / 7, **pace))
    assert np.array_equal(found, np.array(step_in(FLOAT, drawn, method)))


def test_the_symbolic_step_is_the_formula():
    w, v, slope = (Symbolic(letter) for letter in sympy.symbols("w v N", commutative=False))
    eta, beta = sympy.symbols("eta beta", real=True)
    one = Symbolic(sympy.Integer(1))
    lower, upper = end_to_end.step(Blocks([w, v]), lambda _: slope, step_size=eta, identity=one).each
    transposed = {letter: sympy.transpose(letter.expr) for letter in (w, v)}
    assert sympy.expand(lower.expr - (w.expr - eta * (1 + transposed[v]) * slope.expr)) == 0
    assert sympy.expand(upper.expr - (v.expr - eta * slope.expr * (1 + transposed[w]))) == 0
    ahead, _ = end_to_end.nesterov_step(
        Blocks([w]), Blocks([v]), lambda _: slope, momentum=beta, step_size=eta, identity=one)
    assert sympy.expand(ahead.each[0].expr - (w.expr + beta * (w.expr - v.expr))) == 0


def test_a_single_block_is_descent_on_the_map_exactly():
    """W = I + w_1: a step on the block is a step on W."""
    sigma, target, block = (EXACT.matrix(t) for t in (
        ((F(2), F(1)), (F(1), F(3))), ((F(1), F(0)), (F(5), F(1, 7))), ((F(1, 3), F(0)), (F(2), F(-1)))))
    one, step_size = block.identity(), EXACT.number(F(1, 5))
    (moved,) = end_to_end.step(
        Blocks([block]), quadratic(sigma, target), step_size=step_size, identity=one).each
    assert one + moved == (one + block) - step_size * quadratic(sigma, target)(one + block)


def test_points_of_other_depths_do_not_add():
    with pytest.raises(ValueError, match="zip"):
        Blocks([np.eye(2)]) + Blocks([np.eye(2)] * 2)


# ------------------------------------------------------------------------------------------------------------- starts


def test_identity_and_zero_are_two_starts():
    identity, zero = (first_blocks(3, 4, start=start) for start in ("identity", "zero"))
    assert np.array_equal(identity, np.zeros((4, 3, 3)))
    assert np.array_equal(network.end_to_end(zero, np.eye(3)), np.zeros((3, 3)))
    assert np.array_equal(zero[:-1], np.zeros((3, 3, 3)))


def test_from_zero_the_last_block_alone_moves_first_and_all_zero_factors_never_do():
    slopes = end_to_end.gradients(first_blocks(3, 4, start="zero"), PROBLEM.gradient, np.eye(3))
    assert not slopes[:-1].any() and slopes[-1].any()
    saddle = np.tile(-np.eye(3), (4, 1, 1))
    assert not end_to_end.gradients(saddle, PROBLEM.gradient, np.eye(3)).any()
    run = train(PROBLEM, depth=4, start=saddle, stages=50)
    assert (run.status, run.stage) == ("converged", 1) and "no step" in run.reason
    assert run.excess_loss[-1] == run.excess_loss[0] > 0


def test_random_blocks_have_the_scale_asked_for():
    blocks = first_blocks(30, 20, start="random", scale=0.2, seed=1)
    assert np.std(blocks) * math.sqrt(30) == pytest.approx(0.2, rel=5 / math.sqrt(2 * blocks.size))
    assert np.array_equal(blocks, first_blocks(30, 20, start="random", scale=0.2, seed=1))
    assert not np.array_equal(blocks, first_blocks(30, 20, start="random", scale=0.2, seed=2))
    assert np.array_equal(2 * blocks, first_blocks(30, 20, start="random", scale=0.4, seed=1))


def sizes(blocks):
    return 1 + np.max(np.linalg.norm(np.eye(blocks.shape[1]) + blocks, 2, axis=(1, 2))) ** 2


@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 2**32 - 1), st.sampled_from([1.0, 1e-6, 1e6]))
@settings(deadline=None, max_examples=60)
def test_balanced_blocks_make_the_map_and_are_balanced(d, depth, seed, size):
    target = size * np.random.default_rng(seed).standard_normal((d, d))
    blocks = balanced(target, depth)
    # Each factor is rounded in units of its own size, the root of the map's, or of I where it is below that.
    rounding = 50 * depth * d * EPS * sizes(blocks)
    assert all(np.abs(imbalance).max() <= rounding for imbalance in network.imbalances(blocks))
    reached = network.end_to_end(blocks, np.eye(d))
    assert np.abs(reached - target).max() <= rounding * (1 + np.linalg.norm(target, 2))


def test_a_map_to_start_from_is_made_of_balanced_blocks():
    assert np.array_equal(first_blocks(3, 4, start=TARGET), balanced(TARGET, 4))
    run = train(PROBLEM, depth=4, start=TARGET, stages=3)
    np.testing.assert_allclose(run.first, TARGET, atol=1e-14)
    assert run.settings["network_start"] == "given" and run.status == "converged"


def test_other_factors_of_the_same_map_are_not_balanced():
    blocks = balanced(TARGET, 3)
    assert max(np.abs(imbalance).max() for imbalance in network.imbalances(blocks)) < 1e-14
    factors = np.eye(3) + blocks
    factors[0], factors[1] = 1.05 * factors[0], factors[1] / 1.05
    assert min(np.abs(imbalance).max() for imbalance in network.imbalances(factors - np.eye(3))) > 0.01


@pytest.mark.parametrize("problem", [PROBLEM, on_data(Logistic, ridge=0.1)], ids=["moments", "logistic"])
def test_gradient_flow_keeps_balance_to_first_order_whatever_the_loss(problem):
    """Over a time of 1 the imbalance that steps of size s leave is of order s: ten times finer, ten times less."""
    left = []
    for steps in (100, 1000):
        run = train(problem, depth=4, start="balanced", scale=1.0, seed=2, stages=steps, step_size=1 / steps)
        assert np.linalg.norm(run.blocks - run.first_blocks) > 0.1
        left.append(max(np.abs(imbalance).max() for imbalance in network.imbalances(run.blocks)))
    assert left[0] / left[1] == pytest.approx(10, rel=0.2)


@pytest.mark.parametrize("depth", [3, 4])
def test_gradient_flow_from_a_balanced_start_keeps_the_sign_of_the_determinant(depth):
    """From the right side of the singular maps it arrives, from the wrong one it lingers at one of them."""
    ends = {}
    for seed in range(6):
        run = train(PROBLEM, depth=depth, start="balanced", scale=1.0, seed=seed, stages=3000, step_size=0.01)
        side = np.sign(np.linalg.det(run.first))
        assert np.sign(np.linalg.det(run.network)) == side
        ends.setdefault(side * np.linalg.det(TARGET) > 0, []).append(
            (run.excess_loss[-1] < 1e-3 * run.excess_loss[0], np.linalg.svd(run.network)[1][-1] < 0.05))
    assert set(ends[True]) == {(True, False)} and set(ends[False]) == {(False, True)}


# ------------------------------------------------------------------------------------------------- steps and decrease


def squared_gradient(objective, blocks):
    return np.sum(end_to_end.gradients(blocks, objective.gradient, np.eye(objective.dimension)) ** 2)


def replayed(objective, run):
    """The blocks at every stage, by the generic step with the steps that the run took."""
    blocks = run.first_blocks
    for size in run.step_sizes:
        yield blocks
        blocks = end_to_end.step(blocks, objective.gradient, step_size=size, identity=np.eye(objective.dimension))
    yield blocks


OBJECTIVES = {"moments": PROBLEM, "generic": Moments(PROBLEM)} | {
    kind.__name__: on_data(kind, ridge=0.05) for kind in KINDS
}
each_objective = pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)


@each_objective
@pytest.mark.parametrize("start", ["identity", "zero", "random", "balanced"])
def test_the_line_search_keeps_its_promise_at_every_stage(objective, start):
    run = train(objective, depth=4, start=start, stages=40, scale=0.5)
    assert np.all(np.diff(run.loss) <= 0) and run.loss[-1] < run.loss[0]
    for t, blocks in enumerate(list(replayed(objective, run))[:-1]):
        promised = run.step_sizes[t] / 2 * squared_gradient(objective, blocks)
        assert run.loss[t + 1] <= run.loss[t] - promised + 1e-12 * run.loss[0]


@each_objective
def test_the_line_search_of_nesterov_keeps_its_promise_from_the_lookahead_point(objective):
    run = train(objective, depth=4, method="nesterov", stages=40)
    identity, momentum = np.eye(objective.dimension), run.settings["momentum"]
    blocks = previous = run.first_blocks
    for t, size in enumerate(run.step_sizes):
        ahead, grown = end_to_end.nesterov_step(
            blocks, previous, objective.gradient, momentum=momentum, step_size=size, identity=identity)
        promised = size / 2 * squared_gradient(objective, ahead)
        there = objective.value(network.end_to_end(ahead, identity))
        assert run.loss[t + 1] <= there - promised + 1e-12 * run.loss[0]
        blocks, previous = grown, blocks
    np.testing.assert_allclose(blocks, run.blocks, rtol=0, atol=1e-9)


@each_objective
def test_a_step_that_was_halved_had_to_be(objective):
    """Twice a step that follows a larger or equal trial breaks the promise, so that steps are not needlessly short."""
    run = train(objective, depth=4, stages=30)
    identity, trial = np.eye(objective.dimension), run.settings["step_size"]
    halved = 0
    for t, blocks in enumerate(list(replayed(objective, run))[:-1]):
        size = run.step_sizes[t]
        if size < trial:
            halved += 1
            there = end_to_end.step(blocks, objective.gradient, step_size=2 * size, identity=identity)
            promised = size * squared_gradient(objective, blocks)
            if promised > 1e-10 * run.loss[t]:
                assert objective.value(network.end_to_end(there, identity)) > run.loss[t] - promised
        trial = size if size < trial else 2 * size
    assert halved > 0


def hessian_at_the_minimum(problem, blocks):
    """That of the loss in the blocks where N = 0: J^T (I x Sigma) J for the derivative J of W."""
    identity, columns = np.eye(problem.dimension), []
    for position in range(len(blocks)):
        below = network.end_to_end(blocks[:position], identity)
        above = network.end_to_end(blocks[position + 1 :], identity)
        columns.append(np.kron(above, below.T))  # of vec(A v B), entries row by row
    jacobian = np.hstack(columns)
    return jacobian.T @ np.kron(np.eye(problem.dimension), problem.sigma) @ jacobian


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_block_smoothness_bounds_the_curvature_at_a_minimum(depth):
    for seed in range(5):
        blocks = first_blocks(3, depth, start="random", scale=1.0, seed=seed)
        problem = Problem.from_spectrum([0.2, 0.5, 3.0], target=network.end_to_end(blocks, np.eye(3)))
        largest = np.linalg.eigvalsh(hessian_at_the_minimum(problem, blocks))[-1]
        # The Hessian is what differences of the gradient say it is.
        rng = np.random.default_rng(seed)
        move = rng.standard_normal(blocks.shape)
        ahead, behind = (
            end_to_end.gradients(blocks + h * move, problem.gradient, np.eye(3)) for h in (1e-6, -1e-6))
        np.testing.assert_allclose(
            ((ahead - behind) / 2e-6).ravel(), hessian_at_the_minimum(problem, blocks) @ move.ravel(), rtol=1e-5,
            atol=1e-5 * np.abs(ahead - behind).max() / 2e-6,
        )
        assert largest <= block_smoothness(blocks, problem.L) * (1 + 1e-12)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_block_smoothness_is_attained_by_multiples_of_the_identity(depth):
    blocks = np.tile(0.3 * np.eye(3), (depth, 1, 1))
    problem = Problem.from_spectrum([0.2, 0.5, 3.0], target=network.end_to_end(blocks, np.eye(3)))
    largest = np.linalg.eigvalsh(hessian_at_the_minimum(problem, blocks))[-1]
    assert block_smoothness(blocks, problem.L) == pytest.approx(largest, rel=1e-12)
    assert block_smoothness(blocks, problem.L) == pytest.approx(3 * depth * 1.3 ** (2 * depth - 2), rel=1e-12)


# ---------------------------------------------------------------------------------------------------------- the runs


@each_method
@pytest.mark.parametrize("depth", [1, 2, 7])
@pytest.mark.parametrize("start", ["identity", "zero", "random"])
def test_runs_arrive_at_the_minimum(method, depth, start):
    run = train(PROBLEM, depth=depth, method=method, start=start, stages=5000)
    assert run.status == "converged" and run.excess_loss[-1] <= run.floor < 1e-20
    np.testing.assert_allclose(run.network, TARGET, atol=1e-10)
    np.testing.assert_allclose(network.end_to_end(run.blocks, np.eye(3)), run.network, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(network.end_to_end(run.first_blocks, np.eye(3)), run.first)
    assert run.blocks.shape == run.first_blocks.shape == (depth, 3, 3)
    assert len(run.loss) == len(run.excess_loss) == len(run.step_sizes) + 1 == run.stage + 1
    assert run.loss[-1] == PROBLEM.minimum_loss + run.excess_loss[-1]


def test_depth_1_is_descend_and_accelerate():
    for method, solve in (("gradient", descend), ("nesterov", accelerate)):
        run = train(PROBLEM, depth=1, method=method, stages=25, step_size=0.7)
        plain = solve(PROBLEM, stages=25, step_size=0.7)
        np.testing.assert_allclose(run.excess_loss, plain.excess_loss, rtol=1e-10)
        assert run.settings["momentum"] == pytest.approx(plain.settings["momentum"], rel=1e-14)


def test_nesterov_is_faster_on_an_ill_conditioned_problem():
    problem = Problem.from_spectrum(np.geomspace(1e-3, 1, 4), target=1.5 * np.eye(4))
    slow, fast = (train(problem, depth=4, method=method, stages=3000) for method in end_to_end.METHODS)
    assert fast.stages_to(1e-6) < slow.stages_to(1e-6) / 5


@each_method
@pytest.mark.parametrize("step_size", [None, 0.05])
def test_compiled_gradients_and_generic_ones_make_the_same_run(method, step_size):
    settings_ = {"depth": 3, "method": method, "start": "random", "stages": 15, "step_size": step_size}
    compiled, generic = (train(objective, **settings_) for objective in (PROBLEM, Moments(PROBLEM)))
    np.testing.assert_allclose(compiled.loss, generic.loss, rtol=1e-12)
    np.testing.assert_allclose(compiled.blocks, generic.blocks, rtol=0, atol=1e-12)
    assert np.array_equal(compiled.step_sizes, generic.step_sizes)


def test_the_same_seed_gives_the_same_bits():
    runs = [train(PROBLEM, depth=3, start="random", seed=seed, stages=20) for seed in (4, 4, 5)]
    assert np.array_equal(runs[0].blocks, runs[1].blocks) and np.array_equal(runs[0].loss, runs[1].loss)
    assert not np.array_equal(runs[0].blocks, runs[2].blocks)


@each_method
def test_a_diverging_run_is_a_trajectory_that_says_so(method):
    run = train(PROBLEM, depth=4, method=method, stages=200, step_size=50.0)
    assert run.status == "diverged" and run.stage < 200
    assert np.isfinite(run.loss).all() and np.isfinite(run.blocks).all()


@each_method
@pytest.mark.parametrize("objective", [PROBLEM, on_data(Huber, ridge=0.1)], ids=["moments", "huber"])
def test_the_watch_is_told_every_stage_and_changes_nothing(method, objective):
    told = []
    run = train(objective, depth=3, method=method, stages=12, watch=lambda *news: told.append(news))
    values = run.excess_loss if objective is PROBLEM else run.loss
    assert told == list(enumerate(values))
    assert np.array_equal(run.loss, train(objective, depth=3, method=method, stages=12).loss)


def test_no_stages_leave_the_start():
    run = train(PROBLEM, depth=2, stages=0)
    assert (run.status, run.stage, len(run.loss), len(run.step_sizes)) == ("budget", 0, 1, 0)
    assert np.array_equal(run.network, np.eye(3)) and run.loss[0] == PROBLEM.loss(np.eye(3))


def test_digits_are_learnt_to_the_floor():
    problem = data.load("digits")
    run = train(problem, depth=6, stages=2000)
    assert run.status == "converged" and run.rate() < 1


def test_the_start_is_copied_not_kept():
    start = np.zeros((2, 3, 3))
    run = train(PROBLEM, depth=2, start=start, stages=3)
    assert not start.any()
    start[:] = 7
    assert not run.first_blocks.any()


# ------------------------------------------------------------------------------------------------------ other losses


def test_where_the_minimum_is_unknown_the_loss_is_recorded_and_the_excess_is_not():
    run = train(Moments(PROBLEM), depth=3, stages=30)
    known = train(PROBLEM, depth=3, stages=30)
    assert np.isnan(run.excess_loss).all() and run.excess_loss.shape == run.loss.shape
    np.testing.assert_allclose(run.loss, known.loss, rtol=1e-12, atol=1e-15)
    assert run.rate() is None and run.stages_to(0.5) is None


def test_a_minimum_that_is_told_is_subtracted():
    objective = on_data(Logistic)
    objective.minimum_loss = 0.125
    run = train(objective, depth=2, stages=5)
    np.testing.assert_array_equal(run.excess_loss, run.loss - 0.125)


@pytest.mark.parametrize(("kind", "depth"), [(LeastSquares, 3), (Huber, 3), (Logistic, 3), (Multinomial, 1)])
def test_gradient_descent_ends_at_a_stationary_point(kind, depth):
    """Softmax sees no sum of the scores: its best W is singular, where deep networks are slow."""
    objective = on_data(kind, outputs=3, ridge=0.1)
    run = train(objective, depth=depth, stages=5000)
    assert run.status == "converged" and "no step along the gradient" in run.reason
    # The decrease it can still promise, |G|^2/(2M), is lost in the rounding of the loss.
    bound = block_smoothness(run.blocks, objective.smoothness)
    assert squared_gradient(objective, run.blocks) <= 1e-13 * bound * run.loss[-1]


def test_a_run_ends_at_the_first_stage_whose_promise_is_lost_in_rounding():
    objective = on_data(LeastSquares, outputs=3, ridge=0.1)
    run = train(objective, depth=2, stages=5000)
    promised = [size / 2 * squared_gradient(objective, blocks)
                for size, blocks in zip(run.step_sizes, replayed(objective, run), strict=False)]
    seen = run.loss[:-1] - promised < run.loss[:-1]
    # Gradients that were computed once more are off by rounding: the last but one may be on the edge.
    assert run.status == "converged" and seen[:-2].all() and promised[-1] <= EPS * run.loss[-1]


@pytest.mark.parametrize("settings_", [{"step_size": 0.1}, {"method": "nesterov"}], ids=["constant step", "nesterov"])
def test_without_a_promise_the_budget_is_used(settings_):
    saddle = np.tile(-np.eye(3), (4, 1, 1))
    run = train(PROBLEM, depth=4, start=saddle, stages=7, **settings_)
    assert (run.status, run.stage, run.reason) == ("budget", 7, "")


def test_a_strongly_convex_loss_has_one_minimum_for_every_depth_and_method():
    objective = on_data(Logistic, outputs=3, ridge=0.1)
    runs = [train(objective, depth=depth, method=method, stages=3000)
            for depth in (1, 4) for method in end_to_end.METHODS]
    for run in runs[1:]:
        assert run.loss[-1] == pytest.approx(runs[0].loss[-1], rel=1e-12)
        np.testing.assert_allclose(run.network, runs[0].network, atol=1e-6)


def test_separable_labels_are_learnt_without_end():
    x = np.array([[1.0, 0.2], [-1.0, 0.1], [2.0, -0.5]])
    objective = Logistic(x, x > 0)
    run = train(objective, depth=3, stages=300)
    assert np.all(np.diff(run.loss) < 0) and run.loss[-1] < 0.01 * run.loss[0]


def test_the_readout_sees_the_first_coordinates_of_digits():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 5))
    labels = np.argmax(x[:, [2, 3, 4]] + 0.1 * rng.standard_normal((60, 3)), axis=1)
    objective = Multinomial(x, labels, ridge=1e-3)
    run = train(objective, depth=3, stages=200)
    assert np.mean(np.argmax(x @ run.network[:3].T, axis=1) == labels) > 0.95


# ------------------------------------------------------------------------------------------------------ mini-batches


def test_a_batch_of_all_samples_is_the_whole_loss():
    objective = on_data(Huber, ridge=0.1)
    for method in end_to_end.METHODS:
        settings_ = {"depth": 3, "method": method, "stages": 10, "step_size": 0.1}
        whole, batch = train(objective, **settings_), train(objective, batch_size=40, **settings_)
        np.testing.assert_allclose(batch.loss, whole.loss, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_epochs_have_reproducible_bits(kind):
    objective = on_data(kind)
    runs = [train(objective, depth=2, stages=4, batch_size=7, seed=seed) for seed in (1, 1, 2)]
    assert np.array_equal(runs[0].blocks, runs[1].blocks) and np.array_equal(runs[0].loss, runs[1].loss)
    assert not np.array_equal(runs[0].blocks, runs[2].blocks)
    assert not runs[0].settings["line_search"] and len(set(runs[0].step_sizes)) == 1


def test_an_epoch_is_a_step_on_every_batch_in_its_order():
    objective = on_data(Logistic)
    run = train(objective, depth=2, stages=2, batch_size=15, step_size=0.2, seed=3)
    blocks = run.first_blocks
    for order in losses.Order(40, seed=3, epoch=0), losses.Order(40, seed=3, epoch=1):
        for rows in map(np.sort, (order[:15], order[15:30], order[30:])):
            def slope(point, rows=rows):
                return objective.evaluate_batch(point, rows).gradient

            blocks = end_to_end.step(blocks, slope, step_size=0.2, identity=np.eye(3))
    assert np.array_equal(blocks, run.blocks)


def test_mini_batches_reach_a_minimum_that_all_samples_share():
    """Noiseless outputs: every batch has its minimum at W*, and constant steps arrive."""
    x = np.random.default_rng(0).standard_normal((64, 3))
    objective = LeastSquares(x, x @ TARGET.T)
    run = train(objective, depth=3, stages=150, batch_size=8, step_size=0.05)
    assert run.loss[-1] < 1e-12 * run.loss[0]
    whole = train(objective, depth=3, stages=150, step_size=0.05)
    assert run.loss[20] < whole.loss[20]


# --------------------------------------------------------------------------------------------------------- refusals

UNFIT = Logistic(np.ones((2, 3)), np.ones((2, 1)))
REFUSED = [
    (PROBLEM, {"depth": 0}, r"train\(depth=\.\.\.\) should be an integer from 1 to 1,000,000, got 0"),
    (PROBLEM, {"depth": 2.0}, r"depth=\.\.\.\) should be an integer from 1 to"),
    (PROBLEM, {"stages": -1}, r"train\(stages=\.\.\.\) should be an integer >= 0, got -1"),
    (PROBLEM, {"method": "adam"}, r'method=\.\.\.\) should be "gradient" or "nesterov", got \'adam\''),
    (PROBLEM, {"start": "one"}, r'start=\.\.\.\) should be "identity" or "zero" or "random" or "balanced"'),
    (PROBLEM, {"start": np.zeros((3, 3, 3))}, r"or a map of shape \(3, 3\), got shape \(3, 3, 3\)"),
    (PROBLEM, {"start": [[1.0], [1.0, 2.0]]}, "rows of different lengths"),
    (PROBLEM, {"start": np.full((2, 3, 3), math.nan)}, r"start=\.\.\.\)\[0\] should be finite numbers"),
    (PROBLEM, {"start": np.full((3, 3), math.inf)}, r"start=\.\.\.\) should be finite numbers"),
    (PROBLEM, {"start": 1e200 * np.ones((2, 3, 3))}, "a network of finite loss"),
    (PROBLEM, {"start": "random", "seed": -1}, r"train\(seed=\.\.\.\) should be an integer from 0"),
    (PROBLEM, {"start": np.zeros((2, 3, 3)), "seed": 2**32}, r"train\(seed=\.\.\.\) should be an integer from 0"),
    (PROBLEM, {"start": [np.full((3, 3), 1e200), -np.eye(3)]}, "of moderate size, got blocks of curvature inf"),
    (PROBLEM, {"start": [-np.eye(3), *[np.full((3, 3), 1e200)] * 2], "depth": 3}, "blocks of curvature inf"),
    (PROBLEM, {"start": "random", "scale": -1.0}, r"train\(scale=\.\.\.\) should be a number >= 0"),
    (PROBLEM, {"step_size": 0}, r"train\(step_size=\.\.\.\) should be a number > 0, got 0. .* line search"),
    (PROBLEM, {"momentum": 0.5}, "left out for gradient descent, got 0.5"),
    (PROBLEM, {"momentum": 1.0, "method": "nesterov"}, r"momentum=\.\.\.\) should be in \[0, 1\), got 1.0"),
    (PROBLEM, {"batch_size": 4}, "left out for a loss without samples, got 4"),
    (UNFIT, {"method": "nesterov"}, "given for a loss without strong convexity, got none. Try 0.9, or add a ridge"),
    (UNFIT, {"batch_size": 3}, "an integer from 1 to 2, got 3"),
    (UNFIT, {"batch_size": 0}, "an integer from 1 to 2, got 0"),
    ("digits", {}, "a Problem or a loss, got 'digits'. See linres.Problem.from_data and"),
    ([1.0], {}, "a Problem or a loss, got a list without value"),
    (Logistic(np.zeros((2, 3)), np.ones((2, 1))), {}, "the smoothness .* should be a number > 0, got 0"),
]


@pytest.mark.parametrize(("objective", "bad", "message"), REFUSED)
def test_bad_settings_are_refused(objective, bad, message):
    with pytest.raises(InputError, match=message):
        train(objective, **{"depth": 2, "stages": 1} | bad)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: balanced(np.ones((2, 3)), 2), "a square matrix, got shape"),
    (lambda: balanced(np.eye(2), 0), r"balanced\(depth=\.\.\.\) should be an integer from 1 to"),
])
def test_balanced_refuses_other_shapes_and_depths(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_a_run_on_a_problem_says_how_far_it_is_from_the_target():
    run = train(PROBLEM, depth=3, stages=4)
    assert run.problem is PROBLEM and "objective" not in run.settings
    assert run.distance[0] == pytest.approx(np.linalg.norm(run.first - PROBLEM.target), rel=1e-14)
    assert run.distance[-1] == pytest.approx(np.linalg.norm(run.network - PROBLEM.target), rel=1e-14)
    assert np.isnan(run.potential).all()


def test_a_problem_is_an_objective():
    assert PROBLEM.value(np.eye(3)) == PROBLEM.loss(np.eye(3)) and PROBLEM.smoothness == PROBLEM.L
    assert linres.train is train


# -------------------------------------------------------------------------------------------------- the command line


def from_command_line(capsys, *arguments):
    assert main(["train", "digits", *map(str, arguments)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


@pytest.mark.parametrize(("name", "method"), [("end-to-end", "gradient"), ("end-to-end-nesterov", "nesterov")])
@pytest.mark.parametrize("start", ["identity", "zero", "random", "balanced"])
def test_the_command_line_trains_end_to_end(capsys, name, method, start):
    report = json.loads(from_command_line(
        capsys, "--method", name, "--depth", 3, "--start", start, "--seed", 5, "--stages", 20, "--json"))
    run = train(data.load("digits", seed=5), depth=3, method=method, start=start, seed=5, stages=20)
    assert report["loss"] == run.loss.tolist() and report["momentum"] == run.settings["momentum"]
    assert (report["rule"], report["start"], report["rate_proved"]) == ("end-to-end", start, None)


def test_the_command_line_starts_from_files_of_maps_and_of_blocks(capsys, tmp_path):
    problem = data.load("digits")
    for k, given_start in enumerate((1.2 * np.eye(10), 0.1 * np.ones((2, 10, 10)))):
        np.save(tmp_path / f"{k}.npy", given_start)
        report = json.loads(from_command_line(
            capsys, "--method", "end-to-end", "--depth", 2, "--start", tmp_path / f"{k}.npy", "--stages", 5, "--json"))
        assert report["loss"] == train(problem, depth=2, start=given_start, stages=5).loss.tolist()


def test_the_report_says_that_nothing_is_proved_of_it(capsys):
    printed = from_command_line(capsys, "--method", "end-to-end", "--start", "near", "--stages", 5)
    assert "gradient, end-to-end rule, from close to W*" in printed
    assert "none: stagewise fails" in printed and "Nothing is proved of end-to-end training yet." in printed


@pytest.mark.parametrize(("arguments", "message"), [
    (("--depth", "2"), "--depth does not apply to --method stacking. Take --method end-to-end."),
    (("--method", "end-to-end", "--depth", "0"), "--depth should be an integer from 1 to 1,000,000, got 0."),
    (("--method", "end-to-end", "--momentum", "0.5"), "--momentum does not apply to --method end-to-end"),
    (("--method", "end-to-end", "--rule", "functional"), "--rule does not apply to --method end-to-end"),
    (("--method", "stacking", "--start", "random"), "--start should be identity, near"),
    (("--method", "end-to-end", "--start", "one"), "--start should be identity, near"),
])
def test_the_command_line_refuses_in_one_line(capsys, arguments, message):
    assert main(["train", "digits", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1 and captured.out == ""
