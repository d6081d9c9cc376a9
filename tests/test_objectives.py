"""Every solver on losses other than least squares: they descend, claim nothing, and write their tables and curves."""

import csv
import math
import re

import numpy as np
import pytest

import linres
from linres import guarantee, plotting
from linres.errors import InputError
from linres.losses import Huber, LeastSquares, Logistic, Multinomial
from linres.problem import Problem
from linres.trajectory import Trajectory

D, OUTPUTS, N = 4, 3, 40
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, D)) * [2.0, 1.0, 0.7, 0.4]
SCORES = X @ RNG.standard_normal((D, OUTPUTS)) + 0.3 * RNG.standard_normal((N, OUTPUTS))
KINDS = {
    "logistic": lambda **settings: Logistic(X, SCORES > 0, **settings),
    "huber": lambda **settings: Huber(X, SCORES, delta=0.5, **settings),
    "multinomial": lambda **settings: Multinomial(X, SCORES.argmax(axis=1), **settings),
}
SOLVERS = {
    "descend": linres.descend,
    "accelerate": lambda loss, **settings: linres.accelerate(loss, momentum=0.6, **settings),
    "grow": lambda loss, **settings: linres.grow(loss, momentum=0.6, **settings),
    "grow zero": lambda loss, **settings: linres.grow(loss, block_start="zero", **settings),
    "grow random": lambda loss, **settings: linres.grow(loss, block_start="random", scale=1e-3, **settings),
    "grow inner": lambda loss, **settings: linres.grow(loss, momentum=0.6, inner=3, **settings),
    "grow trained": lambda loss, **settings: linres.grow(loss, momentum="trained", **settings),
    "grow parameter": lambda loss, **settings: linres.grow(
        loss, momentum=0.6, rule="parameter", step_size=0.1, **settings),
    "grow all": lambda loss, **settings: linres.grow(
        loss, momentum=0.6, rule="parameter", train="all", step_size=0.1, **settings),
    "train": lambda loss, **settings: linres.train(loss, depth=3, **settings),
}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
each_solver = pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS.keys())


@each_kind
@each_solver
def test_every_solver_lowers_every_loss(solve, kind):
    run = solve(kind(ridge=0.05), stages=60)
    assert (run.status, len(run.loss)) == ("budget", 61)
    assert run.loss[0] == kind(ridge=0.05).value(run.first) and run.loss[-1] == kind(ridge=0.05).value(run.network)
    assert run.loss[-1] < 0.85 * run.loss[0]
    assert np.isnan(run.excess_loss).all()


@each_kind
@each_solver
def test_runs_give_the_same_bits_each_time(solve, kind):
    first, again = (solve(kind(ridge=0.05), stages=20) for _ in range(2))
    assert np.array_equal(first.loss, again.loss) and np.array_equal(first.network, again.network)


@each_kind
def test_gradient_descent_never_climbs_at_its_default_step(kind):
    run = linres.descend(kind(), stages=50)
    assert run.settings["step_size"] == 1 / kind().smoothness
    assert np.all(np.diff(run.loss) < 0)


@each_kind
def test_the_zero_start_is_gradient_descent_of_every_loss(kind):
    stagewise, descent = linres.grow(kind(), block_start="zero", stages=30), linres.descend(kind(), stages=30)
    np.testing.assert_allclose(stagewise.loss, descent.loss, rtol=1e-12)


@each_kind
def test_momentum_accelerates_where_the_ridge_is_small(kind):
    slow, quick = (solve(kind(ridge=1e-3), stages=100) for solve in (linres.descend, linres.accelerate))
    least = linres.accelerate(kind(ridge=1e-3), stages=2000).loss[-1]
    assert quick.loss[-1] - least < 0.3 * (slow.loss[-1] - least)
    mu, L = 1e-3, kind(ridge=1e-3).smoothness
    q = math.sqrt(mu / L)
    assert quick.settings["momentum"] == pytest.approx((1 - q) / (1 + q), rel=1e-14)
    assert linres.grow(kind(ridge=1e-3), stages=0).settings["momentum"] == quick.settings["momentum"]


def test_a_known_minimum_makes_an_excess():
    loss = LeastSquares(X, X @ np.ones((D, D)))
    loss.minimum_loss = 0.0
    run = linres.descend(loss, stages=200)
    np.testing.assert_array_equal(run.excess_loss, run.loss)
    assert run.stages_to(0.5) == np.flatnonzero(run.loss <= run.loss[0] / 2)[0]
    assert 0 < run.rate() < 1


def test_least_squares_on_data_runs_as_the_problem_of_its_moments():
    y = X @ np.diag([1.5, 1.2, 0.9, 1.1])
    on_data, on_moments = LeastSquares(X, y, ridge=0.0), Problem.from_data(X, y, centre=False)
    for solve in (linres.descend, lambda loss, **given: linres.grow(loss, momentum=0.5, **given)):
        found, expected = solve(on_data, stages=30), solve(on_moments, stages=30)
        np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.network, expected.network, rtol=1e-9, atol=1e-12)


