"""The contract: what a theorem refuses to be made of, how variants are made, what a bound is."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import strategies as st
from sympy import Ge, Gt, IndexedBase, Le, Lt, Symbol, sqrt, symbols

from linres.certificate import Term
from linres.errors import InputError
from linres.language import GeometricSum, NotExact, Undeclared, same
from linres.theorem import Certificate, Control, Lemma, Step, Theorem, Verdict
from linres.theorems import load

x, y, c = symbols("x y c", real=True)
t, T = symbols("t T", integer=True)
a, d = (IndexedBase(Symbol(name, real=True)) for name in "ad")

with sympy.evaluate(False):
    POSITIVE, SMALL, CLAIM = Gt(x, 0), Lt(x, 2), Le(x**2, 2 * x)


def made(conclusion=CLAIM, hypotheses=(POSITIVE, SMALL), **options):
    given = {"symbols": dict.fromkeys((x, y, c), ""), "instances": lambda: st.integers(0, 2)}
    measure = lambda instance, arithmetic: [{x: arithmetic.number(Fraction(instance))}]  # noqa: E731
    return Theorem(
        name="made", title="", provenance="linres", conclusion=conclusion, hypotheses=hypotheses,
        **given | {"measure": measure} | options,
    )


@pytest.mark.parametrize("relation", [sympy.true, sympy.false, True, x, Le(1, 2), x**2, "x <= 1", None])
def test_only_relations_make_a_theorem(relation):
    """Le(1, 2) is one of SymPy's that evaluate themselves away."""
    with pytest.raises(InputError, match="should be made of relations"):
        made(relation)
    with pytest.raises(InputError, match="should be made of relations"):
        made(hypotheses=(POSITIVE, relation))


def test_a_conjunction_is_no_relation():
    with pytest.raises(InputError, match="should be made of relations"):
        made(sympy.And(POSITIVE, SMALL))


@pytest.mark.parametrize("symbol", [Symbol("x", positive=True), Symbol("x"), Symbol("w", real=True)])
def test_symbols_are_declared_and_carry_no_sign(symbol):
    with pytest.raises(Undeclared):
        made(Le(symbol, x, evaluate=False))


def test_floats_are_refused():
    with pytest.raises(NotExact, match="float"):
        made(Le(x, 0.5 * y, evaluate=False))


def test_a_hypothesis_for_all_stages_does_not_know_the_horizon():
    with pytest.raises(InputError, match="should be without the horizon T where they hold for all stages"):
        over_stages(hypotheses=(Le(a[t], T, evaluate=False),))


def over_stages(**options):
    with sympy.evaluate(False):
        conclusion = Le(a[T], GeometricSum(a[0], x, d[t] + y, t, T))
    given = {"hypotheses": (), "symbols": dict.fromkeys((a, d, x, y, t, T), ""), "over": (t, T)}
    return made(conclusion, **given | options)


# Variants.


def test_a_variant_changes_what_it_says_and_drops_the_proof_and_the_controls():
    control = Control("half", "stronger", change={2 * x: x}, drop=(SMALL,))
    truth = made(controls=(control,), proof=(Step("claim", CLAIM, Certificate(Term(1, POSITIVE))),), expect="proved")
    variant = truth.control("half")
    assert same(variant.conclusion, Le(x**2, x, evaluate=False))
    assert variant.hypotheses == (POSITIVE,) and variant.proof == variant.controls == ()
    assert (variant.name, variant.expect, variant.own_method) == ("made/half", "refuted", True)


def test_a_weaker_variant_is_expected_to_hold():
    assert made().variant(Control("twice", "weaker", change={2 * x: 4 * x})).expect == "supported"


def test_a_variant_that_measures_another_method_need_not_obey_the_definitions_and_is_not_sampled():
    measure = lambda instance, arithmetic: []  # noqa: E731
    variant = made(sample=lambda generator, count: None).variant(Control("other", "stronger", measure=measure))
    assert variant.measure is measure and not variant.own_method and variant.sample is None


def test_a_variant_with_instances_of_its_own_is_not_sampled():
    variant = made(sample=lambda generator, count: None).variant(Control("other", "stronger", instances=st.none))
    assert variant.instances is st.none and variant.sample is None and variant.own_method


def test_a_control_that_changes_nothing_is_refused():
    with pytest.raises(ValueError, match="should be a change of a part of the conclusion, got 3\\*x"):
        made().variant(Control("nothing", "stronger", change={3 * x: x}))


