"""nesterov-quadratic: proved, attained along the mu-eigenvector; its closed form; and what it says of whole vectors."""

from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
from balls import contains
from deciding import certainly_holds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from swaps import outcome, places, swapped
from sympy import Eq, Lt

from linres.arithmetic import BALL, EXACT, FLOAT, inner, rational
from linres.errors import InputError
from linres.evaluate import Enclosure
from linres.instances import NesterovRun, QuadraticRun
from linres.kernels import quadratic as kernel
from linres.rungs import rigorous, symbolic, verify, wanting
from linres.theorem import Induction
from linres.theorems import nesterov_quadratic as n5

F = Fraction
THEOREM = n5.THEOREM
EPS = np.finfo(float).eps
often = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))

GENERIC = QuadraticRun(
    q=F(1, 3), L=F(9), eigenvalues=(F(1), F(5, 2), F(7)), start=(F(2), F(-1), F(1, 3)), mirror=(F(1), F(2), F(-1)),
    minimiser=(F(2), F(-1), F(1, 3)), stages=5,
)


holds = certainly_holds(THEOREM)


def test_is_proved_and_attained_and_every_control_comes_out_as_it_must():
    verdict = verify(THEOREM)
    assert verdict.verdict == "proved" and wanting(verdict) == 0
    assert verdict.proof["checked"] == verdict.proof["steps"] == len(THEOREM.steps()) and verdict.proof["prose"] == 0
    assert verdict.evidence["rigorous"]["rejected"] == 0
    for control in verdict.evidence["controls"]["list"]:
        assert control["refuted"] == (control["kind"] == "stronger") and "reason" not in control


@given(n5.instances())
@often
def test_holds_on_drawn_quadratics_of_every_scale(instance):
    assert holds(instance)


@pytest.mark.parametrize("place", list(places(THEOREM, GENERIC)), ids=lambda place: f"{place[1]}-at-{place[2]}")
def test_a_measured_value_10_percent_too_large_is_noticed(place):
    assert outcome(THEOREM, GENERIC) == "holds"
    assert outcome(swapped(THEOREM, place), GENERIC) in {"Disagree", "NotExact", "failure", "rejected"}


# The proof.


NAMES = [step.name for step in THEOREM.steps()]
IDENTITIES = {"recurrence", "next_b", "next_a"}  # they tell the reader what the definitions amount to


def without(steps, name):
    """The steps without the one of that name, wherever it stands."""

    def left_of(step):
        if not isinstance(step.by, Induction):
            return step
        first = tuple(without(each, name) for each in step.by.first)
        return replace(step, by=replace(step.by, first=first, advance=without(step.by.advance, name)))

    return tuple(left_of(step) for step in steps if step.name != name)


@pytest.mark.parametrize("name", NAMES)
def test_every_step_but_the_identities_for_the_reader_is_needed(name):
    assert symbolic.check(replace(THEOREM, proof=without(THEOREM.proof, name))).complete == (name in IDENTITIES)


@pytest.mark.parametrize("position", range(len(n5.PROOF[-1].by.invariants)))
def test_every_invariant_is_needed(position):
    """Without the claim itself there is nothing to conclude; without another it is not carried on."""
    *steps, last = THEOREM.proof
    kept = tuple(each for k, each in enumerate(last.by.invariants) if k != position)
    fewer = replace(last, by=replace(last.by, invariants=kept))
    assert not symbolic.check(replace(THEOREM, proof=(*steps, fewer))).complete


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_every_hypothesis_is_used(hypothesis):
    fewer = tuple(each for each in THEOREM.hypotheses if each is not hypothesis)
    assert not symbolic.check(replace(THEOREM, hypotheses=fewer)).complete


@pytest.mark.parametrize("eigenvalue", [F(1), F(4), F(9)])
def test_the_two_parts_of_the_proof_are_the_two_terms_of_the_closed_form(eigenvalue):
    run = replace(GENERIC, eigenvalues=(eigenvalue,), start=(F(2),), mirror=(), minimiser=())
    [row] = n5.measure(run, EXACT)
    cosine = np.sqrt((9 - float(eigenvalue)) / 8)
    angle = np.arccos(cosine)
    for t in range(run.stages):
        walk = Enclosure(row, THEOREM.definitions, {n5.t: t})
        scale = (2 / 3 * cosine) ** t * 2
        sines = np.sin(t * angle) / np.sin(angle) if angle else t
        for part, expected in ((n5.a, np.cos(t * angle)), (n5.b, cosine * sines)):
            assert float(flint.arb(walk.value(part[n5.t])).mid()) == pytest.approx(scale * expected, abs=1e-14)


# Sharpness.

EQUALITY = replace(THEOREM, conclusion=Eq(*THEOREM.conclusion.args, evaluate=False))


