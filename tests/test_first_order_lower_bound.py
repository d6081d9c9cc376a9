"""first-order-lower-bound: proved; the vector that no step moves along; attained, and where adaptive methods end."""

from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
import sympy
from deciding import certainly_holds
from hypotheses import require_that_the_proof_needs
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped

from linres.arithmetic import EXACT, inner
from linres.first_order import METHODS
from linres.krylov import KrylovRun
from linres.rungs import draw, rigorous, symbolic, tightness
from linres.theorems import first_order_lower_bound as bound

F = Fraction
THEOREM = bound.THEOREM
holds = certainly_holds(THEOREM)
often = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
RUN = KrylovRun(
    (F(1, 2), F(3), F(2), F(5)), (F(1), F(-2), F(1, 3), F(4)), "nesterov", 2, mirror=(F(1), F(2), F(0), F(-1)),
    scale=F(3, 2),
)


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    require_that_the_proof_needs(THEOREM, hypothesis)


def test_a_conclusion_that_claims_more_is_refused():
    left, right = THEOREM.conclusion.args
    with sympy.evaluate(False):
        more = sympy.Le(sympy.Rational(1001, 1000) * left, right)
    wrong = replace(THEOREM, conclusion=more, proof=(*THEOREM.proof[:-1], replace(THEOREM.proof[-1], claim=more)))
    assert not symbolic.check(wrong).complete


# The vector u.


@given(bound.instances())
@often
def test_it_is_orthogonal_to_the_powers_and_has_product_one_with_the_first_error(instance):
    """For all methods alike, and after them too: up to the power T."""
    run = replace(instance, method="given", coefficients=(F(1),) * instance.steps).measured(EXACT)
    assert inner(run.dual, run.errors[0]) * 1 == EXACT.number(instance.scale)
    assert all(inner(run.dual, move) == 0 for move in run.moves.values())


def test_of_a_power_more_it_is_not():
    run = replace(RUN, method="given", coefficients=(F(1),) * 3, steps=3, nodes=3).measured(EXACT)
    assert [inner(run.dual, move) == 0 for move in run.moves.values()] == [True, True, False]


def test_equal_eigenvalues_make_none():
    with pytest.raises(ZeroDivisionError):
        replace(RUN, eigenvalues=(F(1), F(1), F(2), F(3))).measured(EXACT)


# Instances.


@pytest.mark.parametrize("method", [*METHODS, "minimal"])
def test_every_method_is_bounded(method):
    assert holds(replace(RUN, method=method))


@given(bound.instances())
@often
def test_holds_on_drawn_runs(instance):
    assert holds(instance)


def test_draws_have_every_method():
    drawn = draw.instances(bound.instances(), 100, seed=0)
    assert {run.method for run in drawn} == {"given", "minimal", *METHODS}


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_smallest_error_attains_it(steps):
    assert tightness.equal(THEOREM, bound.attained(steps))


def test_with_an_eigenvalue_more_a_better_vector_exists():
    """The smallest error is then itself the best u: this one, for three of four eigenvalues, is not."""
    assert holds(replace(RUN, method="minimal")) and not tightness.equal(THEOREM, replace(RUN, method="minimal"))


def test_the_smallest_error_is_orthogonal_to_every_move():
    run = bound.attained(3).measured(EXACT)
    powers = replace(bound.attained(3), method="given", coefficients=(F(1),) * 3).measured(EXACT)
    for t in range(4):
        assert all(inner(run.errors[t], powers.moves[k]) == 0 for k in range(t))


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_conjugate_gradients_end_where_there_are_no_more_eigenvalues_than_steps(dimension):
    """The claim 'every method has an error left after t steps' is false in dimension t: it needs t + 1 eigenvalues."""
    values = (F(1), F(3), F(7))[:dimension]
    ended = KrylovRun(values, (F(1),) * dimension, "conjugate-gradient", dimension, nodes=dimension)
    run = ended.measured(EXACT)
    assert not any(run.errors[dimension].entries()) and any(run.errors[dimension - 1].entries())
    assert rigorous.check(THEOREM, ended).rejected == 1


def test_newtons_method_is_not_of_this_kind():
    assert rigorous.check(THEOREM, replace(RUN, method="newton")).rejected == 1


@pytest.mark.parametrize("place", list(places(THEOREM, RUN)), ids=lambda place: f"{place[1]}-at-{place[2]}")
def test_a_measured_value_10_percent_too_large_is_noticed_unless_any_multiple_will_do(place):
    """Of u every multiple has the same bound."""
    assert outcome(THEOREM, RUN) == "holds"
    assert (outcome(swapped(THEOREM, place), RUN) == "holds") == (place[1] == bound.u)


def test_bulk_runs_are_the_exact_runs():
    batch = THEOREM.sample(np.random.default_rng(0), 40)
    for k in range(0, 40, 3):
        [row] = bound.measure(batch.instance(k), EXACT)
        exact = [float(flint.arb(value)) for value in row[bound.r].values()]
        np.testing.assert_allclose(batch.columns[bound.r][:, k], exact, rtol=1e-9, atol=1e-12 * exact[0])
        assert batch.columns[bound.v][k] == pytest.approx(1, rel=1e-9)
        square = inner(row[bound.u], row[bound.u])
        assert batch.columns[bound.n][k] == pytest.approx(float(flint.arb(square)), rel=1e-9)
