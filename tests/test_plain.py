"""Theorems of which only a name and a statement are given: symbols, instances and measure are filled in."""

from dataclasses import replace
from fractions import Fraction

import pytest
import sympy
from hypothesis import strategies as st
from sympy import Eq, Ge, Gt, IndexedBase, Le, Symbol, symbols

import linres
from linres.errors import InputError
from linres.plain import Numbers
from linres.rungs import draw

a, b = symbols("a b", real=True)
n, t, T = symbols("n t T", integer=True)
v = Symbol("v", commutative=False)
x = IndexedBase(Symbol("x", real=True))

with sympy.evaluate(False):
    MEAN = Le(a * b, (a**2 + b**2) / 2)
    TOO_SMALL = Le(a * b, (a**2 + b**2) / 3)


def test_a_true_statement_about_numbers_is_supported_and_a_false_one_refuted():
    assert linres.verify(linres.Theorem("mean", MEAN)).verdict == "supported"
    found = linres.verify(linres.Theorem("wrong", TOO_SMALL))
    assert found.verdict == "refuted" and not found.counterexample["snippet"].splitlines()[0].endswith(": ")


def test_what_is_left_out_is_filled_in():
    theorem = linres.Theorem("mean", MEAN, hypotheses=(Ge(n, 0, evaluate=False),))
    assert theorem.symbols == {n: "", a: "", b: ""} and theorem.provenance == "user" and theorem.title == ""
    row = {n: 2, a: Fraction(1, 2), b: Fraction(3)}
    assert theorem.measure(tuple(row.values()), linres.EXACT) == [{s: linres.EXACT.number(row[s]) for s in row}]


def test_a_label_of_a_sequence_is_found_and_not_its_symbol_besides():
    made = linres.Theorem(
        "sequence", Ge(x[T], 0, evaluate=False), over=(t, T), instances=st.integers, measure=lambda i, a: [])
    assert list(made.symbols) == [x, T, t]


def test_a_symbol_that_is_defined_is_not_drawn():
    theorem = linres.Theorem("defined", Le(a, b, evaluate=False), definitions={b: a + 1})
    assert len(draw.instances(theorem.instances(), 1, seed=0)[0]) == 1
    assert linres.verify(theorem).verdict == "supported"


def test_draws_have_zeros_equal_numbers_and_negative_ones_and_integers_for_integers():
    drawn = draw.instances(Numbers((a, b, n)).instances(), 300, seed=0)
    assert all(isinstance(whole, int) for _, _, whole in drawn)
    assert all(any(whole == wanted for _, _, whole in drawn) for wanted in (-3, -1, 0, 1, 3))
    for corner in (
        lambda p, q: p == q != 0, lambda p, q: p == 0, lambda p, q: p < 0, lambda p, q: p > 0 and q > 0,
        lambda p, q: p > 100, lambda p, q: 0 < p < Fraction(1, 10), lambda p, q: p.denominator > 1,
    ):
        assert any(corner(p, q) for p, q, _ in drawn)


def test_no_integer_is_taken_for_a_count_without_a_hypothesis():
    assert linres.verify(linres.Theorem("counts", Ge(n, 0, evaluate=False))).verdict == "refuted"


def test_an_integer_may_be_an_exponent():
    """1 + n a <= (1 + a)^n for a >= -1 and n >= 0."""
    with sympy.evaluate(False):
        bernoulli, grows = Le(1 + n * a, (1 + a) ** n), Le((1 + n) * a, (1 + a) ** n)
        hypotheses = (Ge(a, -1), Ge(n, 0))
    assert linres.verify(linres.Theorem("bernoulli", bernoulli, hypotheses=hypotheses)).verdict == "supported"
    found = linres.verify(linres.Theorem("wrong", grows, hypotheses=hypotheses))
    assert found.verdict == "refuted" and "(1 + a)**n" in found.counterexample["snippet"]


def test_half_of_the_draws_satisfy_hypotheses_about_many_signs():
    signs = tuple(Ge(Symbol(name, real=True), 0, evaluate=False) for name in "abcdef")
    verdict = linres.verify(linres.Theorem("signs", MEAN, hypotheses=signs))
    assert verdict.evidence["rigorous"]["acceptance"] > 0.3


def test_a_hypothesis_that_no_draw_satisfies_makes_it_vacuous():
    impossible = Eq(a, sympy.Rational(1, 10**9 + 7), evaluate=False)
    assert "vacuous" in linres.verify(linres.Theorem("never", MEAN, hypotheses=(impossible,))).reason


def test_a_variant_keeps_what_was_filled_in():
    control = linres.Control("third", "stronger", change={sympy.Integer(2): sympy.Integer(3)})
    theorem = replace(linres.Theorem("mean", Gt(a + 2, a, evaluate=False)), controls=(control,))
    assert theorem.control("third").instances == theorem.instances


@pytest.mark.parametrize("given", [
    {"conclusion": Eq(v, v, evaluate=False)}, {"conclusion": Ge(x[0], 0, evaluate=False)},
    {"conclusion": Ge(a**T, 0, evaluate=False), "over": (t, T)},
])
def test_a_statement_about_more_than_plain_numbers_needs_instances_and_a_measure(given):
    with pytest.raises(InputError, match="should be given instances and a measure, as it is not about plain numbers"):
        linres.Theorem("more", **given)


@pytest.mark.parametrize("given", [{"instances": st.none}, {"measure": lambda i, a: []}])
def test_instances_and_measure_come_together(given):
    with pytest.raises(InputError, match="should be given both instances and measure, or neither, got one of them"):
        linres.Theorem("half", MEAN, **given)


def test_symbols_are_a_dict():
    with pytest.raises(InputError, match=r"symbols=\.\.\.\) should be a dict from symbols to meanings, got a tuple"):
        linres.Theorem("mean", MEAN, symbols=(a, b))
