r"""No polynomial with value 1 at 0 is smaller on [mu, L] than Chebyshev's: the limit of fixed coefficients.

0 < mu < L, q = sqrt(mu/L), b = (1-q)/(1+q), kappa = L/mu. Let p be a polynomial of degree T at most, p(0) = 1, such as
every method of T gradients with fixed coefficients has for its residual. If |p| <= M on [mu, L], then

    M >= 2 b^T/(1 + b^{2T}) = 1/T_T((kappa+1)/(kappa-1)),     T_T the Chebyshev polynomial of degree T.

Attained by p(s) = T_T((L + mu - 2 s)/(L - mu))/T_T((L + mu)/(L - mu)), the Chebyshev iteration. Classical.

The proof lets p act on the error of chebyshev-lower-bound: the ring of 2 T nodes has its spectrum in [mu, L], so that
the excess falls to M^2 times what it was at most, and p(H) leaves the opposite node as it was. That is what is assumed
of p here: F_T <= M^2 G_T and e_T = s_0, in the names of that theorem, whose proof this one contains.
"""

from dataclasses import replace
from fractions import Fraction

import sympy
from sympy import Ge, Gt, Le, Rational, Symbol

from linres.certificate import Term
from linres.language import substitute
from linres.methods import nesterov
from linres.ring import STAGES, Contraction, Ring, of_chebyshev, polynomial_bulk, polynomials
from linres.theorem import Batch, Certificate, Control, Rule, Step, Theorem, anything
from linres.theorems import chebyshev_lower_bound as of_methods
from linres.theorems.chebyshev_lower_bound import B2, F, G, L, T, beta, q, t

M = Symbol("M", real=True)
RING = of_methods.THEOREM

with sympy.evaluate(False):
    nonnegative_M, moving = Ge(M, 0), Gt(G[T], 0)
    contracted = Le(F[T], M**2 * G[T])
    power = beta**T
    share = 2 * power / (1 + substitute(B2, {t: T}))
    CONCLUSION = Le(share, M)
    squared = Le(share**2, M**2)

PROOF = (
    *(replace(step, name="methods") if step.name == "conclusion" else step for step in RING.proof),
    Step("squared", squared, Certificate(
        Term(1 / G[T], contracted), Term(1 / G[T], RING.conclusion)),
         "The excess falls by M^2 at most, and no further than that of any method."),
    Step("conclusion", CONCLUSION, Rule("root", squared)),
)

SYMBOLS = {**RING.symbols, M: "bound of |p| on [mu, L]"}


def measure(instance, arithmetic):
    """One row: a residual polynomial on its ring, a `linres.ring.Contraction`."""
    return [row | {M: arithmetic.number(instance.factor)} for row in of_methods.measure(instance.ring, arithmetic)]


def instances():
    """Residual polynomials of degree up to 6 with the largest value that each has on [mu, L]."""
    return polynomials(max_degree=6)


def sample(generator, count):
    """Polynomials of one degree in bulk, in float64."""
    made = polynomial_bulk(generator, count)
    runs = made.runs
    columns = {q: runs.q, L: runs.L, F: runs.excess, G: runs.first_excess, M: made.factor, T: STAGES}
    return Batch(columns, made.instance, count)


def attained(degree=4, inverse_root=Fraction(1, 2)):
    """The Chebyshev polynomial, scaled to 1 at 0, with its maximum, which is rational."""
    ring = Ring(inverse_root, Fraction(3), Fraction(2), degree, "polynomial", of_chebyshev(inverse_root, degree))
    b = nesterov.momentum(inverse_root)
    return Contraction(ring, 2 * b**degree / (1 + b ** (2 * degree)))


def _scaled(instance, arithmetic):
    """A wrong measurement: the polynomial is half of what it was, also at 0, and so is its bound."""
    half, [row] = arithmetic.number(Fraction(1, 2)), measure(instance, arithmetic)
    error = {node: half * value for node, value in row[of_methods.e].items()}
    excess = {node: half * half * value for node, value in row[F].items()}
    return [row | {of_methods.e: error, F: excess, M: half * row[M]}]


def _not_mirrored(instance, arithmetic):
    """Numbers of no ring, of which the last error is 0 everywhere."""
    return [row | {M: arithmetic.number(0)} for row in of_methods.not_mirrored(instance, arithmetic)]


def _controls():
    tight, long = attained(), attained(6, Fraction(1, 16))
    f, ends = Fraction, Ring(Fraction(1, 2), Fraction(3), Fraction(2), 2, "polynomial", (Fraction(-5), Fraction(4)))
    less, more = Rational(19, 20), Rational(21, 20)
    with sympy.evaluate(False):
        def claim(rate, degree=T):
            return {share: 2 * rate**degree / (1 + (rate**degree) ** 2)}

        stronger = {
            "root-of-kappa-5-percent-larger": (claim(nesterov.momentum(less * q)), long),
            "kappa-10-percent-larger": (claim(nesterov.momentum(Rational(1907, 2000) * q)), tight),
            "rate-5-percent-slower": (claim(more * beta), tight),
            "a-degree-less": (claim(beta, T - 1), tight),
            "no-denominator": ({share: 2 * power}, tight),
            "bound-5-percent-smaller": ({M: less * M}, tight),
            "square-of-the-bound": ({M: M**2}, tight),
        }
        weaker = {
            "rate-5-percent-faster": (claim(less * beta), tight),
            "a-degree-more": (claim(beta, T + 1), tight),
            "the-rate-alone": ({share: power}, tight),
            "bound-5-percent-larger": ({M: more * M}, tight),
        }
    dropped = {
        "looked-at-the-ends-only": (contracted, Contraction(ends, f(0))),
        "without-a-nonnegative-M": (nonnegative_M, replace(tight, by=-tight.by)),
        "nothing-to-contract": (moving, Contraction(replace(tight.ring, source=f(0)), f(0))),
    }
    return (
        *(Control(name, "stronger", change=change, witness=w) for name, (change, w) in stronger.items()),
        *(Control(name, "weaker", change=change, witness=w) for name, (change, w) in weaker.items()),
        *(Control(name, "stronger", drop=(left,), witness=w) for name, (left, w) in dropped.items()),
        Control("no-mirror-image", "stronger", drop=(of_methods.mirrored,), measure=_not_mirrored, witness=Fraction(1)),
        Control("not-1-at-0", "stronger", drop=(of_methods.unseen,), measure=_scaled, witness=attained(1)),
    )


THEOREM = Theorem(
    name="chebyshev-polynomial",
    title="No residual polynomial is smaller than Chebyshev's",
    provenance="classical",
    symbols=SYMBOLS,
    definitions=RING.definitions,
    hypotheses=(*RING.hypotheses, nonnegative_M, contracted, moving),
    conclusion=CONCLUSION,
    over=RING.over,
    instances=instances,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    extremal=(attained(), attained(3, Fraction(1, 16))),
    valid=anything,
    expect="proved",
)
