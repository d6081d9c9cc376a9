"""Tightness is decided, never guessed: equal sides at an extremal instance, on every row and at every horizon."""

from dataclasses import replace
from fractions import Fraction

import hypothesis.strategies as st
import pytest
import sympy
from sympy import Eq, Ge, Le, Rational, sqrt, symbols

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
    errors = replace(linres.load("nesterov-with-errors"), tightness=None)
    assert tightness.run(errors)["tightness"] == "attained"
    longer = replace(errors.extremal[1], stages=2)
    assert tightness.run(replace(errors, extremal=(longer,)))["tightness"] is None


def test_the_verdict_reports_it():
    assert linres.verify(theorem(MEANS, EQUAL)).evidence["tightness"]["tightness"] == "attained"


def test_equal_starts_and_zeros_after_them_attain_nothing():
    """At q = 1 one step lands on the minimiser: c_0^2 = c_0^2 and then 0 = 0, for the false variants too."""
    false = quadratic.THEOREM.control("growth-5-percent-faster")
    at_once, slow = (quadratic.along(Fraction(0), q=Fraction(q)) for q in ("1", "1/4"))
    assert tightness.run(replace(false, extremal=(at_once,)))["tightness"] is None
    assert tightness.run(replace(false, extremal=(slow,)))["tightness"] is None
    assert tightness.run(replace(quadratic.THEOREM, extremal=(at_once, slow)))["instance"] == repr(slow)


# Limits: a family along which the ratio of the sides is known exactly

HALVES = tuple(Fraction(1, 2**k) for k in range(1, 9))
with sympy.evaluate(False):
    SUM = Le(a, sqrt(a**2 + b**2))  # a/sqrt(a^2 + b^2) = 1/sqrt(1 + b^2) for a = 1
    ALWAYS = Le(a, 2 * a)


def beside(b):
    return (Fraction(1), b)


def limited(limit, conclusion=SUM, **parts):
    return replace(theorem(conclusion, hypotheses=(Ge(a, 0), Ge(b, 0))), tightness=limit, **parts)


RATIO = 1 / sqrt(1 + b**2)


def limit(ratio=RATIO, family=beside, at=HALVES, **options):
    return linres.Limit(family, at, ratio, **options)


def test_a_limit_is_reported_with_the_exact_ratio_of_every_member():
    found = tightness.run(limited(limit(tends=(b, 0))))
    assert (found["tightness"], found["limit"]["holds"]) == ("limit", True)
    assert found["limit"]["ratio"] == "1/sqrt(b**2 + 1)"
    assert found["limit"]["at"][:2] == ["1/2", "1/4"]
    assert len(found["limit"]["ratios"]) == len(HALVES)
    assert found["limit"]["ratios"][0].startswith("[0.89442719")


@pytest.mark.parametrize(("wrong", "reason"), [
    (limit(1 / (1 + b**2)), "at 1/2, small is not ratio * large"),
    (limit(1 / sqrt(1 + b**2) + b**200), "small is not ratio * large"),
    (limit(at=HALVES[::-1]), "do not come nearer"),
    (limit(at=(Fraction(1), *HALVES[:2])), "not within 1/100"),
    (limit(to=Fraction(999, 1000)), "do not come nearer"),
    (limit(family=lambda b: (-Fraction(1), b)), "outside the hypotheses"),
    (limit(family=lambda b: (0 * b, 0 * b)), "small is not ratio * large"),
    (limit(tends=(b, 1)), "SymPy says that the ratio tends to sqrt(2)/2"),
])
def test_a_limit_that_is_not_as_declared_is_noticed(wrong, reason):
    checked = limited(wrong)
    found = tightness.run(checked)
    assert (found["tightness"], found["limit"]["holds"]) == (None, False)
    assert reason in found["limit"]["reason"]
    verdict = linres.verify(checked)
    assert verdict.verdict == "supported"
    assert linres.rungs.wanting(verdict) == 1


