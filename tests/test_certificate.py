"""Certificates that hold are accepted; forged ones are refused, each for one reason, beside the same one unforged."""

from dataclasses import dataclass, field, replace
from fractions import Fraction

import pytest
import sympy
from hypothesis import example, given
from sympy import (
    Add,
    Eq,
    Expr,
    Ge,
    Gt,
    IndexedBase,
    Integer,
    Le,
    Lt,
    Mul,
    Ne,
    Rational,
    Symbol,
    sqrt,
    symbols,
    transpose,
)
from trees import power, times, trees_of

from linres.certificate import (
    NONNEGATIVE,
    POSITIVE,
    UNKNOWN,
    MayVanish,
    NotAClaim,
    NotEqual,
    NotListed,
    Reader,
    SignUnknown,
    Term,
    check,
)
from linres.language import Det, GeometricSum, Inner, NotExact, Scope, Undeclared, norm

x, y, z, a, b, c = symbols("x y z a b c", real=True)
u, v, W, V = symbols("u v W V", commutative=False)
t, T, n = symbols("t T n", integer=True)
X, Y = IndexedBase(x), IndexedBase(y)
SYMBOLS = frozenset({x, y, z, a, b, c, u, v, W, V, t, T, n})


def square(vector):
    return Inner(vector, vector)


def relation(kind, left, right):
    """A relation that SymPy has no opinion about."""
    return kind(left, right, evaluate=False)


def le(left, right):
    return relation(sympy.LessThan, left, right)


def lt(left, right):
    return relation(sympy.StrictLessThan, left, right)


def eq(left, right):
    return relation(sympy.Equality, left, right)




@dataclass(frozen=True)
class Proposal:
    """A claim with its certificate and what it may lean on."""

    claim: object
    terms: tuple = ()
    facts: tuple = ()
    definitions: dict = field(default_factory=dict)
    symbols: frozenset = SYMBOLS
    over: tuple = ()

    def check(self):
        scope = Scope(self.symbols, self.definitions, self.over)
        return check(self.claim, self.terms, scope=scope, facts=self.facts)


# Honest certificates, forged below.
SQUARES = Proposal(le(2 * x * y, x**2 + y**2), (Term(1, square=x - y),))
CHAIN = Proposal(le(x, z), (Term(1, Le(x, y)), Term(1, Le(y, z))), (Le(x, y), Le(y, z)))
SCALED = Proposal(le(a * x, a * y), (Term(a, Le(x, y)),), (Le(x, y), Ge(a, 0)))
STRICT = Proposal(lt(x, z), (Term(1, Lt(x, y)), Term(1, Le(y, z))), (Lt(x, y), Le(y, z)))
WEIGHTED = Proposal(lt(x, x + a), (Term(a),), (Gt(a, 0),))
RECIPROCAL = Proposal(le(2, a + 1 / a), (Term(1 / a, square=a - 1),), (Gt(a, 0),))
QUOTIENT = Proposal(eq(x / (a - b), x * (a + b) / (a**2 - b**2)), (), (Ne(a - b, 0), Ne(a**2 - b**2, 0)))
ROOT = Proposal(le(2 * sqrt(x) * sqrt(y), x + y), (Term(1, square=sqrt(x) - sqrt(y)),), (Ge(x, 0), Ge(y, 0)))
VECTORS = Proposal(le(2 * Inner(u, v), square(u) + square(v)), (Term(1, norm=u - v),))
EQUATION = Proposal(eq(x**2, y**2), (Term(x + y, Eq(x, y)),), (Eq(x, y),))
DEFINED = Proposal(le(2 * x * y, z), (Term(1, square=x - y),), (), {z: x**2 + y**2})
SEQUENCE = Proposal(le(X[t], X[t + 1]), (Term(a, square=y),), (Ge(a, 0),), {X[t]: X[t + 1] - a * y**2})
MATRICES = Proposal(eq((W + V) * (W - V), W**2 - W * V + V * W - V**2))
INVERSES = Proposal(eq(W * (W**-1 + V) * W**-1, W**-1 + W * V * W**-1), (), (Ne(Det(W), 0),))
TRANSPOSES = Proposal(eq(transpose(W * V + x * W), transpose(V) * transpose(W) + x * transpose(W)))
CONSTANT = Proposal(le(0, 1), (Term(1),))
COUNTED = (Ge(n, 0),)
ONE_MORE = Proposal(eq(times(power(x, n), x), power(x, n + 1)), (), COUNTED)
ONE_LESS = Proposal(eq(times(power(x, n - 1), x), power(x, n)), (), (*COUNTED, Ne(x, 0)))
GROWTH = Proposal(le(0, times(power(a, n), x**2)), (Term(power(a, n), square=x),), (*COUNTED, Ge(a, 0)))
ROOT_OF_POWER = Proposal(
    eq(times(sqrt(power(a, n)), sqrt(power(a, n))), power(a, n)), (), (*COUNTED, Ge(a, 0)))

