"""Induction over stages: what it proves, and what it is refused for, beside the same proof done rightly."""

from dataclasses import replace

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from steps import assert_refused
from sympy import Add, Eq, Ge, IndexedBase, Integer, Le, Rational, Symbol, symbols
from trees import power, times

from linres.arithmetic import rational
from linres.certificate import MayVanish, NotEqual, NotListed, SignUnknown, Term
from linres.errors import InputError
from linres.evaluate import Enclosure, decide
from linres.language import GeometricSum, Inner, NotExact, Undeclared, substitute
from linres.rules import Misapplied
from linres.rungs.symbolic import Unrelated, check
from linres.theorem import Certificate, Induction, Lemma, Prose, Rule, Step, Theorem

x, y, z, r, c = symbols("x y z r c", real=True)
t, T, n = symbols("t T n", integer=True)
u = Symbol("u", commutative=False)
X, Y, Z, U = map(IndexedBase, (x, y, z, u))
after, before = t + 1, t - 1


def le(left, right):
    return Le(left, right, evaluate=False)




def at(statement, stage):
    return substitute(statement, {t: sympy.sympify(stage)})


def nothing():
    raise AssertionError("no instance is needed to check a proof")


def theorem(conclusion, *proof, hypotheses=(), **options):
    given = {"symbols": dict.fromkeys((x, y, z, r, c, n, u, t, T), ""), "over": (t, T), "name": "claimed"}
    return Theorem(
        title="", provenance="linres", instances=nothing, measure=nothing, conclusion=conclusion,
        hypotheses=(Ge(T, 0), *hypotheses), proof=tuple(proof), **(given | options),
    )


def step(name, statement, *terms):
    return Step(name, statement, Certificate(*terms))


def by_induction(claim, invariants, first, advance, **options):
    """A theorem proved by one induction."""
    reason = Induction(tuple(invariants), tuple(map(tuple, first)), tuple(advance))
    return theorem(claim, Step("conclusion", claim, reason), **options)


def changed(proved, **parts):
    """The theorem with another induction at the end of its proof."""
    *steps, last = proved.proof
    return replace(proved, proof=(*steps, replace(last, by=replace(last.by, **parts))))


def concluding(proved, claim):
    """The theorem with another conclusion, claimed for the same reason."""
    *steps, last = proved.proof
    return replace(proved, conclusion=claim, proof=(*steps, replace(last, claim=claim)))


def without(proved, hypothesis):
    return replace(proved, hypotheses=tuple(each for each in proved.hypotheses if each is not hypothesis))


# k = 0: geometric decay.
SHRINKS, POSITIVE_R = le(X[after], r * X[t]), Ge(r, 0)
DECAYED = le(X[t], times(power(r, t), X[0]))
DECAYED_0, DECAYED_NEXT = step("decayed_0", at(DECAYED, 0)), step(
    "decayed_next", at(DECAYED, after), Term(1, SHRINKS), Term(r, DECAYED))
DECAY = by_induction(
    at(DECAYED, T), [DECAYED], [[DECAYED_0]], [DECAYED_NEXT], hypotheses=(SHRINKS, POSITIVE_R))

# k = 1 and k = 2: what follows for t >= k only.
BOUNDED = le(X[t], c)


