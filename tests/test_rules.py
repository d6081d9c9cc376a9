"""The proof rules: what each yields, and what it is refused for, beside the same application done rightly."""

from dataclasses import dataclass, field, replace

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from sympy import Eq, Ge, Gt, IndexedBase, Integer, Le, Lt, sqrt, symbols

from linres.arithmetic import EXACT, rational
from linres.certificate import MayVanish, NotListed, SignUnknown
from linres.evaluate import Enclosure, decide
from linres.language import GeometricSum, Inner, NotExact, Refused, Scope, Undeclared
from linres.rules import Misapplied, apply

a, b, c, x, y, r = symbols("a b c x y r", real=True)
u, v, w, W, V = symbols("u v w W V", commutative=False)
t, T, n = symbols("t T n", integer=True)
X, Y, D = IndexedBase(x), IndexedBase(y), IndexedBase(a)
SYMBOLS = frozenset({a, b, c, x, y, r, u, v, w, W, V, t, T, n})


def le(left, right):
    return Le(left, right, evaluate=False)


@dataclass(frozen=True)
class Application:
    """A rule applied; the premises are known facts unless `known` says otherwise."""

    rule: str
    claim: object
    premises: tuple = ()
    facts: tuple = ()
    definitions: dict = field(default_factory=dict)
    over: tuple = (t, T)
    known: bool = True

    def apply(self):
        facts = (*self.facts, *self.premises) if self.known else self.facts
        scope = Scope(SYMBOLS, self.definitions, self.over)
        return apply(self.rule, self.claim, self.premises, scope=scope, facts=facts)


def total(start, ratio, forcing, stage=t, horizon=T):
    return GeometricSum(start, ratio, forcing, stage, horizon)


ROOT = Application("root", le(a, b + c), (le(a**2, b**2 + 2 * b * c + c**2),), (Ge(b, 0), Ge(c, 0)))
ROOTS = Application("root", le(sqrt(a), sqrt(b)), (le(a, b),), (Ge(a, 0), Ge(b, 0)))
SCHWARZ = Application("cauchy_schwarz", le(Inner(u, v) ** 2, Inner(u, u) * Inner(v, v)))
AFTER, NOW = X[t + 1], X[t]
HORIZON = Ge(T, 0)
INDUCTION = Application(
    "induction", le(X[T], total(X[0], r, D[t])), (le(AFTER, r * NOW + D[t]),), (HORIZON, Ge(r, 0)))

RIGHT = {
    "a root": ROOT,
    "a root of roots": ROOTS,
    "the inequality of Cauchy and Schwarz": SCHWARZ,
    "the same with sums, the lengths multiplied out": Application(
        "cauchy_schwarz",
        le(Inner(u + v, w) ** 2, (Inner(u, u) + 2 * Inner(u, v) + Inner(v, v)) * Inner(w, w))),
    "an induction": INDUCTION,
    "an induction with a forcing of zero": replace(
        INDUCTION, claim=le(X[T], total(X[0], r, 0)), premises=(le(AFTER, r * NOW),)),
    "an induction with a ratio that is defined": replace(
        INDUCTION, facts=(HORIZON,), definitions={r: b**2 + 1}),
    "an induction over norms": replace(
        INDUCTION, claim=le(sqrt(X[T]), total(sqrt(X[0]), r, D[t])), premises=(le(sqrt(AFTER), r * sqrt(NOW) + D[t]),),
        facts=(HORIZON, Ge(r, 0), Ge(NOW, 0))),
    "an induction whose step is written otherwise": replace(INDUCTION, premises=(le(AFTER, D[t] + NOW * r),)),
    "an induction from a proved horizon": replace(INDUCTION, facts=(Ge(r, 0), Le(3, T), HORIZON)),
}


@pytest.mark.parametrize("application", RIGHT.values(), ids=RIGHT)
def test_yields(application):
    assert isinstance(application.apply(), list)


def changed(application, **changes):
    return application, replace(application, **changes)


