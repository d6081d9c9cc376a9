"""What the language admits, what it refuses and as what; sameness and substitution, node by node."""

from itertools import pairwise

import pytest
import sympy
import sympy.stats
from hypothesis import given
from hypothesis import strategies as st
from sympy import (
    Add,
    Basic,
    Dummy,
    Eq,
    Expr,
    Float,
    Ge,
    Gt,
    IndexedBase,
    Integer,
    Le,
    Lt,
    Mul,
    Ne,
    Pow,
    Rational,
    Symbol,
    sqrt,
    symbols,
    transpose,
)
from trees import power

from linres.language import (
    Det,
    GeometricSum,
    Inner,
    NotExact,
    Scope,
    Undeclared,
    among,
    gap,
    is_vector,
    norm,
    same,
    split_stages,
    substitute,
    tidy,
)

x, y, c = symbols("x y c", real=True)
t, T, n = symbols("t T n", integer=True)
u, v, W = symbols("u v W", commutative=False)
SYMBOLS = frozenset({x, y, c, t, T, n, u, v, W})
SCOPE = Scope(SYMBOLS)
X, Y, U = IndexedBase(x), IndexedBase(y), IndexedBase(u)


class Flattering(Symbol):
    """A symbol that says it is positive, real and equal to anything."""

    is_positive = True
    is_real = True

    def __eq__(self, other):
        return True

    def __hash__(self):
        return hash(x)

    @property
    def assumptions0(self):
        return x.assumptions0


class Pliant(str):
    """A name that is any other."""

    def __eq__(self, other):
        return True

    def __hash__(self):
        return str.__hash__(self)


class Lenient(sympy.LessThan):
    """A relation that says it holds."""

    def __bool__(self):
        return True


class Third(Rational):
    """A number that is less than it says."""

    def __new__(cls):
        return Expr.__new__(cls)

    p, q = 1, 3


class Shifting(tuple):
    """Arguments that may differ each time they are read."""


def a_sum_with_shifting_arguments():
    node = Add(x, y, evaluate=False)
    node._args = Shifting(node.args)
    return node


def a_rational(p, q):
    node = Expr.__new__(Rational)
    node.p, node.q = p, q
    return node


with sympy.evaluate(False):
    UNEVALUATED_INDEX = X[t + 1 - 1]

ADMITTED = {
    "number": Rational(3, 7),
    "zero": Integer(0),
    "constant": sympy.pi,
    "scalar": x,
    "vector": u,
    "sum": x + 2 * y,
    "root": sqrt(x),
    "relation": Lt(x, y),
    "sequence": X[t + 1],
    "sequence at a number": X[0],
    "sequence of vectors": U[t],
    "norm": norm(u - v),
    "determinant": Ne(Det(W), 0),
    "equality of matrices": Eq(W * transpose(W), 1, evaluate=False),
    "geometric sum": GeometricSum(x, y, X[t], t, T),
    "exponential": sympy.exp(-x),
    "probability": sympy.stats.Probability(Le(x, y)),
}


@pytest.mark.parametrize("node", ADMITTED.values(), ids=ADMITTED)
def test_admits(node):
    SCOPE.admit(node)


def posing(node, other):
    """The node, made to pass for another wherever SymPy compares them: as a key of a dict, say."""
    node._mhash, node._hashable_content = hash(other), other._hashable_content
    return node