@pytest.mark.parametrize("q", [F(1, 100), F(1, 7), F(1, 2), F(99, 100), F(1)])
def test_is_an_equality_at_each_of_200_stages_along_the_mu_eigenvector(q):
    assert holds(n5.along(F(0), q=q, stages=200), EQUALITY)


def test_is_an_equality_along_the_mu_eigenvector_of_a_quadratic_in_space():
    [row, *others] = n5.measure(n5.slowest(stages=40), EXACT)
    assert holds(n5.slowest(stages=40), EQUALITY)
    assert row[n5.c][0] == 2 and all(value == 0 for other in others for value in other[n5.c].values())


@pytest.mark.parametrize("q", [F(1, 7), F(1, 2), F(99, 100)])
@pytest.mark.parametrize("share", [F(1, 10**6), F(1, 3), F(1)])
def test_is_strict_from_the_first_stage_on_along_every_other_eigenvector(q, share):
    run = n5.along(share, q=q, stages=60)
    strict = replace(THEOREM, conclusion=Lt(*THEOREM.conclusion.args, evaluate=False))
    assert rigorous.check(strict, run).failure.horizon == 0
    [row] = n5.measure(run, EXACT)
    assert all(abs(row[n5.c][t]) < (1 + rational(q) * t) * (1 - rational(q)) ** t for t in range(1, 61))


def test_one_stage_ends_it_along_the_L_eigenvector():
    [row] = n5.measure(n5.along(F(1), q=F(1, 5), stages=6), EXACT)
    assert [row[n5.c][t] for t in range(-1, 7)] == [1, 1, 0, 0, 0, 0, 0, 0]


def test_one_stage_ends_it_where_mu_is_L():
    run = replace(GENERIC, q=F(1), eigenvalues=(F(9),) * 3)
    assert holds(run)
    assert all(row[n5.c][t] == 0 for row in n5.measure(run, EXACT) for t in range(1, 6))


# Whole vectors.


def squared_distances(run):
    """|x_t - x*|^2 and f(x_t) - f* for t = 0, ..., T, from the points themselves, exactly."""
    record, basis = run.record(EXACT), run.basis(EXACT)
    d = range(len(run.eigenvalues))
    hessian = basis @ EXACT.matrix([[run.eigenvalues[i] if i == j else F(0) for j in d] for i in d]) @ basis.T
    offsets = [point - record.minimiser for point in record.points[1:]]
    return [(inner(x, x), inner(hessian @ x, x) / 2) for x in offsets]


@given(n5.instances())
@often
def test_the_vector_and_the_excess_obey_the_same_bound(run):
    (distance, excess), *_ = squares = squared_distances(run)
    q = rational(run.q)
    for t, (far, high) in enumerate(squares):
        factor = ((1 + q * t) * (1 - q) ** t) ** 2
        assert far <= factor * distance and high <= factor * excess


def test_the_bound_on_the_vector_is_attained_at_every_stage():
    (distance, excess), *_ = squares = squared_distances(n5.slowest())
    factors = [((1 + flint.fmpq(t, 2)) / 2**t) ** 2 for t in range(13)]
    assert squares == [(factor * distance, factor * excess) for factor in factors] and distance == 4


def test_the_squares_of_the_coordinates_add_up_to_that_of_the_vector():
    paths = GENERIC.record(EXACT).paths
    for t, (distance, _) in enumerate(squared_distances(GENERIC)):
        assert sum(path[t] * path[t] for path in paths) == distance


def test_the_run_is_the_one_that_the_other_theorems_measure():
    """Dyadic parameters and enough bits: nothing is rounded there either."""
    q, L, shares, point = F(3, 4), F(2), (F(0), F(1, 4), F(1)), (F(1), F(-3), F(1, 2))
    other = NesterovRun(q=q, L=L, up=shares, down=shares, x=point, x_prev=point, stages=6, bits=2048)
    mu = q**2 * L
    run = QuadraticRun(q=q, L=L, eigenvalues=tuple(mu + k * (L - mu) for k in shares), start=point, stages=6)
    assert [stage.x for stage in other.record(EXACT).stages] == run.record(EXACT).points[1:-1]


def test_balls_and_floats_follow_the_exact_run():
    exact, ball, real = (GENERIC.record(arithmetic).paths for arithmetic in (EXACT, BALL, FLOAT))
    for path, enclosures, floats in zip(exact, ball, real, strict=True):
        for t, value in path.items():
            assert contains(enclosures[t], value)
            assert floats[t] == pytest.approx(float(flint.arb(value).mid()), abs=1e-14)


# The bound and the closed form as functions.


def test_the_bound_is_a_function_of_the_stage():
    stages = np.arange(100)
    found = THEOREM.bound(q=0.1, T=stages, c=3.0)
    np.testing.assert_allclose(found, (3 * (1 + 0.1 * stages) * 0.9**stages) ** 2, rtol=1e-13)


def test_the_bound_needs_the_start():
    with pytest.raises(InputError):
        THEOREM.bound(q=0.1, T=3)