@pytest.mark.parametrize(("ratio", "options"), [
    ((995 - b) / 1000, {}),  # within 1/100 of 1 and nearer at every member, but tends to 0.995
    ((1 - b) / 2, {"to": Fraction(1, 2), "tends": (b, 0)}),
])
def test_a_limit_that_nobody_confirms_or_that_is_not_1_makes_nothing_sharp(ratio, options):
    with sympy.evaluate(False):
        claim = Le(a * ratio, a)
    found = tightness.run(limited(limit(ratio, at=tuple(Fraction(1, 10**k) for k in (3, 4, 5)), **options), claim))
    assert found["limit"]["holds"]
    assert found["tightness"] is None


def test_a_wrong_limit_of_a_theorem_of_ours_is_noticed():
    step = linres.load("nesterov-step")
    right = tightness.run(step)
    assert right["tightness"] == "attained"
    assert right["limit"]["holds"]
    assert right["limit"]["ratios"][:2] == ["15/16", "255/256"]
    q = next(s for s in step.symbols if str(s) == "q")
    for wrong in (1 - q**3, 1 - Rational(99, 100) * q**4, sqrt(1 - q**4)):
        found = tightness.run(replace(step, tightness=replace(step.tightness, ratio=wrong)))
        assert found["tightness"] == "attained"
        assert found["limit"]["holds"] is False


def test_a_limit_that_is_not_decided_asks_for_more():
    """exp(-b) is known in balls only: a/a = exp(b) exp(-b) is never decided."""
    with sympy.evaluate(False):
        claim = Le(a, a * sympy.exp(b))
    undecided = limited(limit(sympy.exp(-b)), claim)
    found = tightness.run(undecided, max_bits=256)
    assert found["limit"]["holds"] is None
    assert "do not decide" in found["limit"]["reason"]
    verdict = linres.verify(undecided)
    assert linres.rungs.wanting(verdict) == 3


def test_a_false_variant_inherits_no_limit():
    step = linres.load("nesterov-step")
    assert all(step.control(control.name).tightness is None for control in step.controls)


@pytest.mark.parametrize(("parts", "named"), [
    ({"family": 3}, "family"), ({"at": HALVES[:2]}, "at"), ({"ratio": 1.0}, "ratio"), ({"to": "one"}, "to"),
])
def test_parts_of_another_kind_are_refused(parts, named):
    with pytest.raises(linres.InputError, match=rf"Limit\({named}="):
        limit(**parts)


def test_a_ratio_in_undeclared_symbols_is_refused():
    with pytest.raises(linres.Refused):
        limited(limit(ratio=symbols("other", real=True)))


# What the adversary measures


def test_without_equality_the_measured_ratio_is_reported_never_too_large():
    with sympy.evaluate(False):
        gap = limited(None, Le(2 * a, a**2 + 2), valid=linres.anything)  # else only what is drawn counts
    verdict = linres.verify(replace(gap, instances=lambda: st.tuples(st.fractions(0, 3), st.just(Fraction(0)))))
    found = verdict.evidence["tightness"]
    assert found["tightness"] == "upper"
    assert found["ratio"] ** 2 < 1 / 2 < (found["ratio"] + 1e-6) ** 2
    assert tightness.shown(found) == "upper .70"


@pytest.mark.parametrize(("ratio", "text"), [
    (0.934, "upper .93"), (0.9399999, "upper .93"), (0.9912, "upper .991"), (0.999, "upper .998"),
    (0.99951, "upper .9995"), (1 - 2.0**-53, "upper .999999"), (0.001, "upper .00"),
])
def test_a_measured_ratio_is_rounded_down(ratio, text):
    assert tightness.shown({"ran": True, "tightness": "upper", "ratio": ratio}) == text


def test_what_is_shown_otherwise():
    assert tightness.shown({"tightness": "limit"}) == "limit"
    assert tightness.shown({"ran": False, "reason": ""}) == "-"
    assert tightness.shown({"tightness": None}) == "-"