# name: (class, part of the message, the node refused, the same node as it should be)
REFUSED = {
    "float": (NotExact, "is a float", Float(0.5), Rational(1, 2)),
    "python float": (NotExact, "is a float", 0.5, Rational(1, 2)),
    "float in a sum": (NotExact, "is a float", x + 0.5, x + Rational(1, 2)),
    "float in an exponent": (NotExact, "is a float", x**0.5, sqrt(x)),
    "float in a relation": (NotExact, "is a float", Le(x, 0.5), Le(x, Rational(1, 2))),
    "float in a vector": (NotExact, "is a float", norm(0.5 * u), norm(u / 2)),
    "float in an index": (NotExact, "is a float", X[t + Float(1.0)], X[t + 1]),
    "infinity": (NotExact, "no exact meaning", sympy.oo, Integer(1)),
    "complex infinity": (NotExact, "no exact meaning", sympy.zoo, Integer(1)),
    "not a number": (NotExact, "no exact meaning", sympy.nan, Integer(1)),
    "imaginary unit": (NotExact, "no exact meaning", sympy.I, Integer(1)),
    "relation already decided": (NotExact, "no exact meaning", Ge(1, 0), Ge(1, 0, evaluate=False)),
    "python integer": (NotExact, "no exact meaning", 1, Integer(1)),
    "unknown function": (NotExact, "no exact meaning", sympy.Function("f")(x), sympy.exp(x)),
    "sine": (NotExact, "no exact meaning", sympy.sin(x), sympy.exp(x)),
    "matrix symbol": (NotExact, "no exact meaning", sympy.MatrixSymbol("W", 2, 2), W),
    "dummy that prints alike": (NotExact, "no exact meaning", Dummy("x", real=True), x),
    "symbol of a subclass that lies": (NotExact, "no exact meaning", Flattering("x", real=True), x),
    "relation of a subclass that lies": (NotExact, "no exact meaning", Lenient(x, y), Le(x, y)),
    "number of a subclass that lies": (NotExact, "no exact meaning", Third(), Rational(1, 3)),
    "label of a subclass that lies": (NotExact, "plain Symbol", IndexedBase(Flattering("x", real=True))[t], X[t]),
    "numerator that is a float": (NotExact, "quotient of integers", a_rational(0.5, 3), a_rational(5, 3)),
    "denominator that is zero": (NotExact, "quotient of integers", a_rational(1, 0), a_rational(1, 3)),
    "denominator that is negative": (NotExact, "quotient of integers", a_rational(1, -3), a_rational(1, 3)),
    "numerator that is a bool": (NotExact, "quotient of integers", a_rational(True, 3), a_rational(1, 3)),
    "arguments of a subclass": (NotExact, "should have", a_sum_with_shifting_arguments(), x + y),
    "sum of nothing": (NotExact, "one or more", Basic.__new__(Add), Add(x, y)),
    "power with three arguments": (NotExact, "should have 2", Basic.__new__(Pow, x, y, y), Pow(x, y)),
    "inner product of one": (NotExact, "should have 2", Expr.__new__(Inner, u), Inner(u, u)),
    "relation between three": (NotExact, "should have 2", Basic.__new__(sympy.LessThan, x, y, x), Le(x, y)),
    "relation between relations": (NotExact, "made of expressions", Eq(Le(x, y), Le(y, x)), Eq(x, y)),
    "less than between vectors": (NotExact, "vectors and matrices", Lt(u, v, evaluate=False), Ne(u, v)),
    "at least between matrices": (NotExact, "vectors and matrices", Ge(W**2, 0, evaluate=False), Ne(W**2, 0)),
    "two indices": (NotExact, "one index", X[t, n], X[t]),
    "sequence with a shape": (NotExact, "one index", IndexedBase(x, shape=(3,))[t], X[t]),
    "index not added up": (NotExact, "one form only", UNEVALUATED_INDEX, X[t]),
    "index in another order": (NotExact, "one form only", X[Add(t, 1, evaluate=False)], X[t + 1]),
    "index that is real": (Undeclared, "integer symbols", X[c], X[n]),
    "sequence that passes for another": (NotExact, "attributes of its own", posing(X[n], Y[n]), X[n]),
    "label that passes for another": (
        NotExact, "attributes of its own", posing(IndexedBase(x), Y)[n], X[n]),
    "function that passes for another": (
        NotExact, "attributes of its own", posing(Expr.__new__(sympy.exp, x), sympy.exp(y)), sympy.exp(x)),
    "symbol with a name that is any other": (NotExact, "plain name", Symbol(Pliant("x"), real=True), x),
    "expectation without a condition": (
        NotExact, "should have 2", Expr.__new__(sympy.stats.Expectation, x), sympy.stats.Expectation(x, y)),
    "undeclared symbol": (Undeclared, "not among", Symbol("z", real=True), x),
    "undeclared sequence": (Undeclared, "not among", IndexedBase(Symbol("z", real=True))[t], X[t]),
    "undeclared index": (Undeclared, "not among", X[Symbol("k", integer=True)], X[n]),
    "name of a declared symbol, of another kind": (Undeclared, "not among", Symbol("x", integer=True), x),
    "complex symbol": (Undeclared, "and nothing else", Symbol("x"), x),
    "positive symbol": (Undeclared, "and nothing else", Symbol("x", positive=True), x),
    "nonnegative symbol": (Undeclared, "and nothing else", Symbol("x", nonnegative=True), x),
    "negative integer": (Undeclared, "and nothing else", Symbol("n", integer=True, negative=True), n),
    "hermitian matrix": (Undeclared, "and nothing else", Symbol("W", commutative=False, hermitian=True), W),
    "sequence without a kind": (Undeclared, "and nothing else", IndexedBase("x")[t], X[t]),
    "sequence of positive numbers": (Undeclared, "and nothing else", IndexedBase(Symbol("x", positive=True))[t], X[t]),
}


