r"""A worst case that a solver reports and that is none.

Nesterov's method for kappa = L/mu = 10 from rest: the tool PEPit with its default solver reports that after 10 stages

    f(x_10) - f* <= 0.00430633 (f(x_0) - f* + (mu/2)|x_0 - x*|^2)     for every L-smooth mu-strongly convex f.

False: f(x) = mu x^2/2 attains 0.00432376. Stated here for quadratics along an eigenvector, f(x) = s x^2/2 with s in
[mu, L], which claims less than what is reported, so that its refutation refutes the report. All numbers lie in the
field of sqrt(10), and one that is rational separates them: no rounding takes part (`value_from_below`).

Correct is the bound of nesterov-with-errors, here without errors and from rest, with (1-q)^10 = 0.0223 for the number.
"""

from fractions import Fraction
from typing import NamedTuple

import sympy
from sympy import Eq, Ge, Gt, Le, Rational, Symbol, sqrt, symbols

from linres.arithmetic import EXACT
from linres.bounds import fraction, root_above, root_below
from linres.evaluate import Enclosure, Roots
from linres.methods import nesterov
from linres.surd import Surd
from linres.theorem import Prose, Refutation, Step, Theorem

STAGES, KAPPA, REPORTED = 10, 10, Rational(430633, 10**8)

kappa, L, s, q, mu, beta = symbols("kappa L s q mu beta", real=True)


class Mode(NamedTuple):
    """f(x) = s x^2/2 with s = mu + share (L - mu), from rest at x_0 = start."""

    kappa: Fraction
    L: Fraction
    share: Fraction
    start: Fraction


def slowest() -> Mode:
    """f(x) = mu x^2/2 with L = 1, mu = 1/10."""
    return Mode(Fraction(KAPPA), Fraction(1), Fraction(0), Fraction(1))


def points(stages: int) -> list[Symbol]:
    """The symbols x_0, ..., x_n."""
    return [Symbol(f"x_{t}", real=True) for t in range(stages + 1)]


def definitions(stages: int) -> dict:
    """q, mu, the momentum, and every point by the step that runs on numbers; x* = 0, and x_{-1} = x_0.

    The momentum is written with a rational denominator, so that sums of roots of rationals are all that occurs; a step
    with each earlier point once, as what is put into one another grows like a power of how often.
    """
    x, of = points(stages), {q: sqrt(1 / kappa), mu: L / kappa, beta: (kappa + 1 - 2 * sqrt(kappa)) / (kappa - 1)}
    for before, here, after in zip([x[0], *x], x, x[1:], strict=False):
        _, made = nesterov.step(here, before, lambda y: s * y, momentum=beta, step_size=1 / L)
        of[after] = sympy.collect(sympy.expand(made), (here, before), sympy.factor)
    return of


def excess(stages: int):
    """f(x_n) - f*."""
    return s / 2 * points(stages)[-1] ** 2


def initial():
    """f(x_0) - f* + (mu/2)|x_0 - x*|^2, which is Phi_0 from rest."""
    return excess(0) + mu / 2 * points(0)[0] ** 2


def measure(instance, arithmetic):
    """One row: the condition number, L, the eigenvalue and where the run starts; definitions make the rest."""
    given = Mode(*map(arithmetic.number, instance))
    least = given.L / given.kappa
    return [{kappa: given.kappa, L: given.L, s: least + given.share * (given.L - least), points(0)[0]: given.start}]


def instances():
    """Runs along an eigenvector, at the condition number claimed for and at others."""
    from hypothesis import strategies as st

    sizes, shares = ([Fraction(part) for part in parts.split()] for parts in ("1 1/3 7", "0 1/32 1/8 1/2 1"))
    kappas = [Fraction(KAPPA), Fraction(2)]
    return st.builds(Mode, *map(st.sampled_from, (kappas, sizes, shares, sizes)))


def _statement(name: str, title: str, stages: int, conclusion, *only, **parts) -> Theorem:
    """A theorem about so many stages, from rest, on a quadratic."""
    with sympy.evaluate(False):
        hypotheses = (*only, Gt(kappa, 1), Gt(L, 0), Ge(s, mu), Le(s, L))
    meanings = {
        kappa: "condition number", L: "smoothness: the largest curvature", s: "curvature of f",
        q: "sqrt(mu/L) = 1/sqrt(kappa)", mu: "strong convexity, L/kappa", beta: "momentum (1-q)/(1+q)",
    }
    x = {point: f"point after {t} stages" for t, point in enumerate(points(stages))}
    return Theorem(
        name=name, title=title, provenance="linres", symbols=meanings | x, definitions=definitions(stages),
        hypotheses=hypotheses, conclusion=conclusion, instances=instances, measure=measure, extremal=(slowest(),),
        **parts,
    )


def claim(reported, stages: int = STAGES) -> Theorem:
    """The theorem that the reported number is a worst case for kappa = 10, or an upper bound of it."""
    with sympy.evaluate(False):
        at_kappa = Eq(kappa, KAPPA)
        conclusion = Le(excess(stages), Rational(reported) * initial())
    return _statement(
        "reported-worst-case", f"A worst case of Nesterov's method after {stages} stages, from a solver", stages,
        conclusion, at_kappa, expect="refuted",
    )


def corrected(stages: int = STAGES) -> Theorem:
    """What is true instead: nesterov-with-errors without errors, from rest."""
    with sympy.evaluate(False):
        conclusion = Le(excess(stages), (1 - q) ** stages * initial())
    return _statement(
        "reported-worst-case-corrected", f"Nesterov's method after {stages} stages, on a quadratic", stages, conclusion,
        proof=(Step("conclusion", conclusion, Prose("By nesterov-with-errors: Phi_n is at least the excess.")),),
        uses=("nesterov-with-errors",), expect="supported",
    )


def value(instance: Mode, stages: int = STAGES) -> Surd:
    """(f(x_n) - f*)/Phi_0 of the run, exactly: a sum of square roots of rationals."""
    [row] = measure(instance, EXACT)
    return Roots(Enclosure(row, definitions(stages))).value(excess(stages) / initial())


def value_from_below(instance: Mode, stages: int = STAGES, bits: int = 128) -> Fraction:
    """A rational that is certainly at most that value: each root is replaced by a rational on its safe side.

    bits: how closely the roots are approached; the terms may cancel, so it falls short by more than 2^-bits.
    """
    terms = ((n, fraction(c)) for n, c in value(instance, stages).terms.items())
    return sum((c * (root_below if c > 0 else root_above)(Fraction(n), bits) for n, c in terms), Fraction(0))


THEOREM = claim(REPORTED)

REFUTATIONS = (
    Refutation(
        claim=THEOREM, instance=slowest(), corrected=corrected(),
        source="PEPit 0.5.1, its example wc_accelerated_gradient_strongly_convex(mu=0.1, L=1, n=10), solver SCS 3.3.1",
    ),
)
