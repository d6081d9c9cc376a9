r"""The variance of a sum of stationary increments is what their covariances are the second differences of.

X_{t+1} = X_t + alpha v_t with random numbers v_t of mean 0 and covariances E v_j v_k = r(|j - k|), where

    r(0) = c(1),     r(k) = (c(k + 1) - 2 c(k) + c(k - 1))/2,     c(0) = 0.

For every T >= 0

    E (X_T - X_0)^2 = alpha^2 c(T).

With c(k) = k^{2H} the v_k are the increments of fractional Brownian motion of Hurst index H (H = 1/2: independent), and
the sum of T of them has variance alpha^2 T^{2H}: at alpha = T^{-b} that is T^{2H - 2b}. In a scalar residual network
h_{k+1} = (1 + alpha v_k) h_k the sum is the first term of log h_T/h_0; the second, -alpha^2/2 sum v_k^2, has the size
T^{1 - 2b}: the network stays between the identity and collapse or explosion for b = max(H, 1/2).

Of the v_t two things are used: E v_t^2 = r(0), and E (X_t - X_0) v_t = alpha (r(1) + ... + r(t)). An equation: nothing
in it can be improved.
"""

from fractions import Fraction

import sympy
from sympy import Eq, Ge, IndexedBase, Rational, Symbol, symbols

from linres import stationary
from linres.certificate import Term
from linres.language import Inner, substitute
from linres.methods import propagation
from linres.stationary import MovingAverage, WrittenSums
from linres.theorem import Certificate, Control, Induction, Step, Theorem, anything

alpha = Symbol("alpha", real=True)
t, T = symbols("t T", integer=True)
r, c, q = (IndexedBase(Symbol(name, real=True)) for name in "rcq")
X, v = (IndexedBase(Symbol(name, commutative=False)) for name in "Xv")
after, START = t + 1, sympy.Integer(0)
first, now, then, later, one_more = c[1], c[t], c[t + 1], c[t + 2], c[T + 1]

# A layer that adds alpha v_t whatever the state, run by the very code that runs on numbers; q sums covariances up.
DEFINITIONS = {
    X[after]: propagation.step(X[t], lambda _: v[t], scale=alpha),
    q[0]: sympy.Integer(0),
    q[after]: q[t] + r[after],
}
moved = X[t] - X[0]

with sympy.evaluate(False):
    horizon = Ge(T, 0)
    variance = Eq(Inner(v[t], v[t]), r[0])
    correlated = Eq(Inner(moved, v[t]), alpha * q[t])
    of_nothing, of_one = Eq(c[0], 0), Eq(r[0], first)
    second_difference = Eq(2 * r[after], later - 2 * then + now)

    partial = Eq(2 * q[t], then - now - first)
    spread = Eq(Inner(moved, moved), alpha**2 * c[t])
CONCLUSION = substitute(spread, {t: T})


def at(relation, stage):
    return substitute(relation, {t: stage})


PROOF = (
    Step("conclusion", CONCLUSION, Induction(
        invariants=(partial, spread),
        first=((
            Step("partial_0", at(partial, START), Certificate(Term(1, of_nothing))),
            Step("spread_0", at(spread, START), Certificate(Term(-alpha**2, of_nothing))),
        ),),
        advance=(
            Step("partial_next", at(partial, after), Certificate(Term(1, partial), Term(1, second_difference)),
                 "Second differences telescope."),
            Step("spread_next", at(spread, after), Certificate(
                Term(1, spread), Term(2 * alpha, correlated), Term(alpha**2, variance), Term(alpha**2, of_one),
                Term(alpha**2, partial))),
        )), "The square of a sum with one term more, then first differences telescope."),
)

SYMBOLS = {
    alpha: "scale of the increments", t: "number of increments so far", T: "number of increments",
    r: "covariance of two increments, by their distance", c: "what it is half the second difference of",
    q: "r(1) + ... + r(t)", X: "the sum so far, random", v: "the next increment, random",
}


def measure(instance, arithmetic):
    """One row: the sums of an instance of `linres.stationary`, a coordinate for each independent noise."""
    made = instance.record(arithmetic)
    return [{
        alpha: arithmetic.number(instance.scale), T: instance.depth, X: dict(enumerate(made.sums)),
        v: dict(enumerate(made.increments)), r: dict(enumerate(made.covariances)),
        c: dict(enumerate(made.variances)), q: dict(enumerate(made.partial)),
    }]


def sample(generator, count):
    """Moving averages in bulk, in float64."""
    return stationary.bulk(
        generator, count, scale=alpha, depth=T, sums=X, increments=v, covariances=r, variances=c, partial=q)


def _written(*increments, covariances, variances):
    """Increments in two coordinates, X_0 = 0, alpha = 1."""
    rows = tuple(tuple(map(Fraction, row)) for row in increments)
    nothing = (Fraction(0), Fraction(0))
    r_of, c_of = (tuple(map(Fraction, n)) for n in (covariances, variances))
    return WrittenSums(nothing, rows, r_of, c_of, Fraction(1))


# On each one hypothesis alone fails. On the last c(k) = k^2, of increments that are all the same, but r(1) is taken for
# 0, as a generator of fractional noise may do with the last covariance.
WITHOUT = {
    "one-variance": (variance, _written((1, 0), (0, "21/20"), covariances=(1, 0, 0), variances=(0, 1, 2, 3))),
    "stationary-covariances": (
        correlated, _written((1, 0), ("3/5", "4/5"), covariances=(1, 0, 0), variances=(0, 1, 2, 3))),
    "nothing-of-no-increments": (of_nothing, _written((1, 0), covariances=(1, 0), variances=("1/20", 1, "39/20"))),
    "the-variance-of-one": (of_one, _written((1, 0), covariances=(1, "-1/20"), variances=(0, "21/20", 2))),
    "second-differences": (
        second_difference, _written((1, 0), (0, 1), covariances=(1, 0, 1), variances=(0, 1, 4, 9))),
}


def _controls():
    network = MovingAverage((Fraction(1), Fraction(2)), Fraction(1, 2), Fraction(1), Fraction(1, 2), 4)
    right = CONCLUSION.rhs
    with sympy.evaluate(False):
        changed = {
            "variance-5-percent-larger": {right: Rational(21, 20) * right},
            "variance-5-percent-smaller": {right: Rational(19, 20) * right},
            "scale-in-place-of-its-square": {alpha**2: alpha},
            "one-increment-more": {c[T]: one_more},
            "variances-added-up": {c[T]: T * first},
        }
    return (
        *(Control(name, "stronger", change=change, witness=network) for name, change in changed.items()),
        *(Control(f"without-{name}", "stronger", drop=(left,), witness=w) for name, (left, w) in WITHOUT.items()),
    )


THEOREM = Theorem(
    name="fractional-increments",
    title="The variance of a sum of stationary increments",
    provenance="classical",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(horizon, variance, correlated, of_nothing, of_one, second_difference),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=stationary.moving_averages,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    valid=anything,
    expect="proved",
)
