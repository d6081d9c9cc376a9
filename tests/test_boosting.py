"""Boosting: that it is gradient descent and Nesterov's method with the errors it names, and how it ends and refuses."""

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

import linres
from linres import pointwise
from linres.arithmetic import EXACT
from linres.errors import InputError
from linres.methods import additive, boosting, nesterov
from linres.pointwise import rms
from linres.problem import EPS, Problem


def boost(*arguments, **options):
    """With full steps, unless told: as long as the methods that runs are compared with take them."""
    full = {} if {"shrinkage", "step_size"} & {*options} else {"shrinkage": 1.0}
    return boosting.boost(*arguments, **full, **options)

F = Fraction


class Memory:
    """The learner that misses nothing: it predicts what it was fitted to, at the samples it was fitted on."""

    def fit(self, X, r):
        self.r = np.array(r)
        return self

    def predict(self, X):
        return self.r


class Line:
    """Least squares on the columns of X: what it predicts is the projection of what it was fitted to."""

    def fit(self, X, r):
        self.slope = np.linalg.lstsq(X, r, rcond=None)[0]

    def predict(self, X):
        return X @ self.slope


class Saying:
    """A learner that predicts what it is told to."""

    def __init__(self, said):
        self.said = said

    def fit(self, X, r):
        pass

    def predict(self, X):
        return self.said(X)


def data(n=60, p=3, seed=0):
    random = np.random.RandomState(seed)
    X = random.standard_normal((n, p))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * X[:, -1] + 0.1 * random.standard_normal(n)


TREE = DecisionTreeRegressor(max_depth=3, random_state=0)


def signs(y):
    return np.where(y > np.median(y), 1.0, -1.0)


# The stage

scalars = st.fractions(min_value=-4, max_value=4, max_denominator=9)
columns = st.lists(scalars, min_size=3, max_size=3)


@st.composite
def projections(draw):
    """The exact projection of R^3 on the line through a vector that is not 0."""
    u = draw(columns.filter(any))
    square = sum(entry**2 for entry in u)
    return [[a * b / square for b in u] for a in u]


def column(entries):
    return EXACT.matrix([[entry] for entry in entries])


def nesterov_with_projection_error(stage, drawn):
    """Whether a stage in rationals is a step of Nesterov's method with e = eta (P - I) r, r from the right point."""
    model, member, labels, curvature, projection, beta, eta = drawn
    model, member, labels = column(model), column(member), column(labels)
    P = EXACT.matrix(projection)
    beta, eta = EXACT.number(beta), EXACT.number(eta)
    sigma = EXACT.matrix([[curvature[i] if i == j else 0 for j in range(3)] for i in range(3)])

    def gradient(point):
        return sigma @ (point - labels)

    new = stage(model, member, gradient, momentum=beta, step_size=eta, project=lambda r: P @ r)
    y = model + beta * member
    missed = P @ gradient(y) - gradient(y)  # of -r
    expected = nesterov.step(
        model, model - member, gradient, momentum=beta, step_size=eta, step_error=-eta * missed
    )
    return (new.lookahead, new.model) == expected and new.member == new.model - model and new.error == -eta * missed


drawn = st.tuples(columns, columns, columns, columns, projections(), scalars, scalars)


@given(drawn)
@settings(max_examples=60, deadline=None)
def test_a_stage_is_a_step_of_nesterovs_method_with_the_projection_residual_as_error_exactly(drawn):
    assert nesterov_with_projection_error(boosting.stage, drawn)


right_stage = boosting.stage


def _stale(model, member, gradient, **options):
    """The gradient is taken at F_t instead of F_t + f^0."""
    return right_stage(model, member, lambda _: gradient(model), **options)


def _zero(model, member, gradient, *, momentum, **options):
    return right_stage(model, member, gradient, momentum=0 * momentum, **options)


def _uphill(model, member, gradient, *, step_size, **options):
    return right_stage(model, member, gradient, step_size=-step_size, **options)


def _start_projected_too(model, member, gradient, *, momentum, step_size, project):
    """The learner is fitted to the whole new member instead of to the gradient."""
    y = model + momentum * member
    grown = project(momentum * member - step_size * gradient(y))
    return boosting.Stage(y, model + grown, grown, -gradient(y), grown - grown)