HONEST = {
    "a square is not negative": SQUARES,
    "inequalities chain": CHAIN,
    "a fact times what is not negative": SCALED,
    "a strict fact makes a strict claim": STRICT,
    "a positive weight makes a strict claim": WEIGHTED,
    "the square of a root is its base": ROOT,
    "a root within a root": Proposal(
        eq((sqrt(x + sqrt(y)) - 1) * (sqrt(x + sqrt(y)) + 1) - sqrt(y), x - 1), (), (Ge(x, 0), Ge(y, 0))),
    "a root to a power": Proposal(eq(sqrt(x) ** 3 * sqrt(x) ** -1, x), (), (Gt(x, 0),)),
    "a root of a defined symbol": Proposal(eq(sqrt(z) * sqrt(z), x**2 + 1), (), (), {z: x**2 + 1}),
    "a root over a denominator": Proposal(eq(sqrt(x / y) * sqrt(x / y) * y, x), (), (Ge(x, 0), Gt(y, 0))),
    "a positive denominator": RECIPROCAL,
    "a denominator that is not zero": QUOTIENT,
    "vectors by their inner products": VECTORS,
    "a norm that is defined": Proposal(le(x, x + z**2), (Term(1, norm=u),), (), {z: norm(u)}),
    "an equation times anything": EQUATION,
    "definitions are looked through": DEFINED,
    "sequences": SEQUENCE,
    "matrices": MATRICES,
    "inverses cancel": INVERSES,
    "transposes turn products around": TRANSPOSES,
    "the inverse of a transpose is the transpose of the inverse": Proposal(
        eq(times(power(transpose(W), -1), V), transpose(transpose(V) * power(W, -1))), (), (Ne(Det(W), 0),)),
    "a defined matrix": Proposal(eq(V * (x * u + v), x * (W + 1) * u + W * v + v), (), (), {V: W + 1}),
    "the zeroth power of a matrix": Proposal(eq(W * power(W, 0), W)),
    "no symbols at all": CONSTANT,
    "a claim in each direction": Proposal(relation(sympy.GreaterThan, x + 1, x), (Term(1),)),
    "a claim that is a hypothesis": Proposal(le(x, y), (Term(1, Le(x, y)),), (Le(x, y),)),
    "facts times facts": Proposal(
        le(0, (x - a) * (y - b)), (Term(1, Le(a, x), Le(b, y)),), (Le(a, x), Le(b, y))),
    "a sign that a definition shows": Proposal(le(0, z * y**2), (Term(z, square=y),), (), {z: x**2}),
    "a sign that a fact gives of a sum": Proposal(
        le(0, (1 - x) * y**2), (Term(1 - x, square=y),), (Le(x, 1),)),
    "one stage more is one factor more": ONE_MORE,
    "one stage less is one factor less": ONE_LESS,
    "a power of stages written within evaluate(False)": replace(
        ONE_MORE, claim=eq(times(power(x, n), x), power(x, Add(n, 1, evaluate=False)))),
    "a power of the stage": replace(
        ONE_MORE, claim=eq(times(power(x, t), x, x), power(x, t + 2)), facts=(), over=(t, T)),
    "a power of the horizon": replace(
        ONE_MORE, claim=eq(times(power(x, T), x), power(x, T + 1)), facts=(Ge(T, 0),), over=(t, T)),
    "a power that is not negative": GROWTH,
    "a power that is positive": Proposal(
        lt(0, power(a, n - 3)), (Term(power(a, n - 3)),), (*COUNTED, Gt(a, 0))),
    "a quotient of powers": Proposal(
        eq(times(power(a, n + 2), power(power(a, n), -1)), a**2), (), (*COUNTED, Gt(a, 0))),
    "the root of a power": ROOT_OF_POWER,
    "a power of what changes": Proposal(eq(power(X[n] + n, n + 1), (X[n] + n) * power(X[n] + n, n)), (), COUNTED),
    "a power of a root": Proposal(
        eq(times(power(sqrt(a), n), a), power(sqrt(a), n + 2)), (), (*COUNTED, Ge(a, 0))),
    "a power of a definition": replace(
        ONE_MORE, claim=eq(times(power(z, n), x - 1), power(z, n + 1)), definitions={z: x - 1}),
    "a power of zero times zero": Proposal(eq(power(Integer(0), n + 1), 0), (), COUNTED),
    "a power of a power": Proposal(
        eq(power(power(x, n), n + 1), times(power(power(x, n), n), power(x, n))), (), COUNTED),
    "a power in an inner product": Proposal(
        eq(Inner(power(x, n) * u, power(x, n + 1) * v), times(x, power(x, n), power(x, n), Inner(u, v))), (), COUNTED),
    "a fact that no certificate reads is passed by": Proposal(
        le(0, x), (Term(x),), (Le(sympy.Abs(x), 1), Le(Det(W), 1), Eq(W, V), Ge(x, 0))),
}


@pytest.mark.parametrize("proposal", HONEST.values(), ids=HONEST)
def test_accepts(proposal):
    assert isinstance(proposal.check(), list)


class Flattering(Symbol):
    """A symbol that says it is nonnegative and equal to another."""

    is_nonnegative = True

    def __eq__(self, other):
        return True

    def __hash__(self):
        return hash(a)


class Agreeing(sympy.LessThan):
    """A relation that says it equals any other."""

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


class Free(Term):
    """A term without weight, facts or shame."""

    def expression(self):
        return Integer(-1)


class Alternating(tuple):
    """Facts that are listed when they are looked up and others when they are used."""

    def __iter__(self):
        return iter([Le(x, y)])


class Turning:
    """A vector that is u and -u in turn, whenever SymPy asks."""

    def __init__(self):
        self.vector = u

    def _sympy_(self):
        self.vector = -self.vector
        return self.vector


class Collapsing(Mul):
    """A product that says it is 1."""

    is_positive = True

    def __eq__(self, other):
        return True

    def __hash__(self):
        return hash(Integer(1))


def a_term_with_alternating_facts():
    term = Term(1, Le(x, y))
    object.__setattr__(term, "facts", Alternating((Le(y, x),)))
    return term


def changed(proposal, **changes):
    return proposal, replace(proposal, **changes)


POSITIVE_X, DUMMY = Symbol("x", positive=True), sympy.Dummy("x", real=True)
with sympy.evaluate(False):
    HIDDEN_FLOAT = Mul(sympy.Float(0.5), Add(x, x))
    HALF_OF_TWO = Mul(Rational(1, 2), Add(x, x))
    BARE_ZERO = Add(a, Mul(-1, a))
    NOTHING_OVER_Y = Integer(0) * y**-1