def exact_path(eigenvalue, q, L, stages):
    """c_t/c_0 for these floats taken as the rationals they are, by the recurrence of the statement."""
    eigenvalue, q, L = (Fraction(float(value)) for value in (eigenvalue, q, L))
    remaining, beta = 1 - eigenvalue / L, (1 - q) / (1 + q)
    path = [Fraction(1), Fraction(1)]
    for _ in range(stages):
        path.append(remaining * ((1 + beta) * path[-1] - beta * path[-2]))
    return path[1:]


def allowed(q, stages):
    """8 EPS (1 + t)(1 + q t)(1-q)^{t-1}: t factors are rounded, and an angle that is known to EPS/(1-q) times t."""
    t = np.arange(stages + 1)
    return 8 * EPS * (1 + t) * (1 + q * t) * (1 - q) ** np.maximum(t - 1, 0) + 1e-300


@given(
    k=st.integers(1, 64), halvings=st.integers(0, 6), shares=st.lists(st.floats(0, 1), min_size=1, max_size=3),
    L=st.sampled_from([1.0, 3e-5, 7e6]), stages=st.sampled_from([0, 1, 2, 40]),
)
@often
def test_the_closed_form_is_the_recurrence(k, halvings, shares, L, stages):
    q = k / 64 / 2**halvings
    mu = q * q * L
    eigenvalues = np.minimum(mu + np.array([0.0, 1.0, *shares]) * (L - mu), L)
    found = n5.closed_form(eigenvalues, q=q, L=L, stages=stages)
    assert found.shape == (stages + 1, len(eigenvalues))
    for column, eigenvalue in zip(found.T, eigenvalues, strict=True):
        exact = np.array([float(value) for value in exact_path(eigenvalue, q, L, stages)])
        assert np.all(np.abs(column - exact) <= allowed(q, stages))


def test_the_closed_form_at_mu_is_the_bound():
    found = n5.closed_form([0.01 * 5.0], q=0.1, L=5.0, stages=300)[:, 0]
    np.testing.assert_allclose(found**2, THEOREM.bound(q=0.1, T=np.arange(301), c=1.0), rtol=1e-11)


def test_the_closed_form_is_continuous_at_the_double_root():
    at, near = (n5.closed_form([mu], q=0.1, L=1.0, stages=50)[:, 0] for mu in (0.1 * 0.1, 0.1 * 0.1 + 1e-14))
    np.testing.assert_allclose(near, at, rtol=1e-9)


@pytest.mark.parametrize("q", [0.25, 1.0])
def test_the_closed_form_at_L_ends_after_one_stage(q):
    np.testing.assert_array_equal(n5.closed_form([2.0], q=q, L=2.0, stages=4)[:, 0], [1, 0, 0, 0, 0])


def test_the_closed_form_takes_a_mu_that_is_off_by_its_rounding():
    n5.closed_form([0.1**2 * 3.0 * (1 - 4 * EPS), 3.0 * (1 + 4 * EPS)], q=0.1, L=3.0, stages=3)


def test_a_hundred_thousand_stages_neither_overflow_nor_lose_the_end():
    found = n5.closed_form(np.linspace(1e-8, 1.0, 5), q=1e-4, L=1.0, stages=100_000)
    assert np.all(np.isfinite(found)) and found[-1, 0] == pytest.approx(11 * (1 - 1e-4) ** 100_000, rel=1e-9)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"q": 0.0}, "q"), ({"q": 1.5}, "q"), ({"L": 0.0}, "L"), ({"stages": -1}, "stages"),
        ({"stages": 2.5}, "stages"), ({"eigenvalues": [0.2]}, "eigenvalues"), ({"eigenvalues": [1.1]}, "eigenvalues"),
        ({"eigenvalues": []}, "eigenvalues"), ({"eigenvalues": [np.nan]}, "eigenvalues"),
    ],
    ids=str,
)
def test_the_closed_form_refuses_what_it_does_not_cover(wrong, message):
    given = {"eigenvalues": [0.5], "q": 0.5, "L": 1.0, "stages": 3} | wrong
    with pytest.raises(InputError, match=rf"closed_form\({message}"):
        n5.closed_form(given.pop("eigenvalues"), **given)


def test_the_compiled_paths_stay_below_the_closed_form_bound_and_reach_it():
    rng = np.random.default_rng(0)
    q = rng.uniform(0.01, 1, 500)
    share = np.where(np.arange(500) < 100, 0, rng.random(500))
    mu = q**2 * 3
    paths = kernel.paths(mu + share * (3 - mu), np.ones(500), q, np.full(500, 3.0), 50)
    t = np.arange(51)[:, None]
    bound = (1 + q * t) * (1 - q) ** t
    assert np.all(np.abs(paths) <= bound * (1 + 1e-9) + 1e-13)
    np.testing.assert_allclose(paths[:, :100], bound[:, :100], rtol=1e-9, atol=1e-13)
