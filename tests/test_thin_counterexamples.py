"""Theorems that fail almost nowhere: at one integer, at one irrational number, at stage 1000, from dimension 4 on, or
where a denominator vanishes. An instance that says so refutes them, and whatever is offered as a proof, they are never
proved.
"""

from dataclasses import replace
from fractions import Fraction

import pytest
import sympy
from hypothesis import strategies as st
from steps import assert_refused
from sympy import Eq, Ge, Gt, IndexedBase, Integer, Le, Lt, Ne, Rational, Symbol, sqrt, symbols
from trees import power, times

from linres.certificate import MayVanish, NotAClaim, NotEqual, NotListed, SignUnknown, Term
from linres.language import Det, GeometricSum, Inner, NotExact, Undeclared, substitute
from linres.rules import Misapplied
from linres.rungs import verify
from linres.rungs.symbolic import Unrelated, check
from linres.theorem import Certificate, Induction, Lemma, Rule, Step, Theorem

x, y, z, r, q = symbols("x y z r q", real=True)
n, t, T = symbols("n t T", integer=True)
u, v, W, V = symbols("u v W V", commutative=False)
X, Y = IndexedBase(x), IndexedBase(y)
THIN = Rational(1, 10**9)


def measure_x(instance, arithmetic):
    return [{x: arithmetic.number(Fraction(instance))}]


def claimed(conclusion, *proof, **options):
    """A theorem about a number x, by default an integer from -50 to 50 except 7; proof: reasons, or whole steps."""
    given = {
        "symbols": dict.fromkeys((x, y, z, r, q, n, u, v, W, V), ""), "hypotheses": (), "measure": measure_x,
        "instances": lambda: st.integers(-50, 50).filter(lambda k: k != 7), "name": "thin",
    }
    steps = tuple(each if type(each) is Step else Step("conclusion", conclusion, each) for each in proof)
    return Theorem(title="", provenance="linres", conclusion=conclusion, proof=steps, **given | options)


def of_stages(stages, arithmetic):
    """A sequence of zeros, and a number of stages."""
    return [{X: dict.fromkeys(range(-1, stages + 1), 0), T: stages, q: 1, r: 1}]


def over_stages(conclusion, *proof, hypotheses=(), **options):
    """The same about a sequence x over at most 6 stages."""
    given = {
        "symbols": dict.fromkeys((X, Y, r, q, t, T, n), ""), "over": (t, T), "hypotheses": (Ge(T, 0), *hypotheses),
        "instances": lambda: st.integers(0, 6), "measure": of_stages,
    }
    return claimed(conclusion, *proof, **given | options)


def at(statement, stage):
    return substitute(statement, {t: sympy.sympify(stage)})


def le(a, b):
    return Le(a, b, evaluate=False)


# What an instance shows.


def gram_determinant(dimension, arithmetic):
    """That of four vectors of so many entries, no k of which are dependent before they have to be."""
    rows = arithmetic.matrix([[Fraction(1, 1 + i + j) for j in range(dimension)] for i in range(4)])
    return [{x: arithmetic.number(dimension), y: (rows @ rows.T).data.det()}]


def pair(instance, arithmetic):
    return [dict(zip((x, y), map(arithmetic.number, instance), strict=True))]


def root_of(instance, arithmetic):
    return [{y: arithmetic.number(instance)}]


PAIRS = st.tuples(st.fractions(0, 1), st.fractions(2, 3))