def _member_without_start(model, member, gradient, **options):
    """What is kept as the member is the learner's part alone."""
    new = right_stage(model, member, gradient, **options)
    return new._replace(member=new.model - new.lookahead)


WRONG = {
    "gradient at F": _stale, "no momentum": _zero, "uphill": _uphill, "start projected": _start_projected_too,
    "member without its start": _member_without_start,
}
TELLING = ([F(1), F(2), F(-1)], [F(1), F(0), F(2)], [F(0), F(1), F(1)], [F(1), F(2), F(3)],
           [[F(1, 2), F(1, 2), F(0)], [F(1, 2), F(1, 2), F(0)], [F(0), F(0), F(0)]], F(1, 2), F(1, 3))


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_stage_is_noticed(name):
    assert nesterov_with_projection_error(boosting.stage, TELLING)
    assert not nesterov_with_projection_error(WRONG[name], TELLING)


def test_a_run_takes_the_stages_that_stacking_additive_speaks_of(monkeypatch):
    """What is proved of `additive.stage` is proved of what runs."""
    X, y = data()
    expected, taken, proved = boost(TREE, X, y, stages=5), [], additive.stage

    def watched(*arguments, **options):
        taken.append(proved(*arguments, **options))
        return taken[-1]

    monkeypatch.setattr(additive, "stage", watched)
    run = boost(TREE, X, y, stages=5)
    assert len(taken) == 5 and np.array_equal(taken[-1].ensemble, run.values)
    assert np.array_equal(run.loss, expected.loss)


def test_the_stage_is_exact_in_rationals_of_any_kind():
    """Python's own fractions in an object array: no float gets in."""
    entries = [np.array(values, dtype=object) for values in TELLING[:3]]
    P = np.array(TELLING[4], dtype=object)
    new = boosting.stage(
        *entries[:2], lambda point: point - entries[2], momentum=F(1, 2), step_size=F(1, 3), project=lambda r: P @ r
    )
    assert all(isinstance(entry, Fraction) for entry in new.model)
    assert new.model.tolist() == [F(13, 12), F(19, 12), F(0)]
    assert new.error.tolist() == [F(1, 12), F(-1, 12), F(-1, 3)]


# Runs beside independent ones


def gradient_boosting(X, y, *, stages, rate):
    """Friedman's algorithm for least squares in a few lines, by itself."""
    model = np.full(len(y), np.mean(y))
    for _ in range(stages):
        model = model + rate * DecisionTreeRegressor(max_depth=3, random_state=0).fit(X, y - model).predict(X)
    return model


def test_zero_start_is_plain_gradient_boosting():
    X, y = data(200)
    run = boost(TREE, X, y, start="zero", stages=40, shrinkage=0.1)
    np.testing.assert_array_equal(run.values, gradient_boosting(X, y, stages=40, rate=0.1))