# name: (class, part of the message, (the rule as it should be applied, the rule misapplied)); one thing differs.
WRONG = {
    "a rule that does not exist": (Misapplied, "no rule 'roots'", changed(ROOT, rule="roots")),
    "a premise that is not known": (NotListed, "neither a hypothesis", changed(ROOT, known=False)),
    "a claim with a symbol that is not declared": (
        Undeclared, "not among", changed(ROOT, claim=le(sympy.Symbol("k", real=True), b + c))),
    "a claim with a float": (NotExact, "is a float", changed(ROOT, claim=le(1.0 * a, b + c))),
    # root
    "a root of a strict fact": (
        Misapplied, "the fact should read", changed(ROOT, premises=(Lt(a**2, b**2 + 2 * b * c + c**2),))),
    "a root of an equation": (
        Misapplied, "the fact should read", changed(ROOT, premises=(Eq(a**2, b**2 + 2 * b * c + c**2),))),
    "a root of a fact turned around": (
        Misapplied, "the fact should read", changed(ROOT, premises=(Ge(b**2 + 2 * b * c + c**2, a**2),))),
    "a root for a strict claim": (
        Misapplied, "needs a claim a <= b", changed(ROOT, claim=Lt(a, b + c))),
    "a root for a claim turned around": (Misapplied, "needs a claim a <= b", changed(ROOT, claim=Ge(b + c, a))),
    "a root without a fact": (Misapplied, "one fact", changed(ROOT, premises=())),
    "a root with two facts": (Misapplied, "one fact", changed(ROOT, premises=(*ROOT.premises, *ROOT.premises))),
    "a left side that is not the root": (Misapplied, "not the square of 2", changed(ROOT, claim=le(2 * a, b + c))),
    "a right side that is not the root": (Misapplied, "not the square of b", changed(ROOT, claim=le(a, b - c))),
    "a right side that is the square": (
        Misapplied, "not the square of b", changed(ROOT, claim=le(a, b**2 + 2 * b * c + c**2))),
    "a right side of unknown sign": (Misapplied, "not visibly nonnegative", changed(ROOT, facts=(Ge(b, 0),))),
    "a right side that is only not zero": (
        Misapplied, "not visibly nonnegative",
        changed(Application("root", le(a, b), (le(a**2, b**2),), (Ge(b, 0),)), facts=(sympy.Ne(b, 0),))),
    "a right side that is negative": (
        Misapplied, "not visibly nonnegative",
        changed(Application("root", le(a, b), (le(a**2, b**2),), (Ge(b, 0),)), facts=(Le(b, 0),))),
    "a root of what may be negative": (SignUnknown, "square root of a", changed(ROOTS, facts=(Ge(b, 0),))),
    "a root of a quotient by what may vanish": (
        MayVanish, "denominator c",
        changed(Application("root", le(a / c, b), (le(a**2 / c**2, b**2),), (Ge(b, 0), Gt(c, 0))),
                facts=(Ge(b, 0), Ge(c, 0)))),
    "a root of matrices": (
        NotExact, "vectors and matrices", changed(ROOT, claim=le(W**2, V**2), premises=(le(W**4, V**4),))),
    # cauchy_schwarz
    "Cauchy and Schwarz with a wrong right side": (
        Misapplied, "is not", changed(SCHWARZ, claim=le(Inner(u, v) ** 2, Inner(u, u) * Inner(w, w)))),
    "Cauchy and Schwarz with half the right side": (
        Misapplied, "is not", changed(SCHWARZ, claim=le(Inner(u, v) ** 2, Inner(u, u) * Inner(v, v) / 2))),
    "Cauchy and Schwarz without the square": (
        Misapplied, r"should be Inner\(u, v\)\*\*2",
        changed(SCHWARZ, claim=le(Inner(u, v), Inner(u, u) * Inner(v, v)))),
    "Cauchy and Schwarz with a cube": (
        Misapplied, "should be Inner",
        changed(SCHWARZ, claim=le(Inner(u, v) ** 3, Inner(u, u) * Inner(v, v)))),
    "Cauchy and Schwarz with the square of a scalar": (
        Misapplied, "should be Inner", changed(SCHWARZ, claim=le(a**2, Inner(u, u) * Inner(v, v)))),
    "Cauchy and Schwarz turned around": (
        Misapplied, "needs a claim <=", changed(SCHWARZ, claim=Ge(Inner(u, v) ** 2, Inner(u, u) * Inner(v, v)))),
    "Cauchy and Schwarz, strictly": (
        Misapplied, "needs a claim <=", changed(SCHWARZ, claim=Lt(Inner(u, v) ** 2, Inner(u, u) * Inner(v, v)))),
    "Cauchy and Schwarz with a premise": (
        Misapplied, "no facts", changed(SCHWARZ, premises=(le(a, b),))),
    "Cauchy and Schwarz for scalars": (
        NotExact, "not products of matrices", changed(SCHWARZ, claim=le(Inner(a, b) ** 2, Inner(a, a) * Inner(b, b)))),
    # induction
    "an induction for a strict claim": (
        Misapplied, r"a claim a\(T\) <=", changed(INDUCTION, claim=Lt(X[T], total(X[0], r, D[t])))),
    "an induction for something else": (Misapplied, r"a claim a\(T\) <=", changed(INDUCTION, claim=le(X[T], X[0]))),
    "an induction without a step": (Misapplied, "needs a fact", changed(INDUCTION, premises=())),
    "an induction with two steps": (
        Misapplied, "needs a fact", changed(INDUCTION, premises=(*INDUCTION.premises, *INDUCTION.premises))),
    "an induction from a strict step": (
        Misapplied, "needs a fact", changed(INDUCTION, premises=(Lt(AFTER, r * NOW + D[t]),))),
    "an induction from an equation": (
        Misapplied, "needs a fact", changed(INDUCTION, premises=(Eq(AFTER, r * NOW + D[t]),))),
    "an induction over no stages": (Misapplied, "stage index and the horizon", changed(INDUCTION, over=())),
    "an induction with stage and horizon exchanged": (
        NotExact, "should sum over", changed(INDUCTION, over=(T, t))),
    "an induction over another index": (
        NotExact, "should sum over",
        changed(INDUCTION, claim=le(X[T], total(X[0], r, D[n], n, T)), premises=(le(X[n + 1], r * X[n] + D[n]),))),
    "an induction to a fixed horizon": (
        Misapplied, "stage index and the horizon",
        changed(INDUCTION, claim=le(X[3], total(X[0], r, D[t], t, Integer(3))))),
    "an induction without T >= 0": (
        Misapplied, "needs the hypothesis T >= 0", changed(INDUCTION, facts=(Ge(r, 0),))),
    "an induction with T >= -1": (
        Misapplied, "needs the hypothesis T >= 0", changed(INDUCTION, facts=(Ge(r, 0), Ge(T, -1)))),
    "an induction with T >= 0 said of another index": (
        Misapplied, "needs the hypothesis T >= 0", changed(INDUCTION, facts=(Ge(r, 0), Ge(t, 0)))),
    "an induction with a left side at the stage": (
        Misapplied, "left side is about", changed(INDUCTION, claim=le(X[T] + X[t], total(X[0], r, D[t])))),
    "an induction with a ratio that changes": (
        Misapplied, "left side is about",
        changed(INDUCTION, claim=le(X[T], total(X[0], Y[t], D[t])), premises=(le(AFTER, Y[t] * NOW + D[t]),))),
    "an induction with a ratio of the horizon": (
        Misapplied, "left side is about",
        changed(INDUCTION, claim=le(X[T], total(X[0], Y[T], D[t])), premises=(le(AFTER, Y[T] * NOW + D[t]),))),
    "an induction with a forcing of the horizon": (
        Misapplied, "left side is about",
        changed(INDUCTION, claim=le(X[T], total(X[0], r, D[T])), premises=(le(AFTER, r * NOW + D[T]),))),
    "an induction with a constant that hides a stage": (
        NotExact, "changes with",
        (replace(INDUCTION, definitions={r: b**2}), replace(INDUCTION, definitions={r: Y[t] ** 2}))),
    "an induction with a stage defined as zero": (
        NotExact, "counts stages", changed(INDUCTION, definitions={t: Integer(0)})),
    "an induction from a wrong start": (
        Misapplied, "not the left side at stage 0", changed(INDUCTION, claim=le(X[T], total(X[1], r, D[t])))),
    "an induction from a start of zero": (
        Misapplied, "not the left side at stage 0", changed(INDUCTION, claim=le(X[T], total(0, r, D[t])))),
    "an induction to a later horizon": (
        Misapplied, "not the left side at stage 0", changed(INDUCTION, claim=le(X[T + 1], total(X[0], r, D[t])))),
    "an induction whose step skips a stage": (
        Misapplied, r"is not x\[t \+ 1\]", changed(INDUCTION, premises=(le(X[t + 2], r * NOW + D[t]),))),
    "an induction whose step is about another sequence": (
        Misapplied, r"is not x\[t \+ 1\]", changed(INDUCTION, premises=(le(Y[t + 1], r * NOW + D[t]),))),
    "an induction whose step does not advance": (
        Misapplied, r"is not x\[t \+ 1\]", changed(INDUCTION, premises=(le(NOW, r * NOW + D[t]),))),
    "an induction with a wrong ratio": (
        Misapplied, "is not", changed(INDUCTION, claim=le(X[T], total(X[0], r**2, D[t])))),
    "an induction with a wrong forcing": (
        Misapplied, "is not", changed(INDUCTION, claim=le(X[T], total(X[0], r, D[t] - 1)))),
    "an induction with the forcing of the next stage": (
        Misapplied, "is not", changed(INDUCTION, claim=le(X[T], total(X[0], r, D[t + 1])))),
    "an induction whose step leans on the next stage": (
        Misapplied, "is not", changed(INDUCTION, premises=(le(AFTER, r * AFTER + D[t]),))),
    "an induction with a ratio of unknown sign": (
        Misapplied, "not visibly nonnegative", changed(INDUCTION, facts=(HORIZON,))),
    "an induction with a negative ratio": (
        Misapplied, "not visibly nonnegative",
        changed(INDUCTION, claim=le(X[T], total(X[0], -r, D[t])), premises=(le(AFTER, -r * NOW + D[t]),))),
    "an induction over roots of what may be negative": (
        SignUnknown, "square root", changed(RIGHT["an induction over norms"], facts=(HORIZON, Ge(r, 0)))),
    "an induction over matrices": (
        NotExact, "vectors and matrices",
        changed(INDUCTION, claim=le(IndexedBase(W)[T], total(X[0], r, D[t])))),
}