with sympy.evaluate(False):
    # name: (a theorem whose instances satisfy it, one more that does not)
    FALSE_SOMEWHERE = {
        "at one integer": (claimed(Ge((x - 7) ** 2, THIN)), 7),
        "at one fraction": (claimed(Ne(3 * x, 1)), Fraction(1, 3)),
        "at a root of a polynomial of degree 11": (
            claimed(Ne(times(*(x**2 - k for k in (2, 3, 5, 11, 13)), x - 7), 0)), 7),
        "where two numbers are equal": (claimed(Ne(x, y), instances=lambda: PAIRS, measure=pair), (Fraction(1),) * 2),
        "at one irrational number": (
            claimed(Gt((z**2 - 2) ** 2, 0), definitions={z: sqrt(y)}, measure=root_of,
                    instances=lambda: st.integers(3, 50)), 2),
        "beyond a million": (claimed(Le(x, 10**6)), 10**6 + 1),
        "beyond a million, strictly": (claimed(Lt(x**2, 10**12)), -(10**6)),
        "from dimension 4 on": (
            claimed(Eq(y, 0), measure=gram_determinant, instances=lambda: st.integers(1, 3)), 4),
        "in dimension 4 only": (
            claimed(Le(y, y * (x - 4) ** 2), measure=gram_determinant, instances=lambda: st.integers(5, 9)), 4),
        "where a rate is exactly 1": (
            claimed(Lt(x**2, 1), hypotheses=(Ge(x, 0), Le(x, 1)), instances=lambda: st.fractions(0, Fraction(99, 100))),
            1),
        "after 1000 stages only": (over_stages(Ge((T - 1000) ** 2, 1)), 1000),
        "after no stage at all": (over_stages(Ge(T, 1), instances=lambda: st.just(0)), 3),
    }


@pytest.mark.parametrize("name", FALSE_SOMEWHERE)
def test_what_fails_at_an_instance_is_refuted_by_it_and_without_it_not_proved(name):
    theorem, instance = FALSE_SOMEWHERE[name]
    assert verify(theorem).verdict != "proved"
    assert verify(replace(theorem, extremal=(instance,))).verdict == "refuted"


# What is offered as a proof. Beside each forgery the same proof of what is true.

AFTER = t + 1  # added up: indices are outside evaluate(False)
SQUARES = le(sqrt((x - 7) ** 2) ** 2, (x - 7) ** 2)
SHRINKS, SKIPS = le(X[t + 1], X[t]), le(X[t + 2], X[t])
SMALL, SMALL_LATER = le(X[t], X[0]), le(X[t + 1], X[0])
NEGATIVE, NEGATIVE_LATER = le(X[t], 0), le(X[t + 1], 0)

with sympy.evaluate(False):
    NOT_7, OVER_7, FROM_7 = Ne(x, 7), Gt(x, 7), Ge(x, 7)
    NEARLY_7 = Ge(x, 7 - THIN)
    CANCELLED, CANCELS = Eq(times(x - 7, y, power(x - 7, -1)), y), Eq(times(x - 7, y), 0)
    NOTHING_LEFT, SQUARE_OVER_7 = Eq(y, 0), Gt((x - 7) ** 2, 0)
    ROOT_OF_SQUARE, WEIGHTED, GIVEN = Le(sqrt((x - 7) ** 2), x - 7), Ge((x - 7) * y, 0), Ge(y, 0)
    ROOT_SQUARED, NEARLY_ROOT = Eq(sqrt(x - 7) ** 2, x - 7), Ge(sqrt((x - 7) ** 2 - THIN), 0)
    OUTSIDE = Ge((x - 7) ** 2 - THIN, 0)
    ONE_LESS, COUNTED = Eq(power(x - 7, n - 1) * (x - 7), power(x - 7, n)), Ge(n, 0)
    INVERTED, INVERTIBLE, OTHER = Eq(times(W, power(W, -1), V), V), Ne(Det(W), 0), Ne(Det(V), 0)
    ANY_SQUARE = Ge(y**2, 0)
    BOUNDED = Le(Inner(u, v) ** 2, Inner(u, u) * Inner(v, v))
    PARALLEL = Le(Inner(u, u) * Inner(v, v), Inner(u, v) ** 2)
    NAMED = Eq(times(z, x - 7), 1)
    STEP, RATIO = Le(X[AFTER], r * X[t] + Y[t]), Ge(r, 0)
    NO_RATE = Eq(times(power(1 - q, -1), 1 - q**2), 1 + q)
    BELOW_1, UP_TO_1 = Lt(q, 1), Le(q, 1)
