"""Claims about single instances whose truth is known without linres, by integers and fractions alone.

Each family makes claims that are true, that are false, and that hold with equality or miss it by as little as 1e-300.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import chain, permutations
from math import isqrt, prod
from random import Random
from typing import Any

import flint
import sympy
from sympy import Abs, Add, Eq, Ge, Gt, IndexedBase, Integer, Le, Lt, Mul, Ne, Pow, Rational, exp, log, pi, symbols

from linres.arithmetic import EXACT
from linres.language import Det, GeometricSum, Inner, substitute
from linres.rungs.rigorous import check
from linres.theorem import Theorem

a, b, c, d = SCALARS = symbols("a b c d", real=True)
OTHERS = symbols("e f", real=True)
u, v, W, V = MATRICES = symbols("u v W V", commutative=False)
t, T = symbols("t T", integer=True)
X, Y = IndexedBase(a), IndexedBase(b)
SIGN = {Le: lambda s: s <= 0, Lt: lambda s: s < 0, Ge: lambda s: s >= 0, Gt: lambda s: s > 0, Eq: lambda s: s == 0,
        Ne: lambda s: s != 0}
TRUE, FALSE, NO_VALUE, REJECTED = "holds", "fails", "undecided", "rejected"


@dataclass(frozen=True)
class Claim:
    """A relation, the row it is about, and what is true of it: TRUE, FALSE, NO_VALUE, or REJECTED by a hypothesis."""

    relation: Any
    row: dict
    truth: str
    hypotheses: tuple = ()
    over: tuple = ()


def claim(kind, left, right, sign, row=None, **options) -> Claim:
    """left kind right, sign being that of left - right."""
    return Claim(kind(left, right, evaluate=False), row or {}, TRUE if SIGN[kind](sign) else FALSE, **options)


def plus(*terms):
    return Add(*terms, evaluate=False)


def times(*factors):
    return Mul(*factors, evaluate=False)


def power(base, exponent):
    return Pow(base, exponent, evaluate=False)


def root(value):
    return power(value, Rational(1, 2))


def number(value) -> Rational:
    return Rational(Fraction(value).numerator, Fraction(value).denominator)


def measured(value):
    return flint.fmpq(Fraction(value).numerator, Fraction(value).denominator)


def sign(value) -> int:
    return (value > 0) - (value < 0)


def fraction(rng: Random) -> Fraction:
    """Small ones, huge ones, tiny ones, and floats as they are."""
    scale = rng.choice([1, 1, 1, Fraction(10) ** rng.randint(-150, 150), Fraction(2) ** rng.randint(-1074, 1000)])
    return Fraction(rng.randint(-40, 40), rng.randint(1, 12)) * scale


def hair(rng: Random) -> Fraction:
    """0, or of either sign down to 1e-300."""
    return rng.choice([0, 1, -1]) * Fraction(1, 10 ** rng.choice([1, 8, 16, 17, 40, 120, 300]))


def some_kind(rng: Random):
    return rng.choice([*SIGN])


# Rational expressions, worked out by Python's fractions while they are built.


def expression(rng: Random, values: dict, depth: int) -> tuple[Any, Fraction]:
    if depth == 0 or rng.random() < 0.2:
        if rng.random() < 0.5:
            return (name := rng.choice([*values])), values[name]
        value = Fraction(rng.randint(-9, 9), rng.randint(1, 9))
        return number(value), value
    (p, first), (q, second) = (expression(rng, values, depth - 1) for _ in range(2))
    how = rng.choice(["sum", "product", "power", "quotient", "modulus"])
    if how == "sum":
        return plus(p, q), first + second
    if how == "product":
        return times(p, q), first * second
    if how == "modulus":
        return Abs(plus(p, q), evaluate=False), abs(first + second)
    exponent = rng.randint(0, 3) if how == "power" or first == 0 else -rng.randint(1, 2)
    return power(p, Integer(exponent)), first**exponent


def rational(rng: Random) -> Claim:
    values = {name: fraction(rng) for name in SCALARS}
    (left, first), (right, second) = (expression(rng, values, 3) for _ in range(2))
    if rng.random() < 0.5:  # a tie, or nearly
        off = hair(rng)
        right, second = plus(left, number(off)), first + off
    return claim(some_kind(rng), left, right, sign(first - second), {k: measured(value) for k, value in values.items()})


def identity(rng: Random) -> Claim:
    """(a + b)^2 = a^2 + 2ab + b^2 and its like, with a hair more or less."""
    values, off = {a: fraction(rng), b: fraction(rng)}, hair(rng)
    left, right = rng.choice([
        (power(plus(a, b), 2), plus(power(a, 2), times(2, a, b), power(b, 2))),
        (times(plus(a, b), plus(a, times(-1, b))), plus(power(a, 2), times(-1, power(b, 2)))),
        (plus(power(a, 3), power(b, 3)), times(plus(a, b), plus(power(a, 2), times(-1, a, b), power(b, 2)))),
    ])
    row = {name: measured(value) for name, value in values.items()}
    return claim(some_kind(rng), left, plus(right, number(off)), sign(-off), row)


# Square roots, compared by integers.


def sum_of_two_roots(rng: Random) -> Claim:
    """sqrt(p) + sqrt(q) and sqrt(s): squared, p + q - s and -2 sqrt(p q)."""
    p, q, common = rng.randint(0, 60), rng.randint(0, 60), rng.randint(1, 10**6)
    s = rng.choice([p + q + isqrt(4 * p * q) + rng.randint(-1, 2), rng.randint(0, 240)])
    gap = max(s, 0) - p - q  # compared with 2 sqrt(p q)
    order = 1 if gap < 0 else sign(4 * p * q - gap * gap)
    left, right = plus(root(a), root(b)), root(c)
    row = dict(zip((a, b, c), (measured(common * k) for k in (p, q, max(s, 0))), strict=True))
    return claim(some_kind(rng), left, right, order, row)


def neighbours(rng: Random) -> Claim:
    """sqrt(k) + sqrt(k + 2) < 2 sqrt(k + 1), by less than k^(-3/2)/4."""
    k = rng.randint(0, 10 ** rng.choice([1, 8, 20, 60]))
    return claim(some_kind(rng), plus(root(a), root(plus(a, 2))), times(2, root(plus(a, 1))), -1, {a: measured(k)})


def many_roots(rng: Random) -> Claim:
    """sum of c sqrt(f^2 m), and sum of c f sqrt(m) in another order: equal but for a hair."""
    terms = [(rng.randint(-9, 9), rng.randint(1, 30), rng.randint(2, 200)) for _ in range(rng.randint(1, 8))]
    off = hair(rng)
    left = plus(0, *(times(k, root(Integer(f * f * m))) for k, f, m in terms))
    rng.shuffle(terms)
    right = plus(number(off), *(times(k * f, root(Integer(m))) for k, f, m in terms))
    return claim(some_kind(rng), left, right, sign(-off))


def root_of_product(rng: Random) -> Claim:
    """sqrt(p) sqrt(q) = sqrt(p q), and 1/sqrt(p) = sqrt(p)/p."""
    p, q = (abs(fraction(rng)) or Fraction(1) for _ in range(2))
    off = hair(rng)
    left, right = rng.choice([
        (times(root(a), root(b)), root(times(a, b))), (power(a, Rational(-1, 2)), times(root(a), power(a, -1))),
        (power(root(a), 4), power(a, 2)),
    ])
    return claim(some_kind(rng), left, plus(right, number(off)), sign(-off), {a: measured(p), b: measured(q)})


def root_and_fraction(rng: Random) -> Claim:
    """sqrt(p) and its first digits."""
    p, digits = abs(fraction(rng)), 10 ** rng.choice([3, 16, 40, 200])
    q = Fraction(isqrt(p.numerator * p.denominator * digits**2) + rng.randint(0, 1), p.denominator * digits)
    return claim(some_kind(rng), root(a), b, sign(p - q * q), {a: measured(p), b: measured(q)})


def nested_roots(rng: Random) -> Claim:
    """sqrt(p + q + 2 sqrt(p q)) = sqrt(p) + sqrt(q), but for a hair."""
    p, q = rng.randint(1, 10**6), rng.randint(1, 10**6)
    off = hair(rng) if rng.random() < 0.3 else Fraction(rng.choice([-1, 1]), 10 ** rng.randint(1, 200))
    left = root(plus(a, b, times(2, root(times(a, b)))))
    row = {a: measured(p), b: measured(q)}
    return claim(some_kind(rng), left, plus(root(a), root(b), number(off)), sign(-off), row)


# pi, e, exp and log, by series of integers.

DIGITS = 10**320


def _arctangent(k: int) -> int:
    """DIGITS arctan(1/k), short by less than the number of terms."""
    total, term, odd = 0, DIGITS // k, 1
    while term:
        total += term // odd if odd % 4 == 1 else -(term // odd)
        term, odd = term // (k * k), odd + 2
    return total


@cache
def _exponential(x: Fraction) -> tuple[Fraction, Fraction]:
    """Below and above exp(x), x in [-3, 3], to 300 digits: the Taylor series, its rest at most twice the next term."""
    total, term, k = Fraction(1), Fraction(1), 0
    while k < 20 or abs(term) * DIGITS > 1:
        k += 1
        term = term * x / k
        total += term
    return total - 2 * abs(term), total + 2 * abs(term)


PI = Fraction(16 * _arctangent(5) - 4 * _arctangent(239), DIGITS)  # Machin; right to 300 digits


def constants(rng: Random) -> Claim:
    """pi and e, and their first digits."""
    node, value = rng.choice([(pi, PI), (sympy.E, _exponential(Fraction(1))[0])])
    digits = 10 ** rng.choice([2, 15, 16, 17, 60, 250])
    cut = Fraction(int(value * digits) + rng.randint(0, 1), digits)
    return claim(some_kind(rng), node, number(cut), sign(value - cut))


def exponential(rng: Random) -> Claim:
    """exp(x) and a number next to it; log of such a number and x."""
    x = Fraction(rng.randint(-30, 30), rng.randint(10, 12))
    below, above = _exponential(x)
    off = Fraction(1, 10 ** rng.choice([3, 16, 30, 200])) * rng.choice([-1, 1])
    value = (above if off > 0 else below) + off * below
    if rng.random() < 0.5:
        return claim(some_kind(rng), exp(a, evaluate=False), b, sign(-off), {a: measured(x), b: measured(value)})
    return claim(some_kind(rng), log(b, evaluate=False), a, sign(off), {a: measured(x), b: measured(value)})


def compound_interest(rng: Random) -> Claim:
    """(1 + 1/k)^k < e < (1 + 1/k)^(k + 1)."""
    k, more = rng.randint(1, 10 ** rng.choice([1, 3, 6, 12])), rng.randint(0, 1)
    return claim(some_kind(rng), power(plus(1, number(Fraction(1, k))), Integer(k + more)), sympy.E, 2 * more - 1)


def powers(rng: Random) -> Claim:
    """Integer powers, 0^0 = 1 among them, and powers too long to write down."""
    if rng.random() < 0.1:
        p, q = rng.randint(2, 9), rng.randint(2, 9)
        k = rng.randint(10**9, 10**15)
        return claim(some_kind(rng), power(a, Integer(k)), power(b, Integer(k)), sign(p - q),
                     {a: measured(Fraction(p, 10)), b: measured(Fraction(q, 10))})
    base, k, off = rng.choice([Fraction(0), fraction(rng)]), rng.randint(-6, 12), hair(rng)
    k = abs(k) if base == 0 else k
    row = {a: measured(base), b: measured(base**k)}
    return claim(some_kind(rng), power(a, Integer(k)), plus(b, number(off)), sign(-off), row)


# Vectors and matrices, entry by entry.


def table(rng: Random, rows: int, columns: int) -> list[list[Fraction]]:
    return [[Fraction(rng.randint(-5, 5), rng.randint(1, 3)) for _ in range(columns)] for _ in range(rows)]


def product(p, q):
    return [[sum(x * y for x, y in zip(row, column, strict=True)) for column in zip(*q, strict=True)] for row in p]


def determinant(p) -> Fraction:
    """By Leibniz."""
    total = Fraction(0)
    for order in permutations(range(len(p))):
        turned = sum(order[i] > order[j] for j in range(len(p)) for i in range(j))
        total += (-1) ** turned * prod((p[i][j] for i, j in enumerate(order)), start=Fraction(1))
    return total


def dot(p, q) -> Fraction:
    pairs = zip(chain.from_iterable(p), chain.from_iterable(q), strict=True)
    return sum((x * y for x, y in pairs), Fraction(0))


def inner_products(rng: Random) -> Claim:
    """<u, v>^2 and |u|^2 |v|^2, and <u, v> itself."""
    p = table(rng, rng.randint(1, 6), 1)
    q = rng.choice([table(rng, len(p), 1), [[rng.randint(-2, 2) * entry for entry in row] for row in p]])
    row, off = {u: EXACT.matrix(p), v: EXACT.matrix(q), a: measured(dot(p, q))}, hair(rng)
    if rng.random() < 0.5:
        return claim(some_kind(rng), Inner(u, v), plus(a, number(off)), sign(-off), row)
    return claim(some_kind(rng), power(Inner(u, v), 2), times(Inner(u, u), Inner(v, v)),
                 sign(dot(p, q) ** 2 - dot(p, p) * dot(q, q)), row)


def triangle(rng: Random) -> Claim:
    """|u + v| and |u| + |v|: the same where one is a multiple >= 0 of the other."""
    p = table(rng, rng.randint(1, 4), 1)
    q = rng.choice([table(rng, len(p), 1), [[rng.randint(-1, 3) * entry for entry in row] for row in p]])
    equal = dot(p, q) >= 0 and dot(p, q) ** 2 == dot(p, p) * dot(q, q)
    together = plus(u, v)
    left, right = root(Inner(together, together)), plus(root(Inner(u, u)), root(Inner(v, v)))
    return claim(some_kind(rng), left, right, 0 if equal else -1, {u: EXACT.matrix(p), v: EXACT.matrix(q)})


def determinants(rng: Random) -> Claim:
    size, off = rng.randint(1, 4), hair(rng)
    p = table(rng, size, size)
    if rng.random() < 0.3:
        p[-1] = [2 * entry for entry in p[0]] if size > 1 else [Fraction(0)]
    row = {W: EXACT.matrix(p), a: measured(determinant(p))}
    return claim(some_kind(rng), Det(W), plus(a, number(off)), sign(-off), row)


def matrices(rng: Random) -> Claim:
    """W V = V W, and W W^-1 V = V, which has no value where W has no inverse."""
    size = rng.randint(1, 4)
    p = table(rng, size, size)
    q = rng.choice([table(rng, size, size), product(p, p), p])
    row, kind = {W: EXACT.matrix(p), V: EXACT.matrix(q)}, rng.choice([Eq, Ne])
    if rng.random() < 0.5:
        return claim(kind, times(W, V), times(V, W), product(p, q) != product(q, p), row)
    if rng.random() < 0.5:
        p[-1] = [Fraction(0)] * size
        row[W] = EXACT.matrix(p)
    made = claim(kind, times(W, power(W, -1), V), V, 0, row)
    return made if determinant(p) else Claim(made.relation, row, NO_VALUE)


# Stages.


def geometric_sums(rng: Random) -> Claim:
    """x[T] and what T stages of x <- r x + y[t] make of x[0]; the claim is of every horizon up to that measured."""
    stages, ratio, off = rng.randint(0, 12), Fraction(rng.randint(-6, 6), 5), hair(rng)
    xs, ys = [Fraction(rng.randint(-9, 9))], [Fraction(rng.randint(-9, 9), rng.randint(1, 5)) for _ in range(stages)]
    for y in ys:
        xs.append(ratio * xs[-1] + y)
    wrong = rng.randint(0, stages)
    xs[wrong] += off if wrong else 0
    kind = some_kind(rng)
    truth = all(SIGN[kind](sign(off) if k == wrong != 0 else 0) for k in range(stages + 1))
    relation = kind(X[T], GeometricSum(X[0], c, Y[t], t, T), evaluate=False)
    row = {X: dict(enumerate(map(measured, xs))), Y: dict(enumerate(map(measured, ys))), c: measured(ratio), T: stages}
    return Claim(relation, row, TRUE if truth else FALSE, over=(t, T))


def sequences(rng: Random) -> Claim:
    """x[t + 1] = r x[t] at every stage, so x[T] = r^T x[0]; one stage may break the hypothesis."""
    stages, ratio, off = rng.randint(1, 10), Fraction(rng.randint(-6, 6), 5), hair(rng)
    first = Fraction(rng.randint(1, 9))
    xs = [first * ratio**k for k in range(stages + 1)]
    broken = rng.randint(1, stages)
    moves = rng.random() < 0.3
    xs[broken] += off if moves else 0
    kind = some_kind(rng)
    given = Eq(X[t + 1], times(c, X[t]), evaluate=False)
    conclusion = kind(X[T], plus(times(power(c, T), X[0]), number(0 if moves else off)), evaluate=False)
    truth = REJECTED if moves and off else TRUE if SIGN[kind](0 if moves else sign(-off)) else FALSE
    return Claim(conclusion, {X: dict(enumerate(map(measured, xs))), c: measured(ratio), T: stages}, truth, (given,),
                 (t, T))


# What has no value, and what hypotheses leave out.


def without_value(rng: Random) -> Claim:
    """A division by 0, the root or the logarithm of what is negative, next to anything."""
    p = fraction(rng)
    nothing = rng.choice([
        power(plus(a, number(-p)), -1), times(0, power(plus(a, times(-1, a)), -1)), root(number(-abs(p) - 1)),
        log(plus(a, number(-p)), evaluate=False), log(number(-abs(p) - 1), evaluate=False), power(root(plus(-1, 0)), 2),
    ])
    relation = some_kind(rng)(nothing, rng.choice([nothing, Integer(0), b]), evaluate=False)
    return Claim(relation, {a: measured(p), b: measured(fraction(rng))}, NO_VALUE)


def conditional(rng: Random) -> Claim:
    """A claim of numbers under a hypothesis about others, true or not."""
    made, given = rational(rng), rng.choice([many_roots, root_and_fraction, constants])(rng)
    names = {a: OTHERS[0], b: OTHERS[1]}
    hypothesis = substitute(given.relation, names)
    row = made.row | {name: given.row[old] for old, name in names.items() if old in given.row}
    return Claim(made.relation, row, made.truth if given.truth == TRUE else REJECTED, (hypothesis,))


FAMILIES: dict[str, Callable[[Random], Claim]] = {
    family.__name__: family for family in (
        rational, identity, sum_of_two_roots, neighbours, many_roots, root_of_product, root_and_fraction, nested_roots,
        constants, exponential, compound_interest, powers, inner_products, triangle, determinants, matrices,
        geometric_sums, sequences, without_value, conditional,
    )
}
LABELS = dict.fromkeys((*SCALARS, *OTHERS, *MATRICES), "")


def claims(family: str, count: int, *, seed: int = 0) -> Iterator[Claim]:
    rng = Random(f"{seed} {family}")
    for _ in range(count):
        yield FAMILIES[family](rng)


def verdict(made: Claim, **options) -> str:
    """What linres says of the claim."""
    labels = {X: "", Y: "", c: "", t: "", T: ""} if made.over else LABELS
    theorem = Theorem(
        name="claimed", title="", provenance="linres", symbols=labels, hypotheses=made.hypotheses, over=made.over,
        conclusion=made.relation, instances=list, measure=lambda row, arithmetic: [row],
    )
    checked = check(theorem, made.row, **options)
    if checked.failure:
        return FALSE
    return next(name for name in ("undecided", "rejected", "holds") if getattr(checked, name))