@pytest.mark.parametrize(("kind", "message", "pair"), WRONG.values(), ids=WRONG)
def test_refuses(kind, message, pair):
    right, wrong = pair
    right.apply()
    with pytest.raises(Refused, match=message) as refusal:
        wrong.apply()
    assert type(refusal.value) is kind


def test_a_rule_says_on_which_identities_it_rests():
    square, power = ROOT.premises[0].rhs, sympy.Pow(b + c, 2, evaluate=False)
    assert (square, power) in ROOT.apply()


# What the rules yield, against exact numbers.

rationals = st.fractions(-9, 9, max_denominator=9).map(rational)


@given(st.lists(st.tuples(rationals, rationals), min_size=1, max_size=4))
def test_what_cauchy_schwarz_yields_holds_for_numbers(entries):
    SCHWARZ.apply()
    left, right = (EXACT.matrix([[pair[k]] for pair in entries]) for k in range(2))
    assert decide(SCHWARZ.claim, Enclosure({u: left, v: right}, {})) is True


@given(rationals, rationals.map(abs), st.lists(st.tuples(rationals, rationals.map(abs)), max_size=6))
def test_what_induction_yields_holds_for_every_sequence_that_satisfies_the_step(start, ratio, stages):
    INDUCTION.apply()
    values = [start]
    for forcing, less in stages:
        values.append(ratio * values[-1] + forcing - less)
    forcings = {stage: forcing for stage, (forcing, _) in enumerate(stages)}
    row = {r: ratio, X: dict(enumerate(values)), D: forcings}
    for stage in forcings:
        assert decide(INDUCTION.premises[0], Enclosure(row, {}, {t: stage})) is True
    for horizon in range(len(values)):
        assert decide(INDUCTION.claim, Enclosure(row, {}, {T: horizon})) is True