INVERSE = power(x - 7, -1)
INVERSE_SQUARE = substitute(ANY_SQUARE, {y: INVERSE})
ANY = claimed(ANY_SQUARE, Certificate(Term(1, square=y)), name="any")
UNROLLED = le(X[T], GeometricSum(X[0], r, Y[t], t, T))
UNROLLED_LATE = le(X[T], GeometricSum(X[1], r, Y[t], t, T))


def falling(given, later=SMALL_LATER, first=None):
    """x[t] <= x[0] at every t, by induction: what is given of the sequence, and what the advance claims of it."""
    first = at(SMALL, 0) if first is None else first
    start = Step("start", first, Certificate())
    advance = Step("advance", later, Certificate(Term(1, given), Term(1, SMALL)))
    return over_stages(at(SMALL, T), Induction((SMALL,), ((start,),), (advance,)), hypotheses=(given,))


def negative(*given, start, later):
    """x[T] <= 0, from what is given at the stages."""
    first = Step("start", at(NEGATIVE, 0), Certificate(Term(1, start)))
    advance = Step("advance", NEGATIVE_LATER, Certificate(Term(1, later)))
    return over_stages(at(NEGATIVE, T), Induction((NEGATIVE,), ((first,),), (advance,)), hypotheses=given)


def rooted(hypothesis):
    return claimed(
        ROOT_OF_SQUARE, Step("squares", SQUARES, Certificate()), Rule("root", SQUARES), hypotheses=(hypothesis,))


def by(conclusion, *terms, given=(), **options):
    return claimed(conclusion, Certificate(*terms), hypotheses=given, **options)