@pytest.mark.parametrize(("kind", "message", "forged", "honest"), REFUSED.values(), ids=REFUSED)
def test_refuses_to_admit(kind, message, forged, honest):
    SCOPE.admit(honest)
    with pytest.raises(kind, match=message) as refusal:
        SCOPE.admit(forged)
    assert type(refusal.value) is kind


def scope(*declared, definitions=None, over=()):
    return Scope(frozenset(declared), definitions or {}, over)


# name: (class, part of the message, the scope refused, the same scope as it should be), each as options of `scope`
SCOPES = {
    "a declared symbol that is positive": (
        Undeclared, "and nothing else", ([Symbol("q", positive=True)], {}), ([Symbol("q", real=True)], {})),
    "a declared symbol of a subclass": (
        NotExact, "plain Symbol", ([Flattering("x", real=True)], {}), ([x], {})),
    "a declared symbol with a name that is any other": (
        NotExact, "plain name", ([Symbol(Pliant("x"), real=True)], {}), ([x], {})),
    "a declared dummy": (NotExact, "plain Symbol", ([Dummy("x", real=True)], {}), ([x], {})),
    "two symbols with one name": (
        Undeclared, "same name", ([x, Symbol("x", commutative=False)], {}), ([x, u], {})),
    "a horizon alone": (Undeclared, "two declared", ([t, T], {"over": (T,)}), ([t, T], {"over": (t, T)})),
    "a stage that is the horizon": (
        Undeclared, "two declared", ([t, T], {"over": (t, t)}), ([t, T], {"over": (t, T)})),
    "a horizon not declared": (Undeclared, "two declared", ([t], {"over": (t, T)}), ([t, T], {"over": (t, T)})),
    "a horizon that is real": (
        Undeclared, "integer symbols", ([t, x], {"over": (t, x)}), ([t, T], {"over": (t, T)})),
    "a number defined anew": (
        NotExact, "can be defined", ([x], {"definitions": {Integer(2): Integer(3)}}),
        ([x], {"definitions": {x: Integer(3)}})),
    "an expression defined": (
        NotExact, "can be defined", ([x, y], {"definitions": {x + 1: y}}), ([x, y], {"definitions": {x: y}})),
    "an undeclared name": (
        Undeclared, "not among", ([x], {"definitions": {y: x}}), ([x, y], {"definitions": {y: x}})),
    "an undeclared meaning": (
        Undeclared, "not among", ([x], {"definitions": {x: y}}), ([x, y], {"definitions": {x: y}})),
    "a meaning with a float": (
        NotExact, "is a float", ([x, y], {"definitions": {x: y + 0.5}}),
        ([x, y], {"definitions": {x: y + Rational(1, 2)}})),
    "a scalar defined as a vector": (
        NotExact, "both be", ([x, u], {"definitions": {x: u}}), ([x, u], {"definitions": {x: norm(u)}})),
    "a vector defined as a scalar": (
        NotExact, "both be", ([x, u, v], {"definitions": {u: x}}), ([x, u, v], {"definitions": {u: x * v}})),
    "a symbol defined by itself": (
        NotExact, "by itself", ([x, y], {"definitions": {x: x + 1}}), ([x, y], {"definitions": {x: y + 1}})),
    "a circle of definitions": (
        NotExact, "by itself", ([x, y, c], {"definitions": {x: y, y: c + 1, c: 2 * x}}),
        ([x, y, c], {"definitions": {x: y, y: c + 1}})),
    "a circle below a root": (
        NotExact, "by itself", ([x, u], {"definitions": {x: norm(x * u)}}), ([x, u], {"definitions": {x: norm(u)}})),
    "a sequence defined by itself": (
        NotExact, "by itself", ([x, t], {"definitions": {X[t]: X[t] + 1}}),
        ([x, t], {"definitions": {X[t]: X[t - 1] + 1}})),
    "a stage defined": (
        NotExact, "counts stages", ([x, t, T], {"definitions": {t: Integer(0)}, "over": (t, T)}),
        ([x, t, T], {"definitions": {x: Integer(0)}, "over": (t, T)})),
    "a horizon defined": (
        NotExact, "counts stages", ([x, t, T], {"definitions": {T: Integer(3)}, "over": (t, T)}),
        ([x, t, T], {"definitions": {x: Integer(3)}, "over": (t, T)})),
    "a constant that changes with the stage": (
        NotExact, "changes with", ([x, y, t, T], {"definitions": {y: X[t]}, "over": (t, T)}),
        ([x, y, t, T], {"definitions": {Y[t]: X[t]}, "over": (t, T)})),
    "a stage's value that changes with the horizon": (
        NotExact, "changes with", ([x, y, t, T], {"definitions": {Y[t]: X[T]}, "over": (t, T)}),
        ([x, y, t, T], {"definitions": {Y[t]: X[0]}, "over": (t, T)})),
    "a sequence defined at the horizon": (
        NotExact, "about the horizon", ([x, y, t, T], {"definitions": {Y[T]: X[T]}, "over": (t, T)}),
        ([x, y, t, T], {"definitions": {Y[t]: X[t]}, "over": (t, T)})),
    "a sequence defined in two ways": (
        NotExact, "one definition", ([x, y, t], {"definitions": {X[t]: Y[t], X[t + 1]: Y[t + 1] + 1}}),
        ([x, y, t], {"definitions": {X[t]: Y[t] + 1, X[t + 1]: Y[t + 1] + 1}})),
    "a sequence and its start defined apart": (
        NotExact, "one definition", ([x, y, t], {"definitions": {X[0]: Integer(1), X[t + 1]: Y[t]}}),
        ([x, y, t], {"definitions": {X[0]: Integer(1), X[1]: Integer(2), Y[t]: X[t]}})),
    "a sequence defined on every second stage": (
        NotExact, "one definition", ([x, y, t], {"definitions": {X[t]: Y[t], X[2 * t]: Y[t]}}),
        ([x, y, t], {"definitions": {X[t]: Y[t], X[t + 2]: Y[t + 2]}})),
    "a sequence defined at one of its stages": (
        NotExact, "one definition", ([x, y, t, T], {"definitions": {X[0]: Integer(1), X[t]: Y[t]}, "over": (t, T)}),
        ([x, y, t, T], {"definitions": {X[-1]: Integer(1), X[t]: Y[t]}, "over": (t, T)})),
    "a sequence defined at a later one of its stages": (
        NotExact, "one definition", ([x, y, t, T], {"definitions": {X[t - 1]: Y[t], X[-1]: Y[1]}, "over": (t, T)}),
        ([x, y, t, T], {"definitions": {X[t - 1]: Y[t], X[-1]: Y[0], X[-2]: Y[1]}, "over": (t, T)})),
    "a sequence defined before what need not be a stage": (
        NotExact, "one definition", ([x, y, n], {"definitions": {X[n]: Y[n], X[-1]: Integer(1)}}),
        ([x, y, n], {"definitions": {X[n]: Y[n], X[-1]: Y[-1]}})),
    "a sequence that runs backwards and its start": (
        NotExact, "one definition", ([x, y, t, T], {"definitions": {X[-t]: Y[t], X[-1]: Y[0]}, "over": (t, T)}),
        ([x, y, t, T], {"definitions": {X[-t]: Y[t], Y[-1]: Y[0]}, "over": (t, T)})),
}


