"""chebyshev-polynomial: proved for every degree, attained; the bounds of polynomials that its instances come with."""

from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
import sympy
from deciding import certainly_holds
from hypotheses import require_that_the_proof_needs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from swaps import outcome, places, swapped

from linres.arithmetic import EXACT, rational
from linres.methods import chebyshev
from linres.ring import Contraction, Ring, largest_value, of_chebyshev, of_descent
from linres.rungs import rigorous, symbolic, tightness
from linres.strategies import vectors
from linres.theorems import chebyshev_polynomial as n6

F = Fraction
THEOREM = n6.THEOREM
holds = certainly_holds(THEOREM)
often = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
RUN = Contraction(Ring(F(1, 3), F(5), F(-2), 3, "polynomial", (F(-2), F(1, 2), F(1, 8))))
roots = st.fractions(F(1, 40), F(39, 40), max_denominator=40)


def value(given, s):
    return 1 + sum(c * s**k for k, c in enumerate(given, 1))


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    require_that_the_proof_needs(THEOREM, hypothesis)


def test_a_conclusion_that_claims_more_is_refused():
    left, right = THEOREM.conclusion.args
    with sympy.evaluate(False):
        more = sympy.Le(sympy.Rational(1001, 1000) * left, right)
    wrong = replace(THEOREM, conclusion=more, proof=(*THEOREM.proof[:-1], replace(THEOREM.proof[-1], claim=more)))
    assert not symbolic.check(wrong).complete


@given(n6.instances())
@often
def test_holds_on_drawn_polynomials(instance):
    assert holds(instance)


@given(roots, st.integers(1, 6))
@often
def test_is_attained_by_the_chebyshev_polynomial_whatever_the_condition_number(q, degree):
    instance = n6.attained(degree, q)
    assert holds(instance) and tightness.equal(THEOREM, instance)
    assert float(instance.by) == pytest.approx(chebyshev.lower_bound(float(q), degree) ** 0.5, rel=1e-12)


def test_a_bound_smaller_by_any_amount_is_none_of_the_chebyshev_polynomial():
    tight = n6.attained()
    assert rigorous.check(THEOREM, replace(tight, by=tight.by * (1 - F(1, 10**12)))).rejected == 1


def test_the_polynomial_acts_as_the_method_does():
    for method, given_ in (("chebyshev", of_chebyshev(F(1, 3), 4)), ("gradient", of_descent(F(9, 5), 4))):
        ring = Ring(F(1, 3), F(5), F(2), 4, method)
        polynomial = replace(ring, method="polynomial", given=given_)
        assert polynomial.measured(EXACT) == ring.measured(EXACT)


# The largest value of a polynomial.


@given(st.integers(1, 6).flatmap(vectors), roots)
@often
def test_no_value_is_above_the_bound_and_one_is_next_to_it(given_, q):
    bound = largest_value((F(1), *given_), q * q, F(1))
    places_ = [q * q + (1 - q * q) * F(k, 400) for k in range(401)]
    seen = max(abs(value(given_, s)) for s in places_)
    slope = sum(k * abs(c) for k, c in enumerate(given_, 1))  # of p, on [0, 1], at most
    assert seen <= bound <= seen + slope * F(1, 400)


@pytest.mark.parametrize(("coefficients", "largest"), [
    ((F(1), F(-2)), F(1)), ((F(1), F(-4), F(4)), F(1)), ((F(0), F(4), F(-4)), F(1)), ((F(3),), F(3)),
    ((F(1), F(0), F(-3)), F(2)),
])
def test_the_bound_is_the_maximum_where_that_is_rational(coefficients, largest):
    found = largest_value(coefficients, F(0), F(1))
    assert largest <= found <= largest * (1 + F(1, 2**100))


def test_the_bound_of_the_chebyshev_polynomial_is_its_maximum():
    for degree in range(1, 9):
        found = largest_value((F(1), *of_chebyshev(F(1, 2), degree)), F(1, 4), F(1))
        exact = n6.attained(degree).by
        assert exact <= found <= exact * (1 + F(1, 2**60))


# Rows.


@pytest.mark.parametrize("place", list(places(THEOREM, n6.attained(2))), ids=lambda p: f"{p[1]}-at-{p[2]}")
def test_a_measured_value_10_percent_too_large_is_noticed_unless_it_is_zero_or_a_weaker_bound(place):
    _, symbol, stage = place
    tight = n6.attained(2)
    measured = n6.measure(tight, EXACT)[0][symbol]
    measured = measured if stage is None else measured[stage]
    assert outcome(THEOREM, tight) == "holds"
    assert (outcome(swapped(THEOREM, place), tight) == "holds") == (measured == 0 or symbol == n6.M)


def test_bulk_polynomials_are_the_exact_ones():
    batch = THEOREM.sample(np.random.default_rng(0), 60)
    for k in range(0, 60, 5):
        instance = batch.instance(k)
        [row] = n6.measure(instance, EXACT)
        for symbol in (n6.F, n6.G):
            exact = [float(flint.arb(each)) for each in row[symbol].values()]
            np.testing.assert_allclose(batch.columns[symbol][:, k], exact, rtol=1e-5, atol=1e-12 * max(exact))
        assert rational(float(batch.columns[n6.M][k])) == row[n6.M] and instance.ring.largest() <= instance.by


def test_half_of_the_bulk_is_next_to_the_bound():
    batch = THEOREM.sample(np.random.default_rng(1), 400)
    share = chebyshev.lower_bound(batch.columns[n6.q], 6) ** 0.5 / batch.columns[n6.M]
    assert 100 < np.sum(share > 0.998) < 300 and np.all(share <= 1)


def test_a_drawn_polynomial_has_its_bound_computed():
    assert holds(RUN) and RUN.factor == RUN.ring.largest()