def test_a_control_that_drops_what_is_not_assumed_is_refused():
    with pytest.raises(ValueError, match="should be hypotheses of made"):
        made().variant(Control("nothing", "stronger", drop=(Gt(y, 0, evaluate=False),)))


def test_a_variant_that_is_no_statement_any_more_is_refused():
    with pytest.raises(Undeclared):
        made().variant(Control("undeclared", "stronger", change={2 * x: Symbol("w", real=True)}))


@pytest.mark.parametrize("find", [Theorem.step, Theorem.control])
@pytest.mark.parametrize("name", ["unknown", None, 3, ["claim"]])
def test_an_unknown_name_is_refused_with_those_there_are(find, name):
    with pytest.raises(InputError, match=r"Theorem\.(step|control)\(name\) should be the name of one of made: .*got"):
        find(made(), name)


def test_a_lemma_states_a_conclusion_or_a_step_in_other_symbols():
    step = Step("halfway", Ge(x**2, 0, evaluate=False), Certificate(Term(1, square=x)))
    source = made(proof=(step, Step("claim", CLAIM, Certificate())))
    assert same(Lemma(source, {x: y}).statement(), Le(y**2, 2 * y, evaluate=False))
    assert same(Lemma(source, {x: y}, "halfway").statement(), Ge(y**2, 0, evaluate=False))


@pytest.mark.parametrize(
    ("verdict", "expect", "met"),
    [
        ("proved", "proved", True), ("supported", "proved", False), ("refuted", "proved", False),
        ("proved", "supported", True), ("supported", "supported", True), ("inconclusive", "supported", False),
        ("refuted", "refuted", True), ("proved", "refuted", False), ("inconclusive", "refuted", False),
    ],
)
def test_a_proof_meets_what_support_would_and_nothing_else_is_interchangeable(verdict, expect, met):
    assert Verdict("n", "t", "linres", expect, verdict, "why", 0.0, {}, {}).met is met


def test_a_verdict_prints_in_one_line():
    assert str(Verdict("name", "t", "linres", "proved", "refuted", "why", 0.0, {}, {})) == "name: refuted (why)"


def test_latex_keeps_the_order_in_which_the_statement_was_written():
    with sympy.evaluate(False):
        statement = made(Le(x, y + c / 2))
    assert statement.latex() == r"x \leq y + \frac{c}{2}"


# Bounds.


def test_a_bound_is_the_right_side_vectorised():
    with sympy.evaluate(False):
        theorem = made(Le(x, sqrt(y) + c / 3))
    values = np.array([0.0, 4.0, 9.0])
    np.testing.assert_allclose(theorem.bound(y=values, c=3.0), np.sqrt(values) + 1, rtol=1e-15)


def test_a_bound_that_is_a_recurrence_is_given_at_many_horizons():
    forcing = np.array([1.0, 2.0, 3.0])
    found = over_stages().bound(a=8.0, x=0.5, y=1.0, d=forcing, T=np.arange(4))
    np.testing.assert_allclose(found, [8, 6, 6, 7], rtol=1e-15)


def test_a_bound_names_what_is_missing():
    with pytest.raises(InputError, match="no value for y"):
        made(Le(x, y, evaluate=False)).bound(x=1)


def test_a_bound_names_what_is_unknown():
    with pytest.raises(InputError, match=r"made.bound\(w=\.\.\.\) should be one of x, y, c"):
        made().bound(w=1)


def test_a_theorem_cannot_be_changed_in_place():
    with pytest.raises(AttributeError):
        made().conclusion = SMALL
    assert replace(made(), conclusion=SMALL).conclusion is SMALL


def test_variants_are_admitted_by_one_scope_and_proofs_by_a_new_one():
    theorem = load("stacking-residual")
    variants = [theorem.variant(control) for control in theorem.controls]
    assert len({id(each._known_scope()) for each in (theorem, *variants)}) == 1
    assert theorem.scope is not theorem._known_scope()


def test_a_definition_that_was_changed_in_place_is_admitted_again():
    x, y, z = symbols("x y z", real=True)
    definitions = {y: x + 1}
    parts = {"symbols": {x: "", y: ""}, "definitions": definitions}
    theorem = Theorem("changed", Ge(y, x, evaluate=False), **parts)
    definitions[y] = z + 1
    with pytest.raises(Undeclared):
        replace(theorem, name="again")