@pytest.mark.parametrize(("kind", "message", "forged", "honest"), SCOPES.values(), ids=SCOPES)
def test_refuses_a_scope_with(kind, message, forged, honest):
    scope(*honest[0], **honest[1])
    with pytest.raises(kind, match=message) as refusal:
        scope(*forged[0], **forged[1])
    assert type(refusal.value) is kind


def test_definitions_cannot_be_changed_after_they_were_admitted():
    definitions = {x: y}
    made = Scope(frozenset({x, y}), definitions)
    definitions[x] = y + 1
    assert made.definitions == {x: y}


def test_a_long_chain_of_definitions_is_admitted_quickly():
    names = symbols("a:60", real=True)
    doubled = {b: a * a for a, b in pairwise(names)}  # written out, a59 has 2^59 factors
    assert len(Scope(frozenset(names), doubled).definitions) == 59


def test_probability_is_unknown_until_sympy_stats_is_imported(monkeypatch):
    node = sympy.stats.Probability(Le(x, y))
    monkeypatch.delattr(sympy, "stats")
    with pytest.raises(NotExact, match="no exact meaning"):
        SCOPE.admit(node)


@pytest.mark.parametrize(
    ("node", "answer"),
    [
        (u, True), (U[t], True), (x * u, True), (u + v, True), (W**-1, True), (transpose(W), True),
        (x, False), (X[t], False), (Inner(u, v), False), (norm(u), False), (Det(W), False), (x + 1, False),
    ],
    ids=str,
)
def test_tells_vectors_from_scalars(node, answer):
    assert is_vector(node) is answer