# name: (class of the refusal, part of it, a theorem that is proved, one that fails where its name says)
FORGED = {
    "a denominator that vanishes at 7": (MayVanish, "denominator", by(CANCELLED, given=(NOT_7,)), by(CANCELLED)),
    "a denominator kept from 8": (
        MayVanish, "denominator", by(CANCELLED, given=(NOT_7,)), by(CANCELLED, given=(Ne(x, 8, evaluate=False),))),
    "an equation divided by what vanishes at 7": (
        MayVanish, "denominator", by(NOTHING_LEFT, Term(power(x - 7, -1), CANCELS), given=(NOT_7, CANCELS)),
        by(NOTHING_LEFT, Term(power(x - 7, -1), CANCELS), given=(CANCELS,))),
    "an equation divided by what may be 0, by its own word": (
        MayVanish, "denominator", by(NOTHING_LEFT, Term(power(x - 7, -1), CANCELS), given=(NOT_7, CANCELS)),
        by(NOTHING_LEFT, Term(power(x - 7, -1), CANCELS),
           given=(CANCELS, Ne(times(x - 7, power(x - 7, -1), x - 7), 0, evaluate=False)))),
    "a definition that has no value at 7": (
        MayVanish, "denominator", by(NAMED, given=(NOT_7,), definitions={z: power(x - 7, -1)}),
        by(NAMED, definitions={z: power(x - 7, -1)})),
    "a rate that is exactly 1": (
        MayVanish, "denominator", by(NO_RATE, given=(BELOW_1,)), by(NO_RATE, given=(UP_TO_1,))),
    "a strict square that is 0 at 7": (
        SignUnknown, "is strict", by(SQUARE_OVER_7, Term(1, OVER_7, OVER_7), given=(OVER_7,)),
        by(SQUARE_OVER_7, Term(1, square=x - 7))),
    "a strict product of what need not be positive": (
        SignUnknown, "is strict", by(SQUARE_OVER_7, Term(1, OVER_7, OVER_7), given=(OVER_7,)),
        by(SQUARE_OVER_7, Term(1, FROM_7, FROM_7), given=(FROM_7,))),
    "a weight that is negative next to 7": (
        SignUnknown, "weight", by(WEIGHTED, Term(x - 7, GIVEN), given=(FROM_7, GIVEN)),
        by(WEIGHTED, Term(x - 7, GIVEN), given=(NEARLY_7, GIVEN))),
    "a root of what is negative next to 7": (
        SignUnknown, "square root", by(ROOT_SQUARED, given=(FROM_7,)), by(ROOT_SQUARED, given=(NEARLY_7,))),
    "a root of what is negative around 7": (
        SignUnknown, "weight", by(NEARLY_ROOT, Term(NEARLY_ROOT.lhs), given=(OUTSIDE,)),
        by(NEARLY_ROOT, Term(NEARLY_ROOT.lhs))),
    "a root with a negative value next to 7": (Misapplied, "visibly nonnegative", rooted(FROM_7), rooted(NEARLY_7)),
    "a power before the first, of 0": (
        MayVanish, "denominator", by(ONE_LESS, given=(COUNTED, NOT_7)), by(ONE_LESS, given=(COUNTED,))),
    "a power that need not be counted": (
        SignUnknown, "needs the hypothesis", by(ONE_LESS, given=(COUNTED, NOT_7)), by(ONE_LESS, given=(NOT_7,))),
    "an inverse where the determinant is 0": (MayVanish, "inverse", by(INVERTED, given=(INVERTIBLE,)), by(INVERTED)),
    "an inverse of another matrix than is invertible": (
        MayVanish, "inverse", by(INVERTED, given=(INVERTIBLE,)), by(INVERTED, given=(OTHER,))),
    "a lemma used where its number does not exist": (
        MayVanish, "denominator", claimed(INVERSE_SQUARE, Lemma(ANY, {y: INVERSE}), hypotheses=(NOT_7,)),
        claimed(INVERSE_SQUARE, Lemma(ANY, {y: INVERSE}))),
    "what holds in dimension 1 only": (
        Misapplied, "Inner", claimed(BOUNDED, Rule("cauchy_schwarz")), claimed(PARALLEL, Rule("cauchy_schwarz"))),
    "what holds in dimension 1 only, as an identity": (
        NotEqual, "identically", claimed(BOUNDED, Rule("cauchy_schwarz")), by(PARALLEL)),
    "two matrices that commute where they are numbers": (
        NotEqual, "identically", by(Eq(times(W, V), times(W, V), evaluate=False)),
        by(Eq(times(W, V), times(V, W), evaluate=False))),
    "a difference that is no claim": (
        NotAClaim, "certificate proves", by(SQUARE_OVER_7, Term(1, OVER_7, OVER_7), given=(OVER_7,)),
        by(Ne((x - 7) ** 2, 0, evaluate=False), Term(1, square=x - 7))),
    "an induction that leaves out every other stage": (
        NotListed, "neither", falling(SHRINKS), replace(falling(SHRINKS), hypotheses=(Ge(T, 0), SKIPS))),
    "an advance by two stages": (
        Unrelated, "carried", falling(SHRINKS), falling(SKIPS, later=le(X[t + 2], X[0]))),
    "an induction without stage 0": (
        Unrelated, "not shown at stage 0", falling(SHRINKS), falling(SHRINKS, first=le(X[1], X[1]))),
    "a horizon that is no stage": (
        NotListed, "neither", negative(at(NEGATIVE, 0), NEGATIVE_LATER, start=at(NEGATIVE, 0), later=NEGATIVE_LATER),
        negative(NEGATIVE, start=at(NEGATIVE, 0), later=NEGATIVE_LATER)),
    "a sum that starts one stage late": (
        Misapplied, "is not the left side at stage 0",
        over_stages(UNROLLED, Rule("induction", STEP), hypotheses=(RATIO, STEP)),
        over_stages(UNROLLED_LATE, Rule("induction", STEP), hypotheses=(RATIO, STEP))),
}


