"""The file that `linres new NAME` writes: a small theorem, complete and true, to be changed into another."""

import re
from keyword import iskeyword

from linres.errors import refuse

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([_-][A-Za-z0-9]+)*", re.ASCII)

TEMPLATE = r'''"""__NAME__: along an eigenvector, a gradient step contracts the excess of a quadratic by (1 - mu/L)^2.

    linres verify --file __FILE__          decide it
    linres show --file __FILE__            print it
    linres verify --file __FILE__ --json   all that is known of it

It is true and proved as it stands. Change it bit by bit into your own, and verify after each change.
"""

from fractions import Fraction
from typing import NamedTuple

import hypothesis.strategies as st
import sympy
from sympy import Ge, Gt, Le, Rational, symbols

import linres
from linres import strategies

# Symbols are real=True and nothing else: a sign is a hypothesis, for all to see. Vectors and matrices are
# commutative=False, stages integer=True, a sequence is IndexedBase(Symbol("x", real=True)).
mu, L, s, x, x_next = symbols("mu L s x x_next", real=True)

# Definitions are eliminated before the proof is checked, and what is measured is compared with them.
DEFINITIONS = {x_next: x - s * x / L}

# evaluate(False) keeps every relation as it is written; without it SymPy rewrites some, or decides them itself.
with sympy.evaluate(False):
    positive, above, below = Gt(mu, 0), Ge(s, mu), Le(s, L)
    kept = 1 - mu / L
    CONCLUSION = Le(s * x_next**2 / 2, kept**2 * (s * x**2 / 2))
    s_positive, L_positive = Gt(s, 0), Gt(L, 0)


# An instance is something concrete that the theorem speaks of: rational, with a repr that makes it again. A search for
# counterexamples changes its numbers, also integers. Best let the hypotheses say whatever has to hold, and say so:
# valid= below.
class Instance(NamedTuple):
    mu: Fraction
    L: Fraction
    s: Fraction
    x: Fraction


@st.composite
def instances(draw):
    """Quadratics of any condition number and scale. Draw what satisfies the hypotheses, and go to their ends."""
    q, smoothness = draw(strategies.inverse_roots_of_condition()), draw(strategies.scales())
    [eigenvalue] = draw(strategies.spectra(1, q, smoothness))
    return Instance(mu=q**2 * smoothness, L=smoothness, s=eigenvalue, x=draw(strategies.rationals()))


def measure(instance, arithmetic):
    """A list of rows, one here: each maps symbols to numbers. What the algorithm does is computed, not assumed."""
    start, eigenvalue, smoothness, curvature = map(
        arithmetic.number, (instance.x, instance.s, instance.L, instance.mu))
    stepped = start - eigenvalue * start / smoothness
    return [{mu: curvature, L: smoothness, s: eigenvalue, x: start, x_next: stepped}]


# A proof is a tuple of steps, the last of which claims the conclusion. A certificate writes the larger side less the
# smaller as a sum of terms: a weight >= 0, times what facts say is >= 0, times a square. Here
#     right - left = s/L^2 (s - mu)(L - s) x^2 + s/(2 L^2) (s - mu)^2 x^2.
# Weights have to be visibly nonnegative: that s and L are positive is shown first. Leave the proof out, and the theorem
# is tried on its instances alone: the verdict is then at most `supported`.
PROOF = (
    linres.Step("s_positive", s_positive, linres.Certificate(linres.Term(1, above), linres.Term(1, positive))),
    linres.Step("L_positive", L_positive, linres.Certificate(linres.Term(1, below), linres.Term(1, s_positive))),
    linres.Step("conclusion", CONCLUSION, linres.Certificate(
        linres.Term(s / L**2, above, below, square=x),
        linres.Term(s / (2 * L**2), above, above, square=x))),
)

# A control is a variant that has to fall ("stronger") or to stand ("weaker"): it shows that the check can tell.
CONTROLS = (
    linres.Control("contraction-5-percent-faster", "stronger", change={kept: 1 - Rational(21, 20) * mu / L},
                   witness=Instance(mu=Fraction(1), L=Fraction(2), s=Fraction(1), x=Fraction(1))),
    linres.Control("without-strong-convexity", "stronger", drop=(above,),
                   witness=Instance(mu=Fraction(1), L=Fraction(2), s=Fraction(1, 2), x=Fraction(1))),
)

theorem = linres.Theorem(
    name="__NAME__",
    title="Along an eigenvector a gradient step contracts the excess of a quadratic by (1 - mu/L)^2",
    symbols={mu: "strong convexity", L: "smoothness: the step is 1/L", s: "curvature along the eigenvector",
             x: "distance from the minimiser", x_next: "the same one step later"},
    definitions=DEFINITIONS,
    hypotheses=(positive, above, below),
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    valid=linres.anything,  # any instance that satisfies the hypotheses counts; or a predicate of your own
    proof=PROOF,
    controls=CONTROLS,
    extremal=(Instance(mu=Fraction(1), L=Fraction(4), s=Fraction(1), x=Fraction(1)),),  # tried first; attained here
    expect="proved",  # the verdict that counts as success: "supported" where there is no proof
)
'''


def written(name: str, file: str) -> str:
    """The template for a theorem of that name, in a file of that name. InputError if it is no name."""
    if not NAME.fullmatch(name):
        raise refuse("NAME", "a letter, then letters and digits, with single - or _ between", repr(name),
                     "Try my-theorem.")
    if iskeyword(name):
        raise refuse("NAME", "no keyword of Python", repr(name), f"Try my-{name.lower()}.")
    return TEMPLATE.replace("__NAME__", name).replace("__FILE__", file)