# name: (class, part of the message, (honest proposal, forged proposal)); the two differ in one thing.
FORGERIES = {
    # what is not exact
    "a float for a weight": (NotExact, "is a float", changed(SQUARES, terms=(Term(1.0, square=x - y),))),
    "a float within a square": (NotExact, "is a float", changed(SQUARES, terms=(Term(1, square=1.0 * x - y),))),
    "a float within a norm": (NotExact, "is a float", changed(VECTORS, terms=(Term(1, norm=u - 1.0 * v),))),
    "a float in the claim": (NotExact, "is a float", changed(SQUARES, claim=le(2.0 * x * y, x**2 + y**2))),
    "a float exponent": (NotExact, "is a float", changed(SQUARES, claim=le(2 * x * y, x**2.0 + y**2))),
    "a float in a fact": (NotExact, "is a float", changed(SCALED, facts=(Le(x, y), Ge(a, 0.0)))),
    "a float in a definition": (NotExact, "is a float", changed(DEFINED, definitions={z: x**2 + 1.0 * y**2})),
    "a float that evaluate=False hides": (
        NotExact, "is a float",
        (Proposal(eq(HALF_OF_TWO, x)), Proposal(eq(HIDDEN_FLOAT, x)))),
    "a constant that is no rational": (
        NotExact, "do not know Pi", (Proposal(le(x, x + 3), (Term(3),)), Proposal(le(x, x + sympy.pi), (Term(3),)))),
    "an exponential": (
        NotExact, "do not know exp",
        (Proposal(eq(2 * x, x + x)), Proposal(eq(2 * sympy.exp(x), relation(Add, sympy.exp(x), sympy.exp(x)))))),
    "a cube root": (
        NotExact, "integer powers, square roots and powers t",
        (Proposal(eq(sqrt(x) ** 2, x), (), (Ge(x, 0),)),
         Proposal(eq(power(power(x, Rational(1, 3)), 3), x), (), (Ge(x, 0),)))),
    # powers over stages
    "a power of a number of stages that is not known to be one": (
        SignUnknown, "needs the hypothesis n >= 0", changed(ONE_MORE, facts=())),
    "a power of a number of stages that may be -1": (
        SignUnknown, "needs the hypothesis n >= 0", changed(ONE_MORE, facts=(Ge(n, -1),))),
    "a power of stages of which another number is not negative": (
        SignUnknown, "needs the hypothesis n >= 0", changed(ONE_MORE, facts=(Ge(t, 0),))),
    "a power of the horizon, that may be negative": (
        SignUnknown, "needs the hypothesis T >= 0", changed(HONEST["a power of the horizon"], facts=())),
    "a power with a real symbol": (
        NotExact, "integer powers, square roots and powers t",
        changed(ONE_MORE, claim=eq(times(x**y, x), x ** (y + 1)), facts=(Ge(y, 0),))),
    "a power with twice a number of stages": (
        NotExact, "integer powers, square roots and powers t",
        changed(ONE_MORE, claim=eq(power(x, 2 * n), times(power(x, n), power(x, n))))),
    "a power with a negative number of stages": (
        NotExact, "integer powers, square roots and powers t",
        changed(ONE_LESS, claim=eq(times(power(x, n), power(x, -n)), 1))),
    "a power with two numbers of stages": (
        NotExact, "integer powers, square roots and powers t",
        changed(ONE_MORE, claim=eq(power(x, n + t), times(power(x, n), power(x, t))), facts=(*COUNTED, Ge(t, 0)))),
    "a power with half a stage": (
        NotExact, "integer powers, square roots and powers t",
        changed(GROWTH, claim=eq(power(power(a, n / 2), 2), power(a, n)), terms=())),
    "a power with a sequence": (
        NotExact, "integer powers, square roots and powers t",
        changed(ONE_MORE, claim=eq(times(power(x, X[n]), x), power(x, X[n] + 1)), facts=(*COUNTED, Ge(X[n], 0)))),
    "a power whose exponent need not be defined": (
        NotExact, "integer powers, square roots and powers t",
        changed(ONE_MORE, claim=eq(power(x, Add(n, NOTHING_OVER_Y, evaluate=False)), power(x, n)))),
    "a number for an exponent that need not be defined": (
        NotExact, "integer powers, square roots and powers t",
        (Proposal(eq(x**2, x * x)), Proposal(eq(power(x, Add(2, NOTHING_OVER_Y, evaluate=False)), x * x)))),
    "a sign by an exponent that need not be defined": (
        SignUnknown, "not visibly nonnegative",
        (Proposal(le(0, x**2), (Term(x**2),)),
         Proposal(le(0, power(x, Add(2, NOTHING_OVER_Y, evaluate=False))),
                  (Term(power(x, Add(2, NOTHING_OVER_Y, evaluate=False))),)))),
    "a matrix to a number that is not added up": (
        NotExact, "integer powers, square roots and powers t",
        (Proposal(eq(W**2, W * W)), Proposal(eq(power(W, Add(1, 1, evaluate=False)), W * W)))),
    "a matrix to a number of stages": (
        NotExact, "integer powers, square roots and powers t",
        changed(ONE_MORE, claim=eq(times(power(W, n), W), power(W, n + 1)))),
    "a power with a matrix": (
        NotExact, "integer powers, square roots and powers t", changed(ONE_MORE, claim=eq(power(x, W), power(x, W)))),
    "one stage more for two": (
        NotEqual, "not identically", changed(ONE_MORE, claim=eq(times(power(x, n), x), power(x, n + 2)))),
    "one stage for any number": (NotEqual, "not identically", changed(ONE_MORE, claim=eq(power(x, n), x))),
    "stages of one number for those of another": (
        NotEqual, "not identically",
        changed(ONE_MORE, claim=eq(times(power(x, t), x), power(x, n + 1)), facts=(*COUNTED, Ge(t, 0)))),
    "a power of one base for that of another": (
        NotEqual, "not identically", changed(ONE_MORE, claim=eq(times(power(y, n), x), power(x, n + 1)))),
    "a power of a sum for a sum of powers": (
        NotEqual, "not identically",
        changed(ONE_MORE, claim=eq(power(x + y, n + 1), power(x, n + 1) + power(y, n + 1)))),
    "a power of zero for zero": (  # 0^0 = 1
        NotEqual, "not identically",
        (HONEST["a power of zero times zero"], Proposal(eq(power(Integer(0), n), 0), (), COUNTED))),
    "a power of one sequence for that of another": (
        NotEqual, "not identically",
        changed(ONE_MORE, claim=eq(times(power(X[n], n), X[n]), power(Y[n], n + 1)))),
    "one stage less of what may vanish": (MayVanish, "denominator x", changed(ONE_LESS, facts=COUNTED)),
    "a quotient by a power that may vanish": (
        MayVanish, r"denominator a\*\*n",
        changed(HONEST["a quotient of powers"], facts=(*COUNTED, Ge(a, 0)))),
    "a power of a negative number": (
        SignUnknown, "not visibly nonnegative",
        changed(GROWTH, claim=le(0, times(power(-a, n), x**2)), terms=(Term(power(-a, n), square=x),))),
    "a power of unknown sign": (SignUnknown, "not visibly nonnegative", changed(GROWTH, facts=COUNTED)),
    "a strict power of what may vanish": (
        SignUnknown, "not visibly nonnegative",
        changed(HONEST["a power that is positive"], facts=(*COUNTED, Ge(a, 0)))),
    "strictness from a power of what may vanish": (
        SignUnknown, "is strict",
        (replace(GROWTH, claim=lt(0, power(a, n)), terms=(Term(power(a, n)),), facts=(*COUNTED, Gt(a, 0))),
         replace(GROWTH, claim=lt(0, power(a, n)), terms=(Term(power(a, n)),)))),
    "the root of a power of unknown sign": (SignUnknown, "square root of", changed(ROOT_OF_POWER, facts=COUNTED)),
    "a power of the root of what may be negative": (
        SignUnknown, "square root of", changed(HONEST["a power of a root"], facts=COUNTED)),
    # symbols that are not declared, or say too much
    "an undeclared symbol in the claim": (
        Undeclared, "not among", (SQUARES, replace(SQUARES, symbols=frozenset({x})))),
    "an undeclared symbol in a weight": (
        Undeclared, "not among", (SCALED, replace(SCALED, terms=(Term(Symbol("k", real=True), Le(x, y)),)))),
    "a vector that is another each time in a norm": (
        NotExact, "no exact meaning",
        (Proposal(le(0, square(u)), (Term(1, norm=u),)), Proposal(le(0, -square(u)), (Term(1, norm=Turning()),)))),
    "an undeclared vector in a norm": (
        Undeclared, "not among",
        (VECTORS, replace(VECTORS, terms=(Term(1, norm=u - Symbol("k", commutative=False)),)))),
    "a symbol that may be complex": (
        Undeclared, "not among", changed(SQUARES, claim=le(2 * Symbol("x", integer=True) * y, x**2 + y**2))),
    "a complex symbol": (
        Undeclared, "and nothing else",
        changed(SQUARES, claim=eq(2 * Symbol("x") * y, x**2 + y**2))),
    "a positive symbol as a weight": (
        Undeclared, "and nothing else",
        (Proposal(le(0, x * y**2), (Term(x, square=y),), (Ge(x, 0),)),
         Proposal(le(0, POSITIVE_X * y**2), (Term(POSITIVE_X, square=y),)))),
    "a symbol declared positive": (
        Undeclared, "and nothing else", changed(SQUARES, symbols=SYMBOLS - {x} | {POSITIVE_X})),
    "a dummy that prints like the symbol": (
        NotExact, "no exact meaning", changed(SQUARES, terms=(Term(1, square=DUMMY - y),))),
    "a symbol of a subclass that says it is nonnegative": (
        NotExact, "no exact meaning", changed(SCALED, terms=(Term(Flattering("a", real=True), Le(x, y)),))),
    "a product of a subclass that says it is 1": (
        NotExact, "no exact meaning",
        changed(SQUARES, terms=(Term(Expr.__new__(Collapsing, Integer(-1), x), square=x - y),))),
    # what the terms lean on
    "a hypothesis that is not listed": (NotListed, "neither a hypothesis", changed(CHAIN, facts=(Le(x, y),))),
    "the claim as its own hypothesis": (
        NotListed, "neither a hypothesis", changed(CHAIN, terms=(Term(1, le(x, z)),))),
    "a hypothesis turned around": (
        NotListed, "neither a hypothesis", changed(CHAIN, terms=(Term(1, Ge(y, x)), Term(1, Le(y, z))))),
    "a hypothesis made strict": (
        NotListed, "neither a hypothesis", changed(STRICT, facts=(Le(x, y), Le(y, z)))),
    "a relation of a subclass that says it is listed": (
        NotListed, "neither a hypothesis", changed(CHAIN, terms=(Term(1, Agreeing(x, z)),))),
    "a fact that says two things are not equal": (
        NotListed, "has no sign",
        (Proposal(le(x, y), (Term(1, Le(x, y)),), (Le(x, y), Ne(x, y))),
         Proposal(le(x, y), (Term(1, Ne(x, y)),), (Le(x, y), Ne(x, y))))),
    "a fact between matrices": (
        NotListed, "has no sign",
        (replace(EQUATION, facts=(Eq(x, y), Eq(W, V))),
         replace(EQUATION, facts=(Eq(x, y), Eq(W, V)), terms=(Term(x + y, Eq(W, V)),)))),
    "a fact about a determinant": (
        NotListed, "has no sign",
        (Proposal(le(0, x), (Term(1, Ge(x, 0)),), (Ge(x, 0), Ge(Det(W), 0))),
         Proposal(le(0, x), (Term(1, Ge(Det(W), 0)),), (Ge(x, 0), Ge(Det(W), 0))))),
    "an inequality for an equation": (
        NotListed, "should contain an equation", changed(EQUATION, facts=(Le(x, y),), terms=(Term(x + y, Le(x, y)),))),
    "a square for an equation": (
        NotListed, "should contain an equation",
        (Proposal(eq(x, y), (Term(1, Eq(x, y)),), (Eq(x, y),)),
         Proposal(eq(x, y), (Term(1, Eq(x, y)), Term(1, square=a)), (Eq(x, y),)))),
    "a term of a subclass": (NotExact, "made of Term", changed(CONSTANT, terms=(Free(1),))),
    "facts of a subclass that alternates": (
        NotExact, "made of Term",
        (Proposal(le(x, y), (Term(1, Le(x, y)),), (Le(x, y),)),
         Proposal(le(y, x), (a_term_with_alternating_facts(),), (Le(x, y),)))),
    "a fact that is no relation": (NotExact, "no relation", changed(CHAIN, facts=(Le(x, y), Le(y, z), x))),
    "a fact that SymPy already decided": (
        NotExact, "no exact meaning", changed(CHAIN, facts=(Le(x, y), Le(y, z), Le(0, 1)))),
    # signs
    "a negative weight": (SignUnknown, "weight -1", changed(CHAIN, terms=(Term(-1, Le(x, y)), Term(1, Le(y, z))))),
    "a negative square": (SignUnknown, "weight -1", changed(SQUARES, terms=(Term(-1, square=x - y),))),
    "a weight of unknown sign": (SignUnknown, "weight a", changed(SCALED, facts=(Le(x, y), Le(a, 1)))),
    "a weight whose sign is of another symbol": (SignUnknown, "weight a", changed(SCALED, facts=(Le(x, y), Ge(b, 0)))),
    "a weight that a fact bounds the wrong way": (SignUnknown, "weight a", changed(SCALED, facts=(Le(x, y), Le(a, 0)))),
    "a weight that is only not zero": (SignUnknown, "weight a", changed(SCALED, facts=(Le(x, y), Ne(a, 0)))),
    "a weight that a difference could make negative": (
        SignUnknown, "not visibly nonnegative",
        (Proposal(le(0, (a + b) * x**2), (Term(a + b, square=x),), (Ge(a, 0), Ge(b, 0))),
         Proposal(le(0, (a - b) * x**2), (Term(a - b, square=x),), (Ge(a, 0), Ge(b, 0))))),
    "an odd power of unknown sign": (
        SignUnknown, "not visibly nonnegative",
        (Proposal(le(0, a**2 * x**2), (Term(a**2, square=x),)), Proposal(le(0, a**3 * x**2), (Term(a**3, square=x),)))),
    "an inner product of two vectors": (
        SignUnknown, "not visibly nonnegative",
        (Proposal(le(0, square(u)), (Term(square(u)),)), Proposal(le(0, Inner(u, v)), (Term(Inner(u, v)),)))),
    "a weight that only its square bounds": (
        SignUnknown, "not visibly nonnegative",
        (Proposal(le(0, 2 - x), (Term(2 - x),), (Ge(x, 0), Le(x, 2))),
         Proposal(le(0, 2 - x), (Term(2 - x),), (Ge(x, 0), Le(sqrt(x), 2))))),
    "a weight that a fact vouching for itself bounds": (
        SignUnknown, "not visibly nonnegative",
        (Proposal(le(0, 1 / x), (Term(1 / x),), (Gt(x, 0), Gt(1 / x, 0))),
         Proposal(le(0, 1 / x), (Term(1 / x),), (Gt(1 / x, 0),)))),
    "a vector for a weight": (
        NotExact, "a weight and a square are scalars",
        (Proposal(le(0, x**2), (Term(1, square=x),)), Proposal(le(0, x**2), (Term(W**2, square=x),)))),
    "a vector for a square": (
        NotExact, "a weight and a square are scalars",
        (Proposal(le(0, square(u)), (Term(1, norm=u),)), Proposal(le(0, square(u)), (Term(1, square=u),)))),
    "a scalar for a norm": (
        NotExact, "not products of matrices",
        (Proposal(le(0, x**2), (Term(1, square=x),)), Proposal(le(0, x**2), (Term(1, norm=x),)))),
    "a root of what may be negative": (SignUnknown, "square root of y", changed(ROOT, facts=(Ge(x, 0),))),
    "a root of an odd power": (
        SignUnknown, "square root of",
        (Proposal(eq(power(power(a**2, Rational(1, 2)), 2), a**2)),
         Proposal(eq(power(power(a**3, Rational(1, 2)), 2), a**3)))),
    "strictness from a fact that is not strict": (
        SignUnknown, "is strict", changed(STRICT, facts=(Le(x, y), Le(y, z)), terms=CHAIN.terms)),
    "strictness from a weight that may be zero": (SignUnknown, "is strict", changed(WEIGHTED, facts=(Ge(a, 0),))),
    "strictness from a square": (
        SignUnknown, "is strict",
        (Proposal(le(x, x + y**2), (Term(1, square=y),)), Proposal(lt(x, x + y**2), (Term(1, square=y),)))),
    "strictness from a norm": (
        SignUnknown, "is strict",
        (Proposal(le(x, x + square(u)), (Term(1, norm=u),)), Proposal(lt(x, x + square(u)), (Term(1, norm=u),)))),
    "strictness from an equation": (
        SignUnknown, "is strict",
        (Proposal(le(x, y), (Term(1, Eq(y, x)),), (Eq(y, x),)), Proposal(lt(x, y), (Term(1, Eq(y, x)),), (Eq(y, x),)))),
    "strictness from nothing": (
        SignUnknown, "is strict", (Proposal(le(x, x)), Proposal(lt(x, x)))),
    # denominators
    "a denominator that may vanish": (
        MayVanish, "denominator a ",
        (replace(RECIPROCAL, terms=(Term(1, Ge(1 / a, 0), square=a - 1),), facts=(Gt(a, 0), Ge(1 / a, 0))),
         replace(RECIPROCAL, terms=(Term(1, Ge(1 / a, 0), square=a - 1),), facts=(Ge(a, 0), Ge(1 / a, 0))))),
    "a denominator that cancels": (
        MayVanish, "denominator a ",
        (Proposal(eq(times(a, 1 / a), 1), (), (Ne(a, 0),)), Proposal(eq(times(a, 1 / a), 1)))),
    "a denominator times zero": (
        MayVanish, "denominator a ",
        (Proposal(eq(times(0, 1 / a), 0), (), (Ne(a, 0),)), Proposal(eq(times(0, 1 / a), 0)))),
    "a denominator that is nothing but zero": (
        MayVanish, r"denominator (a - a|-a \+ a) ",
        (Proposal(eq(times(a, 1 / a), 1), (), (Ne(a, 0),)),
         Proposal(eq(times(BARE_ZERO, power(BARE_ZERO, -1)), 1), (), (Ne(a, 0),)))),
    "a denominator that a contradiction keeps from zero": (
        MayVanish, "identically zero",
        (Proposal(eq(times(a, 1 / a), 1), (), (Ne(a, 0), relation(sympy.Unequality, BARE_ZERO, 0))),
         Proposal(eq(times(BARE_ZERO, power(BARE_ZERO, -1)), 1), (),
                  (Ne(a, 0), relation(sympy.Unequality, BARE_ZERO, 0))))),
    "a denominator in a definition": (
        MayVanish, "denominator a ",
        (Proposal(eq(z * a, x), (), (Gt(a, 0),), {z: x / a}), Proposal(eq(z * a, x), (), (), {z: x / a}))),
    "a denominator in a weight of an equation": (
        MayVanish, "denominator a ",
        (Proposal(eq(x / a, y / a), (Term(1 / a, Eq(x, y)),), (Eq(x, y), Ne(a, 0))),
         Proposal(eq(x / a, y / a), (Term(1 / a, Eq(x, y)),), (Eq(x, y),)))),
    "a denominator within a vector": (
        MayVanish, "denominator a ",
        (Proposal(eq(a**2 * square(u / a), square(u)), (), (Ne(a, 0),)),
         Proposal(eq(a**2 * square(u / a), square(u))))),
    "a denominator that a difference makes vanish": (
        MayVanish, "denominator a - b", changed(QUOTIENT, facts=(Ne(a + b, 0), Ne(a**2 - b**2, 0)))),
    "a denominator that is a root": (
        MayVanish, "denominator x ",
        (Proposal(eq(sqrt(x) / sqrt(x) ** 2 * sqrt(x), 1 + 0 * x), (), (Gt(x, 0),)),
         Proposal(eq(times(sqrt(x), x ** Rational(-1, 2)), 1), (), (Ge(x, 0),)))),
    "an inverse of a matrix that may be singular": (MayVanish, "inverse of W", changed(INVERSES, facts=())),
    "an inverse of another matrix": (MayVanish, "inverse of W", changed(INVERSES, facts=(Ne(Det(V), 0),))),
    "an inverse of a matrix that is not zero": (MayVanish, "inverse of W", changed(INVERSES, facts=(Ne(W, 0),))),
    # identities that are not
    "a constant off by one": (NotEqual, "not identically", changed(SQUARES, claim=le(2 * x * y + 1, x**2 + y**2))),
    "a term left out": (NotEqual, "not identically", changed(CHAIN, terms=CHAIN.terms[:1])),
    "a term too many": (NotEqual, "not identically", changed(CHAIN, terms=(*CHAIN.terms, Term(1)))),
    "no terms": (NotEqual, "not identically", changed(CHAIN, terms=())),
    "an exponent off by one": (NotEqual, "not identically", changed(SQUARES, claim=le(2 * x * y, x**3 + y**2))),
    "a sign turned": (NotEqual, "not identically", changed(SQUARES, terms=(Term(1, square=x + y),))),
    "a coefficient off by one part in 10^40": (
        NotEqual, "not identically", changed(SQUARES, claim=le((2 + Rational(1, 10**40)) * x * y, x**2 + y**2))),
    "a claim turned around": (NotEqual, "not identically", changed(SQUARES, claim=le(x**2 + y**2, 2 * x * y))),
    "a true identity that is another": (
        NotEqual, "not identically", changed(SQUARES, claim=le(2 * x * z, x**2 + z**2))),
    "a root for its base": (NotEqual, "not identically", (
        Proposal(eq(sqrt(x) * sqrt(x), x), (), (Ge(x, 0),)), Proposal(eq(sqrt(x), x), (), (Ge(x, 0),)))),
    "a root times its base for the base": (NotEqual, "not identically", (
        Proposal(eq(sqrt(x) * x, times(x, sqrt(x))), (), (Ge(x, 0),)),
        Proposal(eq(sqrt(x) * x, x), (), (Ge(x, 0),)))),
    "the root of a sum for the sum of roots": (NotEqual, "not identically", (
        Proposal(eq(sqrt(x + y) ** 2, x + y), (), (Ge(x, 0), Ge(y, 0))),
        Proposal(eq(sqrt(x + y), sqrt(x) + sqrt(y)), (), (Ge(x, 0), Ge(y, 0))))),
    "the root of a square for the number": (NotEqual, "not identically", (
        Proposal(eq(power(power(x**2, Rational(1, 2)), 2), x**2)),
        Proposal(eq(power(x**2, Rational(1, 2)), x)))),
    "a product of lengths for an inner product": (NotEqual, "not identically", (
        Proposal(eq(square(u + v), square(u) + 2 * Inner(v, u) + square(v))),
        Proposal(eq(Inner(u, v) ** 2, square(u) * square(v))))),
    "a vector not counted": (NotEqual, "not identically", changed(VECTORS, terms=(Term(1, norm=u),))),
    "two stages taken for one": (
        NotEqual, "not identically", changed(SEQUENCE, claim=le(X[t], X[t + 2]))),
    "an equation off by a weight": (NotEqual, "not identically", changed(EQUATION, terms=(Term(x - y, Eq(x, y)),))),
    "matrices in another order": (
        NotEqual, "not identically", changed(MATRICES, claim=eq((W + V) * (W - V), W**2 - V**2))),
    "matrices that do not commute": (
        NotEqual, "not identically", (Proposal(eq(W * V * W, W * (V * W))), Proposal(eq(W * V, V * W)))),
    "a power for a product in another order": (
        NotEqual, "not identically",
        (Proposal(eq((W * V) ** 2, W * V * W * V)), Proposal(eq((W * V) ** 2, W**2 * V**2)))),
    "an inverse on the wrong side": (
        NotEqual, "not identically",
        (Proposal(eq(times(W, V, power(W, -1), W), W * V), (), (Ne(Det(W), 0),)),
         Proposal(eq(W * V * W**-1, V), (), (Ne(Det(W), 0),)))),
    "an inverse cancelled with its transpose": (
        NotEqual, "not identically",
        (Proposal(eq(times(transpose(power(W, -1)), transpose(W)), 1), (), (Ne(Det(W), 0),)),
         Proposal(eq(times(power(W, -1), transpose(W)), 1), (), (Ne(Det(W), 0),)))),
    "transposes in the order of their factors": (
        NotEqual, "not identically",
        (Proposal(eq(transpose(W * V), transpose(V) * transpose(W))),
         Proposal(eq(transpose(W * V), transpose(W) * transpose(V))))),
    "a matrix for its transpose": (
        NotEqual, "not identically", (Proposal(eq(transpose(transpose(W)), W)), Proposal(eq(transpose(W), W)))),
    "a matrix for a multiple of the identity": (
        NotEqual, "not identically", (Proposal(eq(W * (V + 1), W * V + W)), Proposal(eq(W * (V + 1), W * V + 1)))),
    # claims and expressions that certificates do not speak of
    "a claim that things differ": (
        NotAClaim, "not Ne",
        (Proposal(lt(x, x + 1), (Term(1),)), Proposal(relation(sympy.Unequality, x, x + 1), (Term(1),)))),
    "a claim that is no relation": (NotAClaim, "not x", (CONSTANT, replace(CONSTANT, claim=x))),
    "a claim that SymPy decided": (NotExact, "no exact meaning", changed(CONSTANT, claim=Le(0, 1))),
    "an equality of matrices with terms": (NotAClaim, "needs no terms", changed(MATRICES, terms=(Term(0),))),
    "an inequality between matrices": (
        NotExact, "vectors and matrices", changed(MATRICES, claim=le(*MATRICES.claim.args))),
    "the inverse of a sum": (
        NotExact, "only a matrix symbol",
        (Proposal(eq(times(power(W, -1), W), 1), (), (Ne(Det(W), 0),)),
         Proposal(eq(times(power(W + V, -1), W + V), 1), (), (Ne(Det(W + V), 0),)))),
    "the inverse of a product": (
        NotExact, "only a matrix symbol",
        (Proposal(eq(times(power(W, -1), power(V, -1), V, W), 1), (), (Ne(Det(W), 0), Ne(Det(V), 0))),
         Proposal(eq(times(power(W * V, -1), W, V), 1), (), (Ne(Det(W), 0), Ne(Det(V), 0))))),
    "the inverse of the transpose of a product": (
        NotExact, "only a matrix symbol",
        (Proposal(eq(times(transpose(power(W, -1)), transpose(W)), 1), (), (Ne(Det(W), 0),)),
         Proposal(eq(times(power(transpose(W * V), -1), transpose(W * V)), 1), (), (Ne(Det(W), 0), Ne(Det(V), 0))))),
    "the inverse of a defined matrix": (
        NotExact, "only a matrix symbol",
        (Proposal(eq(times(V, power(W, -1)), 1), (), (Ne(Det(W), 0),), {V: W}),
         Proposal(eq(times(W, power(V, -1)), 1), (), (Ne(Det(V), 0),), {V: W}))),
    "the root of a matrix": (
        NotExact, "where a scalar is needed",
        (Proposal(eq(W**2, W * W)), Proposal(eq(power(power(W, Rational(1, 2)), 2), W)))),
    "an inner product with a product of matrices": (
        NotExact, "not products of matrices",
        (Proposal(eq(Inner(2 * u, v), 2 * Inner(u, v))), Proposal(eq(Inner(W * u, v), Inner(u, W * v))))),
    "an inner product with a transpose": (
        NotExact, "not products of matrices",
        (Proposal(eq(Inner(u, v), Inner(v, u))), Proposal(eq(Inner(transpose(W), V), Inner(W, V))))),
    "an inner product with a scalar": (
        NotExact, "not products of matrices",
        (Proposal(eq(Inner(u, x * v), x * Inner(u, v))), Proposal(eq(Inner(u, x + v), x + Inner(u, v))))),
    "the transpose of a scalar": (
        NotExact, "transpose of a scalar",
        (Proposal(eq(transpose(W) - transpose(W), 0 * W)), Proposal(eq(sympy.Basic.__new__(transpose, x), x)))),
    "a geometric sum": (
        NotExact, "do not know GeometricSum",
        (Proposal(eq(x, x)), Proposal(eq(GeometricSum(x, 1, 0, t, T), x)))),
    "a determinant": (NotExact, "do not know Det", (Proposal(eq(x, x)), Proposal(eq(Det(W), Det(W))))),
    "a relation within an expression": (
        NotExact, "made of expressions",
        (Proposal(eq(x, x)), Proposal(eq(relation(sympy.Equality, Le(x, y), Le(x, y)), x)))),
    # definitions
    "a definition that is another": (NotEqual, "not identically", changed(DEFINED, definitions={z: x**2 + y**2 - 1})),
    "a definition by itself": (
        NotExact, "by itself", changed(DEFINED, definitions={z: x**2 + y**2 + z})),
    "a number defined anew": (NotExact, "can be defined", changed(DEFINED, definitions={Integer(2): x})),
}