def rising(last):
    """x rises before stage `last` only, and by so little that it does not pass c."""
    slows, start = le(X[after], X[t] + last - t), le(X[0], c - last * (last + 1) // 2)
    first = [
        [step(f"bounded_{stage}", at(BOUNDED, stage), *(Term(1, at(slows, each)) for each in range(stage)),
              Term(1, start), Term((last - stage) * (last - stage + 1) // 2))]
        for stage in range(last + 1)
    ]
    advance = [step("bounded_next", at(BOUNDED, after), Term(1, slows), Term(1, Ge(t, last)), Term(1, BOUNDED))]
    return by_induction(at(BOUNDED, T), [BOUNDED], first, advance, hypotheses=(slows, start))


RISES_ONCE, RISES_TWICE = rising(1), rising(2)
SLOWS, START = RISES_ONCE.hypotheses[1:]
SLOWS_TWICE, START_TWICE = RISES_TWICE.hypotheses[1:]

# What the advance shows at every stage, used afterwards.
SQUARED, SIGN, SMALL = le(X[after], X[t] ** 2), le(0, X[t]), le(X[t], Rational(1, 2))
HALVED = le(X[after], X[t] / 2)
QUARTER = Term(Rational(1, 4))
HALF_GONE = le(X[T], GeometricSum(X[0], Rational(1, 2), 0, t, T))
UNROLL = Step("conclusion", HALF_GONE, Rule("induction", HALVED))
SMALL_0 = step("small_0", at(SMALL, 0), Term(1, at(SMALL, 0)))
SMALL_1 = step(
    "small_1", at(SMALL, 1), Term(1, at(SQUARED, 0)), Term(X[0] + Rational(1, 2), at(SMALL, 0)), QUARTER)
SMALLER = (step("halved", HALVED, Term(1, SQUARED), Term(X[t], SMALL)),
           step("small_next", at(SMALL, after), Term(1, HALVED), Term(Rational(1, 2), SMALL), QUARTER))


def small(*first, claim=SMALL):
    return Step("small", claim, Induction((SMALL,), tuple((each,) for each in first), SMALLER))


def squaring(conclusion, *proof):
    return theorem(conclusion, *proof, hypotheses=(SQUARED, SIGN, at(SMALL, 0)))


HALVING = squaring(HALF_GONE, small(SMALL_0), UNROLL)

# Definitions at the stages: from rest, what has momentum stays where it is; a square, quartered.
MOMENTUM = Eq(X[after] - X[t], r * (X[t] - X[before]), evaluate=False)
RESTS, STAYS = Eq(X[t], X[before], evaluate=False), Eq(X[t], X[0], evaluate=False)
AT_REST = by_induction(
    at(STAYS, T), [RESTS, STAYS], [[step("rests_0", at(RESTS, 0)), step("stays_0", at(STAYS, 0))]],
    [step("rests_next", at(RESTS, after), Term(1, MOMENTUM), Term(r, RESTS)),
     step("stays_next", at(STAYS, after), Term(1, at(RESTS, after)), Term(1, STAYS))],
    hypotheses=(MOMENTUM,), definitions={X[-1]: X[0]},
)
HALVES, QUARTERED = Eq(X[after], X[t] / 2, evaluate=False), le(Z[t], times(power(Rational(1, 4), t), Z[0]))
QUARTERING = by_induction(
    at(QUARTERED, T), [QUARTERED], [[step("quartered_0", at(QUARTERED, 0))]],
    [step("quartered_next", at(QUARTERED, after), Term(Rational(1, 4), QUARTERED),
          Term(-(X[after] + X[t] / 2), HALVES))],
    hypotheses=(HALVES,), definitions={Z[t]: X[t] ** 2, Z[after]: X[after] ** 2},
)
FALLS, FALLEN = le(Y[t], 0), le(X[t], X[0])
FALLING = by_induction(
    at(FALLEN, T), [FALLEN],
    [[step("fallen_0", at(FALLEN, 0))], [step("fallen_1", at(FALLEN, 1), Term(1, at(FALLS, 0)))],
     [step("fallen_2", at(FALLEN, 2), Term(1, at(FALLS, 0)), Term(1, at(FALLS, 1)))]],
    [step("fallen_next", at(FALLEN, after), Term(1, FALLS), Term(1, FALLEN))],
    hypotheses=(FALLS,), definitions={X[after]: X[t] + Y[t]},
)

# Vectors, a rule and a lemma within the advance.
CONTRACTS = le(Inner(U[after], U[after]), r * Inner(U[t], U[t]))
CONTRACTED = le(Inner(U[t], U[t]), times(power(r, t), Inner(U[0], U[0])))
VECTORS = by_induction(
    at(CONTRACTED, T), [CONTRACTED], [[step("contracted_0", at(CONTRACTED, 0))]],
    [step("contracted_next", at(CONTRACTED, after), Term(1, CONTRACTS), Term(r, CONTRACTED))],
    hypotheses=(CONTRACTS, POSITIVE_R))
SQUARES_FALL = le(X[after] ** 2, X[t] ** 2)
ROOTS = by_induction(
    at(FALLEN, T), [FALLEN], [[step("fallen_0", at(FALLEN, 0))]],
    [Step("falls", le(X[after], X[t]), Rule("root", SQUARES_FALL)),
     step("fallen_next", at(FALLEN, after), Term(1, le(X[after], X[t])), Term(1, FALLEN))],
    hypotheses=(SQUARES_FALL, Ge(X[t], 0)))
SCALED = le(r * x, x)
LEMMA = theorem(
    SCALED, step("conclusion", SCALED, Term(1 - r, Ge(x, 0))), name="scaled", over=(),
    symbols=dict.fromkeys((x, r, T), ""), hypotheses=(Ge(x, 0), Le(r, 1)))
USED = le(r * X[t], X[t])
WITH_LEMMA = by_induction(
    at(FALLEN, T), [FALLEN], [[step("fallen_0", at(FALLEN, 0))]],
    [Step("scaled", USED, Lemma(LEMMA, {x: X[t]})),
     step("fallen_next", at(FALLEN, after), Term(1, SHRINKS), Term(1, USED), Term(1, FALLEN))],
    hypotheses=(SHRINKS, Ge(X[t], 0), Le(r, 1)))

# Two invariants, one of which is shown from stage 1 on only.
TIGHT = le(X[t], c - 1)
FALLS_AFTER = le(X[after], X[t] - 1)
START_BELOW = le(X[0] + y**2, c)
TWO = by_induction(
    at(BOUNDED, T), [BOUNDED, TIGHT],
    [[step("bounded_0", at(BOUNDED, 0), Term(1, START_BELOW), Term(1, square=y))],
     [step("tight_1", at(TIGHT, 1), Term(1, at(FALLS_AFTER, 0)), Term(1, START_BELOW), Term(1, square=y)),
      step("bounded_1", at(BOUNDED, 1), Term(1, at(TIGHT, 1)), Term(1))]],
    [step("tight_next", at(TIGHT, after), Term(1, FALLS_AFTER), Term(1, TIGHT), Term(1)),
     step("bounded_next", at(BOUNDED, after), Term(1, at(TIGHT, after)), Term(1))],
    hypotheses=(FALLS_AFTER, START_BELOW))

with sympy.evaluate(False):
    NOTHING_OVER_Y = Integer(0) * y**-1
    LOGARITHM = sympy.exp(sympy.log(X[t]))
    LATE_POWER = le(X[t], r ** (t + 1) * X[0])  # t + 1 as the tree that evaluate(False) makes of it

PROVED = {
    "decay": DECAY,
    "decay, claimed at every stage": theorem(
        at(DECAYED, T), replace(DECAY.proof[0], name="every", claim=DECAYED),
        step("conclusion", at(DECAYED, T), Term(1, at(DECAYED, T))), hypotheses=DECAY.hypotheses[1:]),
    "a power written within evaluate(False)": by_induction(
        at(LATE_POWER, T), [LATE_POWER], [[step("late_0", at(LATE_POWER, 0), Term(1, le(X[0], r * X[0])))]],
        [step("late_next", at(LATE_POWER, after), Term(1, SHRINKS), Term(r, LATE_POWER))],
        hypotheses=(SHRINKS, POSITIVE_R, le(X[0], r * X[0]))),
    "what rises before stage 1 only": RISES_ONCE,
    "what rises before stage 2 only": RISES_TWICE,
    "what the advance shows, used afterwards": HALVING,
    "an induction with two first stages": squaring(at(SMALL, T), replace(
        small(SMALL_0, SMALL_1, claim=at(SMALL, T)), name="conclusion")),
    "a claim of the first stages, used by the advance": changed(DECAY, first=((
        step("square", le(0, y**2), Term(1, square=y)), DECAYED_0),), advance=(
        step("square_again", le(0, y**2), Term(1, le(0, y**2))), DECAYED_NEXT)),
    "a start before stage 0": AT_REST,
    "definitions at the stages": QUARTERING,
    "definitions at the first stages": FALLING,
    "vectors": VECTORS,
    "a rule within the advance": ROOTS,
    "a lemma within the advance": WITH_LEMMA,
    "an invariant shown from stage 1 on": TWO,
    "two inductions one after the other": theorem(
        at(DECAYED, T), replace(changed(DECAY, invariants=(DECAYED,)).proof[0], name="every", claim=DECAYED),
        Step("conclusion", at(DECAYED, T), Induction(
            (DECAYED,), ((step("again_0", at(DECAYED, 0), Term(1, at(DECAYED, 0))),),),
            (step("again_next", at(DECAYED, after), Term(1, SHRINKS), Term(r, DECAYED)),))),
        hypotheses=DECAY.hypotheses[1:]),
    "an invariant about no stage": changed(
        DECAY, invariants=(DECAYED, POSITIVE_R),
        advance=(step("positive", POSITIVE_R, Term(1, POSITIVE_R)), DECAYED_NEXT)),
    "lists of steps": changed(DECAY, first=([DECAYED_0],), advance=[DECAYED_NEXT]),
}


@pytest.mark.parametrize("proved", PROVED.values(), ids=PROVED)
def test_proves(proved):
    proof = check(proved)
    assert proof.complete, proof.refusal
    assert proof.counts() == {"steps": len(proved.steps()), "checked": len(proved.steps()), "prose": 0}


@pytest.mark.parametrize(
    "proved", [DECAY, RISES_ONCE, RISES_TWICE, AT_REST, QUARTERING, FALLING, VECTORS, ROOTS, WITH_LEMMA, TWO])
def test_every_inner_step_is_needed(proved):
    by = proved.proof[-1].by
    for left_out in proved.steps()[:-1]:
        first = tuple(tuple(each for each in stage if each is not left_out) for stage in by.first)
        advance = tuple(each for each in by.advance if each is not left_out)
        assert not check(changed(proved, first=first, advance=advance)).complete, left_out.name


class Another(Induction):
    """An induction of another kind."""


class Changing(tuple):
    """Invariants that are others when they are looked at again."""

    def __iter__(self):
        return iter((DECAYED,))


def with_attribute(proved, **attributes):
    """The theorem with another part in its induction, whatever its constructor would say of that."""
    made = changed(proved)
    for name, value in attributes.items():
        object.__setattr__(made.proof[-1].by, name, value)
    return made


def of_another_kind(proved):
    """The theorem with its induction of a subclass."""
    made, by = changed(proved), proved.proof[-1].by
    object.__setattr__(made.proof[-1], "by", Another(by.invariants, by.first, by.advance))
    return made


def leaning_on(fact, proved=DECAY):
    """The theorem with a step more after its induction, which claims this."""
    every = replace(proved.proof[-1], name="every")
    return replace(proved, conclusion=fact, proof=(every, step("conclusion", fact, Term(1, fact))))


def with_inner(reason, claim):
    """DECAY with a step more in its advance."""
    return changed(DECAY, advance=(Step("inner", claim, reason), DECAYED_NEXT))


SHRINKS_NEXT = at(SHRINKS, after)
BEYOND = le(X[t + 2], r**2 * X[t])
MISSHAPEN = le(power(X[t], Add(t, NOTHING_OVER_Y, evaluate=False)), power(X[t], t))
REWRITTEN = le(LOGARITHM, 1)
UNDEFINED = {"symbols": DECAY.symbols, "hypotheses": (le(X[t], 1), le(X[after], 1))}

# name: (class of the refusal, part of it, a theorem that is proved, the same theorem forged)
FORGERIES = {
    # what is shown
    "a rate that is faster by a stage": (
        NotEqual, "decayed_0", PROVED["a power written within evaluate(False)"],
        by_induction(at(LATE_POWER, T), [LATE_POWER], [[step("decayed_0", at(LATE_POWER, 0))]],
                     [step("decayed_next", at(LATE_POWER, after), Term(1, SHRINKS), Term(r, LATE_POWER))],
                     hypotheses=(SHRINKS, POSITIVE_R))),
    "a ratio of unknown sign": (SignUnknown, "weight r", DECAY, without(DECAY, POSITIVE_R)),
    "a conclusion for a stage after the horizon": (
        Unrelated, "not among what the induction shows", DECAY, concluding(DECAY, at(DECAYED, T + 1))),
    "a conclusion for another sequence": (
        Unrelated, "not among what the induction shows", DECAY, concluding(DECAY, le(Y[T], X[T]))),
    "a conclusion for another number of stages": (
        Unrelated, "not among what the induction shows", DECAY, concluding(DECAY, at(DECAYED, n))),
    "a conclusion that is an invariant shown from stage 1 on only": (
        Unrelated, "not among what the induction shows", TWO, concluding(TWO, at(TIGHT, T))),
    "a horizon that may be negative": (
        NotListed, "needs the hypothesis T >= 0", DECAY, without(DECAY, DECAY.hypotheses[0])),
    "a horizon that may be -1": (
        NotListed, "needs the hypothesis T >= 0", DECAY,
        replace(DECAY, hypotheses=(Ge(T, -1), *DECAY.hypotheses[1:]))),
    # the first stages
    "no first stage": (Unrelated, "at least one first stage", DECAY, changed(DECAY, first=())),
    "a first stage without steps": (Unrelated, "is not shown at stage 0", DECAY, changed(DECAY, first=((),))),
    "a first stage that shows the invariant at another": (
        Unrelated, "is not shown at stage 0", DECAY,
        changed(DECAY, first=((step("decayed_0", at(DECAYED, 1), Term(1, at(SHRINKS, 0))),),))),
    "a first stage that leans on the invariant": (
        NotListed, "step 1 (decayed_0)", DECAY,
        changed(DECAY, first=((step("decayed_0", at(DECAYED, 0), Term(1, at(DECAYED, 0))),),))),
    "a first stage that leans on what holds at every stage": (
        NotListed, "step 1 (falls)",
        changed(DECAY, first=((step("falls", at(SHRINKS, 0), Term(1, at(SHRINKS, 0))), DECAYED_0),)),
        changed(DECAY, first=((step("falls", SHRINKS, Term(1, SHRINKS)), DECAYED_0),))),
    "a first stage that leans on stage 1": (
        NotListed, "step 1 (falls)",
        changed(DECAY, first=((step("falls", at(SHRINKS, 0), Term(1, at(SHRINKS, 0))), DECAYED_0),)),
        changed(DECAY, first=((step("falls", at(SHRINKS, 1), Term(1, at(SHRINKS, 1))), DECAYED_0),))),
    "stage 1 that leans on what holds if there is a stage after it": (
        NotListed, "step 2 (bounded_1)", RISES_ONCE,
        changed(RISES_ONCE, first=(RISES_ONCE.proof[0].by.first[0], (step(
            "bounded_1", at(BOUNDED, 1), Term(1, at(SLOWS, 0)), Term(1, START), Term(0, at(SLOWS, 1))),)))),
    "stage 2 that leans on what holds if there is a stage after it": (
        NotListed, "step 3 (bounded_2)", RISES_TWICE,
        changed(RISES_TWICE, first=(*RISES_TWICE.proof[0].by.first[:2], (step(
            "bounded_2", at(BOUNDED, 2), *(Term(1, at(SLOWS_TWICE, each)) for each in range(2)),
            Term(1, START_TWICE), Term(0, at(SLOWS_TWICE, 2))),)))),
    "stage 0 that leans on a claim of stage 1": (
        NotListed, "step 1 (bounded_0)", RISES_ONCE,
        changed(RISES_ONCE, first=((step("bounded_0", at(BOUNDED, 0), Term(1, START), Term(1), Term(
            0, at(BOUNDED, 1))),), RISES_ONCE.proof[0].by.first[1]))),
    "a first stage that is left out": (
        Unrelated, "not among what the induction shows", RISES_TWICE,
        changed(RISES_TWICE, first=((), *RISES_TWICE.proof[0].by.first[1:]))),
    "the last of the first stages left empty": (
        Unrelated, "is not shown at stage 1", RISES_ONCE,
        changed(RISES_ONCE, first=(RISES_ONCE.proof[0].by.first[0], ()))),
    "a claim of a first stage about every stage, used by the advance": (
        NotListed, "step 3 (square_again)", PROVED["a claim of the first stages, used by the advance"],
        changed(DECAY, first=((step("square", le(0, X[t] ** 2), Term(1, square=X[t])), DECAYED_0),), advance=(
            step("square_again", le(0, X[t] ** 2), Term(1, le(0, X[t] ** 2))), DECAYED_NEXT))),
    # the advance
    "an advance without steps": (Unrelated, "is not carried to the next stage", DECAY, changed(DECAY, advance=())),
    "an advance that does not advance": (
        Unrelated, "is not carried to the next stage", DECAY,
        changed(DECAY, advance=(step("decayed_next", DECAYED, Term(1, DECAYED)),))),
    "an advance that carries one invariant of two": (
        Unrelated, "is not carried to the next stage", TWO,
        changed(TWO, advance=(TWO.proof[0].by.advance[0],))),
    "an advance that does not say again what is about no stage": (
        Unrelated, "is not carried to the next stage", PROVED["an invariant about no stage"],
        changed(PROVED["an invariant about no stage"], advance=(DECAYED_NEXT,))),
    "an advance by two stages": (
        Unrelated, "is not carried to the next stage", DECAY,
        replace(changed(DECAY, advance=(step("decayed_next", at(DECAYED, t + 2), Term(1, BEYOND), Term(
            r**2, DECAYED)),)), hypotheses=(*DECAY.hypotheses, BEYOND))),
    "an advance that leans on what it is to show": (
        NotListed, "step 2 (decayed_next)", DECAY,
        changed(DECAY, advance=(step("decayed_next", at(DECAYED, after), Term(1, at(DECAYED, after))),))),
    "an advance that leans on the next stage": (
        NotListed, "step 2 (next)", with_inner(Certificate(Term(1, SHRINKS)), SHRINKS),
        changed(DECAY, advance=(step("next", SHRINKS_NEXT, Term(1, SHRINKS_NEXT)), DECAYED_NEXT))),
    "an advance that leans on the horizon": (
        NotListed, "step 2 (next)", with_inner(Certificate(Term(1, SHRINKS)), SHRINKS),
        changed(DECAY, advance=(step("next", at(SHRINKS, T), Term(1, at(SHRINKS, T))), DECAYED_NEXT))),
    "an advance from stage 0 that leans on stage 1": (
        NotListed, "t >= 1 is neither", RISES_ONCE,
        changed(RISES_ONCE, first=RISES_ONCE.proof[0].by.first[:1])),
    "an advance from stage 1 that leans on stage 2": (
        NotListed, "t >= 2 is neither", RISES_TWICE,
        changed(RISES_TWICE, first=RISES_TWICE.proof[0].by.first[:2])),
    "an advance that is off by a little": (
        NotEqual, "step 2 (decayed_next)", DECAY,
        changed(DECAY, advance=(replace(DECAYED_NEXT, claim=le(X[after], times(power(r, t), X[0]))),))),
    "a root in the advance of what may be negative": (
        Misapplied, "not visibly nonnegative", ROOTS, without(ROOTS, ROOTS.hypotheses[2])),
    "a lemma in the advance whose hypothesis is not known": (
        Unrelated, "scaled needs", WITH_LEMMA, without(WITH_LEMMA, WITH_LEMMA.hypotheses[2])),
    # what leaves the induction
    "a claim of a first stage, used outside": (
        NotListed, "step 4 (conclusion)", leaning_on(DECAYED), leaning_on(at(DECAYED, 0))),
    "a claim of stage 1, used outside": (
        NotListed, "step 5 (conclusion)", leaning_on(BOUNDED, RISES_ONCE), leaning_on(at(BOUNDED, 1), RISES_ONCE)),
    "that t >= 1, used outside": (
        NotListed, "step 5 (conclusion)", leaning_on(BOUNDED, RISES_ONCE), leaning_on(Ge(t, 1), RISES_ONCE)),
    "an invariant shown from stage 1 on, used outside": (
        NotListed, "step 7 (conclusion)", leaning_on(BOUNDED, TWO), leaning_on(TIGHT, TWO)),
    "what an advance from stage 1 shows, used outside": (
        NotListed, "step 6 (conclusion)", HALVING, squaring(HALF_GONE, small(SMALL_0, SMALL_1), UNROLL)),
    "what an advance from stage 1 shows, as the claim": (
        Unrelated, "not among what the induction shows",
        squaring(HALF_GONE, small(SMALL_0, claim=HALVED), UNROLL),
        squaring(HALF_GONE, small(SMALL_0, SMALL_1, claim=HALVED), UNROLL)),
    # invariants
    "no invariants": (Unrelated, "has invariants", DECAY, changed(DECAY, invariants=())),
    "an invariant about the horizon": (
        Unrelated, "does not mention T", DECAY,
        changed(DECAY, invariants=(DECAYED, le(X[t], X[T] + r)))),
    "an invariant about the horizon of a sum": (
        Unrelated, "does not mention T", DECAY,
        changed(DECAY, invariants=(DECAYED, le(X[0], GeometricSum(X[0], r, X[t], t, T))))),
    "an invariant that is no relation": (
        Unrelated, "is a relation", DECAY, changed(DECAY, invariants=(DECAYED, X[t]))),
    "an invariant that SymPy decided": (
        NotExact, "no exact meaning", DECAY, changed(DECAY, invariants=(DECAYED, sympy.true))),
    "an invariant about an undeclared symbol": (
        Undeclared, "not among", DECAY,
        changed(DECAY, invariants=(DECAYED, le(0, Symbol("k", real=True) ** 2)))),
    "an invariant about no stage that is not known": (
        Unrelated, "is not shown at stage 0", PROVED["an invariant about no stage"],
        changed(PROVED["an invariant about no stage"], invariants=(DECAYED, Ge(c, 0)))),
    "an invariant whose sum over stages is to be shown": (
        NotExact, "do not know GeometricSum", DECAY,
        changed(DECAY, invariants=(le(X[t], GeometricSum(X[0], r, 0, t, t)),), first=((step(
            "sum_0", le(X[0], GeometricSum(X[0], r, 0, t, Integer(0)))),),))),
    "an invariant with an exponent that need not be defined": (
        NotExact, "powers t + integer",
        by_induction(le(power(X[T], T), power(X[T], T)), [le(power(X[t], t), power(X[t], t))],
                     [[step("first", le(power(X[0], 0), power(X[0], 0)))]],
                     [step("next", le(X[after] ** after, X[after] ** after))]),
        by_induction(at(MISSHAPEN, T), [MISSHAPEN], [[step("first", at(MISSHAPEN, 0))]],
                     [step("next", at(MISSHAPEN, after))])),
    "an invariant that would be simpler at a number": (
        NotExact, "do not know exp",
        by_induction(le(X[T], 1), [le(X[t], 1)], [[step("first", le(X[0], 1), Term(1, le(X[0], 1)))]],
                     [step("next", le(X[after], 1), Term(1, le(X[after], 1)))], **UNDEFINED),
        by_induction(REWRITTEN, [REWRITTEN], [[step("first", at(REWRITTEN, 0), Term(1, le(X[0], 1)))]],
                     [step("next", at(REWRITTEN, after), Term(1, le(X[after], 1)))], **UNDEFINED)),
    "a power of what may vanish, a stage earlier": (
        MayVanish, "denominator r",
        by_induction(le(0, times(power(r, T - 1), y**2)), [le(0, times(power(r, t - 1), y**2))],
                     [[step("first", le(0, times(power(r, -1), y**2)), Term(power(r, -1), square=y))]],
                     [step("next", le(0, times(power(r, t), y**2)), Term(power(r, t), square=y))],
                     hypotheses=(sympy.Gt(r, 0),)),
        by_induction(le(0, times(power(r, T - 1), y**2)), [le(0, times(power(r, t - 1), y**2))],
                     [[step("first", le(0, times(power(r, -1), y**2)), Term(0, Ge(r, 0)))]],
                     [step("next", le(0, times(power(r, t), y**2)), Term(power(r, t), square=y))],
                     hypotheses=(Ge(r, 0),))),
    # definitions
    "no rest before stage 0": (NotEqual, "step 1 (rests_0)", AT_REST, replace(AT_REST, definitions={})),
    "rest at another stage": (
        NotEqual, "step 1 (rests_0)", AT_REST, replace(AT_REST, definitions={X[-2]: X[0]})),
    "a definition of this stage only": (
        NotEqual, "step 2 (quartered_next)", QUARTERING, replace(QUARTERING, definitions={Z[t]: X[t] ** 2})),
    "a definition at the stage after the first ones": (
        NotEqual, "step 2 (fallen_1)", FALLING,
        changed(FALLING, first=(FALLING.proof[0].by.first[0], (step(
            "fallen_1", le(X[2], X[0] + Y[1]), Term(1, at(FALLS, 0))),), FALLING.proof[0].by.first[2]))),
    # other reasons within
    "an induction within the advance": (
        Unrelated, "not inside another", with_inner(Certificate(Term(1, DECAYED)), DECAYED),
        with_inner(Induction((le(0, y**2),), ((step("s_0", le(0, y**2), Term(1, square=y)),),), (
            step("s_next", le(0, y**2), Term(1, square=y)),)), le(0, y**2))),
    "an induction within a first stage": (
        Unrelated, "not inside another", DECAY,
        changed(DECAY, first=((Step("inner", le(0, y**2), Induction((le(0, y**2),), ((step(
            "s_0", le(0, y**2), Term(1, square=y)),),), (step("s_next", le(0, y**2), Term(1, square=y)),))),
            DECAYED_0),))),
    "the rule of induction within the advance": (
        Unrelated, "use it outside", HALVING, squaring(HALF_GONE, replace(small(SMALL_0), by=Induction(
            (SMALL,), ((SMALL_0,),), (*SMALLER, replace(UNROLL, name="unroll")))), UNROLL)),
    "an induction in a theorem about one stage": (
        Unrelated, "stages of a theorem that has them", DECAY, replace(DECAY, over=())),
    # parts that are not what they look like
    "an induction of a subclass": (Unrelated, "a step's reason", DECAY, of_another_kind(DECAY)),
    "invariants of a class of their own": (
        Unrelated, "Induction: its invariants", DECAY,
        with_attribute(DECAY, invariants=Changing((le(0, 1),)))),
    "first stages in a list": (
        Unrelated, "Induction: its first", DECAY, with_attribute(DECAY, first=[(DECAYED_0,)])),
    "steps of a first stage of a class of their own": (
        Unrelated, "made of tuples", DECAY, with_attribute(DECAY, first=(Changing((DECAYED_0,)),))),
    "a first stage that is no step": (
        Unrelated, "made of Step", DECAY, with_attribute(DECAY, first=((DECAYED,),))),
    "an advance that is one step": (Unrelated, "made of tuples", DECAY, with_attribute(DECAY, advance=DECAYED_NEXT)),
}


@pytest.mark.parametrize(("kind", "message", "honest", "forged"), FORGERIES.values(), ids=FORGERIES)
def test_refuses(kind, message, honest, forged):
    assert_refused(forged, beside=honest, by=kind, saying=message)


def test_prose_within_an_induction_is_prose():
    said = changed(DECAY, advance=(replace(DECAYED_NEXT, by=Prose("clearly")),))
    proof = check(said)
    assert proof.refusal is None and not proof.complete
    assert proof.counts() == {"steps": 3, "checked": 2, "prose": 1}
    assert check(DECAY).complete


def test_a_step_within_an_induction_has_a_name_of_its_own():
    changed(DECAY, first=((DECAYED_0, step("square", le(0, y**2), Term(1, square=y))),))
    with pytest.raises(InputError, match="different names"):
        changed(DECAY, first=((DECAYED_0, step("decayed_next", le(0, y**2), Term(1, square=y))),))


def watched(proved):
    """What each step may lean on, by the name of the step."""
    seen = {}
    assert check(proved, watch=lambda step, scope, facts: seen.update({step.name: (scope, facts)})).complete
    return seen


def test_the_first_stages_lean_on_the_stages_before_them_only():
    seen = watched(RISES_TWICE)
    about = {
        name: {fact for fact in facts if fact in [at(SLOWS_TWICE, stage) for stage in range(4)]}
        for name, (_, facts) in seen.items()
    }
    slows_0, slows_1 = at(SLOWS_TWICE, 0), at(SLOWS_TWICE, 1)
    assert about["bounded_0"] == about["bounded_1"] == {slows_0}
    assert about["bounded_2"] == about["bounded_next"] == {slows_0, slows_1}
    assert about["conclusion"] == set()
    for stage in range(3):
        assert not any(t in fact.free_symbols for fact in seen[f"bounded_{stage}"][1])


def test_the_advance_leans_on_every_stage_from_k_on_and_on_the_invariants():
    facts = watched(RISES_TWICE)["bounded_next"][1]
    assert {SLOWS_TWICE, BOUNDED, Ge(t, 2), *(at(BOUNDED, stage) for stage in range(3))} <= {*facts}
    assert at(BOUNDED, T) not in facts


def test_the_step_of_an_induction_is_shown_with_what_the_induction_gives():
    facts = watched(HALVING)["small"][1]
    assert {SMALL, at(SMALL, T), HALVED, at(SMALL, after)} <= {*facts}
    assert not {at(SMALL, 1), Ge(t, 0)} & {*facts}


def test_definitions_are_known_at_the_stages_before():
    seen = watched(FALLING)
    assert {*seen["fallen_1"][0].definitions} == {X[after], X[1]}
    assert {*seen["fallen_2"][0].definitions} == {*seen["fallen_next"][0].definitions} == {X[after], X[1], X[2]}
    assert {*seen["conclusion"][0].definitions} == {X[after]}


# What is proved, against exact numbers.

rationals = st.fractions(-9, 9, max_denominator=9).map(rational)


def holds(proved, row, horizon):
    """Whether the conclusion holds at the horizon, where the hypotheses hold at every stage before it."""
    at_stages = [{t: stage, T: horizon} for stage in range(max(horizon, 1))]
    for hypothesis in proved.hypotheses:
        stages = at_stages if t in hypothesis.free_symbols else at_stages[:1]
        assert all(decide(hypothesis, Enclosure(row, proved.definitions, each)) is True for each in stages)
    return decide(proved.conclusion, Enclosure(row, proved.definitions, {T: horizon})) is True


@given(rationals, rationals.map(abs), st.lists(rationals.map(abs), min_size=1, max_size=6))
def test_decay_holds_for_every_sequence_that_shrinks(start, ratio, losses):
    values = [start]
    for loss in losses:
        values.append(ratio * values[-1] - loss)
    row = {r: ratio, X: dict(enumerate(values))}
    assert all(holds(DECAY, row, horizon) for horizon in range(len(values)))


@pytest.mark.parametrize(("last", "proved"), [(1, RISES_ONCE), (2, RISES_TWICE)])
@given(start=rationals, losses=st.lists(rationals.map(abs), min_size=1, max_size=6))
def test_what_rises_at_first_only_stays_bounded(last, proved, start, losses):
    values = [start]
    for stage, loss in enumerate(losses):
        values.append(values[-1] + last - stage - loss)
    row = {c: start + last * (last + 1) // 2, X: dict(enumerate(values))}
    assert all(holds(proved, row, horizon) for horizon in range(len(values)))