@pytest.mark.parametrize(("depth", "rate"), [(1, 1.0), (2, 0.1), (3, 0.5)])
def test_zero_start_predicts_as_scikit_learns_gradient_boosting(depth, rate):
    X, y = data(300, 5)
    unseen = data(50, 5, seed=1)[0]
    theirs = GradientBoostingRegressor(
        learning_rate=rate, n_estimators=60, max_depth=depth, criterion="squared_error", random_state=3
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the criterion may be the only one in later versions
        theirs.fit(X, y)
    shared = np.random.RandomState(3)  # as theirs: one source of randomness for all trees
    ours = boost(
        lambda: DecisionTreeRegressor(max_depth=depth, random_state=shared), X, y, start="zero", stages=60,
        shrinkage=rate,
    )
    np.testing.assert_allclose(ours.predict(unseen), theirs.predict(unseen), rtol=0, atol=1e-10)
    np.testing.assert_allclose(ours.loss[1:], theirs.train_score_ / 2, rtol=1e-10)  # they leave out the 1/2
    stacked = boost(
        lambda: DecisionTreeRegressor(max_depth=depth, random_state=shared), X, y, stages=60, shrinkage=rate,
        momentum=0.5,
    )
    assert np.max(np.abs(stacked.predict(unseen) - theirs.predict(unseen))) > 1e-3


@pytest.mark.parametrize("momentum", [0.0, 0.6])
def test_a_learner_that_misses_nothing_makes_it_the_public_solver(momentum):
    """On the diagonal of W the solver with Sigma = I is the recursion of F, from F_0 = 0."""
    X, y = data(8)
    problem = Problem.from_moments(np.eye(8), np.diag(y), float(y @ y))
    theirs = nesterov.accelerate(problem, stages=25, momentum=momentum, step_size=0.3, start=np.zeros((8, 8)))
    start = {"momentum": momentum} if momentum else {"start": "zero"}
    ours = boost(Memory(), X, y, initial="zero", stages=25, step_size=0.3, **start)
    np.testing.assert_allclose(ours.values, np.diag(theirs.network), rtol=0, atol=1e-13)
    np.testing.assert_allclose(np.sqrt(8 * ours.loss), np.sqrt(theirs.excess_loss), rtol=0, atol=1e-13)
    assert np.max(ours.residual) == 0


def slopes(kind, model, y):
    """phi' of each loss, written down again."""
    if kind == "squared":
        return model - y
    if kind == "huber":
        return np.where(np.abs(model - y) <= 0.5, model - y, 0.5 * np.sign(model - y))
    return -y / (1 + np.exp(y * model))


def recursion(kind, y, X, *, betas, step_size, project):
    """Nesterov's method by its textbook form in F_t and F_{t-1}, with the projection residual as step error.

    Returns the last model, the norms of what was projected, and of the errors.
    """
    before = model = np.zeros(len(y))
    targets, errors = [], []
    for beta in betas:
        looked = model + beta * (model - before)
        r = -slopes(kind, looked, y)
        error = step_size * (project @ r - r)
        targets.append(math.sqrt(np.mean(r**2)))
        errors.append(math.sqrt(np.mean(error**2)))
        before, model = model, looked + step_size * r + error
    return model, targets, errors


@pytest.mark.parametrize("kind", pointwise.LOSSES)
@pytest.mark.parametrize("momentum", ["growing", 0.7])
def test_a_learner_that_projects_makes_it_nesterovs_method_with_the_projection_residual_as_error(kind, momentum):
    X, y = data()
    y = signs(y) if kind == "logistic" else y
    q = np.linalg.qr(X)[0]
    betas = [max(0, t - 1) / (t + 2) if momentum == "growing" else momentum for t in range(30)]
    run = boost(
        LinearRegression(fit_intercept=False), X, y, loss=kind, delta=0.5 if kind == "huber" else None, initial="zero",
        momentum=momentum, stages=30, shrinkage=0.4,
    )
    step_size = 1.6 if kind == "logistic" else 0.4
    expected, targets, errors = recursion(kind, y, X, betas=betas, step_size=step_size, project=q @ q.T)
    assert run.settings["step_size"] == pytest.approx(step_size, rel=1e-15)
    np.testing.assert_allclose(run.values, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(run.target_norm, targets, rtol=0, atol=1e-12)
    np.testing.assert_allclose(run.residual, errors, rtol=0, atol=1e-12)
    np.testing.assert_allclose(run.momenta, betas, rtol=0, atol=1e-15)
    assert run.residual.min() > 1e-3


# Where members are linear from the start on, as here, to project them again changes nothing.
@pytest.mark.parametrize("name", [name for name in WRONG if name != "start projected"])
def test_a_run_of_wrong_stages_is_noticed(name, monkeypatch):
    X, y = data()
    q = np.linalg.qr(X)[0]
    expected, *_ = recursion("squared", y, X, betas=[0.7] * 8, step_size=0.4, project=q @ q.T)

    def off():
        run = boost(Line(), X, y, initial="zero", momentum=0.7, stages=8, shrinkage=0.4)
        return np.max(np.abs(run.values - expected))

    assert off() < 1e-12
    monkeypatch.setattr(boosting, "stage", WRONG[name])
    assert off() > 1e-3


def test_momentum_zero_is_zero_start():
    X, y = data()
    runs = [boost(TREE, X, y, stages=10, shrinkage=0.3, **start) for start in ({"start": "zero"}, {"momentum": 0})]
    np.testing.assert_array_equal(runs[0].loss, runs[1].loss)


def test_the_bound_of_nesterov_with_errors_holds_of_the_residuals_recorded():
    """nesterov-convex-with-errors in the norm per sample, with smoothness 1/step_size; the minimum over F is 0 at y."""
    X, y = data()
    shrinkage = 0.2
    run = boost(TREE, X, y, stages=60, shrinkage=shrinkage, initial="zero")
    smoothness = 1 / shrinkage
    tau = (np.arange(61) + 1) / 2
    errors = np.concatenate([[0], np.cumsum(tau[1:] * math.sqrt(smoothness) * run.residual)])
    bound = (math.sqrt(smoothness / 2) * rms(y) + errors) ** 2 / tau**2
    assert np.all(run.loss[1:] <= bound[1:])
    assert bound[1:].min() < 10 * run.loss[0]  # it says something


def test_stacking_is_quicker_where_the_learner_projects_on_badly_scaled_columns():
    """A learner that shrinks what it finds along small columns is a preconditioner: there momentum pays."""
    random = np.random.RandomState(0)
    q = np.linalg.qr(random.standard_normal((40, 5)))[0]

    class Smoother(Line):
        def fit(self, X, r):
            self.slope = (q.T @ r) * np.array([1, 0.3, 0.1, 0.03, 0.01])

    y = q @ np.ones(5)
    zero, stacking = (
        boost(Smoother(), q, y, initial="zero", stages=1000, **start) for start in ({"start": "zero"}, {})
    )
    assert stacking.stages_to(1e-4 * zero.loss[0]) * 3 < zero.stages_to(1e-4 * zero.loss[0])


# Losses


@pytest.mark.parametrize("kind", pointwise.LOSSES)
def test_the_slope_is_the_derivative_of_the_loss_and_its_change_at_most_the_smoothness(kind):
    loss = pointwise.load("boost", kind)
    values = np.linspace(-6, 6, 2401)
    for label in (-1.0, 1.0):
        labels = np.full_like(values, label)
        middle = (values[1:] + values[:-1]) / 2
        quotients = np.diff(loss.phi(values, labels)) / np.diff(values)
        np.testing.assert_allclose(quotients, loss.slope(middle, labels[1:]), atol=2e-3)
        bends = np.diff(loss.slope(values, labels)) / np.diff(values)
        assert bends.min() >= -1e-9
        assert bends.max() == pytest.approx(loss.smoothness, rel=1e-4)


@pytest.mark.parametrize("kind", pointwise.LOSSES)
def test_no_other_constant_has_a_smaller_loss(kind):
    X, y = data(31)
    y = signs(y) if kind == "logistic" else np.concatenate([y[:-1], [40.0]])
    loss = pointwise.load("boost", kind, 0.7 if kind == "huber" else None)
    best = loss.constant(y)
    values = [loss.value(np.full_like(y, best + away), y) for away in (-0.1, -1e-3, 0, 1e-3, 0.1)]
    assert min(values) == values[2] < values[0]
    assert boost(TREE, X, y, loss=kind, delta=0.7 if kind == "huber" else None, stages=0).constant == best


def test_the_huber_constant_is_no_mean_where_one_label_is_far_out():
    assert pointwise.load("boost", "huber", 1.0).constant(np.array([0.0, 0, 0, 100])) == pytest.approx(1 / 3, rel=1e-12)


def test_the_logistic_loss_neither_overflows_nor_loses_its_digits():
    loss = pointwise.load("boost", "logistic")
    values = np.array([-1e4, -800.0, -40.0, 40.0, 800.0, 1e4])
    with np.errstate(over="raise", invalid="raise"):
        slope = loss.slope(values, np.ones(6))
        phi = loss.phi(values, np.ones(6))
    np.testing.assert_allclose(slope[:3], -1)
    np.testing.assert_allclose(phi[:3], -values[:3])
    assert slope[3] == pytest.approx(-math.exp(-40), rel=1e-12)


def test_labels_zero_and_one_are_minus_one_and_one():
    X, y = data()
    plus = signs(y)
    runs = [boost(TREE, X, labels, loss="logistic", stages=5) for labels in (plus, (plus + 1) / 2, plus > 0)]
    for run in runs[1:]:
        np.testing.assert_array_equal(run.values, runs[0].values)
    assert np.mean((runs[0].predict(X) > 0) == (plus > 0)) > 0.9


# What a run leaves


def test_predictions_are_those_of_training_to_the_last_bit():
    X, y = data()
    run = boost(TREE, X, y, stages=20, shrinkage=0.3)
    staged = list(run.staged_predict(X))
    assert len(staged) == 21
    np.testing.assert_array_equal(staged[-1], run.values)
    np.testing.assert_array_equal(run.predict(X), run.values)
    np.testing.assert_array_equal([np.mean((model - y) ** 2) / 2 for model in staged], run.loss)
    np.testing.assert_allclose([rms(model - y) for model in staged], run.gradient_norm, rtol=1e-14)


def test_without_a_stage_it_predicts_the_constant():
    X, y = data()
    run = boost(TREE, X, y, stages=0)
    assert (run.status, run.stage, run.learners) == ("budget", 0, ())
    np.testing.assert_array_equal(run.predict(X[:4]), np.full(4, np.mean(y)))


def test_stages_to_a_loss_are_counted_from_the_start():
    X, y = data()
    run = boost(TREE, X, y, stages=20, shrinkage=0.5, momentum=0.3)
    assert run.stages_to(run.loss[0]) == 0
    assert run.stages_to(run.loss[7]) == np.flatnonzero(run.loss <= run.loss[7])[0]
    assert run.stages_to(0) is None
    with pytest.raises(InputError, match=r"Boosted.stages_to\(loss\) should be a number >= 0, got -1"):
        run.stages_to(-1)


def test_the_watch_is_told_every_loss():
    X, y = data()
    told = []
    run = boost(TREE, X, y, stages=5, watch=lambda t, loss: told.append((t, loss)))
    assert told == list(enumerate(run.loss))


def test_a_run_that_reaches_the_labels_has_converged():
    X, y = data()
    run = boost(Memory(), X, y, start="zero", stages=50)
    assert (run.status, run.stage, len(run.loss)) == ("converged", 1, 2)
    assert run.gradient_norm[-1] <= 4 * EPS * rms(y)
    constant = boost(Memory(), X, np.full(60, 3.0), stages=50)
    assert (constant.status, constant.stage, constant.loss.tolist()) == ("converged", 0, [0.0])


def test_a_run_shows_itself_in_a_line():
    run = boost(Line(), *data(), stages=3, start="zero")
    assert repr(run).startswith("<Boosted squared loss, zero start: budget at stage 3, loss ") and "\n" not in repr(run)


def test_a_learner_that_finds_nothing_uses_the_budget_and_has_not_converged():
    X, y = data()
    run = boost(Saying(lambda X: np.zeros(len(X))), X, y, stages=7)
    assert (run.status, run.stage) == ("budget", 7)
    assert len(set(run.loss)) == 1
    np.testing.assert_allclose(run.residual, run.gradient_norm[0], rtol=1e-14)


@pytest.mark.parametrize("kind", pointwise.LOSSES)
def test_divergence_is_a_value(kind):
    X, y = data()
    y = signs(y) if kind == "logistic" else y

    class Flipped(Line):
        def predict(self, X):
            return -super().predict(X)

    run = boost(Flipped(), X, y, loss=kind, stages=10_000, step_size=1e8)
    assert np.max(run.loss[:-1]) <= 1e12 * run.loss[0] < run.loss[-1]
    assert run.status == "diverged"
    assert run.reason == "the loss grew more than 1e+12-fold"
    assert run.stage == len(run.loss) - 1 == len(run.learners)
    assert np.isfinite(run.loss).all()
    far = boost(Flipped(), X, y, loss=kind, stages=10, step_size=1e300)
    assert (far.status, far.stage, far.reason) == ("diverged", 1, "the loss left the floats")
    assert len(far.loss) == 1
    np.testing.assert_array_equal(far.predict(X), far.values)


def test_the_unit_of_y_makes_no_difference_to_when_a_run_diverges():
    X, y = data(200)
    runs = [boost(TREE, X, unit * y, stages=500) for unit in (1, 2.0**10)]  # a power of 2: nothing is rounded
    assert [run.status for run in runs] == ["diverged", "diverged"]
    assert runs[0].stage == runs[1].stage


def test_momentum_makes_trees_with_long_steps_diverge_where_zero_start_does_not():
    X, y = data(200)
    zero, stacking = (boost(TREE, X, y, stages=500, **start) for start in ({"start": "zero"}, {}))
    assert zero.loss[-1] < zero.loss[0] / 10
    assert stacking.status == "diverged"


def test_the_same_seed_gives_the_same_model():
    X, y = data(p=8)
    forest = DecisionTreeRegressor(max_depth=2, max_features=2)
    first, again, other = (boost(forest, X, y, stages=10, seed=seed, shrinkage=0.5) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.values, again.values)
    assert np.max(np.abs(first.values - other.values)) > 1e-3
    assert len({learner.random_state for learner in first.learners}) == 10
    assert forest.random_state is None


def test_a_prototype_is_copied_and_a_class_is_called():
    X, y = data()
    prototype = Line()
    copied, called = boost(prototype, X, y, stages=3), boost(Line, X, y, stages=3)
    assert not hasattr(prototype, "slope")
    assert len({id(learner) for learner in copied.learners}) == 3
    np.testing.assert_array_equal(copied.values, called.values)


def test_a_learner_inside_the_prototype_is_copied_too():
    class Wrapped:
        def __init__(self):
            self.inner = Line()

        def fit(self, X, r):
            self.inner.fit(X, r)

        def predict(self, X):
            return self.inner.predict(X)

    X, y = data()
    run = boost(Wrapped(), X, y, stages=5, shrinkage=0.5)
    np.testing.assert_array_equal(run.predict(X), run.values)


def test_a_learner_may_work_in_place_on_what_it_is_fitted_to():
    class InPlace(Line):
        def fit(self, X, r):
            super().fit(X, r)
            r *= 0

    X, y = data()
    runs = [boost(learner, X, y, stages=4, shrinkage=0.3) for learner in (Line, InPlace)]
    np.testing.assert_array_equal(runs[0].residual, runs[1].residual)
    np.testing.assert_array_equal(runs[0].target_norm, runs[1].target_norm)


def test_what_a_learner_raises_is_passed_on():
    X, y = data()

    def broken(X):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        boost(Saying(broken), X, y, stages=1)


def test_it_is_public():
    assert (linres.boost, linres.Boosted) == (boosting.boost, boosting.Boosted)


# What is refused

X, Y = data(6)


def refused(learner=TREE, X=X, y=Y, **options):
    with pytest.raises(InputError) as raised:
        boost(learner, X, y, **({"stages": 2} | options))
    assert "\n" not in str(raised.value)
    return str(raised.value)


HOLE = np.where(np.arange(6) == 2, np.nan, Y)


@pytest.mark.parametrize(("options", "words"), [
    ({"X": np.where(X[1, 2] == X, np.nan, X)},
     "boost(X) should be finite numbers, got 1 non-finite, the first nan at row 1"),
    ({"X": X[:, 0]},
     "boost(X) should be a real matrix, got an array with 1 axes. Write a single column as x[:, None]."),
    ({"X": X[:0]}, "boost(X) should be at least one row and one column, got shape (0, 3)."),
    ({"y": HOLE}, "boost(y) should be finite numbers, got 1 non-finite, the first nan at position 2"),
    ({"y": Y[:5]}, "boost(y) should be as long as X has rows, 6, got 5 labels."),
    ({"y": Y[:, None]}, "boost(y) should be a list of at least one number, got shape (6, 1)."),
    ({"y": ["a"] * 6}, "boost(y) should be a list of real numbers, got dtype"),
    ({"y": 1e200 * Y}, "boost(y) should be of moderate size, got a first loss of inf. Rescale y."),
    ({"y": np.ones(6), "loss": "logistic"}, "boost(y) should be of two classes, got the label 1 alone."),
    ({"y": np.zeros(6), "loss": "logistic"}, "boost(y) should be of two classes, got the label 0 alone."),
    ({"y": np.arange(6.0), "loss": "logistic"},
     "boost(y) should be labels 0 and 1, or -1 and +1, for the logistic loss, got the labels 0, 1, 2, 3, ..."),
    ({"y": [-1, 0, 1, 1, 1, 0], "loss": "logistic"}, "got the labels -1, 0, 1. Take another loss"),
    ({"loss": "hinge"}, 'boost(loss=...) should be "squared" or "logistic" or "huber", got \'hinge\'.'),
    ({"loss": "huber", "delta": 0}, "boost(delta=...) should be a number > 0, got 0."),
    ({"delta": 1}, 'boost(delta=...) should be left out for the loss "squared", got 1. It is that of loss="huber".'),
    ({"start": "random"}, 'boost(start=...) should be "stacking" or "zero", got \'random\'.'),
    ({"initial": 3}, 'boost(initial=...) should be "constant" or "zero", got 3.'),
    ({"start": "zero", "momentum": 0.5}, "boost(momentum=...) should be left out for the zero start, got 0.5."),
    ({"momentum": 1}, 'boost(momentum=...) should be in [0, 1), or "growing", got 1.'),
    ({"momentum": "fast"}, 'boost(momentum=...) should be in [0, 1), or "growing", got \'fast\'.'),
    ({"stages": -1}, "boost(stages=...) should be an integer >= 0, got -1."),
    ({"step_size": 0}, "boost(step_size=...) should be a number > 0, got 0."),
    ({"shrinkage": math.nan}, "boost(shrinkage=...) should be a number > 0, got nan."),
    ({"shrinkage": 1, "step_size": 1}, "boost(shrinkage=...) should be left out where step_size is given, got 1."),
    ({"seed": -1}, "boost(seed=...) should be an integer from 0 to 2^32 - 1, got -1."),
    ({"seed": 1, "learner": Line()}, "boost(seed=...) should be left out for a learner without random_state, got 1."),
    ({"learner": 3}, "boost(learner) should be a learner with fit(X, r) and predict(X), got an int without fit and"),
    ({"learner": lambda: 3},
     "what boost(learner) returns should be a learner with fit(X, r) and predict(X), got an int"),
    ({"learner": lambda: TREE},
     "boost(learner) should be a function that returns a new learner at every call, got the same one twice."),
    ({"learner": Saying(lambda X: X[:, :1])},
     "the prediction of the Saying in boost(learner) should be a list of at least one number, got shape (6, 1)."),
    ({"learner": Saying(lambda X: X[:-1, 0])}, "should be as long as X has rows, 6, got 5 numbers."),
    ({"learner": Saying(lambda X: np.full(len(X), np.nan))},
     "should be finite numbers, got 6 non-finite, the first nan"),
    ({"learner": Saying(lambda X: None)}, "should be a list of real numbers, got None."),
])
def test_bad_input_is_refused_in_one_line_that_names_it(options, words):
    assert words in refused(**options)


def test_prediction_wants_the_columns_trained_on():
    run = boost(Line(), X, Y, stages=1)
    for call in (run.predict, lambda X: next(run.staged_predict(X))):
        with pytest.raises(InputError, match=r"\(X\) should be of the 3 columns trained on, got 2 columns"):
            call(X[:, :2])


def test_a_run_that_ends_above_where_it_began_says_so():
    class Opposed:
        def fit(self, X, r):
            self.value = -r
            return self

        def predict(self, X):
            return self.value

    run = boosting.boost(Opposed, np.zeros((4, 1)), np.array([0.0, 1.0, 2.0, 5.0]), start="zero", stages=5)
    assert run.status == "budget" and "above where it began" in run.reason
    assert run.settings["step_size"] == boosting.SHRINKAGE


def test_a_run_can_be_kept_and_drawn_as_any_other(tmp_path):
    X = np.arange(12.0)[:, None]
    run = boosting.boost(DecisionTreeRegressor(max_depth=1, random_state=0), X, np.sin(X[:, 0]), stages=5)
    kept = run.trajectory
    frame = kept.to_frame()
    assert frame["loss"].tolist() == run.loss.tolist()
    assert frame["step_error"].tolist()[:-1] == run.residual.tolist() and frame["beta"][1] == run.momenta[1]
    kept.save(tmp_path / "run.csv")
    kept.save(tmp_path / "run.npz")
    assert type(kept).load(tmp_path / "run.npz").loss.tolist() == run.loss.tolist()
    assert (tmp_path / "run.csv").read_text().count("\n") == 7
    assert kept.plot().axes