@pytest.mark.parametrize(("kind", "message", "pair"), FORGERIES.values(), ids=FORGERIES)
def test_refuses(kind, message, pair):
    honest, forged = pair
    honest.check()
    with pytest.raises(kind, match=message) as refusal:
        forged.check()
    assert type(refusal.value) is kind


def test_no_attribute_of_a_term_can_be_shadowed():
    with pytest.raises(AttributeError):
        object.__setattr__(Term(1), "expression", lambda: Integer(-1))


def test_every_identity_that_was_relied_on_is_returned_for_a_second_opinion():
    weight = Add(-x, 1, evaluate=False)
    sign, certificate = Proposal(le(0, weight * y**2), (Term(weight, square=y),), (Le(x, 1),)).check()
    assert sign[0] == weight  # that the fact speaks of this weight
    assert certificate[1] == Term(weight, square=y).expression()


def test_the_terms_may_come_from_an_iterator():
    check(CHAIN.claim, iter(CHAIN.terms), scope=Scope(SYMBOLS), facts=CHAIN.facts)
    with pytest.raises(NotEqual):
        check(CHAIN.claim, iter(CHAIN.terms[:1]), scope=Scope(SYMBOLS), facts=CHAIN.facts)


FACTS = (Gt(a, 0), Ge(b, 0), Le(x, 1), Ne(y, 0), Eq(z, 0), Lt(c, 0), Ge(n, 0))


