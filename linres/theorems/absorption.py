r"""Absorption: an error of second order disappears in what is dissipated.

For nonnegative m and Y and positive c and s,

    X^2 <= Y^2 - G,   c m s <= G,   2 Y <= c s   imply   X + m <= Y.

Y is the root of a potential, G what a step dissipates of it, m the cost of an error: the error is paid in full. It is
how stacking keeps the rate of Nesterov's method (`stacking-acceleration`). Attained: m = 0 and G = 0.
"""

from fractions import Fraction
from typing import NamedTuple

import sympy
from sympy import Ge, Gt, Le, Rational, symbols

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


THEOREM = Theorem(
    name="absorption",
    title="An error of second order disappears in what is dissipated",
    provenance="linres",
    symbols=SYMBOLS,
    hypotheses=(positive_c, positive_s, nonnegative_m, nonnegative_Y, reduced, paid, small),
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    proof=PROOF,
    expect="proved",
)
