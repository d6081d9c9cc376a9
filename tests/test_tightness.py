"""Tightness is decided, never guessed: equal sides at an extremal instance, on every row and at every horizon."""

from dataclasses import replace
from fractions import Fraction

import hypothesis.strategies as st
import pytest
import sympy
from sympy import Eq, Ge, Le, sqrt, symbols

import linres
from linres.rungs import tightness
from linres.theorem import Theorem
from linres.theorems import nesterov_quadratic as quadratic

a, b = symbols("a b", real=True)
with sympy.evaluate(False):
    MEANS = Le(2 * a * b, a**2 + b**2)
    ROOTS = Le(sqrt(a), sqrt(a) + b)
    PRODUCT = Eq(a * b, b * a)
POSITIVE = Ge(b, 0)
EQUAL, UNEQUAL, ZERO = (Fraction(3), Fraction(3)), (Fraction(3), Fraction(3001, 1000)), (Fraction(0), Fraction(0))
IRRATIONAL = (Fraction(2), Fraction(0))


def theorem(conclusion, *extremal, hypotheses=()):
    return Theorem(
        name="means", title="means", provenance="classical", symbols={a: "", b: ""}, hypotheses=hypotheses,
        conclusion=conclusion, instances=lambda: st.just(UNEQUAL), extremal=extremal,
        measure=lambda pair, arithmetic: [{a: arithmetic.number(pair[0]), b: arithmetic.number(pair[1])}],
    )


def test_is_attained_where_both_sides_are_equal():
    found = tightness.run(theorem(MEANS, UNEQUAL, EQUAL))
    assert found == {"ran": True, "tightness": "attained", "instance": repr(EQUAL)}


def test_is_attained_at_an_irrational_value():
    assert tightness.run(theorem(ROOTS, IRRATIONAL))["tightness"] == "attained"


@pytest.mark.parametrize(("reason", "extremal", "hypotheses"), [
    ("nearly equal", UNEQUAL, ()),
    ("both zero", ZERO, ()),
    ("outside the hypotheses", EQUAL, (Ge(-b, 0),)),
], ids=lambda value: value if isinstance(value, str) else "")
def test_is_not_attained_where_the_sides_are(reason, extremal, hypotheses):
    assert tightness.run(theorem(MEANS, extremal, hypotheses=hypotheses))["tightness"] is None
    assert tightness.run(theorem(MEANS, EQUAL, hypotheses=(POSITIVE,)))["tightness"] == "attained", reason


@pytest.mark.parametrize(("conclusion", "extremal"), [(MEANS, ()), (PRODUCT, (EQUAL,))])
def test_says_why_it_did_not_run(conclusion, extremal):
    found = tightness.run(theorem(conclusion, *extremal))
    assert not found["ran"]
    assert found["reason"]


def test_every_horizon_counts():
    quadratic = linres.load("nesterov-with-errors")
    assert tightness.run(quadratic)["tightness"] == "attained"
    longer = replace(quadratic.extremal[1], stages=2)
    assert tightness.run(replace(quadratic, extremal=(longer,)))["tightness"] is None


def test_the_verdict_reports_it():
    assert linres.verify(theorem(MEANS, EQUAL)).evidence["tightness"]["tightness"] == "attained"


def test_equal_starts_and_zeros_after_them_attain_nothing():
    """At q = 1 one step lands on the minimiser: c_0^2 = c_0^2 and then 0 = 0, for the false variants too."""
    false = quadratic.THEOREM.control("growth-5-percent-faster")
    at_once, slow = (quadratic.along(Fraction(0), q=Fraction(q)) for q in ("1", "1/4"))
    assert tightness.run(replace(false, extremal=(at_once,)))["tightness"] is None
    assert tightness.run(replace(false, extremal=(slow,)))["tightness"] is None
    assert tightness.run(replace(quadratic.THEOREM, extremal=(at_once, slow)))["instance"] == repr(slow)