@pytest.mark.parametrize(("kind", "saying", "honest", "forged"), FORGED.values(), ids=FORGED)
def test_no_proof_gets_past(kind, saying, honest, forged):
    assert_refused(forged, beside=honest, by=kind, saying=saying)
    assert verify(forged).verdict != "proved"


# Hypotheses and definitions that nothing satisfies: whatever they prove is no theorem of anything.

with sympy.evaluate(False):
    ABSURD, STRICTLY_ABSURD, WITHOUT_ROOTS = Le(1, 0), Gt(0, 0), Le(x**2 + 1, 0)
    BETWEEN = (OVER_7, Lt(x, 7))
    RISES, STAYS = Ge(X[AFTER], X[t] + 1), Le(X[AFTER], X[t])
AT_7 = {"instances": lambda: st.just(7)}
VACUOUS = {
    "a strict gap both ways": by(STRICTLY_ABSURD, *map(Term, (1, 1), BETWEEN), given=BETWEEN),
    "a square below 0": by(ABSURD, Term(1, WITHOUT_ROOTS), Term(1, square=x), given=(WITHOUT_ROOTS,)),
    "its own absurd hypothesis": by(ABSURD, Term(1, ABSURD), given=(ABSURD,)),
    "a sequence that rises and does not": over_stages(
        ABSURD, Certificate(Term(1, RISES), Term(1, STAYS)), hypotheses=(RISES, STAYS)),
    "a number defined as another than was measured": by(
        le(1, z), definitions={z: Integer(1)}, measure=lambda k, _: [{x: k, z: 2}]),
    "a denominator that vanishes at all instances": by(CANCELLED, given=(NOT_7,), **AT_7),
}


@pytest.mark.parametrize("name", VACUOUS)
def test_a_checked_proof_of_what_no_instance_satisfies_is_not_called_proved(name):
    assert check(VACUOUS[name]).complete
    verdict = verify(VACUOUS[name])
    assert verdict.verdict == "inconclusive"
    assert "vacuous" in verdict.reason or "Disagree" in verdict.reason


def test_two_definitions_of_one_symbol_are_refused_though_a_dict_takes_them_for_two():
    forged = Symbol.__xnew__(Symbol, "z", real=True)
    forged._mhash = hash(z) + 1
    definitions = {z: Integer(1), forged: Integer(2)}
    forged._mhash = None  # now it is z again, but the dict has filed it elsewhere
    assert len(definitions) == 2 and forged == z and hash(forged) == hash(z)
    with pytest.raises(NotExact, match="z is defined twice"):
        by(le(2, 1), definitions=definitions)
    assert check(by(le(z, 1), definitions={z: Integer(1)})).complete


@pytest.mark.parametrize(
    ("honest", "forged"),
    [
        (X[t - 1] + 1, X[-t] + 1), (X[t - 1] + 1, X[3] + 1), (X[t + 1] + 1, X[2 * t] + 1),
        (X[-1] + 1, X[0] + 1), (GeometricSum(Y[0], r, Y[t], t, t), GeometricSum(Y[0], r, X[t - 1], t, t)),
    ],
)
def test_a_sequence_is_not_defined_by_itself_at_what_may_be_the_same_stage(honest, forged):
    over_stages(le(X[0], 0), definitions={X[t]: honest})
    with pytest.raises(NotExact, match="is defined by"):
        over_stages(le(X[0], 0), definitions={X[t]: forged})


def test_two_sequences_defined_by_each_other_in_a_circle_prove_nothing():
    circle = {X[t]: Y[t + 1], Y[t]: X[t - 1] + 1}  # x[t] = x[t] + 1
    theorem = over_stages(le(X[0], X[0]), Certificate(), definitions=circle)
    assert verify(theorem).verdict == "inconclusive"


def test_two_symbols_of_one_name_are_refused():
    twin = Symbol("x", integer=True)
    with pytest.raises(Undeclared, match="same name"):
        claimed(le(x, twin), symbols={x: "", twin: ""})