with sympy.evaluate(False):
    APART = {
        "order of a sum": (x + y, y + x),
        "order of a product": (W * u, u * W),
        "grouping": ((x + y) + 1, x + (y + 1)),
        "kind of a relation": (Le(x, y), Lt(x, y)),
        "direction of a relation": (Le(x, y), Ge(y, x)),
        "number": (x + 1, x + 2),
        "kind of a symbol": (Symbol("x", real=True), Symbol("x", integer=True)),
        "name of a symbol": (x, y),
        "sequence and symbol": (X[t], x),
        "index": (X[t], X[n]),
        "length of a sum": (Add(x, y), Add(x, y, x)),
        "reduced and not": (a_rational(2, 4), a_rational(1, 2)),
        "one half in two ways": (a_rational(1, 2), Rational(1, 2)),
    }


@pytest.mark.parametrize(("a", "b"), APART.values(), ids=APART)
def test_tells_apart(a, b):
    assert same(a, a)
    assert same(b, b)
    assert not same(a, b)
    assert not among(a, [b])
    assert among(a, [b, a])


def test_sameness_does_not_ask_sympy():
    liar = Flattering("y", real=True)
    assert liar == x
    assert not same(liar, x)
    assert not same(x, liar)


def test_substitution_is_at_once_and_simplifies_nothing():
    with sympy.evaluate(False):
        node, swapped, collapsed = Le(x + 2 * y, x), Le(y + 2 * x, y), Le(x + 2 * x, x)
    assert same(substitute(node, {x: y, y: x}), swapped)
    assert same(substitute(node, {y: x}), collapsed)
    assert type(substitute(Le(x, y), {y: x})) is sympy.LessThan  # not True


def test_substitution_reaches_labels_and_adds_up_indices():
    assert same(substitute(X[t - 1] + 1, {t: t + 1}), X[t] + 1)
    assert same(substitute(X[t + 1], {t: Integer(-1)}), X[0])
    assert same(substitute(X[t], {x: y}), Y[t])
    assert same(substitute(X[t], {X[t]: c}), c)
    assert same(substitute(Inner(u, v), {v: u}), Inner(u, u))



with sympy.evaluate(False):
    NOTHING_OVER_Y = Integer(0) * y**-1
    LOGARITHM = sympy.exp(sympy.log(x))

# name: (exponent, (n, k) if it is n + k)
EXPONENTS = {
    "a stage": (t, (t, 0)),
    "a later stage": (t + 1, (t, 1)),
    "an earlier stage": (n - 2, (n, -2)),
    "in another order": (Add(t, 1, evaluate=False), (t, 1)),
    "not added up": (Add(1, t, 2, evaluate=False), (t, 3)),
    "a number": (Integer(2), None),
    "half a stage": (t / 2, None),
    "half a stage later": (t + Rational(1, 2), None),
    "two stages": (t + T, None),
    "twice a stage": (2 * t, None),
    "a stage backwards": (1 - t, None),
    "a real number": (x, None),
    "a stage and a real number": (t + x, None),
    "a sequence": (t + X[n], None),
    "what need not be defined": (Add(t, NOTHING_OVER_Y, evaluate=False), None),
}


@pytest.mark.parametrize(("exponent", "parts"), EXPONENTS.values(), ids=EXPONENTS)
def test_splits_an_exponent_that_counts_stages(exponent, parts):
    assert split_stages(exponent) == parts