@each_kind
@each_solver
def test_nothing_is_claimed_of_other_losses(solve, kind):
    loss = kind(ridge=0.05)
    run = solve(loss, stages=5)
    assert (run.rate_sharp, run.rate(), run.stages_to(0.5), run.floor, run.problem) == (None, None, None, 0.0, None)
    assert np.isnan(run.potential).all() and np.isnan(run.distance).all()
    assert run.settings["objective"] == type(loss).__name__
    problem = Problem.from_spectrum([0.5, 1.0, 2.0, 3.0])
    for asked in (loss, problem):  # nor if a problem is passed that was not trained on
        proved = guarantee.of(asked, run)
        assert (proved.statement, proved.rate_proved, proved.rate_sharp_by, proved.inside_basin) == (None,) * 4
        assert [entry["name"] for entry in proved.lacking] == ["least-squares"]


@each_solver
def test_runs_on_other_losses_are_saved_framed_and_plotted(solve, tmp_path):
    pandas = pytest.importorskip("pandas")
    run = solve(KINDS["logistic"](ridge=0.05), stages=8)
    run.save(tmp_path / "run.npz")
    again = Trajectory.load(tmp_path / "run.npz")
    np.testing.assert_array_equal(again.loss, run.loss)
    assert np.isnan(again.excess_loss).all() and again.settings == run.settings
    run.save(tmp_path / "run.csv")
    with open(tmp_path / "run.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == run.loss.tolist()
    assert {(row["excess_loss"], row["objective"], row["problem"]) for row in rows} == {("nan", "Logistic", "")}
    frame = run.to_frame()
    assert isinstance(frame, pandas.DataFrame) and frame["loss"].tolist() == run.loss.tolist()
    for shown in (run, again):
        [axes] = shown.plot().axes
        [curve] = axes.get_lines()
        np.testing.assert_array_equal(curve.get_ydata(), run.loss)
        low, high = axes.get_ylim()
        assert low < run.loss.min() and run.loss.max() < high and axes.get_ylabel() == "loss ℓ(Wₜ)"
    plotting.save(run.plot(), tmp_path / "run.svg")
    assert re.search("<svg", (tmp_path / "run.svg").read_text())


def test_blocks_and_momenta_are_recorded_of_every_loss():
    run = linres.grow(KINDS["huber"](), momentum=0.6, stages=5)
    assert np.isfinite(run.block_norm[1:]).all() and run.block_norm[-1] > 0
    assert run.beta.tolist()[:-1] == [0.6] * 5
    assert linres.accelerate(KINDS["huber"](), momentum=0.6, stages=5).step_error.tolist()[:-1] == [0.0] * 5


@each_kind
@each_solver
def test_the_watch_is_told_the_loss_where_the_excess_is_unknown(solve, kind):
    told = []
    run = solve(kind(ridge=0.05), stages=4, watch=lambda *news: told.append(news))
    assert told == list(enumerate(run.loss))


def test_a_long_step_diverges_and_says_so():
    run = linres.descend(Huber(X, SCORES, delta=1e9), stages=1000, step_size=50.0)
    assert run.status == "diverged" and np.isfinite(run.loss).all() and np.isfinite(run.network).all()


HUBER, NAN = KINDS["huber"], np.full((D, D), math.nan)
REFUSED = [
    (lambda: linres.accelerate(HUBER(), stages=1), r"accelerate\(momentum=...\) should be given for a loss without "
     "strong convexity, got none. Try 0.9, or add a ridge."),
    (lambda: linres.grow(HUBER(), stages=1), r"grow\(momentum=...\) should be given for a loss without strong"),
    (lambda: linres.grow(HUBER(), stages=1, momentum="trained"), r"grow\(momentum=...\) should be given"),
    (lambda: linres.grow(HUBER(), stages=1, momentum=0.5, rule="parameter"),
     r"grow\(step_size=...\) should be given for the parameter rule on a loss whose minimiser is unknown"),
    (lambda: linres.grow(HUBER(ridge=1), stages=1, step_size=0.1, rule="parameter"),
     r"grow\(momentum=...\) should be given for the parameter rule"),
    (lambda: linres.grow("digits", stages=1), r"grow\(objective\) should be a Problem or a loss, got 'digits'"),
    (lambda: linres.accelerate("digits", stages=1), r"accelerate\(objective\) should be a Problem or a loss"),
    (lambda: linres.descend("digits", stages=1), r"descend\(objective\) should be a Problem or a loss"),
    (lambda: linres.descend(HUBER(), stages=1, start=NAN), r"descend\(start=...\) should be finite numbers"),
    (lambda: linres.descend(HUBER(), stages=1, start=1e308 * np.ones((D, D))), "a network of finite loss"),
    (lambda: linres.chebyshev(HUBER(), stages=1), r"chebyshev\(problem\) should be a Problem, got a Huber"),
    (lambda: linres.conjugate_gradient(HUBER(), stages=1), r"conjugate_gradient\(problem\) should be a Problem"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_a_loss_does_not_tell_has_to_be_given(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_any_object_with_the_four_names_will_do():
    """A quadratic bowl that is negative at its minimum: no plot on a log scale, and no claim."""

    class Bowl:
        dimension, smoothness = 2, 1.0

        def value(self, network):
            return float(np.sum(network**2)) / 2 - 3.0

        def gradient(self, network):
            return network

    run = linres.grow(Bowl(), block_start="zero", stages=3, step_size=0.5)
    assert run.loss[-1] == pytest.approx(2 * 0.5**6 / 2 - 3)
    [axes] = run.plot().axes
    np.testing.assert_array_equal(axes.get_lines()[0].get_ydata(), run.loss)
