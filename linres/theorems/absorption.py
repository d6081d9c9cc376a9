r"""Absorption: an error of second order disappears in what is dissipated.

For nonnegative m and Y and positive c and s,

    X^2 <= Y^2 - G,   c m s <= G,   2 Y <= c s   imply   X + m <= Y.

Y is the root of a potential, G what a step dissipates of it, m the cost of an error: the error is paid in full. It is
how stacking keeps the rate of Nesterov's method (`stacking-acceleration`). Attained: m = 0 and G = 0. No constant can
be better: with k Y = c s and c m s = G, X + m reaches Y + (1 - k/2) m + O(m^2), so k < 2 will not do.
"""

from fractions import Fraction
from typing import NamedTuple

import sympy
from sympy import Ge, Gt, Le, Rational, symbols

from linres.bounds import root_below
from linres.certificate import Term
from linres.theorem import Certificate, Control, Rule, Step, Theorem

X, Y, G, c, s, m = symbols("X Y G c s m", real=True)

with sympy.evaluate(False):
    positive_c, positive_s, nonnegative_m, nonnegative_Y = Gt(c, 0), Gt(s, 0), Ge(m, 0), Ge(Y, 0)
    reduced = Le(X**2, Y**2 - G)
    paid = Le(c * m * s, G)
    small = Le(2 * Y, c * s)
    CONCLUSION = Le(X + m, Y)
    half, remains, squared, rooted = Le(2 * m, Y), Ge(Y - m, 0), Le(X**2, (Y - m) ** 2), Le(X, Y - m)

PROOF = (
    Step("half", half, Certificate(
        Term(Y / (c * s), small), Term(2 / (c * s), reduced), Term(2 / (c * s), square=X), Term(2 / (c * s), paid)),
         "The error is at most half of Y: c s m <= G <= Y^2 <= Y c s / 2."),
    Step("remains", remains, Certificate(Term(1, half), Term(1, nonnegative_m))),
    Step("squared", squared, Certificate(Term(1, reduced), Term(1, paid), Term(m, small), Term(1, square=m)),
         "(Y - m)^2 exceeds Y^2 - G, for 2 Y m <= c s m <= G."),
    Step("rooted", rooted, Rule("root", squared)),
    Step("conclusion", CONCLUSION, Certificate(Term(1, rooted))),
)

SYMBOLS = {
    X: "what is left before the error", Y: "what there was", G: "what is dissipated, in squares",
    m: "the error", c: "a coefficient", s: "a length that the error is small against",
}


class Numbers(NamedTuple):
    """A rational instance."""

    X: Fraction
    Y: Fraction
    c: Fraction
    s: Fraction
    m: Fraction
    G: Fraction


def measure(instance, arithmetic):
    """One row: the numbers themselves."""
    return [{symbol: arithmetic.number(getattr(instance, symbol.name)) for symbol in SYMBOLS}]


def instances():
    """Numbers that satisfy the hypotheses, often with equality."""
    from linres.strategies import absorptions

    return absorptions()


def sample(generator, count):
    """Numbers in bulk, in compiled float64."""
    from linres.sampling.first_order import absorption_rows

    return absorption_rows(generator, count, symbols=SYMBOLS, instance=Numbers)


def attained():
    """No error and nothing dissipated."""
    one = Fraction(1)
    return Numbers(X=one, Y=one, c=2 * one, s=one, m=0 * one, G=0 * one)


def small_error(*, smallness=2, paid=1):
    """smallness Y = c s, c m s = paid G and X^2 = Y^2 - G, nearly: an equality up to m^2 for 2 and 1."""
    m = Fraction(1, 50)
    G = smallness * m / Fraction(paid)
    return Numbers(X=root_below(1 - G), Y=Fraction(1), c=Fraction(smallness), s=Fraction(1), m=m, G=G)


def _hypotheses_needed():
    """Controls: a hypothesis dropped, and an instance on which the others hold and this one fails, by 5 percent if it
    has a constant."""
    nothing, one, more = Fraction(0), Fraction(1), Fraction(21, 20)
    no_room = Numbers(X=nothing, Y=nothing, c=one, s=one, m=one, G=nothing)
    return {
        "small-by-5-percent-less": (small, small_error(smallness=Fraction(19, 10))),
        "paid-by-5-percent-less": (paid, small_error(paid=more)),
        "reduced-by-5-percent-less": (reduced, attained()._replace(X=root_below(more))),
        "without-a-positive-c": (positive_c, no_room._replace(c=nothing)),
        "without-a-positive-s": (positive_s, no_room._replace(s=nothing)),
        "without-a-nonnegative-m": (
            nonnegative_m, Numbers(X=Fraction(7, 5), Y=one, c=100 * one, s=one, m=Fraction(-1, 100), G=-one)),
        "without-a-nonnegative-Y": (nonnegative_Y, attained()._replace(X=nothing, Y=-one)),
    }


def _controls():
    less, more = Rational(19, 20), Rational(21, 20)
    sharp, near = attained(), small_error()
    stronger = {
        "error-5-percent-larger": ({m: more * m}, near),
        "remainder-5-percent-larger": ({X: more * X}, sharp),
        "beginning-5-percent-smaller": ({Y: less * Y}, sharp),
    }
    weaker = {
        "error-5-percent-smaller": ({m: less * m}, near),
        "beginning-5-percent-larger": ({Y: more * Y}, sharp),
    }
    return (
        *(Control(name, "stronger", change=change, witness=w) for name, (change, w) in stronger.items()),
        *(Control(name, "weaker", change=change, witness=w) for name, (change, w) in weaker.items()),
        *(Control(name, "stronger", drop=(left,), witness=w) for name, (left, w) in _hypotheses_needed().items()),
    )


THEOREM = Theorem(
    name="absorption",
    title="An error of second order disappears in what is dissipated",
    provenance="linres",
    symbols=SYMBOLS,
    hypotheses=(positive_c, positive_s, nonnegative_m, nonnegative_Y, reduced, paid, small),
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    extremal=(attained(), small_error()),
    expect="proved",
)