@pytest.mark.parametrize(
    ("node", "sign"),
    [
        (Integer(2), POSITIVE), (Integer(0), NONNEGATIVE), (Integer(-2), UNKNOWN),
        (a, POSITIVE), (b, NONNEGATIVE), (x, UNKNOWN), (1 - x, NONNEGATIVE), (y, UNKNOWN), (z, UNKNOWN), (c, UNKNOWN),
        (-c, POSITIVE), (a + b, POSITIVE), (b + b**2, NONNEGATIVE), (a - b, UNKNOWN), (a * b, NONNEGATIVE),
        (a * a, POSITIVE), (a * c, UNKNOWN), (1 / a, POSITIVE), (1 / b, UNKNOWN), (x**2, NONNEGATIVE),
        (1 / x**2, UNKNOWN), (x**3, UNKNOWN), (b**3, NONNEGATIVE), (sqrt(a), POSITIVE), (sqrt(b), NONNEGATIVE),
        (sqrt(x), UNKNOWN), (a ** Rational(1, 3), UNKNOWN), (a**t, UNKNOWN), (power(x, 0), UNKNOWN),
        (a**n, POSITIVE), (a ** (n - 2), POSITIVE), (b**n, NONNEGATIVE), (b ** (n + 1), NONNEGATIVE),
        (b ** (n - 1), UNKNOWN), (x**n, UNKNOWN), (power(x**2, n), NONNEGATIVE), (power(power(x, n), 2), NONNEGATIVE),
        (power(Integer(-1), n), UNKNOWN), (power(Integer(2), n), POSITIVE), (power(Integer(0), n), NONNEGATIVE),
        (a ** (2 * n), UNKNOWN), (a ** (n + t), UNKNOWN), (power(W, n), UNKNOWN),
        (square(u), NONNEGATIVE), (norm(u), NONNEGATIVE), (Inner(u, v), UNKNOWN), (sympy.exp(a), UNKNOWN),
        (sympy.pi, UNKNOWN), (u, UNKNOWN),
    ],
    ids=str,
)
def test_sees_a_sign_only_where_the_tree_or_a_fact_shows_it(node, sign):
    assert Reader(Scope(SYMBOLS), FACTS).sign(node) == sign