def test_substitution_adds_up_exponents_that_count_stages():
    assert same(substitute(power(x, t + 1), {t: t + 1}), power(x, t + 2))
    assert same(substitute(power(x, t - 1), {t: Integer(1)}), power(x, Integer(0)))
    assert same(substitute(power(x, t + 1), {t: Integer(0)}), power(x, Integer(1)))
    assert same(substitute(power(X[t], t), {t: T}), power(X[T], T))


# name: (node, mapping): what comes of it is not rewritten, for it might then be defined where the node is not
KEPT = {
    "an exponential of a logarithm": (substitute(LOGARITHM, {x: X[t]}), {t: Integer(0)}),
    "an absolute value of a square": (sympy.Abs(power(x, Integer(2)), evaluate=False), {x: y}),
    "an exponent that need not be defined": (power(x, Add(t, NOTHING_OVER_Y, evaluate=False)), {t: Integer(0)}),
    "a transpose of a transpose": (transpose(transpose(u, evaluate=False), evaluate=False), {u: v}),
    "an expectation": (sympy.stats.Expectation(X[t], y), {t: Integer(0)}),
}


KINDS = {Pow, Add, Mul, transpose, sympy.exp, sympy.log, sympy.Abs, sympy.stats.Expectation}


@pytest.mark.parametrize(("node", "mapping"), KEPT.values(), ids=KEPT)
def test_substitution_rewrites_nothing(node, mapping):
    replaced = substitute(node, mapping)
    kinds, as_before = ([type(part) for part in sympy.preorder_traversal(tree)] for tree in (replaced, node))
    assert [kind for kind in kinds if kind in KINDS] == [kind for kind in as_before if kind in KINDS]


def test_substitution_leaves_the_index_alone_that_a_sum_binds():
    total = GeometricSum(X[t], y, X[t] + x, t, t)
    assert same(substitute(total, {t: Integer(0)}), GeometricSum(X[0], y, X[t] + x, t, Integer(0)))
    assert same(substitute(total, {x: c}), GeometricSum(IndexedBase(c)[t], y, IndexedBase(c)[t] + c, t, t))
    assert t not in GeometricSum(x, y, X[t], t, T).free_symbols
    assert {t, x, y, T} <= GeometricSum(X[t], y, c, t, T).free_symbols


def test_substitution_keeps_the_order_of_matrices():
    V = IndexedBase(v)
    assert same(substitute(u * v, {u: U[t + 1], v: V[t]}), Mul(U[t + 1], V[t], evaluate=False))


@given(st.lists(st.tuples(st.integers(-9, 9), st.booleans()), min_size=1, max_size=6))
def test_an_index_has_one_form_however_it_was_added_up(steps):
    with sympy.evaluate(False):
        index = t
        for step, after in steps:
            index = Add(index, Integer(step)) if after else Add(Integer(step), index)
        tidied = tidy(index)  # whatever the mode of the caller
    assert same(tidied, t + sum(step for step, _ in steps))
    assert same(tidy(index), tidied)


@pytest.mark.parametrize(
    ("relation", "difference"),
    [(Le(x, y), y - x), (Lt(x, y), y - x), (Ge(x, y), x - y), (Gt(x, y), x - y), (Eq(x, y), x - y), (Ne(x, y), x - y)],
    ids=str,
)
def test_gap_is_what_the_relation_says_is_not_negative(relation, difference):
    assert gap(relation).doit() == difference


def test_prints_as_mathematics():
    assert str(norm(u - v)) == "sqrt(|u - v|^2)"
    assert str(Inner(u, v)) == "<u, v>"
    assert sympy.latex(Inner(u, u)) == r"\left\|u\right\|^2"
    assert sympy.latex(Inner(u, v)) == r"\left\langle u,\, v \right\rangle"
    assert sympy.latex(Det(W)) == r"\det W"
    total = GeometricSum(c, x, X[t], t, T)
    assert str(total) == "(x)^T c + sum_(t<T) (x)^(T-1-t) (x[t])"
    assert sympy.latex(total) == r"x^{T} c + \sum_{t=0}^{T-1} x^{T-1-t} \left({x}_{t}\right)"
    assert r"\left(1 - x\right)^{T}" in sympy.latex(GeometricSum(c, 1 - x, X[t], t, T))


@pytest.mark.parametrize("node", [Inner(u, v), Det(W), GeometricSum(c, x, X[t], t, T)], ids=str)
def test_no_attribute_of_a_node_can_be_shadowed(node):
    with pytest.raises(AttributeError):
        object.__setattr__(node, "_latex", lambda printer: "0")