# Trees over x, y, sqrt(a), 1/a and powers of n stages. At a point their value is p + q sqrt(a), kept exactly as (p, q).

POINTS = [
    {x: Fraction(2), y: Fraction(3), a: Fraction(5), n: 0},
    {x: Fraction(-7, 3), y: Fraction(1, 2), a: Fraction(6), n: 1},
    {x: Fraction(11), y: Fraction(-5, 7), a: Fraction(2, 3), n: 2},
    {x: Fraction(0), y: Fraction(-1), a: Fraction(2), n: 0},
    {x: Fraction(-1), y: Fraction(0), a: Fraction(1, 3), n: 3},
]
def degree(node):
    """The degree as a polynomial in the atoms: powers of powers of powers would take the machine down."""
    degrees = [degree(argument) for argument in node.args]
    if node.is_Pow and node.exp.is_Integer:
        return degrees[0] * max(int(node.exp), 1)
    return sum(degrees) if node.is_Mul else max(degrees, default=1)



LEAVES = (x, y, a, sqrt(a), 1 / a, Integer(2), Integer(-1), Rational(1, 3))
POWERS = (power(x, n), x ** (n + 1), y ** (n + 1), a**n, a ** (n - 2), power(Integer(-2), n + 1), power(sqrt(a), n))
trees, over_stages = trees_of(*LEAVES), trees_of(*LEAVES, *POWERS)


def value(node, point):
    """(p, q) for p + q sqrt(a): no root of the points chosen is rational, so the pair decides."""
    if node in point:
        return point[node], Fraction(0)
    if node.is_Rational:
        return Fraction(int(node.p), int(node.q)), Fraction(0)
    if node == sqrt(a):
        return Fraction(0), Fraction(1)
    if node == 1 / a:
        return 1 / point[a], Fraction(0)
    if node.is_Pow:
        exponent = int(node.exp.subs(n, point[n]))
        base = node.base if exponent >= 0 else 1 / node.base
        parts = [(Fraction(1), Fraction(0)), *[value(base, point)] * abs(exponent)]
    else:
        parts = [value(argument, point) for argument in node.args]
    p, q = parts[0]
    for r, s in parts[1:]:
        p, q = (p + r, q + s) if node.is_Add else (p * r + q * s * point[a], p * s + q * r)
    return p, q


def sign_of(p, q, base):
    """The sign of p + q sqrt(base), exactly."""
    if p * q >= 0:
        return (p > 0 or q > 0) - (p < 0 or q < 0)
    return (1 if p > 0 else -1) * ((p**2 > q**2 * base) - (p**2 < q**2 * base))


@given(over_stages)
@example(times(a, sqrt(a)) - sqrt(a))
@example(times(x, power(x, n)) - x ** (n + 1))
@example(power(sqrt(a), n) - a**n)
@example(sqrt(a) - a)
def test_never_finds_zero_what_is_not_zero_at_a_point(node):
    vanishes = Reader(Scope(SYMBOLS), (Gt(a, 0), Ge(n, 0))).equal(node, Integer(0))
    assert not vanishes or all(value(node, point) == (0, 0) for point in POINTS)


@given(trees)
def test_finds_equal_what_sympy_expands_to_the_same(node):
    reader = Reader(Scope(SYMBOLS), (Gt(a, 0),))
    assert reader.equal(node, sympy.expand(node.doit()))
    assert not reader.equal(node, Add(node, Rational(1, 10**9), evaluate=False))


@given(over_stages)
@example(Add(times(-1, y), 100, evaluate=False))
@example(x ** (n + 1))
def test_a_sign_that_is_seen_is_there(node):
    sign = Reader(Scope(SYMBOLS), (Gt(a, 0), Lt(y, 100), Ge(x + 5, 0), Ge(n, 0))).sign(node)
    signs = [sign_of(*value(node, point), point[a]) for point in POINTS]
    assert sign != POSITIVE or set(signs) == {1}
    assert sign != NONNEGATIVE or -1 not in signs
